"""The inner loops of imputing with copy_rag: attention of a block, logits of haplotypes, genotypes of a sample."""

import numpy as np
from numba import njit

from ragimpute.models.copy_rag.attention_kernels import BLOCK, add_product, exponentiate, mean_block
from ragimpute.retrieval import fast_math


@njit(fastmath=True, cache=True, inline="always")
def log_add(log_weight, share, top):
    """log(exp(log_weight) + share * exp(top)), share >= 0."""
    most = max(log_weight, top)
    return most + fast_math.log(fast_math.exp(log_weight - most) + share * fast_math.exp(top - most))


@njit(fastmath=True, cache=True, inline="always")
def bounded_tanh(x):
    return np.float32(1.0) - np.float32(2.0) / (
        fast_math.exp(np.float32(2.0) * min(x, np.float32(20.0))) + np.float32(1.0)
    )


@njit(fastmath=True, cache=True, inline="always")
def attend_block(query, side, both, bits, weight, inverse, carried, others, top, context):
    """Weights of carriers and of others, relative to exp(top), and mean keys, at the sites of one block."""
    for r in range(BLOCK):
        for i in range(len(bits)):
            weight[r, i] = side[r, 0] if 2 * i < len(bits) else side[r, 1]
    add_product(query, both, weight)
    for r in range(BLOCK):
        row = weight[r]
        top[r] = exponentiate(row)
        total, carrying = np.float32(0.0), np.float32(0.0)
        for i in range(len(row)):
            total += row[i]
            carrying += row[i] * np.float32(np.int32(bits[i] >> np.int32(r)) & np.int32(1))
        inverse[r] = np.float32(1.0) / total
        carried[r], others[r] = carrying, max(total - carrying, np.float32(0.0))
    mean_block(weight, both, inverse, context)


@njit(fastmath=True, cache=True, inline="always")
def fill_logits(unseen, calibration, carried, others, top, logit):
    """Logits [N] of the minor allele from the weights of carriers and others, relative to exp(top)."""
    for i in range(len(logit)):
        evidence = log_add(unseen[0, i], carried[i], top[i]) - log_add(unseen[1, i], others[i], top[i])
        logit[i] = fast_math.exp(calibration[0, i]) * evidence + calibration[1, i]


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
