"""Accuracy along the chromosomes: windows of equal length over all panel sites, with what may explain it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ragimpute.evaluation import metrics, result_tables
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.sample_statistics import FIELDS, sample_sums
from ragimpute.evaluation.strata import STRATA, membership
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
    """The table of `AlongSites`, of a result at all sites."""
    along = AlongSites(sites, number)
    along.add(found)
    return along.table(run, chrom)


class AlongSites:
    """Accuracy in about `number` windows over `sites`, to which blocks of these sites are added in order."""

    def __init__(self, sites: Sites, number: int = WINDOWS) -> None:
        self._sites = sites
        self._windows = position_bins(sites, number)
        n_windows = len(self._windows)
        self._place = 0  # the first site of the next block
        self._n_typed = np.zeros(n_windows, dtype=np.int64)
        self._n_varying = np.zeros(n_windows, dtype=np.int64)
        self._info = np.zeros((n_windows, 2))  # the sum of INFO R2, and of how many sites
        self._sums = np.zeros((n_windows, len(STRATA), len(FIELDS)))

    def add(self, found: MethodResult) -> None:
        """Add the next block of sites."""
        stop = self._place + len(found.is_typed)
        n_until = np.cumsum(~found.is_typed)
        n_untyped = np.concatenate([[0], n_until])  # before each site of the block
        for number, window in enumerate(self._windows):
            first = max(window.first, self._place)
            last = min(window.last, stop)
            if first < last:
                here = slice(int(n_untyped[first - self._place]), int(n_untyped[last - self._place]))
                self._n_typed[number] += last - first - (here.stop - here.start)
                self._add_untyped(number, found, here)
        self._place = stop

    def _add_untyped(self, number: int, found: MethodResult, here: slice) -> None:
        """Add the untyped sites `here` of a block to the window `number`."""
        counts = found.counts.take(here)
        varies = membership(counts)[STRATA.index("overall")]
        self._n_varying[number] += varies.sum()
        info_r2 = found.info_r2[here][varies]
        is_known = np.isfinite(info_r2)
        self._info[number] += info_r2[is_known].sum(), is_known.sum()
        if found.genotypes is not None and here.start < here.stop:
            of_samples = sample_sums(found.genotypes.take(here), counts)
            self._sums[number] += of_samples.sum(axis=0)

    def table(self, run: RunNames, chrom: str = ALL) -> pd.DataFrame:
        """One row (COLUMNS) for each window.

        r2_overall, r2_rare: over all genotypes at untyped sites that vary in the reference, all and rare ones; NaN
        without truth. r2_info: mean INFO R2 of these sites. n_typed, n_sites: how many typed sites there are, and of
        these. cm_start, cm_end: genetic positions of the first and the last site. `chrom` is the sites' own, or, where
        it is not ALL, the name that the panel has among those of a genome.
        """
        r2 = metrics.r2(self._sums)
        mean_info = metrics.ratio(self._info[:, 0], self._info[:, 1])
        rows = []
        for number, window in enumerate(self._windows):
            row: dict = {
                **run.columns(),
                "chrom": window.chrom if chrom == ALL else chrom,
                "start": window.start,
                "end": window.end,
            }
            row["cm_start"] = self._sites.cm[window.first]
            row["cm_end"] = self._sites.cm[window.last - 1]
            row["n_typed"] = int(self._n_typed[number])
            row["n_sites"] = int(self._n_varying[number])
            row |= {f"r2_{stratum}": float(r2[number, STRATA.index(stratum)]) for stratum in SCORED}
            row["r2_info"] = float(mean_info[number])
            rows.append(row)
        return pd.DataFrame(rows, columns=list(COLUMNS))
