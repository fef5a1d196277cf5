"""Per-variant r2: at each site over samples, averaged over the sites of a stratum, with bootstrap resamples.

Unlike the pooled r2 it gives no credit for knowing the sites' frequencies. r2 is the same for both alleles, so nothing
is turned here.
"""

import numpy as np

CHUNK = 1024  # sites at a time: [CHUNK, B] float32 of 4 MB for B = 1000


def site_r2(ds: np.ndarray, truth: np.ndarray, rounding: float = 1e-6) -> np.ndarray:
    """Squared correlation [S] float64 of ds [S, P] with truth [S, P] (-1 missing) over samples.

    NaN where the truth does not vary (whatever the method says: the same sites for every method); 0 where it varies and
    the dosage does not: where its standard deviation is not above its `rounding`.
    """
    out = np.full(len(ds), np.nan)
    for start in range(0, len(ds), CHUNK):
        rows = slice(start, start + CHUNK)
        known = truth[rows] >= 0
        n = np.maximum(known.sum(axis=1, keepdims=True), 1)
        x = _centred(ds[rows], known, n)
        y = _centred(truth[rows], known, n)
        xx = (x * x).sum(axis=1)
        yy = (y * y).sum(axis=1)
        xy = (x * y).sum(axis=1)
        # the dosages of a constant prediction differ from their mean by rounding only
        constant = xx <= rounding**2 * n[:, 0]
        r2 = np.divide(xy * xy, xx * yy, out=np.zeros(len(xx)), where=~constant & (yy > 0))
        out[rows] = np.where(yy > 1e-9, r2, np.nan)
    return out


def _centred(values: np.ndarray, known: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Values [S, P] minus the site's mean over the n [S, 1] known ones, float64; 0 where unknown."""
    filled = np.where(known, values, 0).astype(float)
    return (filled - filled.sum(axis=1, keepdims=True) / n) * known


def resampled_mean_r2(ds: np.ndarray, truth: np.ndarray, member: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean per-variant r2 of each stratum in each resample: [B, K] float64.

    Args: ds [S, P], truth [S, P] int8 (-1 missing), member [K, S] bool, weights [B, P] of
    `bootstrap.resampling_weights`. A site counts in a resample when the truth varies among the samples drawn. Matrix
    products in float32: the truth's are exact (small integers), the dosages are centred first.
    """
    w = np.ascontiguousarray(weights.T, dtype=np.float32)
    total = np.zeros((len(member), len(weights)))
    count = np.zeros((len(member), len(weights)))
    useful = np.flatnonzero(member.any(axis=0))
    for start in range(0, len(useful), CHUNK):
        rows = useful[start : start + CHUNK]
        r2, varies = _resampled_r2(ds[rows], truth[rows], w)
        chosen = member[:, rows].astype(np.float32)
        total += chosen @ r2
        count += chosen @ varies.astype(np.float32)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean.T


def _resampled_r2(ds: np.ndarray, truth: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r2 [C, B] float32 (0 where undefined) and whether the truth varies [C, B], for weights w [P, B]."""
    known = truth >= 0
    y = np.where(known, truth, 0).astype(np.float32)
    total = np.where(known, ds, 0).sum(axis=1, keepdims=True, dtype=float)
    mean = total / np.maximum(known.sum(axis=1), 1)[:, None]
    x = np.where(known, ds - mean, 0).astype(np.float32)
    # without missing truth every resample has P genotypes at every site
    n = np.float32(w[:, 0].sum()) if known.all() else known.astype(np.float32) @ w
    sx, sy, sxx, syy, sxy = (values @ w for values in (x, y, x * x, y * y, x * y))
    yy = n * syy - sy * sy
    xx = n * sxx - sx * sx
    xy = n * sxy - sx * sy
    varies = yy > 0.5
    moving = xx > 1e-5 * n * sxx  # below that it is float32's cancellation noise
    r2 = np.divide(xy * xy, xx * yy, out=np.zeros_like(yy), where=varies & moving)
    return np.minimum(r2, 1), varies
