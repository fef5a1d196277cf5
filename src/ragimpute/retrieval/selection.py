"""The k largest of many numbers, for compiled loops."""

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def select_best(bits, k, floor, candidates, values, chosen):
    """Write to `chosen` [k] the indices of the k largest of `bits` [H], ascending; ties go to the smaller index.

    bits: uint32 below 2^31, such as non-negative float32 viewed as uint32, whose order is the same; floor: a guess that
    the k-th value exceeds (any value is right, a good one is fast); candidates, values [H]: scratch. Returns a bound,
    no larger than the k-th value and larger than the next one unless they tie. Bisection on the value needs a few
    vectorised counts over the candidates, a tenth of the cost of a sort.
    """
    n = 0
    for h in range(len(bits)):
        candidates[n] = h
        n += bits[h] > floor
    if n < k:
        n = len(bits)
        for h in range(n):
            candidates[h] = h
    for c in range(n):
        values[c] = bits[candidates[c]]
    bound = np.uint32(0)
    for shift in range(30, -1, -1):
        trial = bound | np.uint32(1 << shift)
        count = np.uint32(0)
        for c in range(n):
            count += np.uint32(values[c] >= trial)
        if count >= k:
            bound = trial
        if count == k:
            break
    ties = k
    for c in range(n):
        ties -= values[c] > bound
    i = 0
    for c in range(n):
        if values[c] > bound or (values[c] == bound and ties > 0):
            ties -= values[c] == bound
            chosen[i] = candidates[c]
            i += 1
    return bound
