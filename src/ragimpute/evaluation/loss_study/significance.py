"""Means over seeds and samples: 95 % intervals, tests against a region, equivalence, power, and Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from ragimpute.evaluation.bootstrap import LEVEL

ALPHA = 1 - LEVEL


@dataclass(frozen=True)
class Measured:
    """One measure of one method: values [S] of the seeds [S], and what they are without each group of samples.

    replicates [S, G] float64: the value of each seed without the samples of each of G fixed groups (a delete-a-group
    jackknife), None for what does not depend on samples that were drawn. Differences are paired: of the seeds that both
    have, seed by seed and group by group.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    replicates: np.ndarray | None = None

    def __sub__(self, other: "Measured") -> "Measured":
        common = tuple(seed for seed in self.seeds if seed in other.seeds)
        left = self._of(common)
        right = other._of(common)
        values = left.values - right.values
        replicates = None
        if left.replicates is not None and right.replicates is not None:
            replicates = left.replicates - right.replicates
        return Measured(values, common, replicates)

    def _of(self, seeds: tuple[int, ...]) -> "Measured":
        index = [self.seeds.index(seed) for seed in seeds]
        replicates = None if self.replicates is None else self.replicates[index]
        return Measured(self.values[index], seeds, replicates)

    def log(self) -> "Measured":
        """The natural logarithm; NaN where a value is not positive."""

        def logarithm(x: np.ndarray) -> np.ndarray:
            undefined = np.full(x.shape, np.nan)
            return np.log(x, out=undefined, where=x > 0)

        replicates = None if self.replicates is None else logarithm(self.replicates)
        return Measured(logarithm(self.values), self.seeds, replicates)


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error and Satterthwaite's degrees of freedom; NaN where there is none."""

    mean: float
    error: float
    freedom: float

    def interval(self) -> tuple[float, float]:
        """The 95 % t-interval."""
        quantile = stats.t.ppf(1 - ALPHA / 2, self.freedom)
        half = quantile * self.error
        return self.mean - half, self.mean + half

    def p_above(self, bound: float) -> float:
        """One-sided p-value of `the true value is at most bound`; small when the mean is far above it."""
        if not np.isfinite(bound) or not np.isfinite(self.error):
            return 0.0 if bound == -np.inf else 1.0 if bound == np.inf else np.nan
        if self.error == 0:
            return 0.0 if self.mean > bound else 1.0
        t = (self.mean - bound) / self.error
        return float(stats.t.sf(t, self.freedom))

    def p_below(self, bound: float) -> float:
        """One-sided p-value of `the true value is at least bound`."""
        mirrored = Estimate(-self.mean, self.error, self.freedom)
        return mirrored.p_above(-bound)

    def p_differs(self) -> float:
        """Two-sided p-value of `the true value is 0`."""
        if not np.isfinite(self.error):
            return np.nan
        one_sided = min(self.p_above(0), self.p_below(0))
        return min(1.0, 2 * one_sided)

    def p_equivalent(self, margin: float) -> float:
        """p-value of `the true value is margin > 0 or more away from 0`: two one-sided tests (Schuirmann 1987).

        The larger of the two p-values (J Pharmacokinet Biopharm 15:657).
        """
        if not np.isfinite(self.error):
            return np.nan
        return max(self.p_above(-margin), self.p_below(margin))


def jackknife_variance(replicates: np.ndarray, value: float) -> float:
    """(G - 1) / G times the sum of squared deviations of replicates [G] from the value of all samples.

    The delete-a-group jackknife of Kott (2001, J Off Stat 17:521); Wolter (2007, Introduction to Variance Estimation,
    chapter 4).
    """
    groups = len(replicates)
    squares = (replicates - value) ** 2
    return float((groups - 1) / groups * np.sum(squares))


def contrast(measured: Measured, n_seeds: int | None = None) -> Estimate:
    """The mean over seeds, with the uncertainty of drawing other seeds and other samples.

    The squared error is the variance of the mean over seeds (with fixed samples) plus the jackknife's over samples
    (with fixed seeds). The interaction of the two is in both, so the error is, if anything, too large: this is the sum
    that Owen (2007, Ann Appl Stat 1:386) bounds. Degrees of freedom by Satterthwaite (1946, Biometrics 2:110), G - 1
    for the samples. Seeds without a value are left out; fewer than two, or a single group, give no error.

    n_seeds: the error that as many seeds would have given, with the same scatter; None for those that there are.
    """
    defined = np.isfinite(measured.values)
    values = measured.values[defined]
    mean = float(values.mean()) if len(values) else np.nan
    replicates = None if measured.replicates is None else measured.replicates[defined]
    if len(values) < 2 or (replicates is not None and replicates.shape[1] < 2):
        return Estimate(mean, np.nan, np.nan)
    count = len(values) if n_seeds is None else n_seeds
    over_seeds = float(values.var(ddof=1)) / count
    parts = [(over_seeds, count - 1)]
    if replicates is not None:
        n_groups = replicates.shape[1]
        over_samples = jackknife_variance(replicates.mean(axis=0), mean)
        parts.append((over_samples, n_groups - 1))
    total = sum(variance for variance, _ in parts)
    divisor = sum(variance**2 / freedom for variance, freedom in parts)
    error = float(np.sqrt(total))
    freedom_of_total = total**2 / divisor if divisor > 0 else np.inf
    return Estimate(mean, error, freedom_of_total)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values [n] (1979, Scand J Stat 6:65); NaN stays and does not count as a comparison."""
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        _, corrected, *_ = multipletests(p[tested], alpha=ALPHA, method="holm")
        adjusted[tested] = corrected
    return adjusted


def p_region(found: Estimate, low: float, high: float) -> tuple[bool, float]:
    """Whether the mean lies in [low, high], and the p-value of the side on which it is found.

    Inside: the larger of two one-sided tests that it is not (Schuirmann 1987); outside: that of the bound it has
    passed. Doubled, as either finding would have been reported.
    """
    inside = low <= found.mean <= high
    if not np.isfinite(found.error):
        return inside, np.nan
    if inside:
        p_outside = max(found.p_above(low), found.p_below(high))
        return inside, min(1.0, 2 * p_outside)
    p_inside = min(found.p_below(low), found.p_above(high))
    return inside, min(1.0, 2 * p_inside)


def smallest_detectable(error: float, freedom: float, alpha: float, power: float = 0.8) -> float:
    """The true difference that a two-sided t-test of level `alpha` finds with probability `power`.

    Args: error, the standard error of the difference; freedom, its degrees of freedom. NaN without an error. From the
    noncentral t distribution (Cohen 1988, Statistical Power Analysis, chapter 2); the tail on the wrong side is left
    out.
    """
    if not np.isfinite(error) or error == 0:
        return 0.0 if error == 0 else np.nan
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    if not np.isfinite(freedom):
        of_power = stats.norm.ppf(power)
        return float(error * (critical + of_power))

    def excess_power(shift: float) -> float:
        return stats.nct.sf(critical, freedom, shift) - power

    far = 10 * critical + 10
    shift = optimize.brentq(excess_power, 0.0, far)
    return float(error * shift)
