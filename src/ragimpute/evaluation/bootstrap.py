"""95 % intervals by resampling target samples; the same resamples for every method, so that differences are paired."""

import zlib

import numpy as np

LEVEL = 0.95


def resampling_weights(n_samples: int, bootstraps: int, seed: int, group: str = "all") -> np.ndarray:
    """How often each of P samples (ordered by name) is drawn in each of B resamples: [B, P] float64, rows sum to P.

    Depends on nothing but its arguments: every method, evaluated in its own process, sees the same resamples. `group`
    names the population, so that populations of equal size get resamples of their own.
    """
    name = group.encode()
    seeds = [seed, zlib.crc32(name)]
    generator = np.random.default_rng(seeds)
    share = 1 / n_samples
    shares = np.full(n_samples, share)
    drawn = generator.multinomial(n_samples, shares, size=bootstraps)
    return drawn.astype(float)


def recentred(resamples: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shift resamples [B, ...] so that their mean is the measured value [...].

    For statistics that resampling itself moves: the per-variant r2 rises when a rare site's carrier is drawn twice (and
    the site leaves when none is drawn), the calibration error rises with repeated samples. The spread is kept.
    """
    defined = np.isfinite(resamples)
    count = defined.sum(axis=0)
    total = np.where(defined, resamples, 0).sum(axis=0)
    zeros = np.zeros(count.shape)
    mean = np.divide(total, count, out=zeros, where=count > 0)
    return resamples - mean + values


def bootstrap_interval(resamples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over axis 0 of resamples [B, ...]; resamples where the metric is undefined are left out.

    NaN where fewer than half of the resamples are defined: such an interval would describe a different question.
    """
    tail = (1 - LEVEL) / 2
    defined = np.isfinite(resamples)
    n_defined = defined.sum(axis=0)
    n_resamples = max(len(resamples), 1)
    usable = n_defined * 2 >= n_resamples
    filled = np.where(usable, resamples, 0.0) if len(resamples) else np.full((1, *resamples.shape[1:]), np.nan)
    ends = [tail, 1 - tail]
    low, high = np.nanquantile(filled, ends, axis=0)
    return np.where(usable, low, np.nan), np.where(usable, high, np.nan)


def p_value(differences: np.ndarray) -> np.ndarray:
    """Two-sided bootstrap p-value [...] of differences [B, ...] against 0: twice the smaller tail, (k + 1) / (B + 1).

    The smallest possible value is 2 / (B + 1); NaN where no resample is defined.
    """
    defined = np.isfinite(differences)
    count = defined.sum(axis=0)
    not_above = defined & (differences <= 0)
    not_below = defined & (differences >= 0)
    below = not_above.sum(axis=0)
    above = not_below.sum(axis=0)
    smaller_tail = np.minimum(below, above)
    both_tails = 2 * (smaller_tail + 1)
    share = both_tails / (count + 1)
    value = np.minimum(1.0, share)
    return np.where(count > 0, value, np.nan)
