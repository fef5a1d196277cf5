"""The k largest of many numbers, for compiled loops, and the lots that decide between equal ones."""

import numpy as np
from numba import njit

from ragimpute.retrieval.bits import highest_set_bit

FEW = 32  # values that a few vector instructions compare


@njit(cache=True, inline="always")
def query_lot(query):
    """A number (uint32) drawn from the alleles of `query` [T] int8 alone: FNV-1a (Fowler, Noll and Vo, RFC 9923).

    With `site_lot` it decides between haplotypes that match alike. It does not depend on the query's place in the file,
    so that results depend neither on the batch nor on the thread.
    """
    lot = np.uint32(2166136261)
    for allele in query:
        lot = np.uint32((lot ^ np.uint32(np.uint8(allele))) * np.uint32(16777619))
    return lot


@njit(cache=True, inline="always")
def site_lot(lot, site):
    """The lot (uint32) of the site with index `site` for a query with `lot`: MurmurHash3's finaliser (Appleby 2011)."""
    mixed = np.uint32(lot ^ np.uint32(np.uint32(site) * np.uint32(0x9E3779B9)))
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(mixed ^ (mixed >> np.uint32(16)))


@njit(cache=True, inline="always")
def _bisect_few(values, k, bound, shift, few):
    """The bound of `select_best`: of the k largest values, of at most FEW, that lie within 2^(shift + 1) of `bound`.

    few [FEW + 1] uint32: scratch.
    """
    few[:] = np.uint32(0)  # these are never counted, as each trial is larger
    span = np.uint32(1) << np.uint32(shift + 1)
    n = np.int64(0)
    for value in values:
        few[n] = value
        n += np.uint32(value - bound) < span  # unsigned: false below the bound, too
    few[n] = np.uint32(0)
    for bit in range(shift, -1, -1):
        trial = bound | np.uint32(1 << bit)
        count = np.uint32(0)
        for c in range(FEW):
            count += np.uint32(few[c] >= trial)
        if count >= k:
            bound = trial
        if count == k:
            break
    return bound


@njit(cache=True, inline="always")
def select_best(bits, k, floor, candidates, values, few, chosen, lot):
    """Write to `chosen` [k] the indices of the k largest of `bits` [H], ascending; ties are broken by `lot`.

    bits: uint32 below 2^31, such as non-negative float32 viewed as uint32, whose order is the same; floor: a guess that
    the k-th value exceeds (any value is right, a good one is fast); lot: uint32; candidates, values [H] and few
    [FEW + 1]: scratch. Of
    the m indices that tie for the last places, those from number `lot` modulo m on are taken, in a circle: with lot 0
    the smallest. Returns a bound, no larger than the k-th value and larger than the next one unless they tie. Bisection
    on the value needs a few vectorised counts over the candidates, a tenth of the cost of a sort.
    """
    n = 0
    for h in range(len(bits)):
        candidates[n] = h
        n += bits[h] > floor
    if n < k:
        n, floor = len(bits), np.uint32(0)
        for h in range(n):
            candidates[h] = h
    most = np.uint32(0)
    for c in range(n):
        values[c] = bits[candidates[c]]
        most = max(most, values[c])
    # all values lie from floor to most: the bits that these have in common are those of the bound
    highest = highest_set_bit(most ^ floor) if most != floor else np.int64(-1)
    bound = np.uint32(np.uint64(most) >> np.uint64(highest + 1) << np.uint64(highest + 1))
    at_least, above = (
        np.int64(n),
        np.int64(0),
    )  # how many are no less than `bound`, and how many exceed all that the bound may become
    for shift in range(highest, -1, -1):
        if at_least - above <= FEW:
            bound = _bisect_few(values[:n], k - above, bound, shift, few)
            break
        trial = bound | np.uint32(1 << shift)
        count = np.uint32(0)
        for c in range(n):
            count += np.uint32(values[c] >= trial)
        if count >= k:
            bound, at_least = trial, np.int64(count)
        else:
            above = np.int64(count)
        if count == k:
            break
    free, tied = k, 0  # places that are left to those equal to the bound, and how many these are
    for c in range(n):
        free -= values[c] > bound
        tied += values[c] == bound
    taken = 0
    if free == tied:
        for c in range(n):  # both places are written, and one counter moves on: no branch that could only be guessed
            candidates[taken] = candidates[c]
            taken += values[c] >= bound
    else:
        first, number = np.int64(lot) % tied, 0
        over = first + free - tied  # how many are taken from the start of the circle
        for c in range(n):
            equal = values[c] == bound
            is_drawn = (number >= first and number < first + free) or number < over
            candidates[taken] = candidates[c]
            taken += values[c] > bound or (equal and is_drawn)
            number += equal
    for i in range(k):
        chosen[i] = candidates[i]
    return bound
