"""Accuracy along the chromosomes: windows of equal length over all panel sites, with what may explain it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ragimpute.evaluation import metrics, result_tables
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership
from ragimpute.evaluation.untyped import Untyped
from ragimpute.panel.store import Sites, chromosome_bounds

WINDOWS = 60  # over the whole panel, however long it is
SCORED = ("overall", "rare")
COLUMNS: dict[str, type] = {
    **{name: kind for name, kind in result_tables.METRIC_COLUMNS.items() if name in RunNames.__dataclass_fields__},
    **{"chrom": str, "start": int, "end": int, "cm_start": float, "cm_end": float, "n_typed": int, "n_sites": int},
    **{"r2_overall": float, "r2_rare": float, "r2_info": float},
}


@dataclass(frozen=True)
class PositionBin:
    """Panel sites first .. last - 1, those at positions start .. end of a chromosome."""

    chrom: str
    start: int
    end: int
    first: int
    last: int


def position_bins(sites: Sites, number: int) -> list[PositionBin]:
    """About `number` windows of the same length in bases over all chromosomes; those without a site are left out."""
    chromosomes = chromosome_bounds(sites.chrom)
    total = sum(int(sites.pos[stop - 1] - sites.pos[start]) + 1 for start, stop in chromosomes)
    width = max(1, -(-total // number))
    out = []
    for start, stop in chromosomes:
        pos = sites.pos[start:stop]
        edges = np.arange(pos[0], pos[-1] + width + 1, width)
        cuts = start + np.searchsorted(pos, edges)
        for (low, high), (first, last) in zip(pairwise(edges.tolist()), pairwise(cuts.tolist()), strict=True):
            if last > first:
                out.append(PositionBin(str(sites.chrom[start]), low, min(high - 1, int(pos[-1])), first, last))
    return out


def accuracy_by_position(run: RunNames, sites: Sites, found: Untyped, number: int = WINDOWS) -> pd.DataFrame:
    """One row (COLUMNS) for each of about `number` windows.

    r2_overall, r2_rare: over all genotypes at untyped sites that vary in the reference, all and rare ones; NaN without
    truth. r2_info: mean INFO R2 of these sites. n_typed, n_sites: how many typed sites there are, and of these.
    cm_start, cm_end: genetic positions of the first and the last site.
    """
    untyped = np.concatenate([[0], np.cumsum(~found.is_typed)])
    rows = []
    for window in position_bins(sites, number):
        here = slice(untyped[window.first], untyped[window.last])
        counts = ReferenceCounts(found.counts.ac[here], found.counts.an[here])
        polymorphic = membership(counts)[STRATA.index("overall")]
        info = found.info_r2[here][polymorphic]
        n_sites = window.last - window.first
        rows.append(
            {
                **run.columns(),
                **{"chrom": window.chrom, "start": window.start, "end": window.end},
                **{"cm_start": sites.cm[window.first], "cm_end": sites.cm[window.last - 1]},
                **{"n_typed": n_sites - len(counts.ac), "n_sites": int(polymorphic.sum())},
                **_r2(found.genotypes, counts, here),
                "r2_info": float(np.nanmean(info)) if np.isfinite(info).any() else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _r2(genotypes: Genotypes | None, counts: ReferenceCounts, here: slice) -> dict[str, float]:
    """r2_overall and r2_rare of the untyped sites `here`, whose counts are `counts`."""
    if genotypes is None or not len(counts.ac):
        return {f"r2_{stratum}": np.nan for stratum in SCORED}
    sums = sample_statistics(genotypes.take(here), counts).sums.sum(axis=0)
    values = metrics.r2(sums)
    return {f"r2_{stratum}": float(values[STRATA.index(stratum)]) for stratum in SCORED}
