"""The keys of copy_rag: a two-layer perceptron on the features of each retrieved haplotype.

On the CPU a fused numba kernel with a hand-written gradient does it, in the layout that the attention reads; the
hidden layer of all neighbours is never stored. Elsewhere, plain torch; the tests hold the two together.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from ragimpute.models.copy_rag.attention_kernels import (
    AT_A_TIME,
    add_outer_product,
    add_product,
    fill_hidden,
    fill_keys,
)
from ragimpute.parallel import in_threads


def copy_keys(features: Tensor, network: nn.Sequential) -> Tensor:
    """Keys [N, T, D, K] float32 of normalised features [N, T, K, F] float32, by `network`: Linear, ReLU, Linear."""
    if features.device.type == "cpu":
        first, _, second = network
        return _CopyKeys.apply(features, first.weight, first.bias, second.weight, second.bias)
    return network(features).transpose(2, 3)


@njit(fastmath=True, cache=True, nogil=True)
def _forward(block, n_blocks, features, weight1, bias1, weight2, bias2, keys):
    n_hap, n_typed, k, n_features = features.shape
    at_once = min(n_typed, AT_A_TIME)
    n = at_once * k
    columns = np.empty((n_features, n), np.float32)
    hidden = np.empty((len(bias1), n), np.float32)
    wide = np.empty((len(bias2), n), np.float32)
    for hap in range(block, n_hap, n_blocks):
        for start in range(0, n_typed, at_once):
            start = min(start, n_typed - at_once)  # the last sites may be computed twice
            part = slice(start, start + at_once)
            rows = features[hap, part].reshape(n, n_features)
            fill_keys(rows, weight1, bias1, weight2, bias2, columns, hidden, wide, keys[hap, part])


@njit(fastmath=True, cache=True, nogil=True)
def _backward(block, n_blocks, features, weight1, bias1, weight2, upstream, d_weight1, d_bias1, d_weight2, d_bias2):
    n_hap, n_typed, k, n_features = features.shape
    at_once = min(n_typed, AT_A_TIME)
    n = at_once * k
    columns = np.empty((n_features, n), np.float32)
    hidden = np.empty((len(bias1), n), np.float32)
    back = np.empty((len(bias1), n), np.float32)
    g = np.empty((len(weight2), n), np.float32)
    transposed = np.ascontiguousarray(weight2.T)  # [J, D]
    for hap in range(block, n_hap, n_blocks):  # each has gradients of its own: their sum does not depend on the threads
        for begin in range(0, n_typed, at_once):
            start = min(begin, n_typed - at_once)
            fill_hidden(features[hap, start : start + at_once].reshape(n, n_features), weight1, bias1, columns, hidden)
            for t in range(at_once):
                counts = np.float32(1.0) if start + t >= begin else np.float32(0.0)  # those before have been counted
                for d in range(len(g)):
                    for i in range(k):
                        g[d, t * k + i] = counts * upstream[hap, start + t, d, i]
            for d in range(len(g)):
                d_bias2[hap, d] += g[d].sum()
            add_outer_product(g, hidden, d_weight2[hap])
            back[:] = np.float32(0.0)
            add_product(transposed, g, back)
            for j in range(len(bias1)):
                total = np.float32(0.0)
                for i in range(n):
                    back[j, i] = back[j, i] if hidden[j, i] > 0 else np.float32(0.0)
                    total += back[j, i]
                d_bias1[hap, j] += total
            add_outer_product(back, columns, d_weight1[hap])


class _CopyKeys(torch.autograd.Function):
    """The fused CPU kernel; threads follow torch.get_num_threads(). Features have no gradient."""

    @staticmethod
    def forward(ctx, features, weight1, bias1, weight2, bias2):
        inputs = [x.detach().contiguous() for x in (features, weight1, bias1, weight2, bias2)]
        n_hap, n_typed, k, _ = features.shape
        keys = features.new_empty(n_hap, n_typed, len(bias2), k)
        in_threads(_forward, torch.get_num_threads(), *(x.numpy() for x in (*inputs, keys)))
        ctx.save_for_backward(*inputs[:4])
        return keys

    @staticmethod
    def backward(ctx, upstream):
        features, weight1, bias1, weight2 = ctx.saved_tensors
        shapes = (weight1.shape, bias1.shape, weight2.shape, weight2.shape[:1])
        grads = [features.new_zeros(len(features), *shape) for shape in shapes]
        arrays = (features, weight1, bias1, weight2, upstream.contiguous(), *grads)
        in_threads(_backward, torch.get_num_threads(), *(x.detach().numpy() for x in arrays))
        return (None, *(grad.sum(dim=0) for grad in grads))
