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

HALVE = np.uint32(1 << 23)  # what halving takes from the bits of a float32


@njit(cache=True)
def select_best(bits, k, floor, candidates, values, chosen):
    """Write to `chosen` [k] the indices of the k largest of `bits` [H], ascending; ties go to the smaller index.

    bits: non-negative float32 viewed as uint32, whose order is the same; floor: a guess that the k-th value exceeds
    (any value is right, a good one is fast); candidates, values [H]: scratch. Returns the k-th value. Bisection
    on the value needs 31 vectorised counts over the candidates, a tenth of the cost of a sort.
    """
    n = 0
    for h in range(len(bits)):
        candidates[n] = h
        values[n] = bits[h]
        n += bits[h] > floor
    if n < k:
        n = len(bits)
        for h in range(n):
            candidates[h] = h
            values[h] = bits[h]
    kth = np.uint32(0)
    for shift in range(30, -1, -1):
        trial = kth | np.uint32(1 << shift)
        count = np.uint32(0)
        for c in range(n):
            count += np.uint32(values[c] >= trial)
        if count >= k:
            kth = trial
    ties = k
    for c in range(n):
        ties -= values[c] > kth
    i = 0
    for c in range(n):
        if values[c] > kth or (values[c] == kth and ties > 0):
            ties -= values[c] == kth
            chosen[i] = candidates[c]
            i += 1
    return kth


@njit(parallel=True, fastmath=True, cache=True)
def _retrieve(reference, queries, excluded, switch, error, cm, n_blocks, neighbours, features):
    n_typed, n_hap = reference.shape
    n_query, n_rates, k = queries.shape[0], switch.shape[0], neighbours.shape[2]
    for block in prange(n_blocks):
        tables = np.empty((n_rates, n_typed, n_hap), np.float32)
        states = np.empty((n_rates, n_hap), np.float32)
        product = np.empty((n_rates, n_hap), np.float32)
        score = np.empty(n_hap, np.float32)
        bits = score.view(np.uint32)
        candidates, ranks = np.empty(n_hap, np.int32), np.empty(n_hap, np.uint32)
        last_miss = np.empty((n_typed + 1, n_hap), np.int32)  # row t + 1: index of the last mismatch up to t, -1: none
        next_miss = np.empty(n_hap, np.int32)  # index of the first mismatch at or after t, T: none
        second_miss = np.empty(n_hap, np.int32)
        for q in range(block, n_query, n_blocks):
            query = queries[q]
            for r in range(n_rates):
                forward(reference, query, excluded[q], switch[r], error, tables[r])
            last_miss[0] = -1
            for t in range(n_typed):
                alleles, same = reference[t], matching_allele(query[t])
                here, before, now = last_miss[t + 1], last_miss[t], np.int32(t)
                for h in range(n_hap):
                    here[h] = before[h] if (alleles[h] == same) | (same > 1) else now
            next_miss[:] = n_typed
            second_miss[:] = n_typed
            floor = np.uint32(0)
            for t in range(n_typed - 1, -1, -1):
                alleles, same, now = reference[t], matching_allele(query[t]), np.int32(t)
                for h in range(n_hap):
                    hit = (alleles[h] == same) | (same > 1)
                    second_miss[h] = second_miss[h] if hit else next_miss[h]
                    next_miss[h] = next_miss[h] if hit else now
                score[:] = np.float32(0.0)
                for r in range(n_rates):
                    backward(reference, query, excluded[q], switch[r], error, t, states[r])
                    row, state, values = tables[r, t], states[r], product[r]
                    total = np.float32(0.0)
                    for h in range(n_hap):
                        values[h] = row[h] * state[h]
                        total += values[h]
                    inverse = np.float32(1.0) / total
                    for h in range(n_hap):
                        values[h] *= inverse
                        score[h] += values[h]
                chosen = neighbours[q, t]
                # half of the last site's k-th value: one less in the exponent
                floor = select_best(bits, k, floor, candidates, ranks, chosen) - HALVE
                for i in range(k):
                    h = chosen[i]
                    entry = features[q, t, i]
                    for r in range(n_rates):
                        entry[r] = product[r, h] + MIN_POSTERIOR
                    left = last_miss[t + 1, h]
                    second_left = last_miss[max(left, 0), h]
                    entry[n_rates] = cm[t] - cm[max(left, 0)] + MIN_CM
                    entry[n_rates + 1] = cm[min(next_miss[h], n_typed - 1)] - cm[t] + MIN_CM
                    entry[n_rates + 2] = cm[t] - cm[max(second_left, 0)] + MIN_CM
                    entry[n_rates + 3] = cm[min(second_miss[h], n_typed - 1)] - cm[t] + MIN_CM


@njit(cache=True)
def matching_allele(allele):
    """The allele as uint8, so that comparisons with the reference vectorise; 2 when missing: it matches everything."""
    return np.uint8(allele) if allele >= 0 else np.uint8(2)


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
    Returns neighbours [Q, T, k'] int16 (int32 above 32,767 haplotypes) and features [Q, T, k', F] float16,
    where k' <= k is what every query can have.
    """
    numba.set_num_threads(threads)
    n_typed, n_hap = reference.shape
    k = min(k, n_hap - int((excluded >= 0).sum(axis=1).max()))
    n_query = queries.shape[1]
    neighbours = np.empty((n_query, n_typed, k), np.int16 if n_hap <= np.iinfo(np.int16).max else np.int32)
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
        features[part] = np.log(values, out=values)
    return neighbours, features
