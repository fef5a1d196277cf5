"""Retrieval for a fold: its haplotypes' neighbours on each chromosome, and the typed sites that flank each site."""

from dataclasses import dataclass

import numpy as np

from ragimpute.panel.folds import Fold
from ragimpute.panel.store import chromosome_bounds
from ragimpute.retrieval import neighbours

NEIGHBOURS = 32  # that bert_rag and the baseline copy_nearest see of each query at each typed site


def retrieve_neighbours(fold: Fold, k: int, threads: int) -> dict[str, np.ndarray]:
    """Arrays `neighbours` [2P, T, k] int16 or int32 and `features` [2P, T, k, F] float16 of each query haplotype.

    They are those of `neighbours.retrieve`, chromosome by chromosome; what the fold leaves out is left out.
    """
    parts = [
        neighbours.find_neighbours(
            part.reference.alleles[part.typed],
            part.reference.sites.cm[part.typed],
            part.observed.astype(np.int8),
            np.repeat(part.excluded_haplotypes(np.arange(part.n_samples)), 2, axis=0),
            k,
            threads,
        )
        for part in fold.chromosomes()
    ]
    return {name: join_chromosomes([part[i] for part in parts], 1) for i, name in enumerate(("neighbours", "features"))}


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
    cm, typed_cm = fold.reference.sites.cm, fold.reference.sites.cm[fold.typed_sites]
    before = np.cumsum(fold.typed) - 1  # -1: none
    left, right = np.empty_like(before), np.empty_like(before)
    for start, stop in chromosome_bounds(fold.reference.sites.chrom):
        first, end = np.searchsorted(fold.typed_sites, (start, stop))
        left[start:stop] = np.maximum(before[start:stop], first)
        right[start:stop] = np.minimum(before[start:stop] + 1, end - 1)
    gap = typed_cm[right] - typed_cm[left]
    share = np.where(gap > 0, (cm - typed_cm[left]) / np.where(gap > 0, gap, 1.0), 0.0)
    return Flanks(left, right, np.clip(share, 0.0, 1.0).astype(np.float32))


def local_flanks(beside: Flanks, sites: slice) -> tuple[Flanks, slice]:
    """The flanks of `sites`, on one chromosome, and the typed sites from which their indices then count."""
    typed = slice(int(beside.left[sites.start]), int(beside.right[sites.stop - 1]) + 1)
    return Flanks(beside.left[sites] - typed.start, beside.right[sites] - typed.start, beside.share[sites]), typed
