"""How the carriers of an allele cluster among haplotypes that are sorted by their typed alleles: how well it is tagged.

In positional prefix order (the positional Burrows-Wheeler transform, Durbin 2014, Bioinformatics 30:1266) those stand
next to each other that match longest. Where an allele follows the genealogy that the typed sites show, the neighbours
of its carriers carry it, too. Genotyping errors, recurrent mutations and calls that depend on the sample scatter
carriers among others, and no sample can be imputed well from them.
"""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import unpack_row
from ragimpute.retrieval.prefix_order import move


@njit(cache=True, nogil=True)
def _count(block, n_blocks, typed, starts, packed, flipped, drawn, group, counts, changes):
    """Count counts [2, S, 2] in each direction: non-carriers among the carriers' neighbours, and all of them.

    starts [2, T + 2]: the sites whose order is that of step t are starts[t] .. starts[t + 1] - 1; changes [2, S, G, 2]:
    what is to be added when a group is left out; [2, S, 0, 2] when none ever is.
    """
    n_typed, n_hap = typed.shape
    for direction in range(block, 2, n_blocks):
        order, place = np.arange(n_hap).astype(np.int32), np.empty(n_hap, np.int32)
        ones, row = np.empty(n_hap, np.int32), np.empty(n_hap, np.uint8)
        for step in range(n_typed + 1):
            at = step if direction == 0 else n_typed - step  # typed sites before the sites whose turn it is
            first, stop = starts[direction, at], starts[direction, at + 1]
            if first < stop:
                for i in range(n_hap):
                    place[order[i]] = i
            for s in range(first, stop):
                if drawn[s, 0] < 0:
                    continue
                unpack_row(packed[s], row)
                for carrier in drawn[s]:
                    if carrier < 0:
                        break
                    for towards in (-1, 1):
                        i = place[carrier] + towards
                        if not 0 <= i < n_hap:
                            continue
                        own, near = group[carrier], group[order[i]]
                        other = np.int16(row[order[i]] == flipped[s])
                        counts[direction, s, 0] += other
                        counts[direction, s, 1] += 1
                        if changes.shape[2] == 0:
                            continue
                        changes[direction, s, own, 0] -= other  # without its group, the carrier is not there
                        changes[direction, s, own, 1] -= 1
                        if near != own:  # without the neighbour's, the next one stands in
                            changes[direction, s, near, 0] -= other
                            while 0 <= i < n_hap and group[order[i]] == near:
                                i += towards
                            if 0 <= i < n_hap:
                                changes[direction, s, near, 0] += np.int16(row[order[i]] == flipped[s])
                            else:
                                changes[direction, s, near, 1] -= 1
            if step < n_typed:
                move(order, typed[step if direction == 0 else n_typed - 1 - step], ones)


def clustering(
    typed: np.ndarray,
    alleles: np.ndarray | Haplotypes,
    flipped: np.ndarray,
    drawn: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    group: np.ndarray,
    leave_out: bool,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Log share of non-carriers among the neighbours of the carriers of each site's minor allele.

    typed [T, H] uint8: alleles at the sites that haplotypes are sorted by; alleles [S, H] and flipped [S] bool:
    carriers have ALT, where flipped REF; drawn [S, C] int32: the carriers that stand for all, as `draw_carriers`
    returns them; before, after [S] int64: number of typed sites before each site, and index of the first one after it,
    both ascending; group [H] int64: label 0 .. G - 1 of samples left out together.
    Returns clustering [S] float32 and left_out [S, G] float32 ([S, 0] unless `leave_out`): the same without that
    group's haplotypes. NaN where there is no carrier, or no other haplotype.
    """
    packed = Haplotypes.of(alleles)
    edges = np.arange(len(typed) + 2)
    starts = np.stack([np.searchsorted(before, edges), np.searchsorted(after, edges)])
    counts = np.zeros((2, len(packed), 2), np.int16)
    n_groups = int(group.max()) + 1 if leave_out else 0
    changes = np.zeros((2, len(packed), n_groups, 2), np.int16)
    group = np.asarray(group, dtype=np.int64)
    in_threads(_count, threads, typed, starts, packed.bits(slice(None)), flipped, drawn, group, counts, changes)
    counted = counts.sum(axis=0, dtype=np.int16)
    changed = changes.sum(axis=0, dtype=np.int16)
    return _log_share(counted), _log_share(counted[:, None] + changed)


def _log_share(counts: np.ndarray) -> np.ndarray:
    """Log share [..] float32 of non-carriers among all in counts [.., 2]; half a neighbour more keeps it finite."""
    others = counts[..., 0].astype(np.float32)
    total = counts[..., 1].astype(np.float32)
    with np.errstate(invalid="ignore"):
        share = np.log((others + 0.5) / (total + 1))
    return np.where(total > 0, share, np.float32(np.nan)).astype(np.float32)
