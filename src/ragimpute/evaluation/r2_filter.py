"""What a filter by INFO R2 keeps of the untyped sites, and how good that is: sums that add up over sites."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import CHUNK, Genotypes
from ragimpute.evaluation.strata import ReferenceCounts

# the filters that are usual: what their metrics are called -> the least INFO R2 that a site must have
THRESHOLDS = {"30": 0.3, "80": 0.8}


def passing(info_r2: np.ndarray) -> np.ndarray:
    """[T, S] bool: which sites pass each of THRESHOLDS, of info_r2 [S]; a site without an INFO R2 passes none."""
    least = np.array(list(THRESHOLDS.values()))
    return info_r2[None, :] >= least[:, None]


def passing_sites(info_r2: np.ndarray, member: np.ndarray) -> np.ndarray:
    """[T, 13] int64: how many sites of the strata `member` [13, S] pass each of THRESHOLDS."""
    counted = passing(info_r2).astype(np.int64)
    return counted @ member.T.astype(np.int64)


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
    is_kept = passing(info_r2)
    chosen = is_kept[:, None, :] & member  # [T, 13, S]
    moments = chosen.astype(float) @ _site_moments(genotypes, counts.flipped)
    defined = np.isfinite(per_site)
    variant_total = chosen @ np.where(defined, per_site, 0.0)
    variant_sites = (chosen & defined).sum(axis=2)
    return FilteredR2(moments, variant_total, variant_sites)


def add_filtered(parts: Sequence[FilteredR2]) -> FilteredR2:
    """The sums over the sites of all parts."""
    return FilteredR2(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in FilteredR2.__annotations__))


def _site_moments(genotypes: Genotypes, flipped: np.ndarray) -> np.ndarray:
    """[S, 6] float64 sums over the samples of each site, turned to the minor allele: n, x, y, xx, yy, xy."""
    found = np.zeros((len(flipped), 6))
    for start in range(0, len(flipped), CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = genotypes.take(rows).oriented(flipped[rows])
        known = chunk.truth >= 0
        x = np.where(known, chunk.ds, 0).astype(float)
        y = np.where(known, chunk.truth, 0).astype(float)
        sums = [known, x, y, x * x, y * y, x * y]
        found[rows] = np.stack([values.sum(axis=1) for values in sums], axis=1)
    return found
