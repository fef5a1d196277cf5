"""Per-variant r2: at each site over samples, averaged over the sites of a stratum, with bootstrap resamples.

Unlike the pooled r2 it gives no credit for knowing the sites' frequencies. r2 is the same for both alleles, so nothing
is turned here; where men are haploid beside women it is not, and the scorer turns the genotypes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation import bootstrap, metrics

CHUNK = 1024  # sites at a time: [CHUNK, B] float64 of 8 MB for B = 1000


def site_r2(ds: np.ndarray, truth: np.ndarray, rounding: float = 1e-6) -> np.ndarray:
    """Squared correlation [S] float64 of ds [S, P] with truth [S, P] (-1 missing) over samples.

    NaN where the truth does not vary (whatever the method says: the same sites for every method); 0 where it varies and
    the dosage does not: where its standard deviation is not above its `rounding`.
    """
    out = np.full(len(ds), np.nan)
    for start in range(0, len(ds), CHUNK):
        rows = slice(start, start + CHUNK)
        known = truth[rows] >= 0
        n_known = known.sum(axis=1, keepdims=True)
        n = np.maximum(n_known, 1)
        x = _centred(ds[rows], known, n)
        y = _centred(truth[rows], known, n)
        xx = (x * x).sum(axis=1)
        yy = (y * y).sum(axis=1)
        xy = (x * y).sum(axis=1)
        # the dosages of a constant prediction differ from their mean by rounding only
        n_samples = n[:, 0]
        noise = rounding**2 * n_samples
        constant = xx <= noise
        squared = xy * xy
        variances = xx * yy
        r2 = np.divide(squared, variances, out=np.zeros(len(xx)), where=~constant & (yy > 0))
        varies = yy > 1e-9
        out[rows] = np.where(varies, r2, np.nan)
    return out


def _centred(values: np.ndarray, known: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Values [S, P] minus the site's mean over the n [S, 1] known ones, float64; 0 where unknown."""
    filled = np.where(known, values, 0).astype(float)
    total = filled.sum(axis=1, keepdims=True)
    mean = total / n
    return (filled - mean) * known


@dataclass(frozen=True)
class VariantR2:
    """Sums of per-variant r2 over the sites of each stratum, of the K strata and B resamples; chromosomes add up."""

    total: np.ndarray  # [K] float64, summed r2
    n_sites: np.ndarray  # [K] int64, sites that have one
    n_genotypes: np.ndarray  # [K] int64, their known genotypes
    resampled_total: np.ndarray  # [B, K] float64
    resampled_n: np.ndarray  # [B, K] float64

    @property
    def mean(self) -> np.ndarray:
        """[K] float64, NaN where no site has an r2."""
        return metrics.ratio(self.total, self.n_sites)

    @property
    def resamples(self) -> np.ndarray:
        """The resampled means about the measured one (`bootstrap.recentred`): [B, K] float64."""
        means = metrics.ratio(self.resampled_total, self.resampled_n)
        return bootstrap.recentred(means, self.mean)


def variant_r2(
    per_site: np.ndarray, ds: np.ndarray, truth: np.ndarray, member: np.ndarray, weights: np.ndarray
) -> VariantR2:
    """The sums of `per_site` [S], of `site_r2`, and of its resamples.

    Args: ds [S, P], truth [S, P] int8 (-1 missing), member [K, S] bool, weights [B, P] of
    `bootstrap.resampling_weights`.
    """
    defined = np.isfinite(per_site)
    filled = np.where(defined, per_site, 0.0)
    total = member @ filled
    has_r2 = member & defined
    counted = has_r2.astype(np.int64)
    n_sites = counted.sum(axis=1)
    n_known = (truth >= 0).sum(axis=1)
    n_genotypes = counted @ n_known
    resampled_total, resampled_n = resampled_sums(ds, truth, member, weights)
    return VariantR2(total, n_sites, n_genotypes, resampled_total, resampled_n)


def add_variant_r2(parts: Sequence[VariantR2]) -> VariantR2:
    """The sums over the sites of all parts."""
    return VariantR2(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in VariantR2.__annotations__))


def resampled_sums(
    ds: np.ndarray, truth: np.ndarray, member: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Per-variant r2 summed over the sites of each stratum in each resample, and how many have one: [B, K] float64.

    Args as for `variant_r2`. A site counts in a resample when the truth varies among the samples drawn. All is float64:
    products of float32 depend, in the eighth digit, on how sites are cut into pieces.
    """
    w = np.ascontiguousarray(weights.T, dtype=float)
    shape = (len(member), len(weights))
    total = np.zeros(shape)
    count = np.zeros(shape)
    is_useful = member.any(axis=0)
    useful = np.flatnonzero(is_useful)
    for start in range(0, len(useful), CHUNK):
        rows = useful[start : start + CHUNK]
        r2, varies = _resampled_r2(ds[rows], truth[rows], w)
        of_rows = member[:, rows]
        chosen = of_rows.astype(float)
        total += chosen @ r2
        count += chosen @ varies.astype(float)
    return total.T, count.T


def _resampled_r2(ds: np.ndarray, truth: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r2 [C, B] float64 (0 where undefined) and whether the truth varies [C, B], for weights w [P, B]."""
    known = truth >= 0
    y = np.where(known, truth, 0).astype(float)
    total = np.where(known, ds, 0).sum(axis=1, keepdims=True, dtype=float)
    n_known = known.sum(axis=1)
    divisor = np.maximum(n_known, 1)
    mean = total / divisor[:, None]
    x = np.where(known, ds - mean, 0.0)
    # without missing truth every resample has P genotypes at every site
    n = w[:, 0].sum() if known.all() else known.astype(float) @ w
    sx, sy, sxx, syy, sxy = (values @ w for values in (x, y, x * x, y * y, x * y))
    yy = n * syy - sy * sy
    xx = n * sxx - sx * sx
    xy = n * sxy - sx * sy
    varies = yy > 0.5
    moving = xx > 1e-5 * n * sxx  # below that the dosages differ by their rounding only
    r2 = np.divide(xy * xy, xx * yy, out=np.zeros_like(yy), where=varies & moving)
    return np.minimum(r2, 1), varies
