"""The Li-Stephens copying model on typed sites: a fused float32 forward-backward kernel.

Model (Li & Stephens 2003, Genetics 165:2213): a query haplotype is a mosaic of the H reference haplotypes. Between
typed sites d centimorgan apart it jumps with probability 1 - exp(-rate * d) to a uniformly drawn haplotype; it shows
the copied allele, or the other one with probability `error`. A missing query allele (-1) carries no information.

Each query is computed by itself, so results do not depend on the number of threads; memory per thread is one query's
R x T x H forward table.
"""

import numba
import numpy as np
from numba import njit, prange

ERROR = 0.01  # allelic mismatch probability; chosen, like PLAIN_RATE, on held-out reference people (docs/methods.md)
PLAIN_RATE = 10.0  # jumps per cM of the plain Li-Stephens baseline
MIN_SWITCH = 1e-6  # keeps every state above float32's denormal range when sites share one genetic position


def switch_probability(cm: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Probability [R, T - 1] float32 of a jump between neighbouring typed sites at `cm` [T], at `rates` [R] per cM."""
    jump = -np.expm1(-np.asarray(rates)[:, None] * np.diff(cm)[None, :])
    return np.maximum(jump, MIN_SWITCH).astype(np.float32)


@njit(fastmath=True, cache=True)
def forward(reference, query, excluded, switch, error, table):
    """Fill `table` [T, H] with forward probabilities, each row up to a factor; excluded states are 0.

    reference [T, H] uint8; query [T] int8; excluded [E] int64: haplotypes that the query may not copy, -1 pads;
    switch [T - 1] float32.
    """
    n_typed, n_hap = reference.shape
    states = n_hap - np.sum(excluded >= 0)
    scale, jump, total = np.float32(0.0), np.float32(1.0 / states), np.float32(1.0)
    for t in range(n_typed):
        if t > 0:
            jump = np.float32(switch[t - 1] / states)
            scale = np.float32((1.0 - switch[t - 1]) / total)
        row, alleles, allele = table[t], reference[t], query[t]
        before = table[t - 1] if t > 0 else table[t]
        hit, miss = emissions(allele, error)
        total = np.float32(0.0)
        for h in range(n_hap):
            previous = before[h] if t > 0 else np.float32(0.0)
            value = (scale * previous + jump) * (hit if alleles[h] == allele else miss)
            row[h] = value
            total += value
        for h in excluded:
            if h >= 0:
                total -= row[h]
                row[h] = 0.0


@njit(fastmath=True, cache=True)
def backward(reference, query, excluded, switch, error, t, state):
    """Move `state` [H] from the backward probabilities of site t + 1 to those of site t, scaled to a mean near 1 / H.

    At the last site, t = T - 1, it is set to the start value. Excluded states are 0.
    """
    n_typed, n_hap = reference.shape
    states = n_hap - np.sum(excluded >= 0)
    if t == n_typed - 1:
        state[:] = np.float32(1.0 / states)
    else:
        alleles, allele = reference[t + 1], query[t + 1]
        hit, miss = emissions(allele, error)
        total = np.float32(0.0)
        for h in range(n_hap):
            value = state[h] * (hit if alleles[h] == allele else miss)
            state[h] = value
            total += value
        scale = np.float32((1.0 - switch[t]) / total)
        jump = np.float32(switch[t] / states)
        for h in range(n_hap):
            state[h] = scale * state[h] + jump
    for h in excluded:
        if h >= 0:
            state[h] = 0.0


@njit(cache=True)
def emissions(allele, error):
    """Probability of the query's allele given an equal and an unequal copied allele."""
    if allele < 0:
        return np.float32(1.0), np.float32(1.0)
    return np.float32(1.0 - error), np.float32(error)


@njit(parallel=True, fastmath=True, cache=True)
def _impute(reference, queries, excluded, switch, error, panel, left, weight, n_blocks, dosage):
    n_typed, n_hap = reference.shape
    n_sites, n_query = panel.shape[0], queries.shape[0]
    for block in prange(n_blocks):
        table = np.empty((n_typed, n_hap), np.float32)
        state = np.empty(n_hap, np.float32)
        for q in range(block, n_query, n_blocks):
            forward(reference, queries[q], excluded[q], switch, error, table)
            for t in range(n_typed - 1, -1, -1):
                backward(reference, queries[q], excluded[q], switch, error, t, state)
                row, total = table[t], np.float32(0.0)
                for h in range(n_hap):
                    row[h] *= state[h]
                    total += row[h]
                for h in range(n_hap):
                    row[h] /= total
            for s in range(n_sites):
                first = table[left[s]]
                second = table[min(left[s] + 1, n_typed - 1)]
                alleles = panel[s]
                near, far = np.float32(0.0), np.float32(0.0)
                for h in range(n_hap):
                    carried = np.float32(alleles[h])
                    near += first[h] * carried
                    far += second[h] * carried
                dosage[s, q] = (np.float32(1.0) - weight[s]) * near + weight[s] * far


def impute(
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
    left, weight = flanks(panel_cm, typed)
    numba.set_num_threads(threads)
    dosage = np.empty((len(panel), queries.shape[1]), np.float32)
    _impute(
        np.ascontiguousarray(panel[typed]),
        np.ascontiguousarray(queries.T),
        np.asarray(excluded, dtype=np.int64),
        switch_probability(panel_cm[typed], np.array([rate]))[0],
        error,
        panel,
        left,
        weight,
        threads,
        dosage,
    )
    return dosage


def flanks(cm: np.ndarray, typed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each site the typed site at or before it and its relative distance in centimorgan to the next one.

    Returns left [S] int64, an index into the typed sites (0 before the first one), and weight [S] float32 in [0, 1].
    """
    positions = cm[typed]
    left = np.maximum(np.cumsum(typed) - 1, 0)
    right = np.minimum(left + 1, len(positions) - 1)
    gap = positions[right] - positions[left]
    weight = np.where(gap > 0, (cm - positions[left]) / np.where(gap > 0, gap, 1.0), 0.0)
    return left.astype(np.int64), np.clip(weight, 0.0, 1.0).astype(np.float32)
