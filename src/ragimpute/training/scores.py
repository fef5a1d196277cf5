"""Dosage r2 and F1 of scored genotypes, from sums that are additive over windows; without torch."""

from dataclasses import dataclass

import numpy as np

RARE_BELOW = 0.05
FIELDS = ("n", "x", "y", "xx", "yy", "xy", "shared", "called", "true")


@dataclass(frozen=True)
class SiteStrata:
    """What scoring needs to know of the S panel sites: the train-fold reference's minor allele and its frequency."""

    flipped: np.ndarray  # [S] bool, REF is the minor allele
    rare: np.ndarray  # [S] bool

    @classmethod
    def from_counts(cls, count: np.ndarray, number: np.ndarray) -> "SiteStrata":
        """From alternate-allele counts [S] and haplotype numbers [S]; a tie keeps ALT as the minor allele."""
        minor = np.minimum(count, number - count)
        return cls(2 * count > number, minor < RARE_BELOW * number)


def dosage_sums(dosage: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The sums [9] named by FIELDS of minor-allele dosages [n] and true counts [n]; additive over blocks."""
    x, y = dosage.astype(np.float64), truth.astype(np.float64)
    call = np.clip(np.rint(x), 0, 2)
    moments = [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y]
    return np.array([*moments, np.minimum(call, y).sum(), call.sum(), y.sum()])


def r2_and_f1(sums: np.ndarray) -> tuple[float, float]:
    """Squared Pearson correlation and minor-allele F1 of sums [9]; NaN where undefined."""
    n, x, y, xx, yy, xy, shared, called, true = sums
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    defined = n > 1 and spread_x > 1e-11 * n * xx and spread_y > 1e-11 * n * yy
    r2 = (n * xy - x * y) ** 2 / (spread_x * spread_y) if defined else float("nan")
    return float(r2), float(2 * shared / (called + true)) if called + true > 0 else float("nan")


def scores_of(sums: np.ndarray) -> dict[str, float]:
    """r2, r2_rare, r2_common, f1, f1_rare, f1_common of the sums [2, 9] of rare and of common sites."""
    scores = {}
    for suffix, total in (("", sums.sum(axis=0)), ("_rare", sums[0]), ("_common", sums[1])):
        scores[f"r2{suffix}"], scores[f"f1{suffix}"] = r2_and_f1(total)
    return scores


def evenly_spread_windows(total: int, wanted: int) -> np.ndarray:
    """`wanted` indices (0: all) spread evenly over range(total), the same on every call."""
    if wanted <= 0 or wanted >= total:
        return np.arange(total)
    return np.unique(np.linspace(0, total - 1, wanted).round().astype(np.int64))
