"""The inner loops of copy_rag on the CPU, in numba: keys of one typed site, attention of one site. No torch.

ragimpute.models.copy_attention and copy_keys train with them, copy_rag_kernel imputes with them.
"""

import numpy as np
from numba import njit

EMPTY = -1e4  # log-sum-exp of no score at all
UNROLLED = 8  # the depth D must be a multiple of it
LOG2E = np.float32(1.4426950408889634)
# 2^f on [0, 1): Chebyshev fit, relative error below 2e-7
EXP2 = np.array([1.0, 6.931471e-1, 2.402265e-1, 5.550357e-2, 9.617037e-3, 1.339887e-3, 1.546188e-4], np.float32)


@njit(fastmath=True, cache=True, inline="always")
def gather(key, neighbours, a, b, both, carriers):
    """Put the keys [D, K] of typed sites a and b side by side into `both` [D, 2K], their haplotypes in `carriers`."""
    depth, k = key.shape[1], key.shape[2]
    for d in range(depth):
        for i in range(k):
            both[d, i] = key[a, d, i]
            both[d, k + i] = key[b, d, i]
    for i in range(k):
        carriers[i] = neighbours[a, i]
        carriers[k + i] = neighbours[b, i]


@njit(fastmath=True, cache=True, inline="always")
def weigh(query, side, both, weight, bits, scale):
    """Set weight [2K] to exp(score - top) for the keys `both` [D, 2K]; return top. `scale` views `bits`."""
    depth, n = both.shape
    for i in range(n):
        weight[i] = side[0] if 2 * i < n else side[1]
    for d in range(0, depth, UNROLLED):  # several products at a time: three times as fast as one by one
        q0, q1, q2, q3 = query[d], query[d + 1], query[d + 2], query[d + 3]
        q4, q5, q6, q7 = query[d + 4], query[d + 5], query[d + 6], query[d + 7]
        for i in range(n):
            weight[i] += ((q0 * both[d, i] + q1 * both[d + 1, i]) + (q2 * both[d + 2, i] + q3 * both[d + 3, i])) + (
                (q4 * both[d + 4, i] + q5 * both[d + 5, i]) + (q6 * both[d + 6, i] + q7 * both[d + 7, i])
            )
    top = np.float32(-1e30)
    for i in range(n):
        top = max(top, weight[i])
    for i in range(n):
        x = max((weight[i] - top) * LOG2E, np.float32(-126.0))
        whole = np.floor(x)
        f = x - whole
        bits[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        poly = EXP2[5] + f * EXP2[6]
        poly = EXP2[4] + f * poly
        poly = EXP2[3] + f * poly
        poly = EXP2[2] + f * poly
        poly = EXP2[1] + f * poly
        weight[i] = EXP2[0] + f * poly
    for i in range(n):
        weight[i] *= scale[i]
    return top


@njit(fastmath=True, cache=True, inline="always")
def attend(weight, top, both, carriers, alleles, carries, context):
    """Log-sum-exps of carriers and others, EMPTY when there are none; `context` [D] becomes the weighted mean key.

    weight [2K]: exp(score - top); carriers [2K]: the keys' haplotypes; alleles [H]: who carries; carries: scratch.
    """
    depth, n = both.shape
    for i in range(n):
        carries[i] = alleles[carriers[i]]
    carried, others = np.float32(0.0), np.float32(0.0)
    for i in range(n):
        carried += weight[i] * carries[i]
        others += weight[i] * (np.float32(1.0) - carries[i])
    inverse = np.float32(1.0) / (carried + others)
    for d in range(0, depth, UNROLLED // 2):
        v0, v1, v2, v3 = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for i in range(n):
            v0 += weight[i] * both[d, i]
            v1 += weight[i] * both[d + 1, i]
            v2 += weight[i] * both[d + 2, i]
            v3 += weight[i] * both[d + 3, i]
        context[d], context[d + 1] = v0 * inverse, v1 * inverse
        context[d + 2], context[d + 3] = v2 * inverse, v3 * inverse
    log_carried = top + np.log(carried) if carried > 0 else np.float32(EMPTY)
    log_others = top + np.log(others) if others > 0 else np.float32(EMPTY)
    return log_carried, log_others


@njit(fastmath=True, cache=True, inline="always")
def fill_hidden(features, weight, bias, columns, hidden):
    """Fill columns [F, K] with the features [K, F] of one typed site, and hidden [J, K]."""
    k, n_features = features.shape
    for i in range(k):
        for f in range(n_features):
            columns[f, i] = features[i, f]
    for j in range(len(bias)):
        row, start = hidden[j], bias[j]
        for i in range(k):
            row[i] = start
        for f in range(n_features):
            w, column = weight[j, f], columns[f]
            for i in range(k):
                row[i] += w * column[i]
        for i in range(k):
            row[i] = max(row[i], np.float32(0.0))


@njit(fastmath=True, cache=True, inline="always")
def fill_keys(features, weight1, bias1, weight2, bias2, columns, hidden, keys):
    """Fill keys [D, K] of one typed site from its features [K, F]; columns [F, K] and hidden [J, K] are scratch."""
    k = features.shape[0]
    fill_hidden(features, weight1, bias1, columns, hidden)
    for d in range(len(bias2)):
        row = keys[d]
        for i in range(k):
            row[i] = bias2[d]
        for j in range(0, len(bias1), 4):
            w0, w1, w2, w3 = weight2[d, j], weight2[d, j + 1], weight2[d, j + 2], weight2[d, j + 3]
            for i in range(k):
                row[i] += (w0 * hidden[j, i] + w1 * hidden[j + 1, i]) + (w2 * hidden[j + 2, i] + w3 * hidden[j + 3, i])


@njit(cache=True, inline="always")
def from_half(halves, values):
    """The float16 whose bits are `halves` [K, F] uint16 as float32; denormals, which are nearly zero, may be lost."""
    for i in range(halves.shape[0]):
        for f in range(halves.shape[1]):
            half = np.int32(halves[i, f])
            magnitude = np.int32((half & np.int32(0x7FFF)) << np.int32(13)).view(np.float32) * np.float32(2.0**112)
            values[i, f] = -magnitude if half & np.int32(0x8000) else magnitude
