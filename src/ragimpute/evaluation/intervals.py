"""Means over seeds and people: 95 % intervals, tests against a region, and the correction for many comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ragimpute.evaluation.bootstrap import LEVEL

ALPHA = 1 - LEVEL


@dataclass(frozen=True)
class Measured:
    """One measure of one method: values [S] of S seeds, and resamples [S, B] over people where people were drawn.

    Differences of two methods are paired: the same seeds in the same order, and the same resamples.
    """

    values: np.ndarray
    resamples: np.ndarray | None = None
    n_people: int = 0

    def __sub__(self, other: "Measured") -> "Measured":
        both = self.resamples is not None and other.resamples is not None
        drawn = self.resamples - other.resamples if both else None  # type: ignore[operator]
        return Measured(self.values - other.values, drawn, self.n_people)

    def log(self) -> "Measured":
        """The natural logarithm; NaN where a value is not positive."""

        def logarithm(x: np.ndarray) -> np.ndarray:
            return np.log(x, out=np.full(x.shape, np.nan), where=x > 0)

        return Measured(
            logarithm(self.values), None if self.resamples is None else logarithm(self.resamples), self.n_people
        )


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error and Satterthwaite's degrees of freedom; NaN where there is none."""

    mean: float
    error: float
    freedom: float

    def interval(self) -> tuple[float, float]:
        """The 95 % t-interval."""
        half = stats.t.ppf(1 - ALPHA / 2, self.freedom) * self.error
        return self.mean - half, self.mean + half

    def p_above(self, bound: float) -> float:
        """One-sided p-value of `the true value is at most bound`; small when the mean is far above it."""
        if not np.isfinite(bound) or not np.isfinite(self.error):
            return 0.0 if bound == -np.inf else 1.0 if bound == np.inf else np.nan
        if self.error == 0:
            return 0.0 if self.mean > bound else 1.0
        return float(stats.t.sf((self.mean - bound) / self.error, self.freedom))

    def p_below(self, bound: float) -> float:
        """One-sided p-value of `the true value is at least bound`."""
        return Estimate(-self.mean, self.error, self.freedom).p_above(-bound)

    def p_differs(self) -> float:
        """Two-sided p-value of `the true value is 0`."""
        return min(1.0, 2 * min(self.p_above(0), self.p_below(0))) if np.isfinite(self.error) else np.nan


def estimate(measured: Measured) -> Estimate:
    """The mean over seeds, with the uncertainty of drawing other seeds and other people.

    The squared error is the variance of the mean over seeds (with fixed people) plus that over resampled people (with
    fixed seeds). The interaction of the two is in both, so the error is, if anything, too large; with people nested in
    neither, this is the sum that Owen (2007, Ann Appl Stat 1:386) bounds. Degrees of freedom by Satterthwaite (1946,
    Biometrics 2:110). Seeds without a value are left out; fewer than two, or a single person, give no error.
    """
    defined = np.isfinite(measured.values)
    values = measured.values[defined]
    if len(values) < 2 or (measured.resamples is not None and measured.n_people < 2):
        return Estimate(float(values.mean()) if len(values) else np.nan, np.nan, np.nan)
    parts = [(values.var(ddof=1) / len(values), len(values) - 1)]
    if measured.resamples is not None:
        drawn = np.nanmean(measured.resamples[defined], axis=0)
        parts.append((float(np.nanvar(drawn, ddof=1)), measured.n_people - 1))
    total = sum(variance for variance, _ in parts)
    divisor = sum(variance**2 / freedom for variance, freedom in parts)
    return Estimate(float(values.mean()), float(np.sqrt(total)), total**2 / divisor if divisor > 0 else np.inf)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values [n] (1979, Scand J Stat 6:65); NaN stays and does not count as a comparison."""
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], alpha=ALPHA, method="holm")[1]
    return adjusted


def p_region(found: Estimate, low: float, high: float) -> tuple[bool, float]:
    """Whether the mean lies in [low, high], and the p-value of the side on which it is found.

    Inside: the larger of two one-sided tests that it is not (Schuirmann 1987); outside: that of the bound it has
    passed. Doubled, as either finding would have been reported.
    """
    inside = low <= found.mean <= high
    p = max(found.p_above(low), found.p_below(high)) if inside else min(found.p_below(low), found.p_above(high))
    return inside, min(1.0, 2 * p) if np.isfinite(found.error) else np.nan
