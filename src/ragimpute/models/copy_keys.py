"""The keys of copy_rag: a two-layer perceptron on the features of each retrieved haplotype.

On the CPU a fused numba kernel with a hand-written gradient does it, in the layout that the attention reads; the
hidden layer of all neighbours is never stored. Elsewhere, plain torch; the tests hold the two together.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from ragimpute.models.copy_kernels import fill_hidden, fill_keys
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
    for n in range(block, n_hap, n_blocks):
        columns, hidden = np.empty((n_features, k), np.float32), np.empty((len(bias1), k), np.float32)
        wide = np.empty((len(bias2), k), np.float32)
        for t in range(n_typed):
            fill_keys(features[n, t], weight1, bias1, weight2, bias2, columns, hidden, wide, keys[n, t : t + 1])


@njit(fastmath=True, cache=True, nogil=True)
def _backward(block, n_blocks, features, weight1, bias1, weight2, upstream, d_weight1, d_bias1, d_weight2, d_bias2):
    n_hap, n_typed, k, n_features = features.shape
    for n in range(
        block, n_hap, n_blocks
    ):  # one row of gradients for each haplotype: the sum does not depend on the threads
        columns, hidden = np.empty((n_features, k), np.float32), np.empty((len(bias1), k), np.float32)
        back = np.empty(k, np.float32)
        for t in range(n_typed):
            fill_hidden(features[n, t], weight1, bias1, columns, hidden)
            g = upstream[n, t]
            for d in range(len(g)):
                for i in range(k):
                    d_bias2[n, d] += g[d, i]
            for j in range(len(bias1)):
                back[:] = np.float32(0.0)
                for d in range(len(g)):
                    w, total = weight2[d, j], np.float32(0.0)
                    for i in range(k):
                        total += g[d, i] * hidden[j, i]
                        back[i] += w * g[d, i]
                    d_weight2[n, d, j] += total
                for i in range(k):
                    back[i] = back[i] if hidden[j, i] > 0 else np.float32(0.0)
                    d_bias1[n, j] += back[i]
                for f in range(n_features):
                    total = np.float32(0.0)
                    for i in range(k):
                        total += back[i] * columns[f, i]
                    d_weight1[n, j, f] += total


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
