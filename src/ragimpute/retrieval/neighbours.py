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
from ragimpute.retrieval.bits import SITES_OF_A_BYTE, pack_by_haplotype, pack_by_site
from ragimpute.retrieval.li_stephens import (
    ERROR,
    PLAIN_RATE,
    backward,
    backward_only,
    fill_starts,
    forward,
    segment_length,
    switch_probability,
    weight_of_alt,
    without_own_allele,
)
from ragimpute.retrieval.mismatches import fill_query_bits, move_to
from ragimpute.retrieval.selection import FEW, query_lot, select_best, site_lot

# jumps per cM; they bracket the useful rates for panels of 600 to 4,000 haplotypes (docs/experiments.md)
RATES = (3.0, 10.0, 40.0)
FEATURES = (
    *(f"log_posterior_{rate:g}" for rate in RATES),
    "log_left",
    "log_right",
    "log_left_one_mismatch",
    "log_right_one_mismatch",
)
PLAIN = RATES.index(PLAIN_RATE)
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


@njit(fastmath=True, cache=True, inline="always")
def _fill_scores(product, inverse, score):
    """Set score [H] to the sum of the posteriors at all rates, `product` [R, H] times `inverse` [R]."""
    first, second, third = product[0], product[1], product[2]
    for h in range(len(score)):
        score[h] = (inverse[0] * first[h] + inverse[1] * second[h]) + inverse[2] * third[h]


@njit(cache=True, inline="always")
def fill_states(packed, states, reference):
    """Set reference [B, C] to the haplotypes `states` [C] of `packed` [B, H]."""
    for row in range(len(packed)):
        for c in range(len(states)):
            reference[row, c] = packed[row, np.uint32(states[c])]


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _retrieve(
    block, n_blocks, packed, bits, chosen_states, queries, places, excluded, switch, error, cm, segment, first, stop,
    row, neighbours, halves, of_alt,
):  # fmt: skip
    n_typed, n_hap = queries.shape[1], chosen_states.shape[1] if chosen_states.size else packed.shape[1]
    reference = np.empty((len(packed), n_hap), np.uint8) if chosen_states.size else packed
    n_rates, k = len(switch), neighbours.shape[2]
    # forward rows are needed up to the last site that is wanted, backward ones down to the first
    n_segments = (stop + segment - 1) // segment
    starts = np.zeros((n_segments + 1, n_rates, n_hap), np.float32)  # forward rows before each segment
    table = np.empty((segment, n_rates, n_hap), np.float32)
    emission = np.empty((segment, n_hap), np.float32)
    message, product = np.empty((n_rates, n_hap), np.float32), np.empty((n_rates, n_hap), np.float32)
    sent, inverse = np.empty(n_rates, np.float32), np.empty(n_rates, np.float32)
    alleles, known = np.empty(bits.shape[1], np.uint64), np.empty(bits.shape[1], np.uint64)  # of the query
    around = np.empty((n_hap, 4), np.int32)  # mismatches of each haplotype where it was last chosen
    last_chosen = np.empty(n_hap, np.int32)  # which is here
    score = np.empty(n_hap, np.float32)
    ranked = score.view(np.uint32)
    candidates, ranks = np.empty(n_hap, np.int32), np.empty(n_hap, np.uint32)
    few = np.empty(FEW + 1, np.uint32)
    values = np.empty((k, n_rates + 4), np.float32)
    last = n_typed - 1
    for q in range(block, len(queries), n_blocks):
        if chosen_states.size:
            fill_states(packed, chosen_states[q], reference)
        fill_query_bits(queries[q], alleles, known)
        fill_starts(reference, queries[q], excluded[q], switch, error, segment, emission[:2], table[:2], starts)
        last_chosen[:] = n_typed + 1
        floor, lot = np.uint32(0), query_lot(queries[q])
        for t in range(last, first - 1, -1):
            s, i = t // segment, t % segment
            if s >= n_segments:
                backward_only(reference, queries[q], excluded[q], switch, error, t, emission[0], message, sent)
                continue
            if t == last or i == segment - 1:
                forward(reference, queries[q], excluded[q], switch, error, t - i, t + 1, starts[s], emission, table)
            backward(excluded[q], switch, t, table[i], emission[i], message, sent, product, inverse)
            if t >= stop:
                continue
            place = row + t - first
            _fill_scores(product, inverse, score)
            alleles_here, bit = reference[t // SITES_OF_A_BYTE], np.uint8(1 << (t % SITES_OF_A_BYTE))
            of_alt[places[q], place] = weight_of_alt(alleles_here, bit, product[PLAIN]) * inverse[PLAIN]
            chosen = neighbours[places[q], place]
            # half of the last site's k-th value: one less in the exponent
            floor = select_best(ranked, k, floor, candidates, ranks, few, chosen, site_lot(lot, t)) - HALVE
            for c in range(k):
                h = np.uint32(chosen[c])
                own = np.uint32(chosen_states[q, h]) if chosen_states.size else h
                was_next = last_chosen[h] == t + 1
                if not was_next or around[h, 0] > t:  # a call costs more than the rest: few need one
                    move_to(around, h, bits, own, alleles, known, t, n_typed, was_next)
                last_chosen[h] = t
                for r in range(n_rates):
                    values[c, r] = product[r, h] * inverse[r] + np.float32(MIN_POSTERIOR)
                differs = around[h, 0] == t  # this site ends the match on both sides
                ahead = around[h, 0] if differs else around[h, 2]
                following = around[h, 2] if differs else around[h, 3]
                values[c, n_rates] = cm[t] - cm[max(around[h, 0], 0)] + np.float32(MIN_CM)
                values[c, n_rates + 1] = cm[min(ahead, last)] - cm[t] + np.float32(MIN_CM)
                values[c, n_rates + 2] = cm[t] - cm[max(around[h, 1], 0)] + np.float32(MIN_CM)
                values[c, n_rates + 3] = cm[min(following, last)] - cm[t] + np.float32(MIN_CM)
                chosen[c] = own
            log_to_half(values.reshape(-1), halves[places[q], place])


def find_neighbours(
    reference: np.ndarray,
    cm: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    k: int,
    threads: int = 1,
    wanted: slice | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Retrieve neighbours of Q query haplotypes among H reference haplotypes, at t `wanted` ones (all) of T sites.

    reference [T, H] uint8, cm [T] float64, queries [T, Q] int8 (-1 missing), excluded [Q, E] int64 (reference
    haplotypes that a query may not copy, its own among them; -1 pads).
    Returns neighbours [Q, t, k'] int16 (int32 above 32,767 haplotypes) and features [Q, t, k', F] float16,
    where k' <= k is what every query can have; and dosages [t, Q] float64 of the typed alleles, each as if that one had
    not been observed (`li_stephens.left_out_dosages`, of the same haplotypes that neighbours are chosen from).
    """
    n_typed, n_hap = reference.shape
    wanted = wanted or slice(0, n_typed)
    asked = queries[wanted]
    n_excluded = (excluded >= 0).sum(axis=1)  # [Q]
    k = min(k, n_hap - int(n_excluded.max()))
    n_query = queries.shape[1]
    index_type = np.int16 if n_hap <= np.iinfo(np.int16).max else np.int32

    neighbours = np.empty((n_query, len(asked), k), index_type)
    features = np.empty((*neighbours.shape, len(FEATURES)), np.float16)
    of_alt = np.empty(neighbours.shape[:2], np.float32)  # posterior weights
    stretches = [(0, wanted.start, wanted.stop, n_typed)]
    if n_hap > candidates.EXACT:
        stretches = candidates.stretches(cm, n_hap, wanted)
    for start, first, last, stop in stretches:
        part = slice(start, stop)
        once, same_as = _distinct(queries[part], excluded)
        local, seen, left_out = reference[part], queries[part][:, once], excluded[once]
        states = None
        if n_hap > candidates.EXACT:
            states = candidates.choose_candidates(local, cm[part], seen, left_out, threads)
            left_out = np.full_like(left_out, -1)  # haplotypes that a query may not copy are no candidates
        kept = slice(first - start, last - start)
        rows = slice(first - wanted.start, last - wanted.start)
        results = neighbours, features, of_alt
        _fill(local, states, cm[part], seen, left_out, kept, rows.start, once, results, threads)
        for query in np.flatnonzero(same_as != np.arange(n_query)):
            for result in results:
                result[query, rows] = result[same_as[query], rows]
    return neighbours, features, without_own_allele(of_alt.T, asked)


def _distinct(queries: np.ndarray, excluded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first ones [D] of equal columns of `queries` [T, Q], and for each query [Q] the one that it equals: int64.

    Equal queries may not copy the same haplotypes either. Phasings of a sample differ in few places.
    """
    first_of: dict[bytes, int] = {}
    contents = np.ascontiguousarray(queries.T)
    same_as = [
        first_of.setdefault(content.tobytes() + left_out.tobytes(), query)
        for query, (content, left_out) in enumerate(zip(contents, np.asarray(excluded), strict=True))
    ]
    return np.array(list(first_of.values()), dtype=np.int64), np.array(same_as, dtype=np.int64)


def _fill(
    reference: np.ndarray,
    states: np.ndarray | None,
    cm: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    kept: slice,
    row: int,
    places: np.ndarray,
    results: tuple[np.ndarray, np.ndarray, np.ndarray],
    threads: int,
) -> None:
    """Fill `results` from `row` on with those of the `kept` sites: neighbours, features, posterior weights of ALT.

    `places` [Q]: where in `results` each query stands. `states` [Q, C] int32: the haplotypes that each query may copy,
    None: all.
    """
    neighbours, features, of_alt = results
    if states is None:
        states = np.empty((0, 0), np.int32)
    per_query = np.ascontiguousarray(queries.T)
    excluded = np.asarray(excluded, dtype=np.int64)
    switch = switch_probability(cm, np.array(RATES))
    halves = features.view(np.uint16).reshape(*of_alt.shape, -1)
    in_threads(
        _retrieve,
        threads,
        pack_by_site(reference),
        pack_by_haplotype(reference, threads),
        states,
        per_query,
        places,
        excluded,
        switch,
        ERROR,
        cm.astype(np.float32),
        segment_length(len(cm)),
        kept.start,
        kept.stop,
        row,
        neighbours,
        halves,
        of_alt,
    )
