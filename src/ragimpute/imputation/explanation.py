"""Whom a target sample was imputed from at one site: the retrieved haplotypes and the weights the network gave them."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.imputation.back_ends import KernelBackEnd
from ragimpute.imputation.engine import window_folds
from ragimpute.imputation.run import ImputationInputs, prepare
from ragimpute.models.contract import Segments
from ragimpute.panel.store import Sites
from ragimpute.retrieval.neighbours import FEATURES, MIN_CM
from ragimpute.targets import several_phasings
from ragimpute.vcf.source import read_header

COLUMNS = (
    "haplotype",
    "flank",
    "typed_pos",
    "neighbour",
    "neighbour_haplotype",
    "allele",
    "weight",
    "left_cm",
    "right_cm",
)


@dataclass(frozen=True)
class Explanation:
    """One sample at one site."""

    sample: str
    site: str  # CHROM:POS REF>ALT
    cm: float
    flank_cm: tuple[float, float]  # of the typed sites to the left and to the right
    dosages: tuple[float, float]  # of the two haplotypes, as `ragimpute impute` gives them
    neighbours: pd.DataFrame  # COLUMNS; heaviest first within each haplotype


def explain_genotype(inputs: ImputationInputs, sample: str, site: str) -> Explanation:
    """Look up whom `sample` copies at `site`, 'CHROM:POS' or, where several records share it, 'CHROM:POS:REF:ALT'.

    All targets are phased together, as `ragimpute impute` does it, so that its result is the one explained. In the
    table: `flank`, at which of the two typed sites around it the haplotype was retrieved (`typed_pos`); `allele` that
    it carries at `site`, 1 for ALT; `weight` among all that were retrieved for this haplotype of the sample, summing to
    1; `left_cm` and `right_cm`, how far it matches the sample around `typed_pos`, without a mismatch. Where several
    phasings are averaged, the table is of the one that is written, the dosages are the average.

    Raises InputError for an unknown sample, a site that is absent, ambiguous or typed, and a network but copy_rag.
    """
    names = read_header(inputs.targets).samples
    if sample not in names:
        raise InputError(f"{inputs.targets}: it has no sample {sample!r} (it has {', '.join(names[:5])}, ..)")
    ready = prepare(inputs)
    if not isinstance(ready.imputer, KernelBackEnd):
        raise InputError(f"{ready.model}: only copy_rag says whom it copies; this is another architecture's model")
    wanted = ready.wanted.start + find_site(ready.sites, site)
    place = ready.typed.samples.index(sample)
    window, targets = next(
        (window, fold)
        for window, fold in window_folds(ready.panel, ready.phasings, ready.wanted)
        if window.first <= wanted < window.last
    )
    fold, local = several_phasings.first_phasings(targets, place, place + 1), wanted - window.start
    if fold.typed[local]:
        raise InputError(f"{site} is typed in the targets: the genotype was kept, and nobody was copied")
    segments = Segments(ready.imputer.retrieve(fold), ready.imputer.describe_sites(fold))
    hds = several_phasings.mean_of_fold(ready.imputer.impute(fold, segments), fold).hds[local, 0]
    flanks, carriers, weight = ready.imputer.attention(fold, segments, local)
    sites, around = fold.reference.sites, fold.typed_sites[flanks]
    lengths = segments.retrieved.features[:, flanks].astype(np.float64)  # [2, 2, K, F]
    left_cm, right_cm = (
        np.maximum(np.exp(lengths[..., FEATURES.index(name)]) - MIN_CM, 0.0).reshape(carriers.shape)
        for name in ("log_left", "log_right")
    )
    k = carriers.shape[1] // 2
    tables = [
        pd.DataFrame(
            {
                "haplotype": hap + 1,
                "flank": np.repeat(["left", "right"], k),
                "typed_pos": np.repeat(sites.pos[around], k),
                "neighbour": [fold.reference.samples[h // 2] for h in carriers[hap].tolist()],
                "neighbour_haplotype": carriers[hap] % 2 + 1,
                "allele": fold.reference.alleles[local, carriers[hap]],
                "weight": weight[hap],
                "left_cm": left_cm[hap],
                "right_cm": right_cm[hap],
            }
        ).sort_values("weight", ascending=False, kind="stable")
        for hap in range(2)
    ]
    chrom, pos, ref, alt = ready.panel.sites.take(np.array([wanted])).keys()[0]
    before, after = sites.cm[around].tolist()
    return Explanation(
        sample,
        f"{chrom}:{pos} {ref}>{alt}",
        float(sites.cm[local]),
        (before, after),
        (float(hds[0]), float(hds[1])),
        pd.concat(tables, ignore_index=True)[list(COLUMNS)],
    )


def find_site(sites: Sites, text: str) -> int:
    """Panel index of 'CHROM:POS' or 'CHROM:POS:REF:ALT'. Raises InputError unless it is exactly one of `sites`."""
    match = re.fullmatch(r"(.+?):(\d+)(?::([^:]+):([^:]+))?", text)
    if not match:
        raise InputError(f"--site {text!r}: write it as CHROM:POS or CHROM:POS:REF:ALT")
    chrom, pos, ref, alt = match.groups()
    found = (sites.chrom == chrom) & (sites.pos == int(pos))
    if ref is not None:
        found &= (sites.ref == ref) & (sites.alt == alt)
    index = np.flatnonzero(found)
    if len(index) > 1:
        several = ", ".join(f"{c}:{p}:{r}:{a}" for c, p, r, a in sites.take(index).keys())  # noqa: SIM118 (not a mapping)
        raise InputError(f"--site {text}: {len(index)} sites of the panel lie there; choose from {several}")
    if not len(index):
        raise InputError(f"--site {text}: no such site among the {len(sites)} of the panel that are imputed")
    return int(index[0])
