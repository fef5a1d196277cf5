"""What a filter by INFO R2 keeps of the untyped sites, and how good that is: sums that add up over sites."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import CHUNK, Genotypes
from ragimpute.evaluation.strata import ReferenceCounts

# the filters that are usual: what their metrics are called -> the least INFO R2 that a site must have
THRESHOLDS = {"30": 0.3, "80": 0.8}
N_MOMENTS = 6  # that metrics.pooled_r2 takes


def passing(info_r2: np.ndarray) -> np.ndarray:
    """[T, S] bool: which sites pass each of THRESHOLDS, of info_r2 [S]; a site without an INFO R2 passes none."""
    least = np.array(list(THRESHOLDS.values()))
    return info_r2[None, :] >= least[:, None]


def passing_sites(info_r2: np.ndarray, member: np.ndarray) -> np.ndarray:
    """[T, 13] int64: how many sites of the strata `member` [13, S] pass each of THRESHOLDS."""
    return np.stack([(kept & member).sum(axis=1) for kept in passing(info_r2)])


@dataclass(frozen=True)
class FilteredR2:
    """Sums over the sites that pass each of the T thresholds, in each of the 13 strata."""

    moments: np.ndarray  # [T, 13, 6] float64: what metrics.pooled_r2 takes, of minor-allele dosage and truth
    variant_total: np.ndarray  # [T, 13] float64, summed r2 of sites
    variant_sites: np.ndarray  # [T, 13] int64, sites that have one

    @property
    def r2(self) -> np.ndarray:
        """[T, 13] float64: squared correlation of dosage and truth over all genotypes of the sites that pass."""
        return metrics.pooled_r2(*np.moveaxis(self.moments, -1, 0))

    @property
    def r2_variant(self) -> np.ndarray:
        """[T, 13] float64: mean r2 of the sites that pass."""
        return metrics.ratio(self.variant_total, self.variant_sites)


def filtered_r2(
    genotypes: Genotypes, counts: ReferenceCounts, info_r2: np.ndarray, per_site: np.ndarray, member: np.ndarray
) -> FilteredR2:
    """The sums of the sites of `genotypes` (not yet oriented) with reference `counts`.

    Args: info_r2 [S], per_site [S] of `r2_per_variant.site_r2`, member [13, S].
    """
    flipped = counts.flipped
    shape = (len(THRESHOLDS), len(member))
    moments, variant_total = np.zeros((*shape, N_MOMENTS)), np.zeros(shape)
    variant_sites = np.zeros(shape, dtype=np.int64)
    for start in range(0, len(info_r2), CHUNK):
        rows = slice(start, start + CHUNK)
        is_kept = passing(info_r2[rows])
        chosen = is_kept[:, None, :] & member[:, rows]  # [T, 13, chunk]
        turned = genotypes.take(rows).oriented(flipped[rows])
        moments += chosen.astype(float) @ _site_moments(turned)
        defined = np.isfinite(per_site[rows])
        variant_total += chosen @ np.where(defined, per_site[rows], 0.0)
        variant_sites += (chosen & defined).sum(axis=2)
    return FilteredR2(moments, variant_total, variant_sites)


def add_filtered(parts: Sequence[FilteredR2]) -> FilteredR2:
    """The sums over the sites of all parts."""
    return FilteredR2(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in FilteredR2.__annotations__))


def _site_moments(genotypes: Genotypes) -> np.ndarray:
    """[S, 6] float64 sums over the samples of each site: n, x, y, xx, yy, xy."""
    known = genotypes.truth >= 0
    x = np.where(known, genotypes.ds, 0).astype(float)
    y = np.where(known, genotypes.truth, 0).astype(float)
    sums = [known, x, y, x * x, y * y, x * y]
    return np.stack([values.sum(axis=1) for values in sums], axis=1)
