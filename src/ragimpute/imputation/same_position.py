"""Records of one position that are alleles of one variant: the dosages of a haplotype sum to at most 1.

They are taken for such alleles when no haplotype of the panel carries two of them, as in split multiallelic records.
What a sample's typed record says is kept; the other dosages share what it leaves, in proportion.
"""

from dataclasses import dataclass

import numpy as np

from ragimpute.panel.store import Panel
from ragimpute.vcf.quantise import UNIT


@dataclass(frozen=True)
class SamePosition:
    """Which of S sites are alleles of one variant: site i is one of first[i] .. stop[i] - 1, which lie side by side."""

    first: np.ndarray  # [S] int64
    stop: np.ndarray  # [S] int64

    @classmethod
    def of(cls, panel: Panel, start: int, stop: int) -> "SamePosition":
        """Of the sites start .. stop - 1 of a panel, all on one chromosome; numbers are counted from `start`."""
        position = panel.sites.pos[start:stop]
        first = np.arange(len(position))
        last = first + 1
        edges = np.flatnonzero(np.r_[True, position[1:] != position[:-1], True])
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if end - begin > 1 and _exclude_each_other(panel, slice(start + begin, start + end)):
                first[begin:end] = begin
                last[begin:end] = end
        return cls(first, last)

    def around(self, start: int, stop: int) -> tuple[int, int]:
        """The sites start .. stop - 1 and those that belong to them: the first, and the last + 1."""
        return int(self.first[start]), int(self.stop[stop - 1])

    def groups(self, start: int, stop: int) -> list[slice]:
        """The groups of several sites among start .. stop - 1, which `around` has returned; counted from `start`."""
        here = np.arange(start, stop)
        begins = here[(self.first[start:stop] == here) & (self.stop[start:stop] > here + 1)]
        return [slice(begin - start, int(self.stop[begin]) - start) for begin in begins.tolist()]


def _exclude_each_other(panel: Panel, rows: slice) -> bool:
    """Whether no haplotype carries ALT of two of the sites."""
    alleles = panel.alleles[rows]
    return bool((alleles.sum(axis=0) <= 1).all())


def at_most_one(hds: np.ndarray, both: np.ndarray, is_kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Haplotype dosages [G, N, 2] and joint probabilities [G, N] whose printed thousandths sum to at most 1.

    `is_kept` [G, N] bool: genotypes that were typed. Sums that are not above 1 stay as they are.
    """
    thousandths = np.rint(hds.astype(np.float32) * np.float32(UNIT)).astype(np.float64)  # as `quantise` rounds
    kept = is_kept[..., None]
    of_kept = np.where(kept, thousandths, 0).sum(axis=0)
    of_others = np.where(kept, 0, thousandths).sum(axis=0)
    room = np.maximum(UNIT - of_kept, 0)
    is_above = of_others > room
    factor = np.divide(room, of_others, out=np.ones_like(room), where=is_above)
    scaled = np.floor(thousandths * factor + 1e-9) / UNIT
    changes = is_above & ~kept
    new_hds = np.where(changes, scaled, hds).astype(hds.dtype)
    of_pair = np.where(is_above, factor, 1).prod(axis=-1)
    new_both = np.where(is_kept, both, both * of_pair).astype(both.dtype)
    return new_hds, new_both
