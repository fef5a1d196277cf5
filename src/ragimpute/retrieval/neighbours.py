"""Retrieval: the K reference haplotypes that each query most plausibly copies at each typed site, with features.

For each (query, typed site) every reference haplotype is scored by its Li-Stephens posterior summed over several
recombination rates; the K best are kept, in the order of the panel, ties broken by lot. Features of a kept haplotype,
float16 [.., F]: the log posterior at each rate, and the log length in centimorgan of its match with the query to the
left and to the right, exact and with one mismatch skipped. Nothing of size T x Q x H is ever in memory.

In panels of more than `candidates.EXACT` haplotypes a query copies from its candidates alone (retrieval.candidates).
"""

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads
from ragimpute.retrieval import candidates, fast_math
from ragimpute.retrieval.bits import pack_by_haplotype, take_states
from ragimpute.retrieval.li_stephens import ERROR, backward, forward, segment_length, switch_probability
from ragimpute.retrieval.selection import query_lot, select_best, site_lot

# jumps per cM; they bracket the useful rates for panels of 600 to 4,000 haplotypes (docs/experiments.md)
RATES = (3.0, 10.0, 40.0)
FEATURES = (
    *(f"log_posterior_{rate:g}" for rate in RATES),
    "log_left",
    "log_right",
    "log_left_one_mismatch",
    "log_right_one_mismatch",
)
MIN_CM = 1e-3  # added to lengths before the logarithm: shorter matches are all alike
MIN_POSTERIOR = 1e-6  # likewise for posteriors

HALVE = np.uint32(1 << 23)  # what halving takes from the bits of a float32


@njit(fastmath={"contract"}, error_model="numpy", cache=True, inline="always")
def log_to_half(values, halves):
    """Logarithms of positive normal `values` [N] float32 (overwritten) as float16, whose bits fill `halves` [N] uint16.

    numpy takes five times as long, most of it for the conversion, and numba knows no float16.
    """
    for i in range(len(values)):
        values[i] = fast_math.log(values[i])
    for i in range(len(values)):
        # scaled by 2^-112, a float32 has the exponent of the float16: what is left is to round off 13 bits, to even
        scaled = np.float32(np.abs(values[i]) * np.float32(2.0**-112)).view(np.int32)
        even = np.int32(np.int32(scaled >> np.int32(13)) & np.int32(1))
        rounded = np.int32(np.int32(scaled + np.int32(0xFFF)) + even) >> np.int32(13)
        halves[i] = np.uint16(rounded | np.int32(np.int32(values[i] < np.float32(0.0)) << np.int32(15)))


@njit(cache=True, inline="always")
def _update_misses(emission, t, last, second, new_last, new_second):
    """Indices [H] of the last mismatch and of the one before, with those of site `t` (emission below one half)."""
    now = np.int32(t)
    for h in range(len(emission)):
        keep = -np.int32(emission[h] > np.float32(0.5))  # all bits or none: a branch would not be vectorised
        new_second[h] = (second[h] & keep) | (last[h] & ~keep)
        new_last[h] = (last[h] & keep) | (now & ~keep)


@njit(cache=True, inline="always")
def _update_misses_in_place(emission, t, last, second):
    now = np.int32(t)
    for h in range(len(emission)):
        keep = -np.int32(emission[h] > np.float32(0.5))
        previous = last[h]
        second[h] = (second[h] & keep) | (previous & ~keep)
        last[h] = (previous & keep) | (now & ~keep)


@njit(fastmath=True, cache=True, inline="always")
def _add_scaled(values, factor, score):
    for h in range(len(values)):
        score[h] += factor * values[h]


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _retrieve(
    block, n_blocks, panel, bits, chosen_states, queries, excluded, switch, error, cm, segment, neighbours, halves
):  # fmt: skip
    n_typed, n_hap = queries.shape[1], chosen_states.shape[1] if chosen_states.size else panel.shape[1]
    reference = np.empty((n_typed, n_hap), np.uint8) if chosen_states.size else panel
    n_rates, k = len(switch), neighbours.shape[2]
    n_segments = (n_typed + segment - 1) // segment
    starts = np.zeros((n_segments + 1, n_rates, n_hap), np.float32)  # forward rows before each segment
    table = np.empty((segment, n_rates, n_hap), np.float32)
    emission = np.empty((segment, n_hap), np.float32)
    message, product = np.empty((n_rates, n_hap), np.float32), np.empty((n_rates, n_hap), np.float32)
    sent, inverse = np.empty(n_rates, np.float32), np.empty(n_rates, np.float32)
    # the last mismatch up to a site and the one before it, -1: none; before each segment, and in a segment
    miss_starts = np.full((n_segments + 1, 2, n_hap), -1, np.int32)
    misses = np.empty((segment, 2, n_hap), np.int32)
    ahead = np.empty((2, n_hap), np.int32)  # the first mismatch at or after a site and the next one, T: none
    score = np.empty(n_hap, np.float32)
    ranked = score.view(np.uint32)
    candidates, ranks = np.empty(n_hap, np.int32), np.empty(n_hap, np.uint32)
    values = np.empty((k, n_rates + 4), np.float32)
    for q in range(block, len(queries), n_blocks):
        if chosen_states.size:
            take_states(bits, chosen_states[q], reference)
        for s in range(n_segments):
            forward(reference, queries[q], excluded[q], switch, error, s * segment, starts[s], emission, table)
            starts[s + 1] = table[segment - 1]
            miss_starts[s + 1] = miss_starts[s]
            for i in range(min(segment, n_typed - s * segment)):
                _update_misses_in_place(emission[i], s * segment + i, miss_starts[s + 1, 0], miss_starts[s + 1, 1])
        ahead[:] = n_typed
        floor, lot = np.uint32(0), query_lot(queries[q])
        for t in range(n_typed - 1, -1, -1):
            s, i = t // segment, t % segment
            if t == n_typed - 1 or i == segment - 1:
                first, before = s * segment, miss_starts[s]
                if s < n_segments - 1:
                    forward(reference, queries[q], excluded[q], switch, error, first, starts[s], emission, table)
                for j in range(i + 1):
                    _update_misses(emission[j], first + j, before[0], before[1], misses[j, 0], misses[j, 1])
                    before = misses[j]
            backward(excluded[q], switch, t, table[i], emission[i], message, sent, product, inverse)
            _update_misses_in_place(emission[i], t, ahead[0], ahead[1])
            score[:] = np.float32(0.0)
            for r in range(n_rates):
                _add_scaled(product[r], inverse[r], score)
            chosen = neighbours[q, t]
            # half of the last site's k-th value: one less in the exponent
            floor = select_best(ranked, k, floor, candidates, ranks, chosen, site_lot(lot, t)) - HALVE
            for c in range(k):
                h = chosen[c]
                for r in range(n_rates):
                    values[c, r] = product[r, h] * inverse[r] + np.float32(MIN_POSTERIOR)
                for m in range(2):  # without a mismatch, and with one
                    start, end = max(misses[i, m, h], 0), min(ahead[m, h], n_typed - 1)
                    column = n_rates + 2 * m
                    values[c, column] = cm[t] - cm[start] + np.float32(MIN_CM)
                    values[c, column + 1] = cm[end] - cm[t] + np.float32(MIN_CM)
            log_to_half(values.reshape(-1), halves[q, t])
            if chosen_states.size:
                for c in range(k):
                    chosen[c] = chosen_states[q, chosen[c]]


def find_neighbours(
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
    n_typed, n_hap = reference.shape
    n_excluded = (excluded >= 0).sum(axis=1)  # [Q]
    k = min(k, n_hap - int(n_excluded.max()))
    n_query = queries.shape[1]
    index_type = np.int16 if n_hap <= np.iinfo(np.int16).max else np.int32
    neighbours = np.empty((n_query, n_typed, k), index_type)
    features = np.empty((n_query, n_typed, k, len(FEATURES)), np.float16)
    if n_hap <= candidates.EXACT:
        _fill(reference, None, cm, queries, excluded, neighbours, features, threads)
        return neighbours, features
    none = np.full_like(excluded, -1)  # haplotypes that a query may not copy are no candidates
    stretches = candidates.stretches(cm)
    for start, first, last, stop in stretches:
        part = slice(start, stop)
        states = candidates.choose_candidates(reference[part], cm[part], queries[part], excluded, threads)
        if len(stretches) == 1:
            _fill(reference, states, cm, queries, none, neighbours, features, threads)
            break
        near = np.empty((n_query, stop - start, k), neighbours.dtype)
        described = np.empty((n_query, stop - start, k, len(FEATURES)), features.dtype)
        _fill(reference[part], states, cm[part], queries[part], none, near, described, threads)
        core = slice(first - start, last - start)
        neighbours[:, first:last] = near[:, core]
        features[:, first:last] = described[:, core]
    return neighbours, features


def _fill(
    reference: np.ndarray,
    states: np.ndarray | None,
    cm: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    neighbours: np.ndarray,
    features: np.ndarray,
    threads: int,
) -> None:
    """Fill `neighbours` and `features`; `states` [Q, C] int32: the haplotypes that each query may copy, None: all."""
    n_query, n_typed, _ = neighbours.shape
    panel, bits = np.empty((0, 0), np.uint8), np.empty((0, 0), np.uint64)
    if states is None:
        panel = np.ascontiguousarray(reference)
        states = np.empty((0, 0), np.int32)
    else:
        bits = pack_by_haplotype(reference, threads)
    per_query = np.ascontiguousarray(queries.T)
    excluded = np.asarray(excluded, dtype=np.int64)
    switch = switch_probability(cm, np.array(RATES))
    halves = features.view(np.uint16).reshape(n_query, n_typed, -1)
    in_threads(
        _retrieve,
        threads,
        panel,
        bits,
        states,
        per_query,
        excluded,
        switch,
        ERROR,
        cm.astype(np.float32),
        segment_length(n_typed),
        neighbours,
        halves,
    )
