"""Retrieval: the K reference haplotypes that each query most plausibly copies at each typed site, with features.

For each (query, typed site) every reference haplotype is scored by its Li-Stephens posterior summed over several
recombination rates; the K best are kept, in the order of the panel. Features of a kept haplotype, float16 [.., F]:
the log posterior at each rate, and the log length in centimorgan of its match with the query to the left and to the
right, exact and with one mismatch skipped. Nothing of size T x Q x H is ever in memory.
"""

import numba
import numpy as np
from numba import njit, prange

from ragimpute.retrieval.li_stephens import ERROR, backward, forward, switch_probability

RATES = (3.0, 10.0, 40.0)  # jumps per cM; they bracket what is useful from 600 to 4,000 haplotypes (docs/methods.md)
FEATURES = (
    *(f"log_posterior_{rate:g}" for rate in RATES),
    "log_left",
    "log_right",
    "log_left_one_mismatch",
    "log_right_one_mismatch",
)
MIN_CM = 1e-3  # added to lengths before the logarithm: shorter matches are all alike
MIN_POSTERIOR = 1e-6  # likewise for posteriors
BLOCK = 64  # queries whose features are held as float32 at a time
BINS = 512  # of the selection histogram: the 8 exponent bits and the first mantissa bit of a float32


@njit(cache=True)
def select_best(score, k, bits, histogram, chosen):
    """Write to `chosen` [k] the indices of the k largest of `score` [H] (non-negative float32), ascending.

    One histogram pass over the leading bits finds the bin that holds the k-th value; only its members are ranked, ties
    going to the smaller index. A full sort costs ten times as much.
    """
    n = len(score)
    histogram[:] = 0
    for h in range(n):
        histogram[bits[h] >> 22] += 1
    remaining, edge = k, BINS - 1
    while histogram[edge] < remaining:
        remaining -= histogram[edge]
        edge -= 1
    members = np.empty(histogram[edge], np.int64)
    m = 0
    for h in range(n):
        if (bits[h] >> 22) == edge:
            members[m] = h
            m += 1
    kept = members[np.argsort(-score[members], kind="mergesort")[:remaining]]
    in_edge = np.sort(kept)
    j, i = 0, 0
    for h in range(n):
        if (bits[h] >> 22) > edge:
            chosen[i] = h
            i += 1
        elif j < remaining and in_edge[j] == h:
            chosen[i] = h
            i += 1
            j += 1


@njit(parallel=True, fastmath=True, cache=True)
def _retrieve(reference, queries, excluded, switch, error, cm, n_blocks, neighbours, features):
    n_typed, n_hap = reference.shape
    n_query, n_rates, k = queries.shape[0], switch.shape[0], neighbours.shape[2]
    for block in prange(n_blocks):
        tables = np.empty((n_rates, n_typed, n_hap), np.float32)
        states = np.empty((n_rates, n_hap), np.float32)
        product = np.empty((n_rates, n_hap), np.float32)
        score = np.empty(n_hap, np.float32)
        totals = np.empty(n_rates, np.float32)
        histogram = np.empty(BINS, np.int64)
        last_miss = np.empty((n_typed, n_hap), np.int32)  # index of the last mismatch at or before t, -1: none
        next_miss = np.empty(n_hap, np.int32)  # index of the first mismatch at or after t, T: none
        second_miss = np.empty(n_hap, np.int32)
        for q in range(block, n_query, n_blocks):
            query = queries[q]
            for r in range(n_rates):
                forward(reference, query, excluded[q], switch[r], error, tables[r])
            for t in range(n_typed):
                alleles, allele = reference[t], query[t]
                for h in range(n_hap):
                    miss = (alleles[h] != allele) & (allele >= 0)
                    last_miss[t, h] = t if miss else (last_miss[t - 1, h] if t > 0 else -1)
            next_miss[:] = n_typed
            second_miss[:] = n_typed
            for t in range(n_typed - 1, -1, -1):
                alleles, allele = reference[t], query[t]
                for h in range(n_hap):
                    if (alleles[h] != allele) & (allele >= 0):
                        second_miss[h] = next_miss[h]
                        next_miss[h] = t
                score[:] = np.float32(0.0)
                for r in range(n_rates):
                    backward(reference, query, excluded[q], switch[r], error, t, states[r])
                    row, state, values = tables[r, t], states[r], product[r]
                    total = np.float32(0.0)
                    for h in range(n_hap):
                        values[h] = row[h] * state[h]
                        total += values[h]
                    totals[r] = total
                    inverse = np.float32(1.0) / total
                    for h in range(n_hap):
                        score[h] += values[h] * inverse
                chosen = neighbours[q, t]
                select_best(score, k, score.view(np.uint32), histogram, chosen)
                for i in range(k):
                    h = chosen[i]
                    entry = features[q, t, i]
                    for r in range(n_rates):
                        entry[r] = np.log(product[r, h] / totals[r] + MIN_POSTERIOR)
                    left = last_miss[t, h]
                    left_two = last_miss[left - 1, h] if left > 0 else -1
                    entry[n_rates] = np.log(cm[t] - cm[max(left, 0)] + MIN_CM)
                    entry[n_rates + 1] = np.log(cm[min(next_miss[h], n_typed - 1)] - cm[t] + MIN_CM)
                    entry[n_rates + 2] = np.log(cm[t] - cm[max(left_two, 0)] + MIN_CM)
                    entry[n_rates + 3] = np.log(cm[min(second_miss[h], n_typed - 1)] - cm[t] + MIN_CM)


def retrieve(
    reference: np.ndarray,
    cm: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    k: int,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Retrieve neighbours of Q query haplotypes among H reference haplotypes, at T typed sites.

    reference [T, H] uint8, cm [T] float64, queries [T, Q] int8 (-1 missing), excluded [Q, E] int64 (reference
    haplotypes that a query may not copy, its own among them; -1 pads).
    Returns neighbours [Q, T, k'] int32 and features [Q, T, k', F] float16, where k' <= k is what every query can have.
    """
    numba.set_num_threads(threads)
    n_typed, n_hap = reference.shape
    k = min(k, n_hap - int((excluded >= 0).sum(axis=1).max()))
    n_query = queries.shape[1]
    neighbours = np.empty((n_query, n_typed, k), np.int32)
    features = np.empty((n_query, n_typed, k, len(FEATURES)), np.float16)
    block_features = np.empty((min(BLOCK, n_query), n_typed, k, len(FEATURES)), np.float32)
    rows = np.ascontiguousarray(queries.T)
    switch = switch_probability(cm, np.array(RATES))
    excluded = np.asarray(excluded, dtype=np.int64)
    for start in range(0, n_query, BLOCK):
        part = slice(start, min(start + BLOCK, n_query))
        values = block_features[: part.stop - part.start]
        _retrieve(
            np.ascontiguousarray(reference),
            rows[part],
            excluded[part],
            switch,
            ERROR,
            cm.astype(np.float32),
            threads,
            neighbours[part],
            values,
        )
        features[part] = values
    return neighbours, features
