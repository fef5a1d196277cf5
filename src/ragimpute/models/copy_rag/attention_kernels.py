"""The inner loops of copy_rag on the CPU, in numba: keys of typed sites, attention of a site or a BLOCK. No torch.

attention.py and keys.py train with them, inference.py imputes with them.
"""

import numpy as np
from numba import njit

from ragimpute.retrieval import fast_math

EMPTY = -1e4  # log-sum-exp of no score at all
UNROLLED = 8  # the depth D must be a multiple of it
AT_A_TIME = 8  # typed sites whose keys are computed together, in rows long enough for vector instructions
BLOCK = 4  # sites between the same two typed sites that are computed together, which reads each key once for all


@njit(fastmath=True, cache=True, inline="always")
def add_product(a, b, out):
    """out [R, N] += a [R, C] @ b [C, N], R a multiple of 4; in tiles of 4 x 4, which read each row once for four."""
    inner, n = b.shape
    for r in range(0, len(a), 4):
        o0 = out[r]
        o1 = out[r + 1]
        o2 = out[r + 2]
        o3 = out[r + 3]
        c = 0
        while c + 4 <= inner:
            a00 = a[r, c]
            a01 = a[r, c + 1]
            a02 = a[r, c + 2]
            a03 = a[r, c + 3]
            a10 = a[r + 1, c]
            a11 = a[r + 1, c + 1]
            a12 = a[r + 1, c + 2]
            a13 = a[r + 1, c + 3]
            a20 = a[r + 2, c]
            a21 = a[r + 2, c + 1]
            a22 = a[r + 2, c + 2]
            a23 = a[r + 2, c + 3]
            a30 = a[r + 3, c]
            a31 = a[r + 3, c + 1]
            a32 = a[r + 3, c + 2]
            a33 = a[r + 3, c + 3]
            for i in range(n):
                b0 = b[c, i]
                b1 = b[c + 1, i]
                b2 = b[c + 2, i]
                b3 = b[c + 3, i]
                o0[i] += (a00 * b0 + a01 * b1) + (a02 * b2 + a03 * b3)
                o1[i] += (a10 * b0 + a11 * b1) + (a12 * b2 + a13 * b3)
                o2[i] += (a20 * b0 + a21 * b1) + (a22 * b2 + a23 * b3)
                o3[i] += (a30 * b0 + a31 * b1) + (a32 * b2 + a33 * b3)
            c += 4
        for rest in range(c, inner):
            a0 = a[r, rest]
            a1 = a[r + 1, rest]
            a2 = a[r + 2, rest]
            a3 = a[r + 3, rest]
            for i in range(n):
                o0[i] += a0 * b[rest, i]
                o1[i] += a1 * b[rest, i]
                o2[i] += a2 * b[rest, i]
                o3[i] += a3 * b[rest, i]


@njit(fastmath=True, cache=True, inline="always")
def add_outer_product(a, b, out):
    """out [R, C] += a [R, N] @ b [C, N] transposed; R a multiple of 4."""
    zero, n = np.float32(0.0), a.shape[1]
    for r in range(0, len(a), 4):
        a0 = a[r]
        a1 = a[r + 1]
        a2 = a[r + 2]
        a3 = a[r + 3]
        c = 0
        while c + 2 <= len(b):
            x, y = b[c], b[c + 1]
            x0 = zero
            x1 = zero
            x2 = zero
            x3 = zero
            y0 = zero
            y1 = zero
            y2 = zero
            y3 = zero
            for i in range(n):
                x0 += a0[i] * x[i]
                x1 += a1[i] * x[i]
                x2 += a2[i] * x[i]
                x3 += a3[i] * x[i]
                y0 += a0[i] * y[i]
                y1 += a1[i] * y[i]
                y2 += a2[i] * y[i]
                y3 += a3[i] * y[i]
            out[r, c] += x0
            out[r + 1, c] += x1
            out[r + 2, c] += x2
            out[r + 3, c] += x3
            out[r, c + 1] += y0
            out[r + 1, c + 1] += y1
            out[r + 2, c + 1] += y2
            out[r + 3, c + 1] += y3
            c += 2
        for rest in range(c, len(b)):
            x = b[rest]
            x0, x1, x2, x3 = zero, zero, zero, zero
            for i in range(n):
                x0 += a0[i] * x[i]
                x1 += a1[i] * x[i]
                x2 += a2[i] * x[i]
                x3 += a3[i] * x[i]
            out[r, rest] += x0
            out[r + 1, rest] += x1
            out[r + 2, rest] += x2
            out[r + 3, rest] += x3


@njit(fastmath=True, cache=True, inline="always")
def gather_rows(key, neighbours, a, b, both, carriers):
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
def exponentiate(row):
    """Replace scores `row` [N] by exp(score - top); return top, the largest."""
    top = np.float32(-1e30)
    for i in range(len(row)):
        top = max(top, row[i])
    for i in range(len(row)):
        row[i] = fast_math.exp(row[i] - top)
    return top


@njit(fastmath=True, cache=True, inline="always")
def weigh(query, side, both, weight):
    """Set weight [2K] to exp(score - top) for the keys `both` [D, 2K]; return top."""
    depth, n = both.shape
    for i in range(n):
        weight[i] = side[0] if 2 * i < n else side[1]
    for d in range(0, depth, UNROLLED):  # several products at a time: three times as fast as one by one
        q0 = query[d]
        q1 = query[d + 1]
        q2 = query[d + 2]
        q3 = query[d + 3]
        q4 = query[d + 4]
        q5 = query[d + 5]
        q6 = query[d + 6]
        q7 = query[d + 7]
        for i in range(n):
            p01 = q0 * both[d, i] + q1 * both[d + 1, i]
            p23 = q2 * both[d + 2, i] + q3 * both[d + 3, i]
            p45 = q4 * both[d + 4, i] + q5 * both[d + 5, i]
            p67 = q6 * both[d + 6, i] + q7 * both[d + 7, i]
            weight[i] += (p01 + p23) + (p45 + p67)
    return exponentiate(weight)


@njit(fastmath=True, cache=True, inline="always")
def mean_block(weight, both, inverse, context):
    """Set context [D, BLOCK] to the mean of the keys `both` [D, 2K] by weight [BLOCK, 2K], whose sum is 1 / inverse."""
    depth, n = both.shape
    w0 = weight[0]
    w1 = weight[1]
    w2 = weight[2]
    w3 = weight[3]
    zero = np.float32(0.0)
    for d in range(0, depth, 2):
        a0, b0, c0, e0 = zero, zero, zero, zero
        a1, b1, c1, e1 = zero, zero, zero, zero
        for i in range(n):
            k0 = both[d, i]
            k1 = both[d + 1, i]
            a0 += w0[i] * k0
            b0 += w1[i] * k0
            c0 += w2[i] * k0
            e0 += w3[i] * k0
            a1 += w0[i] * k1
            b1 += w1[i] * k1
            c1 += w2[i] * k1
            e1 += w3[i] * k1
        row = context[d]
        row[0] = a0 * inverse[0]
        row[1] = b0 * inverse[1]
        row[2] = c0 * inverse[2]
        row[3] = e0 * inverse[3]
        row = context[d + 1]
        row[0] = a1 * inverse[0]
        row[1] = b1 * inverse[1]
        row[2] = c1 * inverse[2]
        row[3] = e1 * inverse[3]


@njit(fastmath=True, cache=True, inline="always")
def attend(weight, top, both, carriers, alleles, carries, context):
    """Log-sum-exps of carriers and others, EMPTY when there are none; `context` [D] becomes the weighted mean key.

    weight [2K]: exp(score - top); carriers [2K]: the keys' haplotypes; alleles [H]: 1 for carriers; carries: scratch.
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
        v0 = np.float32(0.0)
        v1 = np.float32(0.0)
        v2 = np.float32(0.0)
        v3 = np.float32(0.0)
        for i in range(n):
            v0 += weight[i] * both[d, i]
            v1 += weight[i] * both[d + 1, i]
            v2 += weight[i] * both[d + 2, i]
            v3 += weight[i] * both[d + 3, i]
        context[d] = v0 * inverse
        context[d + 1] = v1 * inverse
        context[d + 2] = v2 * inverse
        context[d + 3] = v3 * inverse
    log_carried = top + np.log(carried) if carried > 0 else np.float32(EMPTY)
    log_others = top + np.log(others) if others > 0 else np.float32(EMPTY)
    return log_carried, log_others


@njit(fastmath=True, cache=True, inline="always")
def fill_hidden(features, weight, bias, columns, hidden):
    """Fill columns [F, N] with the features [N, F] of retrieved haplotypes, and hidden [J, N]; J a multiple of 4."""
    n, n_features = features.shape
    for i in range(n):
        for f in range(n_features):
            columns[f, i] = features[i, f]
    for j in range(len(bias)):
        hidden[j] = bias[j]
    add_product(weight, columns, hidden)
    for j in range(len(bias)):
        for i in range(n):
            hidden[j, i] = max(hidden[j, i], np.float32(0.0))


@njit(fastmath=True, cache=True, inline="always")
def fill_keys(features, weight1, bias1, weight2, bias2, columns, hidden, wide, keys):
    """Fill keys [T, D, K] of some typed sites from features [T * K, F]; columns, hidden, wide [.., T * K]: scratch."""
    fill_hidden(features, weight1, bias1, columns, hidden)
    for d in range(len(bias2)):
        wide[d] = bias2[d]
    add_product(weight2, hidden, wide)
    k = keys.shape[2]
    for t in range(len(keys)):
        for d in range(len(bias2)):
            for i in range(k):
                keys[t, d, i] = wide[d, t * k + i]


@njit(cache=True, inline="always")
def from_half(halves, values):
    """The float16 whose bits are `halves` [N] uint16 as float32; denormals, which are nearly zero, may be lost."""
    for i in range(len(halves)):
        half = np.int32(halves[i])
        magnitude = np.int32((half & np.int32(0x7FFF)) << np.int32(13)).view(np.float32) * np.float32(2.0**112)
        values[i] = -magnitude if half & np.int32(0x8000) else magnitude
