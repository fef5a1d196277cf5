"""Strata of sites by the allele counts of the reference samples, and the turn to the reference's minor allele."""

from dataclasses import dataclass

import numpy as np

RARE_BELOW = 0.05  # reference minor allele frequency

UNBOUNDED = np.iinfo(np.int64).max
_BOUNDS = ((0, 0), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, 200))


def _bin_name(low: int, high: int) -> str:
    return f"mac_{low}" if low == high else f"mac_{low}_{high}"


# stratum -> smallest and largest reference minor allele count
MAC_BINS: dict[str, tuple[int, int]] = {_bin_name(low, high): (low, high) for low, high in _BOUNDS}
MAC_BINS["mac_201_plus"] = (201, UNBOUNDED)
STRATA: tuple[str, ...] = ("overall", "rare", "common", *MAC_BINS)


@dataclass(frozen=True)
class ReferenceCounts:
    """Alternate allele counts of the reference samples at S sites."""

    ac: np.ndarray  # [S] int64
    an: np.ndarray  # [S] int64

    @property
    def mac(self) -> np.ndarray:
        """Minor allele count [S] int64."""
        return np.minimum(self.ac, self.an - self.ac)

    @property
    def maf(self) -> np.ndarray:
        """Minor allele frequency [S] float64; NaN where no sample has a genotype."""
        return np.divide(self.mac, self.an, out=np.full(len(self.an), np.nan), where=self.an > 0)

    @property
    def flipped(self) -> np.ndarray:
        """[S] bool: the reference allele is the minor one. A tie keeps the alternate allele."""
        return 2 * self.ac > self.an


def count_minor_allele(dosage: np.ndarray, flipped: np.ndarray) -> np.ndarray:
    """Dosages or allele counts in [0, 2] of the minor allele, from those of ALT.

    Args: dosage [S, P]; flipped [S] bool, where REF is the minor allele.
    """
    return np.where(flipped[:, None], 2 - dosage, dosage)


def membership(counts: ReferenceCounts) -> np.ndarray:
    """[13, S] bool: which sites belong to each of `STRATA`.

    Sites that are monomorphic in the reference belong to `mac_0` and to nothing else.
    """
    mac = counts.mac
    polymorphic = mac > 0
    rare = polymorphic & (counts.maf < RARE_BELOW)
    rows = [polymorphic, rare, polymorphic & ~rare]
    rows += [(mac >= low) & (mac <= high) for low, high in MAC_BINS.values()]
    return np.stack(rows)


def cells(member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut sites into disjoint cells so that every stratum is a union of cells.

    Args: member [13, S] bool as `membership` returns it. Returns the cell of each site [S] int64 and the cells of each
    stratum [13, C] bool. Sums are taken once per cell instead of once per stratum.
    """
    patterns, cell = np.unique(member.T, axis=0, return_inverse=True)
    return cell.reshape(-1).astype(np.int64), np.ascontiguousarray(patterns.T)
