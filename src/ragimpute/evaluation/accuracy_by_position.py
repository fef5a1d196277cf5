"""Accuracy along the chromosomes: windows of equal length over all panel sites, with what may explain it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ragimpute.evaluation import metrics, result_tables
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.sample_statistics import Genotypes, sample_sums
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership
from ragimpute.panel.store import Sites, chromosome_bounds

WINDOWS = 60  # over the whole panel, however long it is
SCORED = ("overall", "rare")
COLUMNS: dict[str, type] = {
    **{name: result_tables.METRIC_COLUMNS[name] for name in RunNames.__dataclass_fields__},
    "chrom": str,
    **dict.fromkeys(("start", "end"), int),
    **dict.fromkeys(("cm_start", "cm_end"), float),
    **dict.fromkeys(("n_typed", "n_sites"), int),
    **dict.fromkeys(("r2_overall", "r2_rare", "r2_info"), float),
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
    lengths = [int(sites.pos[stop - 1] - sites.pos[start]) + 1 for start, stop in chromosomes]
    width = max(1, -(-sum(lengths) // number))
    bins = []
    for start, stop in chromosomes:
        pos = sites.pos[start:stop]
        last_pos = int(pos[-1])
        edges = np.arange(pos[0], last_pos + width + 1, width)
        first_sites = start + np.searchsorted(pos, edges)
        bounds = zip(pairwise(edges.tolist()), pairwise(first_sites.tolist()), strict=True)
        for (low, high), (first, last) in bounds:
            if last > first:
                bins.append(PositionBin(str(sites.chrom[start]), low, min(high - 1, last_pos), first, last))
    return bins


def accuracy_by_position(
    run: RunNames, sites: Sites, found: MethodResult, number: int = WINDOWS, chrom: str = ALL
) -> pd.DataFrame:
    """One row (COLUMNS) for each of about `number` windows.

    r2_overall, r2_rare: over all genotypes at untyped sites that vary in the reference, all and rare ones; NaN without
    truth. r2_info: mean INFO R2 of these sites. n_typed, n_sites: how many typed sites there are, and of these.
    cm_start, cm_end: genetic positions of the first and the last site. `chrom` is the sites' own, or, where it is not
    ALL, the name that the panel has among those of a genome.
    """
    is_untyped = ~found.is_typed
    n_until = np.cumsum(is_untyped)
    n_untyped = np.concatenate([[0], n_until])  # before each panel site
    overall = STRATA.index("overall")
    rows = []
    for window in position_bins(sites, number):
        here = slice(n_untyped[window.first], n_untyped[window.last])
        counts = found.counts.take(here)
        polymorphic = membership(counts)[overall]
        info_r2 = found.info_r2[here]
        n_imputed = len(counts.ac)
        n_polymorphic = int(polymorphic.sum())
        n_sites = window.last - window.first
        row: dict = {
            **run.columns(),
            "chrom": window.chrom if chrom == ALL else chrom,
            "start": window.start,
            "end": window.end,
        }
        row["cm_start"] = sites.cm[window.first]
        row["cm_end"] = sites.cm[window.last - 1]
        row["n_typed"] = n_sites - n_imputed
        row["n_sites"] = n_polymorphic
        row |= _r2_of_sites(found.genotypes, counts, here)
        row["r2_info"] = _mean_of_known(info_r2[polymorphic])
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mean_of_known(values: np.ndarray) -> float:
    """The mean of the values that are no NaN; NaN without any."""
    is_known = np.isfinite(values)
    if not is_known.any():
        return np.nan
    return float(np.nanmean(values))


def _r2_of_sites(genotypes: Genotypes | None, counts: ReferenceCounts, here: slice) -> dict[str, float]:
    """r2_overall and r2_rare of the untyped sites `here`, whose counts are `counts`."""
    if genotypes is None or not len(counts.ac):
        return {f"r2_{stratum}": np.nan for stratum in SCORED}
    of_window = genotypes.take(here)
    of_samples = sample_sums(of_window, counts)
    sums = of_samples.sum(axis=0)
    values = metrics.r2(sums)
    return {f"r2_{stratum}": float(values[STRATA.index(stratum)]) for stratum in SCORED}
