"""The inner loops of imputing with copy_rag: coordinates of keys, attention of a piece, logits, genotypes."""

import numpy as np
from numba import njit

from ragimpute.models.copy_rag.attention_kernels import add_product, exponentiate, from_half
from ragimpute.models.copy_rag.coordinates import STEP
from ragimpute.models.copy_rag.site_tables import WORD
from ragimpute.retrieval import fast_math
from ragimpute.retrieval.bits import lowest_set_bit

LEAST_LOG = np.float32(-40.0)  # of a weight: their ratios stay within float32


@njit(fastmath=True, cache=True, inline="always")
def bounded_tanh(x):
    return np.float32(1.0) - np.float32(2.0) / (
        fast_math.exp(np.float32(2.0) * min(x, np.float32(20.0))) + np.float32(1.0)
    )


@njit(fastmath=True, cache=True, inline="always")
def fill_coordinates(halves, weight1, bias1, weight2, bias2, features, columns, y):
    """Fill y [n, R, K], the coordinates of the keys of n typed sites, from their features `halves` [n, K, F].

    The rest is scratch for one typed site: features [K, F], columns [F, K]. The hidden layer is never stored.
    """
    k, n_features = features.shape
    for t in range(len(y)):
        from_half(halves[t].reshape(-1), features.reshape(-1))
        for i in range(k):
            for f in range(n_features):
                columns[f, i] = features[i, f]
        for r in range(0, len(bias2), STEP):
            _fill_four(weight1, bias1, weight2[r : r + STEP], bias2[r : r + STEP], columns, y[t, r : r + STEP])


@njit(fastmath=True, cache=True, inline="always")
def _fill_four(weight1, bias1, weight2, bias2, columns, y):
    """Set y [4, K] to bias2 [4] + weight2 [4, J] @ relu(bias1 [J] + weight1 [J, 7] @ columns [7, K])."""
    y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
    c0, c1, c2, c3, c4, c5, c6 = columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6]
    y0[:] = bias2[0]
    y1[:] = bias2[1]
    y2[:] = bias2[2]
    y3[:] = bias2[3]
    zero = np.float32(0.0)
    for j in range(0, len(bias1), 2):
        a0, a1, a2, a3, a4, a5, a6 = (
            weight1[j, 0], weight1[j, 1], weight1[j, 2], weight1[j, 3], weight1[j, 4], weight1[j, 5], weight1[j, 6]
        )  # fmt: skip
        b0, b1, b2, b3, b4, b5, b6 = (
            weight1[j + 1, 0], weight1[j + 1, 1], weight1[j + 1, 2], weight1[j + 1, 3], weight1[j + 1, 4],
            weight1[j + 1, 5], weight1[j + 1, 6],
        )  # fmt: skip
        for i in range(len(y0)):
            first = (bias1[j] + a0 * c0[i] + a1 * c1[i]) + (a2 * c2[i] + a3 * c3[i]) + (a4 * c4[i] + a5 * c5[i])
            second = (bias1[j + 1] + b0 * c0[i] + b1 * c1[i]) + (b2 * c2[i] + b3 * c3[i]) + (b4 * c4[i] + b5 * c5[i])
            first = max(first + a6 * c6[i], zero)
            second = max(second + b6 * c6[i], zero)
            y0[i] += weight2[0, j] * first + weight2[0, j + 1] * second
            y1[i] += weight2[1, j] * first + weight2[1, j + 1] * second
            y2[i] += weight2[2, j] * first + weight2[2, j + 1] * second
            y3[i] += weight2[3, j] * first + weight2[3, j + 1] * second


@njit(fastmath=True, cache=True, inline="always")
def add_scores(query, y, weight):
    """weight [K] += query . y of each key, coordinates y [R, K]; query[0] is 1."""
    for i in range(len(weight)):
        weight[i] += (y[0, i] + query[1] * y[1, i]) + (query[2] * y[2, i] + query[3] * y[3, i])
    for r in range(STEP, len(query), STEP):
        for i in range(len(weight)):
            first = query[r] * y[r, i] + query[r + 1] * y[r + 1, i]
            weight[i] += first + (query[r + 2] * y[r + 2, i] + query[r + 3] * y[r + 3, i])


@njit(fastmath=True, cache=True, inline="always")
def weigh_group(query, side, left, right, weight, mean):
    """Set weight [2K] to exp(score - top) for the keys `left` and `right` [R, K] and mean [R] to their weighted mean.

    Returns top, and the sums of the weights of left and of right keys.
    """
    k, zero = left.shape[1], np.float32(0.0)
    near, far = weight[:k], weight[k:]
    near[:] = side[0]
    far[:] = side[1]
    add_scores(query, left, near)
    add_scores(query, right, far)
    top = exponentiate(weight)
    of_left, of_right = zero, zero
    for i in range(k):
        of_left += near[i]
        of_right += far[i]
    inverse = np.float32(1.0) / (of_left + of_right)
    for r in range(0, len(mean), STEP):
        m0, m1, m2, m3 = zero, zero, zero, zero
        for i in range(k):  # four at a time, as each weight is then read once
            w, v = near[i], far[i]
            m0 += w * left[r, i] + v * right[r, i]
            m1 += w * left[r + 1, i] + v * right[r + 1, i]
            m2 += w * left[r + 2, i] + v * right[r + 2, i]
            m3 += w * left[r + 3, i] + v * right[r + 3, i]
        mean[r] = m0 * inverse
        mean[r + 1] = m1 * inverse
        mean[r + 2] = m2 * inverse
        mean[r + 3] = m3 * inverse
    return top, of_left, of_right


@njit(fastmath=True, cache=True, inline="always")
def fill_carried(carriers, left, right, bits, weight, group, share, at, carried):
    """Set carried[at ..] to the weights of the keys whose haplotypes carry the alleles of N sites, 0 where none does.

    carriers [W, H] uint32: the words of the sites; left, right [K]: the haplotypes; weight [G, 2K]; group [N]: the row
    of `weight` of each site; share [2, ..]: what multiplies a site's left and right weights; bits [2K]: scratch. Sites
    without any carrier among the haplotypes, which are most sites, are passed over.
    """
    k, zero = len(left), np.float32(0.0)
    carried[at : at + len(group)] = zero
    for w in range(len(carriers)):
        row = carriers[w]
        some = np.uint32(0)
        for i in range(k):
            bits[i] = row[np.uint64(left[i])]
            bits[k + i] = row[np.uint64(right[i])]
        for i in range(len(bits)):
            some |= bits[i]
        while some:
            bit = lowest_set_bit(some)
            some &= some - np.uint32(1)
            mask = np.uint32(1) << np.uint32(bit)
            site = WORD * w + bit
            here = weight[group[site]]
            of_left, of_right = zero, zero
            for i in range(k):
                of_left += here[i] if bits[i] & mask else zero
                of_right += here[k + i] if bits[k + i] & mask else zero
            carried[at + site] = share[0, at + site] * of_left + share[1, at + site] * of_right


@njit(fastmath=True, cache=True, inline="always")
def fill_logits(unseen, calibration, carried, others, top, logit):
    """Logits [N] of the minor allele from the weights of carriers and others, relative to exp(top).

    unseen [2, N]: log weights of carriers and of others that are not among the neighbours; calibration [2, N]: scale
    and bias.
    """
    for i in range(len(logit)):
        level = max(max(unseen[0, i], unseen[1, i]), top[i])
        seen = fast_math.exp(max(top[i] - level, LEAST_LOG))
        for_minor = fast_math.exp(max(unseen[0, i] - level, LEAST_LOG)) + carried[i] * seen
        for_major = fast_math.exp(max(unseen[1, i] - level, LEAST_LOG)) + others[i] * seen
        logit[i] = calibration[0, i] * fast_math.log(for_minor / for_major) + calibration[1, i]


@njit(fastmath=True, cache=True, inline="always")
def fill_genotypes(logit, context, fixed, folded, pair_weight, last_weight, last_bias, sharpness, hidden, p):
    """Fill p [4, N] with the probabilities of a sample's minor alleles (0, 0), (0, 1), (1, 0), (1, 1)."""
    n = logit.shape[1]
    for i in range(n):
        first, second = bounded_tanh(logit[0, i] / np.float32(4.0)), bounded_tanh(logit[1, i] / np.float32(4.0))
        p[0, i], p[1, i] = first + second, first * second
    for j in range(len(hidden)):
        for i in range(n):
            hidden[j, i] = fixed[j, i] + pair_weight[j, 0] * p[0, i] + pair_weight[j, 1] * p[1, i]
    add_product(folded, context, hidden)
    for a in range(3):
        p[a] = last_bias[a]
    for j in range(len(hidden)):
        for i in range(n):
            value = max(hidden[j, i], np.float32(0.0))
            p[0, i] += last_weight[0, j] * value
            p[1, i] += last_weight[1, j] * value
            p[2, i] += last_weight[2, j] * value
    for i in range(n):
        z1 = (p[1, i] + logit[1, i] - p[0, i]) * sharpness
        z2 = (p[1, i] + logit[0, i] - p[0, i]) * sharpness
        z3 = (p[2, i] + logit[0, i] + logit[1, i] - p[0, i]) * sharpness
        high = max(max(np.float32(0.0), z1), max(z2, z3))
        p0 = fast_math.exp(-high)
        p1 = fast_math.exp(z1 - high)
        p2 = fast_math.exp(z2 - high)
        p3 = fast_math.exp(z3 - high)
        inverse = np.float32(1.0) / (p0 + p1 + p2 + p3)
        p[0, i] = p0 * inverse
        p[1, i] = p1 * inverse
        p[2, i] = p2 * inverse
        p[3, i] = p3 * inverse
