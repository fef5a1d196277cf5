"""Metrics as pure functions of sums (`sample_statistics.FIELDS`) over one sample, all samples or a weighted resample.

Every function takes sums [..., F] and returns values [...]; NaN where the metric is undefined.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

from ragimpute.evaluation.sample_statistics import FIELDS

_COLUMN = {name: i for i, name in enumerate(FIELDS)}


def field(sums: np.ndarray, name: str) -> np.ndarray:
    """The sum called `name` [...] of sums [..., F]."""
    return sums[..., _COLUMN[name]]


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator; NaN, never 1 or infinity, where the denominator is 0."""
    numerator = np.asarray(numerator, float)
    denominator = np.asarray(denominator, float)
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    is_defined = denominator != 0
    return np.divide(numerator, denominator, out=np.full(denominator.shape, np.nan), where=is_defined)


def _variance(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """n * sum of squares - sum^2, with rounding noise of a constant set to exactly 0."""
    scaled_squares = n * squares
    squared_total = total * total
    value = scaled_squares - squared_total
    return np.where(value > 1e-11 * np.abs(scaled_squares), value, 0.0)


def pooled_r2(
    n: np.ndarray, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    """Squared Pearson correlation [...] of x and y from sums [...] over n values; NaN where x or y is constant.

    n: number of values; x, y, xx, yy, xy: sums of x, y, x^2, y^2 and x y. Sums of disjoint sets of values add up.
    """
    covariance = n * xy - x * y
    variance_x = _variance(n, x, xx)
    variance_y = _variance(n, y, yy)
    variances = variance_x * variance_y
    return ratio(covariance**2, variances)


def r2(sums: np.ndarray) -> np.ndarray:
    """Squared Pearson correlation of dosage and truth over all genotypes of the stratum."""
    n, x, y, xx, yy, xy = (field(sums, name) for name in ("n", "x", "y", "xx", "yy", "xy"))
    return pooled_r2(n, x, y, xx, yy, xy)


def implied_r2(sums: np.ndarray) -> np.ndarray:
    """The r2 that dosages have if each genotype has the probabilities that it was given; the truth has no part in it.

    It is the variance of the dosages over that of the genotypes. Genotypes with these probabilities have the mean of
    the dosages, and their covariance with the dosages is the dosages' variance.
    """
    n, x, xx, p1, p2 = (field(sums, name) for name in ("n", "x", "xx", "p1", "p2"))
    return ratio(_variance(n, x, xx), _variance(n, x, p1 + 4 * p2))


def _minor_alleles(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, called and true minor alleles, each [...]."""
    shared = called = true = np.zeros(sums.shape[:-1])
    for call, truth in product(range(3), repeat=2):
        count = field(sums, f"c{call}{truth}")
        shared = shared + min(call, truth) * count
        called = called + call * count
        true = true + truth * count
    return shared, called, true


def precision(sums: np.ndarray) -> np.ndarray:
    """TP / called minor alleles, TP = sum of min(call, truth)."""
    shared, called, _ = _minor_alleles(sums)
    return ratio(shared, called)


def recall(sums: np.ndarray) -> np.ndarray:
    """TP / true minor alleles."""
    shared, _, true = _minor_alleles(sums)
    return ratio(shared, true)


def f1(sums: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall over minor-allele counts: 2 TP / (called + true)."""
    shared, called, true = _minor_alleles(sums)
    return ratio(2 * shared, called + true)


def _right(sums: np.ndarray) -> np.ndarray:
    """Genotypes whose rounded dosage is the truth."""
    return field(sums, "c00") + field(sums, "c11") + field(sums, "c22")


def concordance(sums: np.ndarray) -> np.ndarray:
    """Share of genotypes whose rounded dosage is the truth."""
    n = field(sums, "n")
    return ratio(_right(sums), n)


def nrd(sums: np.ndarray) -> np.ndarray:
    """Non-reference discordance ("reference": the major allele): wrong genotypes / all but those rightly called 0."""
    n = field(sums, "n")
    both_major = field(sums, "c00")
    wrong = n - _right(sums)
    return ratio(wrong, n - both_major)


def iqs(sums: np.ndarray) -> np.ndarray:
    """Imputation quality score (Lin et al. 2010, PLoS ONE 5:e9697): chance-corrected agreement (Po - Pc) / (1 - Pc).

    Po is the mean probability of the true genotype, Pc that of independent draws from both margins; over all genotypes
    of the stratum.
    """
    n = field(sums, "n")
    p_true = field(sums, "p_true")
    observed = ratio(p_true, n)
    chance = np.zeros(n.shape)
    for genotype in range(3):
        calls = [field(sums, f"c{call}{genotype}") for call in range(3)]
        true_share = ratio(calls[0] + calls[1] + calls[2], n)
        chance = chance + ratio(field(sums, f"p{genotype}"), n) * true_share
    above_chance = observed - chance
    return ratio(above_chance, 1 - chance)


def brier(sums: np.ndarray) -> np.ndarray:
    """Brier score over the three genotype classes, sum of squared errors per genotype: 0 (best) to 2."""
    errors = field(sums, "brier")
    n = field(sums, "n")
    return ratio(errors, n)


def dosage_ratio(sums: np.ndarray) -> np.ndarray:
    """Summed minor-allele dosage / true minor alleles: 1 when unbiased."""
    dosage = field(sums, "x")
    true = field(sums, "y")
    return ratio(dosage, true)


def truth_minor_alleles(sums: np.ndarray) -> np.ndarray:
    """Minor alleles in the truth of the stratum: how much its value stands on."""
    count = field(sums, "y")
    return np.asarray(count, dtype=float)


def missing_truth(sums: np.ndarray) -> np.ndarray:
    """Genotypes left out because their truth is missing."""
    count = field(sums, "missing")
    return np.asarray(count, dtype=float)


# metric name of metrics.tsv -> function of sums
METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "r2": r2,
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "concordance": concordance,
    "nrd": nrd,
    "iqs": iqs,
    "brier": brier,
    "dosage_ratio": dosage_ratio,
}
# counts: they have no interval
COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "truth_minor_alleles": truth_minor_alleles,
    "missing_truth": missing_truth,
}


def ece(calibration: np.ndarray) -> np.ndarray:
    """Expected calibration error of haplotype dosages: mean over them of |mean dosage - mean allele| of their bin.

    Args: calibration [..., bins, 3] as in SampleStatistics, summed over samples. Returns [...].
    """
    n_haplotypes = calibration[..., 0]
    dosage = calibration[..., 1]
    expected = calibration[..., 2]
    gaps = np.abs(dosage - expected)
    total_gap = gaps.sum(axis=-1)
    total = n_haplotypes.sum(axis=-1)
    return ratio(total_gap, total)
