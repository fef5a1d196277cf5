"""How well each sample was imputed, without its truth: from its own genotype probabilities, and at its typed sites.

Sums over sites are kept for each window and sample. They add up over windows, regions and chromosomes, so that a table
is the same however the work was cut.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.evaluation.metrics import pooled_r2, ratio
from ragimpute.evaluation.sample_statistics import hard_calls
from ragimpute.evaluation.strata import ReferenceCounts, count_minor_allele
from ragimpute.imputation.pieces import Pieces
from ragimpute.vcf.imputed import Imputed

ALL = "all"  # chrom of a sample's row over several chromosomes
COLUMNS = (
    "sample",
    "chrom",
    "typed",
    "missing",
    "untyped",
    "expected_r2",
    "left_out_r2",
    "left_out_concordance",
)
# one sum over a sample's sites each. Untyped sites that vary in the reference: their number, the dosage of the minor
# allele, its square, its variance by the genotype probabilities. Typed sites: their number, the missing ones, and of
# the others the left-out dosage x, the minor alleles y, squares, products, and how often x rounded is y
FIELDS = ("untyped", "x", "xx", "variance", "sites", "missing", "n", "lx", "ly", "lxx", "lyy", "lxy", "equal")


class QualityTally:
    """Adds up the FIELDS of N samples on the way of a window's parts to the file."""

    def __init__(self, counts: ReferenceCounts, n_samples: int) -> None:
        """`counts`: of the reference at the window's sites."""
        self.sums = np.zeros((n_samples, len(FIELDS)))
        self._counts = counts
        self._place = 0

    def counted(self, parts: Iterator[Imputed]) -> Iterator[Imputed]:
        """The parts as they are."""
        for part in parts:
            stop = self._place + len(part.typed)
            self._add(part, self._counts.take(slice(self._place, stop)))
            self._place = stop
            yield part

    def _add(self, part: Imputed, counts: ReferenceCounts) -> None:
        scored = np.flatnonzero(~part.typed & (counts.mac > 0))
        dosage, variance = _dosage_and_variance(part, scored)
        x = count_minor_allele(dosage, counts.flipped[scored], part.ploidy)
        untyped = np.full(len(self.sums), len(scored)), x.sum(axis=0), (x * x).sum(axis=0), variance.sum(axis=0)
        sums = np.stack([*untyped, *self._of_typed(part, counts.flipped[part.typed])], axis=1)
        if part.ploidy is not None:
            sums[part.ploidy == 0] = 0  # a woman has no Y of which something could be missing
        self.sums += sums

    def _of_typed(self, part: Imputed, flipped: np.ndarray) -> list[np.ndarray]:
        """The FIELDS of typed sites, [N] each; what was missing is NaN in the left-out dosages."""
        assert part.left_out is not None
        is_given = np.isfinite(part.left_out)
        typed = np.flatnonzero(part.typed)
        given, _ = _dosage_and_variance(part, typed)
        left_out = np.where(is_given, part.left_out, 0.0)
        x = np.where(is_given, count_minor_allele(left_out, flipped, part.ploidy), 0.0)
        y = np.where(is_given, count_minor_allele(given, flipped, part.ploidy), 0.0)
        n = is_given.sum(axis=0)
        equal = (is_given & (hard_calls(x) == np.rint(y))).sum(axis=0)
        n_sites = np.full(len(n), len(typed))
        products = [(left * right).sum(axis=0) for left, right in ((x, x), (y, y), (x, y))]
        return [n_sites, n_sites - n, n, x.sum(axis=0), y.sum(axis=0), *products, equal]


def _dosage_and_variance(part: Imputed, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DS and the variance of the genotype by its probabilities, [S, N] float64, at some sites of a part."""
    hds = part.hds[sites].astype(float)
    both = part.both[sites].astype(float)
    dosage = hds.sum(axis=2)
    variance = dosage + 2 * both - dosage**2
    if part.ploidy is not None:
        first = hds[..., 0]
        dosage = np.where(part.ploidy == 2, dosage, np.where(part.ploidy == 1, first, 0.0))
        variance = np.where(part.ploidy == 2, variance, np.where(part.ploidy == 1, first * (1 - first), 0.0))
    return dosage, np.maximum(variance, 0.0)


def save_sums(pieces: Pieces, window: str, sums: np.ndarray) -> None:
    """Keep the sums [N, F] of a window, by the name of its pieces."""
    with atomic_path(_path(pieces, window)) as temporary, open(temporary, "wb") as file:
        np.save(file, sums)


def _path(pieces: Pieces, window: str) -> Path:
    return pieces.path(f"{window}.quality.npy")


def joined_quality(pieces: Pieces, stretches: Iterable[tuple[str, Mapping[str, Any]]]) -> pd.DataFrame:
    """The table of all stretches, each with its name and what was found of it: COLUMNS."""
    by_samples: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
    for name, found in stretches:
        sums = by_samples.setdefault(tuple(found["sample_names"]), {})
        for number, chrom in enumerate(found["window_chroms"]):
            sums[chrom] = sums.get(chrom, 0.0) + np.load(_path(pieces, f"{name}.{number:05d}"))
    tables = [quality_table(samples, sums) for samples, sums in by_samples.items() if sums]
    return pd.concat(tables, ignore_index=True)


def quality_table(samples: Sequence[str], sums: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """COLUMNS, for each chromosome of `sums` [N, F] and, of several, for ALL of them; chromosome by chromosome."""
    every_one = dict(sums)
    if len(sums) > 1:
        every_one[ALL] = np.sum(list(sums.values()), axis=0)
    tables = [_of_chromosome(samples, chrom, of_chrom) for chrom, of_chrom in every_one.items()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _of_chromosome(samples: Sequence[str], chrom: str, sums: np.ndarray) -> pd.DataFrame:
    of = dict(zip(FIELDS, sums.T, strict=True))
    n = of["untyped"]
    # of dosages that are the means of the genotypes' distributions, the variance is what they explain
    explained = ratio(of["xx"], n) - ratio(of["x"], n) ** 2
    total = explained + ratio(of["variance"], n)
    left_out = pooled_r2(of["n"], of["lx"], of["ly"], of["lxx"], of["lyy"], of["lxy"])
    table = pd.DataFrame({"sample": list(samples), "chrom": chrom})
    table["typed"] = of["n"].astype(int)
    table["missing"] = _rounded(ratio(of["missing"], of["sites"]))
    table["untyped"] = n.astype(int)
    table["expected_r2"] = _rounded(ratio(explained, total))
    table["left_out_r2"] = _rounded(left_out)
    table["left_out_concordance"] = _rounded(ratio(of["equal"], of["n"]))
    return table[list(COLUMNS)]


def _rounded(values: np.ndarray) -> np.ndarray:
    """Four digits: what is left of the order in which floats were added."""
    return np.round(values, 4)
