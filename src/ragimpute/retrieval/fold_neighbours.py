"""Retrieval for a fold: its haplotypes' neighbours on each chromosome, and the typed sites that flank each site."""

from dataclasses import dataclass

import numpy as np

from ragimpute.panel.folds import Fold
from ragimpute.panel.store import chromosome_bounds, haplotype_index
from ragimpute.retrieval.neighbours import find_neighbours

NEIGHBOURS = 32  # that bert_rag and the baseline copy_nearest get of each query at each typed site


@dataclass(frozen=True)
class FoldNeighbours:
    """The K reference haplotypes that each query haplotype most plausibly copies at each of T typed sites."""

    neighbours: np.ndarray  # [2P, T, K] int16 or int32, haplotypes of the fold's reference
    features: np.ndarray  # [2P, T, K, F] float16, FEATURES of ragimpute.retrieval.neighbours
    # [T, 2P] float64, dosages of the typed alleles, each as if it had not been observed; None where they are not known
    left_out: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of training, by the names that they have in a file of segments."""
        return {"neighbours": self.neighbours, "features": self.features}


def retrieve_neighbours(fold: Fold, k: int, threads: int, sites: slice | None = None) -> FoldNeighbours:
    """The k neighbours of each haplotype of the fold, chromosome by chromosome.

    They are those of `neighbours.find_neighbours`; what the fold leaves out of the reference is left out. `sites`, of a
    fold that is one chromosome: neighbours are wanted at the typed sites among these only.
    """
    everyone = np.arange(fold.n_samples)
    if sites is not None:
        return chromosome_neighbours(fold, everyone, k, threads, fold.typed_rows(sites))
    parts = [chromosome_neighbours(part, everyone, k, threads) for part in fold.chromosomes()]
    return FoldNeighbours(
        join_chromosomes([part.neighbours for part in parts], 1),
        join_chromosomes([part.features for part in parts], 1),
        join_chromosomes([part.left_out for part in parts if part.left_out is not None], 0),
    )


def chromosome_neighbours(
    fold: Fold, samples: np.ndarray, k: int, threads: int, wanted: slice | None = None
) -> FoldNeighbours:
    """The k neighbours of the haplotypes of `samples` [B] of a fold that is one chromosome.

    wanted: at which of the T typed sites; None: at all.
    """
    alleles = fold.reference.alleles[fold.typed]
    cm = fold.cm_scale * fold.reference.sites.cm[fold.typed]
    queries = fold.observed[:, haplotype_index(samples)].astype(np.int8)
    excluded = np.repeat(fold.excluded_haplotypes(samples), 2, axis=0)
    return FoldNeighbours(*find_neighbours(alleles, cm, queries, excluded, k, threads, wanted))


def join_chromosomes(parts: list[np.ndarray], axis: int) -> np.ndarray:
    """The arrays of all chromosomes as one; that of a single one as it is, because it may be large."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)


@dataclass(frozen=True)
class Flanks:
    """For each of S sites the typed sites at its two sides, on its chromosome; the same one twice beyond the last."""

    left: np.ndarray  # [S] int64, index into the T typed sites: the last one at or before the site
    right: np.ndarray  # [S] int64: the next one
    share: np.ndarray  # [S] float32 in [0, 1]: how far the site is from the left one towards the right one, in cM


def flanks(fold: Fold) -> Flanks:
    """The flanking typed sites of all sites of the fold."""
    cm = fold.reference.sites.cm
    typed_cm = cm[fold.typed_sites]
    before = np.cumsum(fold.typed) - 1  # -1: none
    left = np.empty_like(before)
    right = np.empty_like(before)
    for start, stop in chromosome_bounds(fold.reference.sites.chrom):
        first, end = np.searchsorted(fold.typed_sites, (start, stop))
        left[start:stop] = np.maximum(before[start:stop], first)
        right[start:stop] = np.minimum(before[start:stop] + 1, end - 1)
    gap = typed_cm[right] - typed_cm[left]
    share = np.zeros(len(cm))
    np.divide(cm - typed_cm[left], gap, out=share, where=gap > 0)
    return Flanks(left, right, np.clip(share, 0.0, 1.0).astype(np.float32))


def local_flanks(beside: Flanks, sites: slice) -> tuple[Flanks, slice]:
    """The flanks of `sites`, on one chromosome, and the typed sites from which their indices then count."""
    first = int(beside.left[sites.start])
    last = int(beside.right[sites.stop - 1])
    local = Flanks(beside.left[sites] - first, beside.right[sites] - first, beside.share[sites])
    return local, slice(first, last + 1)
