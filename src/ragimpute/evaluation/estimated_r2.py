"""Estimated against true r2: a table by value of INFO R2 that adds up over chromosomes, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation import metrics
from ragimpute.evaluation.counted_values import counted_quantiles, sums_by_key

MIN_MAC = 5  # estimated against true r2 is judged at sites with at least this many minor reference alleles
BINS = 10


@dataclass(frozen=True)
class EstimatedR2:
    """Sites that have an INFO R2 and an r2 of their own, by INFO R2; it is printed with few digits, so V is small."""

    estimate: np.ndarray  # [V] float64, increasing
    n_sites: np.ndarray  # [V] int64
    true: np.ndarray  # [V] float64, their summed r2
    true_squares: np.ndarray  # [V] float64, the summed squares of it


def tabulate(estimated: np.ndarray, true: np.ndarray) -> EstimatedR2:
    """The table of sites with these values, both [n] float64 and defined."""
    ones = np.ones(len(true), dtype=np.int64)
    squares = true * true
    return EstimatedR2(*sums_by_key(estimated, ones, true, squares))


def join_estimates(parts: Sequence[EstimatedR2]) -> EstimatedR2:
    """The sites of all parts."""
    names = ("estimate", "n_sites", "true", "true_squares")
    estimate, *columns = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    added = sums_by_key(estimate, *columns)
    return EstimatedR2(*added)


def correlation(table: EstimatedR2) -> float:
    """Pearson's correlation of estimated with true r2 over sites; NaN where one is constant, or for two sites."""
    n = table.n_sites.sum()
    if n <= 2 or len(table.estimate) < 2:
        return float("nan")
    n_sites = table.n_sites
    estimate = table.estimate
    estimates = n_sites * estimate
    squares = n_sites * estimate**2
    products = estimate * table.true
    x = estimates.sum()
    xx = squares.sum()
    y = table.true.sum()
    yy = table.true_squares.sum()
    xy = products.sum()
    squared = metrics.pooled_r2(n, x, y, xx, yy, xy)
    size = np.sqrt(squared)
    covariance = n * xy - x * y
    signed = np.copysign(size, covariance)
    return float(signed)


@dataclass(frozen=True)
class EstimateBins:
    """Sites in bins of equal size by INFO R2."""

    n_sites: np.ndarray  # [10] float64
    estimated: np.ndarray  # [10] float64, mean INFO R2; NaN in an empty bin
    true: np.ndarray  # [10] float64, mean r2


def bins(table: EstimatedR2) -> EstimateBins | None:
    """The ten bins; None without a site."""
    if not len(table.estimate):
        return None
    estimate = table.estimate
    number = table.n_sites
    inner_edges = np.arange(1, BINS)
    shares = inner_edges / BINS
    edges = counted_quantiles(estimate, number, shares)
    code = np.searchsorted(edges, estimate, side="right")
    columns = (number, number * estimate, table.true)
    n_sites, estimated, true = (np.bincount(code, column, minlength=BINS) for column in columns)
    mean_estimate = metrics.ratio(estimated, n_sites)
    mean_true = metrics.ratio(true, n_sites)
    return EstimateBins(n_sites, mean_estimate, mean_true)
