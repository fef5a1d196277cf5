"""How long the carriers of an allele share their haplotypes around it: a sign of the allele's age.

A young allele sits on long haplotypes that its carriers share with each other, an old one on short haplotypes
(Slatkin & Rannala 2000, Annu Rev Genomics 1:225). The segment that two haplotypes share around a site ends on each
side at their second mismatch (one mismatch is forgiven: a genotyping error or a mutation).
"""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import pack_by_haplotype

MAX_CARRIERS = 16  # pairs are quadratic in carriers: above this, the first ones stand for all
SPARE = 2  # further carriers, which stand in for a sample's own when these are left out
MIN_CM = 1e-3  # added to lengths before the logarithm


@njit(cache=True)
def highest_bit(word):
    """Index of the highest set bit of a non-zero uint64."""
    index = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(step):
            word >>= np.uint64(step)
            index += step
    return index


@njit(cache=True)
def second_mismatch_left(first, second, m):
    """Index of the second mismatch of two bit rows before site `m`, -1 when there are fewer than two."""
    found = 0
    w = (m - 1) // 64
    keep = m - 64 * w  # bits of the first word that lie before m
    mask = ~np.uint64(0) if keep == 64 else (np.uint64(1) << np.uint64(keep)) - np.uint64(1)
    while w >= 0:
        different = (first[w] ^ second[w]) & mask
        while different:
            bit = highest_bit(different)
            found += 1
            if found == 2:
                return 64 * w + bit
            different ^= np.uint64(1) << np.uint64(bit)
        mask = ~np.uint64(0)
        w -= 1
    return -1


@njit(cache=True)
def second_mismatch_right(first, second, m, n_sites):
    """Index of the second mismatch of two bit rows at or after site `m`, `n_sites` when there are fewer than two."""
    found = 0
    w = m // 64
    mask = ~np.uint64(0) << np.uint64(m - 64 * w)
    while w < len(first):
        different = (first[w] ^ second[w]) & mask
        while different:
            lowest = different & (~different + np.uint64(1))
            found += 1
            if found == 2:
                return 64 * w + highest_bit(lowest)
            different ^= lowest
        mask = ~np.uint64(0)
        w += 1
    return n_sites


@njit(cache=True)
def shared_cm(first, second, m_left, m_right, position, cm):
    """Log length in centimorgan of the segment shared around a site at `position`, compared at sites with map `cm`.

    m_left: number of compared sites before the site; m_right: index of the first compared site after it.
    """
    n_sites = len(cm)
    left = second_mismatch_left(first, second, m_left) if m_left > 0 else -1
    right = second_mismatch_right(first, second, m_right, n_sites) if m_right < n_sites else n_sites
    start = cm[left] if left >= 0 else min(cm[0], position)
    end = cm[right] if right < n_sites else max(cm[n_sites - 1], position)
    return np.float32(np.log(end - start + MIN_CM))


@njit(cache=True)
def _mean_of_pairs(pairs, groups, left_out):
    """Mean of the pairs among the first MAX_CARRIERS carriers outside group `left_out`; NaN when there is no pair.

    Summed anew, in one order: what the group's own haplotypes carry does not even change a rounding.
    """
    total, used = np.float32(0.0), 0
    for i in range(len(groups)):
        if groups[i] == left_out or used == MAX_CARRIERS:
            continue
        for j in range(i):
            if groups[j] != left_out:
                total += pairs[i, j]
        used += 1
    n_pairs = used * (used - 1) // 2
    return total / np.float32(n_pairs) if n_pairs > 0 else np.float32(np.nan)


@njit(cache=True, nogil=True)
def _mutual_sharing(
    block, n_blocks, bits, cm, drawn, group, positions, m_left, m_right, shared, left_out
):  # fmt: skip
    for s in range(block, len(drawn), n_blocks):
        kept = drawn[s, : MAX_CARRIERS + SPARE]
        n_kept = np.sum(kept >= 0)
        pairs = np.zeros((n_kept, n_kept), np.float32)
        for i in range(n_kept):
            first = bits[kept[i]]
            for j in range(i):
                second = bits[kept[j]]
                pairs[i, j] = shared_cm(first, second, m_left[s], m_right[s], positions[s], cm)
        groups = group[kept[:n_kept]]
        shared[s] = _mean_of_pairs(pairs, groups, -1)
        if left_out.shape[1] > 0:
            left_out[s, :] = shared[s]
            for member in groups:
                left_out[s, member] = _mean_of_pairs(pairs, groups, member)


def mutual_sharing(
    compared: np.ndarray | Haplotypes,
    compared_cm: np.ndarray,
    drawn: np.ndarray,
    positions: np.ndarray,
    m_left: np.ndarray,
    m_right: np.ndarray,
    group: np.ndarray,
    leave_out: bool,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean log length in centimorgan that the carriers of each site's minor allele share with each other.

    compared [M, H]: alleles at the sites where haplotypes are compared, at compared_cm [M]; drawn [S, C] int32:
    the carriers that stand for all, as `draw_carriers` returns them; positions [S]: centimorgan of the sites; m_left,
    m_right [S]: number of compared sites before each site, and index of the first one after it; group [H] int64: label
    0 .. G - 1 of samples left out together.
    Returns shared [S] float32 and left_out [S, G] float32 ([S, 0] unless `leave_out`): the same without that group's
    haplotypes. NaN where fewer than two carriers are left.
    """
    n_groups = int(group.max()) + 1 if leave_out else 0
    shared = np.empty(len(drawn), np.float32)
    left_out = np.empty((len(drawn), n_groups), np.float32)
    bits = pack_by_haplotype(compared, threads)
    cm = np.asarray(compared_cm, dtype=np.float64)
    group = np.asarray(group, dtype=np.int64)
    positions = np.asarray(positions, dtype=np.float64)
    m_left = np.asarray(m_left, dtype=np.int64)
    m_right = np.asarray(m_right, dtype=np.int64)
    in_threads(_mutual_sharing, threads, bits, cm, drawn, group, positions, m_left, m_right, shared, left_out)
    return shared, left_out
