"""Where a query and a haplotype differ around a site: the two mismatches on each side of it, found in bits."""

import numpy as np
from numba import njit

from ragimpute.retrieval.bits import WORD, highest_set_bit, lowest_set_bit


@njit(cache=True)
def fill_query_bits(query, alleles, known):
    """Fill alleles [W] and known [W] uint64 from `query` [T] int8, site t as bit t % 64 of word t // 64; -1 missing."""
    alleles[:] = np.uint64(0)
    known[:] = np.uint64(0)
    for t in range(len(query)):
        word, bit = t // WORD, np.uint64(1) << np.uint64(t % WORD)
        if query[t] >= 0:
            known[word] |= bit
        if query[t] > 0:
            alleles[word] |= bit


@njit(cache=True)
def mismatch_before(bits, h, alleles, known, t):
    """The last site before `t` where haplotype `h` of bits [H, W] has another allele than the query, -1: none."""
    w = (t - 1) // WORD
    mask = ~np.uint64(0) >> np.uint64(WORD * (w + 1) - t)
    while w >= 0:
        different = (bits[h, w] ^ alleles[w]) & known[w] & mask
        if different:
            return WORD * w + highest_set_bit(different)
        mask = ~np.uint64(0)
        w -= 1
    return -1


@njit(cache=True)
def mismatch_after(bits, h, alleles, known, t, n_sites):
    """The first site after `t` where haplotype `h` of bits has another allele than the query, `n_sites`: none."""
    w = (t + 1) // WORD
    if w == bits.shape[1]:
        return n_sites
    mask = ~np.uint64(0) << np.uint64(t + 1 - WORD * w)
    while w < bits.shape[1]:
        different = (bits[h, w] ^ alleles[w]) & known[w] & mask
        if different:
            return WORD * w + lowest_set_bit(different)
        mask = ~np.uint64(0)
        w += 1
    return n_sites


@njit(cache=True)
def move_to(around, place, bits, h, alleles, known, t, n_sites, has_been_next):
    """Make around[place] the last mismatch at or before site `t`, the one before it, the first after `t`, and the next.

    around [C, 4]; h: the haplotype in bits [H, W]; `has_been_next`: around[place] is that of site t + 1, which is a
    mismatch: it alone is passed.
    """
    if has_been_next:
        around[place, 3] = around[place, 2]
        around[place, 2] = around[place, 0]
        before = np.int64(around[place, 1])
        around[place, 0] = before
        around[place, 1] = mismatch_before(bits, h, alleles, known, before) if before >= 0 else -1
    else:
        last = mismatch_before(bits, h, alleles, known, t + 1)
        first = mismatch_after(bits, h, alleles, known, t, n_sites)
        around[place, 0] = last
        around[place, 1] = mismatch_before(bits, h, alleles, known, last) if last >= 0 else -1
        around[place, 2] = first
        around[place, 3] = mismatch_after(bits, h, alleles, known, first, n_sites) if first < n_sites else n_sites
