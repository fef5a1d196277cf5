"""The Li-Stephens copying model on typed sites: a float32 forward-backward kernel that stays in the cache.

Model (Li & Stephens 2003, Genetics 165:2213): a query haplotype is a mosaic of the H reference haplotypes. Between
typed sites d centimorgan apart it jumps with probability 1 - exp(-rate * d) to a uniformly drawn haplotype; it shows
the copied allele, or the other one with probability `error`. A missing query allele (-1) carries no information.

Each query is computed by itself, so results do not depend on the number of threads. Forward rows are kept at the start
of each segment of about sqrt(T) sites and computed again within it, so memory per thread is of order R x sqrt(T) x H.
Inner loops write to arrays that they do not read, or to the very element that they read: others are not vectorised.
"""

import math

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import SITES_OF_A_BYTE, pack_by_site

# both chosen on held-out reference samples (docs/experiments.md)
ERROR = 0.01  # allelic mismatch probability
PLAIN_RATE = 10.0  # jumps per cM of the plain Li-Stephens baseline
MIN_SWITCH = 1e-6  # keeps every state above float32's denormal range when sites share one genetic position


def switch_probability(cm: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Probability [R, T - 1] float32 of a jump between neighbouring typed sites at `cm` [T], at `rates` [R] per cM."""
    expected = np.asarray(rates)[:, None] * np.diff(cm)[None, :]  # [R, T - 1] jumps
    jump = -np.expm1(-expected)
    return np.maximum(jump, MIN_SWITCH).astype(np.float32)


def segment_length(n_typed: int) -> int:
    """Typed sites in a segment: half as many as there are segments need little memory, and lie near the processor."""
    return max(1, math.ceil(math.sqrt(n_typed / 2)))


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def fill_starts(reference, query, excluded, switch, error, segment, emission, rows, starts):
    """Set starts [n + 1, R, H] to the forward rows before each of n segments of `segment` sites; starts[0] is zeros.

    emission [2, H], rows [2, R, H]: scratch. No other row is kept, so that they stay in the innermost cache.
    """
    for s in range(len(starts) - 1):
        first, stop = s * segment, min((s + 1) * segment, len(query))
        forward(reference, query, excluded, switch, error, first, stop, starts[s], emission, rows)
        starts[s + 1] = rows[(stop - first - 1) % len(rows)]


@njit(fastmath=True, cache=True, inline="always")
def _fill_emission(packed, bit, allele, excluded, error, emission):
    if allele < 0:
        emission[:] = np.float32(1.0)
    else:
        hit, miss = np.float32(1.0 - error), np.float32(error)
        with_alt, with_ref = (hit, miss) if allele > 0 else (miss, hit)
        for h in range(len(packed)):
            emission[h] = with_alt if packed[h] & bit else with_ref
    for h in excluded:
        if h >= 0:
            emission[h] = np.float32(0.0)


@njit(fastmath=True, cache=True, inline="always")
def _sum(row):
    total = np.float32(0.0)
    for h in range(len(row)):
        total += row[h]
    return total


@njit(fastmath=True, cache=True, inline="always")
def _forward_site(before, scale, jump, emission, row):
    total = np.float32(0.0)
    for h in range(len(before)):
        value = (scale * before[h] + jump) * emission[h]
        row[h] = value
        total += value
    return total


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def forward(reference, query, excluded, switch, error, start, stop, before, emission, table):
    """Fill `table` [n, R, H] with forward probabilities of sites start .. stop - 1, each row up to a factor.

    Where these are more than n, rows are used again in a circle, so that the last n sites remain.

    reference [ceil(T / 8), H] uint8 as `bits.pack_by_site` packs it; query [T] int8; excluded [E] int64: haplotypes
    that the query may not copy, -1 pads (their emission is 0, which keeps them out of every sum); switch [R, T - 1]
    float32; before [R, H]: the rows of site start - 1, zeros at the first site. Fills `emission` [n, H] too: the
    query's allele given each copied haplotype.
    """
    states = reference.shape[1] - np.sum(excluded >= 0)
    total = np.empty(len(switch), np.float32)
    for r in range(len(switch)):
        total[r] = _sum(before[r])
    previous = before
    for t in range(start, stop):
        i = (t - start) % len(table)
        packed, bit = reference[t // SITES_OF_A_BYTE], np.uint8(1 << (t % SITES_OF_A_BYTE))
        _fill_emission(packed, bit, query[t], excluded, error, emission[i])
        for r in range(len(switch)):
            switched = switch[r, t - 1] if t > 0 else np.float32(1.0)
            scale = (np.float32(1.0) - switched) / total[r] if t > 0 else np.float32(0.0)
            total[r] = _forward_site(previous[r], scale, np.float32(switched / states), emission[i], table[i, r])
        previous = table[i]


@njit(fastmath=True, cache=True, inline="always")
def _backward_site(row, scale, jump, emission, message, product):
    total, sent = np.float32(0.0), np.float32(0.0)
    for h in range(len(row)):
        state = scale * message[h] + jump
        value = row[h] * state
        product[h] = value
        total += value
        state *= emission[h]
        message[h] = state
        sent += state
    return total, sent


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _received(switch, r, t, states, message, sent):
    """What site `t` makes of the message from the next one: its scale, and what is added. The last site gets none."""
    if t == switch.shape[1]:
        message[r] = np.float32(0.0)
        return np.float32(0.0), np.float32(np.float32(1.0) / states)
    switched = switch[r, t]
    return (np.float32(1.0) - switched) / sent[r], np.float32(switched / states)


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def backward(excluded, switch, t, rows, emission, message, sent, product, inverse):
    """Posteriors of site `t`, `product` [R, H] times `inverse` [R], from forward `rows` [R, H] and `emission` [H].

    `message` [R, H] goes from site to site: backward probabilities times emission, with sums `sent` [R]; at the last
    site they need no values.
    """
    states = rows.shape[1] - np.sum(excluded >= 0)
    for r in range(len(rows)):
        scale, jump = _received(switch, r, t, states, message, sent)
        total, sent[r] = _backward_site(rows[r], scale, jump, emission, message[r], product[r])
        inverse[r] = np.float32(1.0) / total


@njit(fastmath=True, cache=True, inline="always")
def _pass_message(scale, jump, emission, message):
    sent = np.float32(0.0)
    for h in range(len(message)):
        state = (scale * message[h] + jump) * emission[h]
        message[h] = state
        sent += state
    return sent


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def backward_only(reference, query, excluded, switch, error, t, emission, message, sent):
    """What `backward` does to `message` and `sent` at site `t`, where no posterior is wanted; emission [H]: scratch."""
    packed, bit = reference[t // SITES_OF_A_BYTE], np.uint8(1 << (t % SITES_OF_A_BYTE))
    _fill_emission(packed, bit, query[t], excluded, error, emission)
    states = len(emission) - np.sum(excluded >= 0)
    for r in range(len(message)):
        scale, jump = _received(switch, r, t, states, message, sent)
        sent[r] = _pass_message(scale, jump, emission, message[r])


@njit(fastmath=True, cache=True, inline="always")
def weight_of_alt(packed, bit, product):
    """Sum of `product` [H] over the haplotypes whose `bit` is set in `packed` [H] uint8."""
    total, zero = np.float32(0.0), np.float32(0.0)
    for h in range(len(packed)):
        total += product[h] if packed[h] & bit else zero
    return total


@njit(fastmath=True, cache=True, inline="always")
def _carried(alleles, near, far):
    """Sums of two rows [H] over the haplotypes that carry the allele."""
    here, there = np.float32(0.0), np.float32(0.0)
    for h in range(len(alleles)):
        carried = np.float32(alleles[h])
        here += near[h] * carried
        there += far[h] * carried
    return here, there


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _impute(block, n_blocks, reference, queries, excluded, switch, error, panel, bounds, weight, segment, dosage):
    n_typed, n_hap = queries.shape[1], reference.shape[1]
    n_segments = (n_typed + segment - 1) // segment
    starts = np.zeros((n_segments + 1, 1, n_hap), np.float32)
    table = np.empty((segment, 1, n_hap), np.float32)
    emission = np.empty((segment, n_hap), np.float32)
    message, products = np.empty((1, n_hap), np.float32), np.empty((2, 1, n_hap), np.float32)
    sent, inverses = np.empty(1, np.float32), np.empty((2, 1), np.float32)
    for q in range(block, len(queries), n_blocks):
        fill_starts(reference, queries[q], excluded[q], switch, error, segment, emission[:2], table[:2], starts)
        for t in range(n_typed - 1, -1, -1):
            s, i = t // segment, t % segment
            if t == n_typed - 1 or i == segment - 1:
                forward(reference, queries[q], excluded[q], switch, error, t - i, t + 1, starts[s], emission, table)
            near, far = t % 2, (t + 1) % 2 if t < n_typed - 1 else t % 2
            backward(excluded[q], switch, t, table[i], emission[i], message, sent, products[near], inverses[near])
            for site in range(bounds[t], bounds[t + 1]):
                here, there = _carried(panel[site], products[near, 0], products[far, 0])
                here, there = here * inverses[near, 0], there * inverses[far, 0]
                dosage[site, q] = (np.float32(1.0) - weight[site]) * here + weight[site] * there


def li_stephens_dosages(
    panel: np.ndarray,
    panel_cm: np.ndarray,
    typed: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    rate: float = PLAIN_RATE,
    error: float = ERROR,
    threads: int = 1,
) -> np.ndarray:
    """Haplotype dosages [S, Q] float32 of the plain Li-Stephens model.

    panel [S, H] uint8, panel_cm [S], typed [S] bool, queries [T, Q] int8 (-1 missing), excluded [Q, E] (haplotypes of
    the panel that a query may not copy, -1 pads). Between typed sites the copying probabilities are interpolated
    linearly in centimorgan, as Beagle does (Browning, Zhou & Browning 2018, AJHG 103:338).
    """
    n_typed = int(typed.sum())
    left, weight = flanking_pair(panel_cm, typed)
    bounds = np.searchsorted(left, np.arange(n_typed + 1))  # sites bounds[t] .. bounds[t + 1] - 1 follow typed site t
    switch = switch_probability(panel_cm[typed], np.array([rate]))
    reference = pack_by_site(panel[typed])
    per_query = np.ascontiguousarray(queries.T)
    excluded = np.asarray(excluded, dtype=np.int64)
    dosage = np.empty((len(panel), queries.shape[1]), np.float32)
    in_threads(
        _impute,
        threads,
        reference,
        per_query,
        excluded,
        switch,
        error,
        panel,
        bounds,
        weight,
        segment_length(n_typed),
        dosage,
    )
    return dosage


def left_out_dosages(
    reference: np.ndarray,
    cm: np.ndarray,
    queries: np.ndarray,
    excluded: np.ndarray,
    rate: float = PLAIN_RATE,
    error: float = ERROR,
    threads: int = 1,
) -> np.ndarray:
    """Haplotype dosages [T, Q] of each typed allele as if that one had not been observed, all others as they are.

    reference [T, H] uint8, cm [T], the rest as for `li_stephens_dosages`. A site's own emission takes two values, one
    for haplotypes with ALT and one for the others: dividing it out of the posterior (the idea of Minimac's LooRsq and
    ER2, Das et al. 2016, Nature Genetics 48:1284) needs no more than the posterior weight of ALT.
    """
    all_typed = np.ones(len(reference), dtype=bool)
    dosages = li_stephens_dosages(reference, cm, all_typed, queries, excluded, rate, error, threads)
    return without_own_allele(dosages, queries, error)


def without_own_allele(dosages: np.ndarray, queries: np.ndarray, error: float = ERROR) -> np.ndarray:
    """`left_out_dosages` [T, Q] float64 from the posterior weights of ALT, `dosages` [T, Q], at typed sites."""
    weight = dosages.astype(np.float64).clip(0, 1)
    known = queries >= 0
    emission_of_alt = np.where(queries == 1, 1 - error, error)
    emission_of_ref = np.where(queries == 1, error, 1 - error)
    alt = weight / np.where(known, emission_of_alt, 1.0)
    ref = (1 - weight) / np.where(known, emission_of_ref, 1.0)
    return alt / (alt + ref)


def flanking_pair(cm: np.ndarray, typed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each site the typed site at or before it and its relative distance in centimorgan to the next one.

    Returns left [S] int64, an index into the typed sites (0 before the first one), and weight [S] float32 in [0, 1].
    """
    positions = cm[typed]
    left = np.maximum(np.cumsum(typed) - 1, 0)
    right = np.minimum(left + 1, len(positions) - 1)
    gap = positions[right] - positions[left]
    weight = np.zeros(len(cm))
    np.divide(cm - positions[left], gap, out=weight, where=gap > 0)
    return left.astype(np.int64), np.clip(weight, 0.0, 1.0).astype(np.float32)
