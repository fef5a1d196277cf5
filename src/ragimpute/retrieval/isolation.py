"""How isolated the carriers of an allele are: how long they share haplotypes with their nearest non-carriers.

The mutation lies on the branch between the carriers' common ancestor and their common ancestor with the nearest others.
Mutual sharing (ragimpute.retrieval.sharing) tells the age of the first, isolation that of the second; a singleton has
no mutual sharing, but it has isolation. The nearest others are found among the neighbours in the positional prefix
order of the panel from both sides (the positional Burrows-Wheeler transform, Durbin 2014, Bioinformatics 30:1266).
"""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import pack_by_haplotype, unpack_row
from ragimpute.retrieval.prefix_order import move
from ragimpute.retrieval.sharing import shared_cm

MAX_CARRIERS = 8  # above this, the first ones stand for all
SPARE = 2  # further carriers, which stand in for those of a sample that is left out
NEAREST = 2  # others looked up on each side of a carrier, of different groups: one stands in for the other


@njit(cache=True, nogil=True)
def _nearest_others(block, n_blocks, packed, flipped, kept, group, nearest):
    """Fill `nearest` [S, C, 4, NEAREST]: the closest non-carriers above and below each kept carrier in both orders.

    They are of different groups: the second stands in where the first is left out; -1: none.
    """
    n_sites, n_hap = len(packed), len(group)
    row = np.empty(n_hap, np.uint8)
    for direction in range(block, 2, n_blocks):
        order = np.arange(n_hap).astype(np.int32)
        place = np.empty(n_hap, np.int32)
        ones = np.empty(n_hap, np.int32)
        for step in range(n_sites):
            s = step if direction == 0 else n_sites - 1 - step
            unpack_row(packed[s], row)
            if kept[s, 0] >= 0:
                for i in range(n_hap):
                    place[order[i]] = i
            for c in range(kept.shape[1]):
                carrier = kept[s, c]
                if carrier < 0:
                    break
                for side in range(2):
                    towards = 1 if side == 0 else -1
                    found, first = 0, -1
                    i = place[carrier] + towards
                    while 0 <= i < n_hap and found < NEAREST:
                        h = order[i]
                        if row[h] == flipped[s] and group[h] != first:
                            nearest[s, c, 2 * direction + side, found] = h
                            first = group[h]
                            found += 1
                        i += towards
            move(order, row, ones)


@njit(cache=True)
def _mean_of_longest(lengths, others_group, carriers_group, left_out):
    """Mean over the first MAX_CARRIERS carriers of the longest sharing with the nearest other of each place and side.

    All of them outside group `left_out`; lengths, others_group [C, 4, NEAREST]. Only the nearest that remains counts,
    so that a sample that is left out leaves no trace, carrier or not.
    """
    total, used = np.float32(0.0), 0
    for c in range(len(carriers_group)):
        if carriers_group[c] == left_out or used == MAX_CARRIERS:
            continue
        longest = np.float32(-np.inf)
        for place in range(4):
            for i in range(NEAREST):
                member = others_group[c, place, i]
                if member >= 0 and member != left_out:
                    longest = max(longest, lengths[c, place, i])
                    break
        if longest > -np.inf:
            total += longest
            used += 1
    return total / np.float32(used) if used > 0 else np.float32(np.nan)


@njit(cache=True, nogil=True)
def _isolation(block, n_blocks, bits, cm, kept, nearest, group, isolation, left_out):
    n_sites, n_kept = kept.shape
    for s in range(block, n_sites, n_blocks):
        n = 0
        while n < n_kept and kept[s, n] >= 0:
            n += 1
        lengths = np.empty((n, 4, NEAREST), np.float32)
        others_group = np.full((n, 4, NEAREST), -1)
        carriers_group = np.empty(n, np.int64)
        for c in range(n):
            carriers_group[c] = group[kept[s, c]]
            for place in range(4):
                for i in range(NEAREST):
                    h = nearest[s, c, place, i]
                    if h >= 0:
                        others_group[c, place, i] = group[h]
                        lengths[c, place, i] = shared_cm(bits[kept[s, c]], bits[h], s, s + 1, cm[s], cm)
        isolation[s] = _mean_of_longest(lengths, others_group, carriers_group, -1)
        if left_out.shape[1] > 0:
            left_out[s, :] = isolation[s]
            for c in range(n):
                left_out[s, carriers_group[c]] = np.float32(np.inf)
                for member in others_group[c].flat:
                    if member >= 0:
                        left_out[s, member] = np.float32(np.inf)
            for c in range(n):
                member = carriers_group[c]
                if left_out[s, member] == np.inf:
                    left_out[s, member] = _mean_of_longest(lengths, others_group, carriers_group, member)
                for member in others_group[c].flat:
                    if member >= 0 and left_out[s, member] == np.inf:
                        left_out[s, member] = _mean_of_longest(lengths, others_group, carriers_group, member)


def isolation(
    alleles: np.ndarray | Haplotypes,
    flipped: np.ndarray,
    drawn: np.ndarray,
    cm: np.ndarray,
    group: np.ndarray,
    leave_out: bool,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean log length in centimorgan that the carriers of each site's minor allele share with their nearest others.

    alleles [S, H]; flipped [S] bool: carriers have ALT, where flipped REF; drawn [S, C] int32: the carriers that
    stand for all, as `draw_carriers` returns them; cm [S]; group [H] int64: label 0 .. G - 1 of samples left out
    together. Returns isolation [S] float32 and left_out [S, G] float32 ([S, 0] unless `leave_out`): the same without
    that group's haplotypes. NaN where there is no carrier or no other haplotype.
    """
    packed = Haplotypes.of(alleles)
    kept = np.ascontiguousarray(drawn[:, : MAX_CARRIERS + SPARE])
    nearest = np.full((*kept.shape, 4, NEAREST), -1, np.int32)
    group = np.asarray(group, dtype=np.int64)
    in_threads(_nearest_others, threads, packed.bits(slice(None)), flipped, kept, group, nearest)
    result = np.empty(len(packed), np.float32)
    n_groups = int(group.max()) + 1 if leave_out else 0
    left_out = np.empty((len(packed), n_groups), np.float32)
    bits = pack_by_haplotype(packed, threads)
    cm = np.asarray(cm, np.float64)
    in_threads(_isolation, threads, bits, cm, kept, nearest, group, result, left_out)
    return result, left_out
