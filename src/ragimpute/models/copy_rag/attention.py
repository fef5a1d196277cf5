"""Attention of untyped sites over retrieved haplotypes, split into carriers of the minor allele and others.

For haplotype n and site l with flanking typed sites left[l] and right[l], the 2K keys are the neighbours retrieved at
both. Scores are s = query . key + side; the results are the log-sum-exps of the carriers' scores and of the
others', and the softmax-weighted mean of the keys.

On the CPU a fused numba kernel with a hand-written gradient does it: nothing of size N x L x 2K is ever stored, which
is six times as fast as elementwise tensor operations. Elsewhere, plain torch; the tests hold the two together.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ragimpute.models.copy_rag.attention_kernels import EMPTY, UNROLLED, attend, gather_rows, weigh
from ragimpute.parallel import in_threads


def copy_attention(
    query: Tensor,
    side: Tensor,
    key: Tensor,
    left: Tensor,
    right: Tensor,
    neighbours: Tensor,
    minor: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Attend. All floating-point tensors are float32.

    query [N, L, D]; side [N, L, 2]: added to the scores of left and right keys; both may have one row for all
    haplotypes, [1, L, ..]; key [N, T, D, K];
    left, right [L] int64 in [0, T); neighbours [N, T, K] int16 or int32 in [0, H); minor [L, H] uint8:
    carriers at each site.
    D must be a multiple of 8.
    Returns log_carried [N, L] and log_others [N, L] (EMPTY when there are none) and context [N, L, D].
    """
    if query.shape[-1] % UNROLLED:
        raise ValueError(f"depth {query.shape[-1]} is not a multiple of {UNROLLED}")
    if torch.is_grad_enabled():  # gradients of a shared row would be summed by several threads at once
        query, side = query.expand(len(key), -1, -1), side.expand(len(key), -1, -1)
    if query.device.type == "cpu":
        return _CopyAttention.apply(query, side, key, left, right, neighbours, minor)
    return copy_attention_torch(query, side, key, left, right, neighbours, minor)


def copy_attention_torch(query, side, key, left, right, neighbours, minor):
    """The same in plain torch: the definition, and what a GPU runs."""
    rows = torch.arange(len(left), device=query.device)[:, None]
    scores, keys, carriers = [], [], []
    for flank, typed in enumerate((left, right)):
        key_at_flank = key[:, typed]  # [N, L, D, K]
        dot = torch.einsum("nld,nldk->nlk", query, key_at_flank)  # [N, L, K]
        haplotypes = neighbours[:, typed].long()  # [N, L, K]
        keys.append(key_at_flank)
        scores.append(dot + side[..., flank, None])
        carriers.append(minor[rows, haplotypes].bool())
    score, carrier = torch.cat(scores, -1), torch.cat(carriers, -1)  # [N, L, 2K]
    floor = torch.full_like(score[..., :1], EMPTY)  # keeps the log-sum-exp of no score, and its gradient, finite
    of_carriers = torch.cat([score.masked_fill(~carrier, -torch.inf), floor], -1)
    of_others = torch.cat([score.masked_fill(carrier, -torch.inf), floor], -1)
    log_carried = torch.logsumexp(of_carriers, -1)
    log_others = torch.logsumexp(of_others, -1)
    context = torch.einsum("nlk,nldk->nld", score.softmax(-1), torch.cat(keys, -1))
    return log_carried, log_others, context


@njit(fastmath=True, cache=True, nogil=True)
def _forward(block, n_blocks, query, side, key, left, right, neighbours, minor, log_carried, log_others, context):
    n_hap, length, depth = context.shape
    n = 2 * key.shape[3]
    for hap in range(block, n_hap, n_blocks):
        own = min(np.int64(hap), len(query) - 1)
        weight = np.empty(n, np.float32)
        carries = np.empty(n, np.float32)
        both = np.empty((depth, n), np.float32)
        carriers = np.empty(n, np.int64)
        for site in range(length):
            if site == 0 or left[site] != left[site - 1] or right[site] != right[site - 1]:
                gather_rows(key[hap], neighbours[hap], left[site], right[site], both, carriers)
            top = weigh(query[own, site], side[own, site], both, weight)
            log_carried[hap, site], log_others[hap, site] = attend(
                weight, top, both, carriers, minor[site], carries, context[hap, site]
            )


@njit(fastmath=True, cache=True, nogil=True)
def _backward(
    block, n_blocks, query, side, key, left, right, neighbours, minor, log_carried, log_others, context,
    g_carried, g_others, g_context, d_query, d_side, d_key,
):  # fmt: skip
    n_hap, length, depth = query.shape
    k = key.shape[3]
    for n in range(block, n_hap, n_blocks):
        weight = np.empty(2 * k, np.float32)
        grad = np.empty(2 * k, np.float32)
        both = np.empty((depth, 2 * k), np.float32)
        carriers = np.empty(2 * k, np.int64)
        for site in range(length):
            a, b = left[site], right[site]
            if site == 0 or a != left[site - 1] or b != right[site - 1]:
                gather_rows(key[n], neighbours[n], a, b, both, carriers)
            top = weigh(query[n, site], side[n, site], both, weight)
            carried = np.exp(log_carried[n, site] - top)
            others = np.exp(log_others[n, site] - top)
            total = carried + others
            to_carried = g_carried[n, site] / carried if carried > 0 else np.float32(0.0)
            to_others = g_others[n, site] / others if others > 0 else np.float32(0.0)
            mean = np.float32(0.0)
            for d in range(depth):
                mean += g_context[n, site, d] * context[n, site, d]
            alleles = minor[site]
            for flank in range(2):
                typed = a if flank == 0 else b
                part = slice(flank * k, flank * k + k)
                w, g = weight[part], grad[part]
                for i in range(k):
                    g[i] = -mean
                for d in range(depth):
                    upstream, row = g_context[n, site, d], key[n, typed, d]
                    for i in range(k):
                        g[i] += upstream * row[i]
                inverse = np.float32(1.0) / total
                for i in range(k):
                    own = to_carried if alleles[carriers[flank * k + i]] else to_others
                    w[i], g[i] = w[i] * inverse, w[i] * (own + g[i] * inverse)
                summed = np.float32(0.0)
                for i in range(k):
                    summed += g[i]
                d_side[n, site, flank] = summed
                for d in range(depth):
                    q, upstream = query[n, site, d], g_context[n, site, d]
                    row, d_row = key[n, typed, d], d_key[n, typed, d]
                    value = np.float32(0.0)
                    for i in range(k):
                        value += g[i] * row[i]
                        d_row[i] += g[i] * q + w[i] * upstream
                    d_query[n, site, d] += value


class _CopyAttention(torch.autograd.Function):
    """The fused CPU kernel; threads follow torch.get_num_threads()."""

    @staticmethod
    def forward(ctx, query, side, key, left, right, neighbours, minor):
        inputs = [x.detach().contiguous() for x in (query, side, key, left, right, neighbours, minor)]
        shape = (len(key), query.shape[1])
        outputs = [query.new_empty(shape), query.new_empty(shape), query.new_empty(*shape, query.shape[2])]
        in_threads(_forward, torch.get_num_threads(), *(x.numpy() for x in inputs + outputs))
        ctx.save_for_backward(*inputs, *outputs)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *upstream):
        saved = ctx.saved_tensors
        grads = [torch.zeros_like(x) for x in saved[:3]]
        gradients = [g.contiguous() for g in upstream]
        arrays = (x.detach().numpy() for x in (*saved, *gradients, *grads))
        in_threads(_backward, torch.get_num_threads(), *arrays)
        return (*grads, None, None, None, None)
