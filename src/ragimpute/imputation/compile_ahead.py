"""Compiling ahead what `impute` would compile at its first use; numba keeps it beside the source for all later runs."""

import tempfile
from pathlib import Path

import numpy as np

from ragimpute.imputation.impute import impute
from ragimpute.panel.store import Sites
from ragimpute.retrieval.candidates import EXACT
from ragimpute.vcf.writer import write_genotypes

N_SITES = 60
TYPED_STEP = 5  # every so many sites one is typed
SMALL = 12  # samples of a panel all of whose haplotypes are states
LARGE = EXACT // 2 + 1  # of one whose samples copy from candidates
CONTIG = "1"


def compile_ahead() -> None:
    """Impute two phasings of two made-up samples from a small and a large made-up panel; forget the result."""
    rng = np.random.default_rng(1)
    for n_samples in (SMALL, LARGE):
        with tempfile.TemporaryDirectory(prefix="ragimpute-compile-") as name:
            _impute_made_up(Path(name), n_samples, rng)


def _impute_made_up(folder: Path, n_samples: int, rng: np.random.Generator) -> None:
    """Impute targets, one of whose genotypes is missing, from a panel of `n_samples`; all alleles are drawn."""
    position = np.arange(1, N_SITES + 1) * 1000
    texts = {name: np.full(N_SITES, text, dtype=object) for name, text in (("chrom", CONTIG), ("id", "."))}
    texts |= {"ref": np.full(N_SITES, "A", dtype=object), "alt": np.full(N_SITES, "G", dtype=object)}
    sites = Sites(pos=position, cm=position / 1e6, **texts)
    contigs = [f"##contig=<ID={CONTIG},length={position[-1]}>"]
    alleles = rng.integers(0, 2, (N_SITES, n_samples, 2)).astype(np.int8)
    reference, targets = folder / "reference.vcf.gz", folder / "targets.vcf.gz"
    write_genotypes(reference, sites, contigs, _names("R", n_samples), alleles, True)
    typed = np.arange(2, N_SITES, TYPED_STEP)
    given = alleles[typed, :2]
    given[0, 0] = -1
    phased = np.ones(given.shape[:2], dtype=bool)
    write_genotypes(targets, sites.take(typed), contigs, _names("T", 2), given, phased)
    impute(reference=reference, targets=targets, out=folder / "imputed.vcf.gz", n_phasings=2)


def _names(prefix: str, number: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(number))
