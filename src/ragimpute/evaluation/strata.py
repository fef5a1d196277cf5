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

    def take(self, index: np.ndarray | slice) -> "ReferenceCounts":
        """The sites at `index`."""
        ac = self.ac[index]
        an = self.an[index]
        return ReferenceCounts(ac, an)

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


def count_minor_allele(dosage: np.ndarray, flipped: np.ndarray, ploidy: np.ndarray | None = None) -> np.ndarray:
    """Dosages or allele counts of the minor allele, from those of ALT.

    Args: dosage [S, P], in [0, 2], or in [0, 1] for a haploid sample; flipped [S] bool, where REF is the minor allele;
    ploidy [P] int8, None: all samples are diploid.
    """
    alleles = 2 if ploidy is None else ploidy
    other_allele = alleles - dosage
    is_flipped = flipped[:, None]
    return np.where(is_flipped, other_allele, dosage)


def membership(counts: ReferenceCounts) -> np.ndarray:
    """[13, S] bool: which sites belong to each of `STRATA`.

    Sites that are monomorphic in the reference belong to `mac_0` and to nothing else.
    """
    cell = cells(counts)
    return STRATA_OF_CELL[:, cell]


def cells(counts: ReferenceCounts) -> np.ndarray:
    """The cell [S] int64, 0 .. N_CELLS - 1, of each site: a bin of minor allele counts, rare or common.

    Cells are disjoint, and every stratum is a union of cells (STRATA_OF_CELL). Sums are taken once per cell instead of
    once per stratum.
    """
    mac = counts.mac
    of_bin = np.searchsorted(_LOWEST, mac, side="right") - 1
    varies = mac > 0
    is_below = counts.maf < RARE_BELOW
    rare = varies & is_below
    return 2 * of_bin + rare


def _strata_of_cells() -> np.ndarray:
    """[13, N_CELLS] bool: the cells of each stratum."""
    of_bin, rare = np.divmod(np.arange(N_CELLS), 2)
    is_rare = rare == 1
    varies = of_bin > 0
    rows = [varies, varies & is_rare, varies & ~is_rare]
    rows += [of_bin == number for number in range(len(MAC_BINS))]
    return np.stack(rows)


_LOWEST = [low for low, _ in MAC_BINS.values()]
N_CELLS = 2 * len(MAC_BINS)
STRATA_OF_CELL = _strata_of_cells()
