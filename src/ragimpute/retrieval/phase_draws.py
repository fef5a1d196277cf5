"""Further phasings of samples, drawn from a first one by the Li-Stephens model of both haplotypes of a sample.

Each haplotype of a sample is a mosaic of the haplotypes of a reference (`retrieval.li_stephens`), in which those of
other targets may be. A sweep goes from the first typed site to the last. At each heterozygous site it draws which
haplotype gets ALT, and which of the two goes on in which of the earlier haplotypes to the right of the site, given all
alleles to the left, as drawn, and to the right, as they were: a Gibbs sampler of the phase given the genotypes (as in
Stephens & Scheet 2005, AJHG 76:449, with the states of Li & Stephens 2003). At a site whose genotype is missing both
alleles are drawn.

Probabilities are raised to the power SHARPNESS: few draws are averaged, and each should be near the best phasing.
Each sample is drawn by itself, so results do not depend on the number of threads.
"""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval import candidates
from ragimpute.retrieval.bits import SITES_OF_A_BYTE
from ragimpute.retrieval.li_stephens import segment_length, switch_probability
from ragimpute.retrieval.neighbours import fill_states
from ragimpute.retrieval.stretches_of_samples import Stretch, left_out

# all chosen on samples held out of the panels (docs/experiments.md)
ERROR = 0.003  # allelic mismatch probability
SHARPNESS = 1.5
FIRST_SWEEPS = 4  # from Beagle's phasing to the first that is drawn: until it has left that one's errors behind
SWEEPS = 1  # between two that are drawn
TOGETHER = 64  # samples drawn at a time, which bounds memory


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _arrive(row, switch, t, total, n_states):
    """How a chain whose `row` [H] has the sum `total` goes on over the interval `t` between sites: scale and jump.

    A chain that has no site yet has total 0.
    """
    if total == np.float32(0.0):
        row[:] = np.float32(0.0)
        return np.float32(0.0), np.float32(np.float32(1.0) / n_states)
    return (np.float32(1.0) - switch[t]) / total, np.float32(switch[t] / n_states)


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _pass(packed, bit, allele, error, before, scale, jump, own, row):
    """Set `row` [H] to what comes from `before` times the probability of `allele` on a copy; returns its sum.

    The states `own`, -1 pads, are left out.
    """
    hit, miss = np.float32(1.0 - error), np.float32(error)
    with_alt, with_ref = (hit, miss) if allele > 0 else (miss, hit)
    total = np.float32(0.0)
    for h in range(len(row)):
        value = (scale * before[h] + jump) * (with_alt if packed[h] & bit else with_ref)
        row[h] = value
        total += value
    for h in own:
        if h >= 0:
            total -= row[h]
            row[h] = np.float32(0.0)
    return total


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def pass_back(reference, t, allele, error, switch, own, n_states, message, total):
    """Set `message` [H], that of site t + 1 with the sum `total`, to that of site t; returns its sum.

    A message holds the backward probabilities of a site times its emission.
    """
    packed, bit = reference[t // SITES_OF_A_BYTE], np.uint8(1 << (t % SITES_OF_A_BYTE))
    scale, jump = _arrive(message, switch, t, total, n_states)
    return _pass(packed, bit, allele, error, message, scale, jump, own, message)


@njit(fastmath=True, cache=True, inline="always")
def _predict(before, scale, jump, own, row):
    for h in range(len(before)):
        row[h] = scale * before[h] + jump
    for h in own:
        if h >= 0:
            row[h] = np.float32(0.0)


@njit(fastmath=True, cache=True, inline="always")
def _dots(row, first, second, packed, bit):
    """Sums of `row` [H], and of its products with `first` and `second`: over all haplotypes, then those with ALT."""
    plain, with_first, with_second = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    alt_plain, alt_first, alt_second = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    zero = np.float32(0.0)
    for h in range(len(row)):
        value = row[h]
        of_alt = value if packed[h] & bit else zero
        plain += value
        with_first += value * first[h]
        with_second += value * second[h]
        alt_plain += of_alt
        alt_first += of_alt * first[h]
        alt_second += of_alt * second[h]
    return plain, with_first, with_second, alt_plain, alt_first, alt_second


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _fill_likelihoods(packed, bit, rows, later, later_totals, switch, t, n_states, weights):
    """Set weights [2, 2, 2]: of each haplotype so far, of each that continues it, of copying REF and ALT at site t."""
    for k in range(2):
        plain, with_first, with_second, alt_plain, alt_first, alt_second = _dots(
            rows[k], later[0], later[1], packed, bit
        )
        if later_totals[0] == np.float32(0.0):  # the last site: nothing continues
            keep_first, keep_second, jump = np.float32(0.0), np.float32(0.0), np.float32(1.0)
        else:
            keep_first = (np.float32(1.0) - switch[t]) / later_totals[0]
            keep_second = (np.float32(1.0) - switch[t]) / later_totals[1]
            jump = np.float32(switch[t] / n_states)
        weights[k, 0, 1] = keep_first * alt_first + jump * alt_plain
        weights[k, 1, 1] = keep_second * alt_second + jump * alt_plain
        weights[k, 0, 0] = keep_first * (with_first - alt_first) + jump * (plain - alt_plain)
        weights[k, 1, 0] = keep_second * (with_second - alt_second) + jump * (plain - alt_plain)


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _shown(weights, k, continued, allele, error):
    """Likelihood of `allele` on haplotype k so far, continued by that one: what is copied, or shown by mistake."""
    same, other = weights[k, continued, allele], weights[k, continued, 1 - allele]
    return max((1.0 - error) * same + error * other, 0.0)


@njit(fastmath=True, error_model="numpy", cache=True, inline="always")
def _choose(weights, is_missing, error, sharpness, uniform, options):
    """One of eight options, drawn: alleles of both haplotypes and whether their continuations are exchanged.

    Option 4 a + 2 b + o has the alleles a and b, and o. Where the genotype is known, a and b differ.
    """
    total = 0.0
    for option in range(8):
        a, b, o = option // 4, option // 2 % 2, option % 2
        options[option] = 0.0
        if is_missing or a != b:
            both = _shown(weights, 0, o, a, error) * _shown(weights, 1, 1 - o, b, error)
            options[option] = both**sharpness
            total += options[option]
    left = uniform * total
    chosen = 2  # alleles 0 and 1, if all are impossible
    for option in range(8):
        if options[option] > 0.0:
            chosen = option
            left -= options[option]
            if left < 0.0:
                break
    return chosen


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _sweep(
    block, n_blocks, packed, states, own, haplotypes, missing, switch, error, sharpness, uniform, segment, first, last,
    exchanged,
):  # fmt: skip
    n_typed, n_hap = haplotypes.shape[2], states.shape[1] if states.size else packed.shape[1]
    reference = np.empty((len(packed), n_hap), np.uint8) if states.size else packed
    n_segments = (n_typed + segment - 1) // segment
    # messages [2, H] at the start of each segment; in one segment those that come to each site from the next one
    firsts, first_totals = np.empty((n_segments + 1, 2, n_hap), np.float32), np.empty((n_segments + 1, 2), np.float32)
    table, totals = np.empty((segment, 2, n_hap), np.float32), np.empty((segment, 2), np.float32)
    message = np.empty(n_hap, np.float32)
    rows, sums = np.empty((2, n_hap), np.float32), np.empty(2, np.float32)
    scales, jumps = np.empty(2, np.float32), np.empty(2, np.float32)
    weights, options = np.empty((2, 2, 2)), np.empty(8)
    for n in range(block, len(haplotypes), n_blocks):
        if states.size:
            fill_states(packed, states[n], reference)
        left_out = own[n]
        n_states = n_hap - np.sum(left_out >= 0)
        before, after = haplotypes[n], haplotypes[n].copy()
        firsts[n_segments], first_totals[n_segments] = np.float32(0.0), np.float32(0.0)
        for s in range(n_segments - 1, 0, -1):  # nothing asks for what comes to the first one
            firsts[s], first_totals[s] = firsts[s + 1], first_totals[s + 1]
            for k in range(2):
                for t in range(min((s + 1) * segment, n_typed) - 1, s * segment - 1, -1):
                    first_totals[s, k] = pass_back(
                        reference, t, before[k, t], error, switch, left_out, n_states, firsts[s, k], first_totals[s, k]
                    )
        rows[:], sums[:] = np.float32(0.0), np.float32(0.0)
        continued = 0  # 1: the first haplotype is continued by what was the second one
        for s in range(n_segments):
            start, stop = s * segment, min((s + 1) * segment, n_typed)
            if start >= last:
                break
            for k in range(2):
                message[:], total = firsts[s + 1, k], first_totals[s + 1, k]
                for t in range(stop - 1, start - 1, -1):
                    if before[0, t] != before[1, t] or missing[n, t]:  # only there are later alleles asked for
                        table[t - start, k], totals[t - start, k] = message, total
                    total = pass_back(reference, t, before[k, t], error, switch, left_out, n_states, message, total)
            for t in range(start, min(stop, last)):
                alleles, bit = reference[t // SITES_OF_A_BYTE], np.uint8(1 << (t % SITES_OF_A_BYTE))
                is_drawn = t >= first and (missing[n, t] or before[0, t] != before[1, t])
                for k in range(2):
                    scales[k], jumps[k] = _arrive(rows[k], switch, t - 1, sums[k], n_states)
                if is_drawn:
                    for k in range(2):
                        _predict(rows[k], scales[k], jumps[k], left_out, rows[k])
                        scales[k], jumps[k] = np.float32(1.0), np.float32(0.0)
                    _fill_likelihoods(
                        alleles, bit, rows, table[t - start], totals[t - start], switch, t, n_states, weights
                    )
                    option = _choose(weights, missing[n, t], error, sharpness, uniform[n, t], options)
                    after[0, t], after[1, t], continued = option // 4, option // 2 % 2, option % 2
                for k in range(2):
                    sums[k] = _pass(alleles, bit, after[k, t], error, rows[k], scales[k], jumps[k], left_out, rows[k])
        haplotypes[n] = after
        exchanged[n] = continued == 1


def draw_phase(
    reference: np.ndarray | Haplotypes,
    cm: np.ndarray,
    alleles: np.ndarray,
    missing: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    sweeps: int = SWEEPS,
    threads: int = 1,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """Another phasing [T, N, 2] int8 of N samples, drawn given their phasing `alleles` [T, N, 2], without gaps.

    reference [T, H] uint8 and cm [T] are of one chromosome; missing [T, N] bool: genotypes that are not known, whose
    alleles are drawn; rate: jumps per cM (`retrieval.jump_rate`); own [N, E] int64: haplotypes of `reference` that a
    sample may not copy, its own, -1 pads; None: there are none. Which haplotype of a sample comes first is drawn, too.
    """
    if own is None:
        own = np.full((alleles.shape[1], 1), -1, dtype=np.int64)
    per_sample = np.ascontiguousarray(alleles.transpose(1, 2, 0))  # [N, 2, T]
    drawn = per_sample.astype(np.int8)
    whole = [(0, 0, len(cm), len(cm))]
    is_large = reference.shape[1] > candidates.EXACT
    bounds = candidates.stretches(cm, reference.shape[1]) if is_large else whole
    stretches = [Stretch.of(reference, cm, *bound) for bound in bounds]
    for start in range(0, len(drawn), TOGETHER):
        some = slice(start, start + TOGETHER)
        haplotypes = drawn[some]
        states = [stretch.states(haplotypes, own[some], threads) for stretch in stretches]
        for _ in range(sweeps):
            uniform = rng.random((len(haplotypes), len(cm)))
            for stretch, of_stretch in zip(stretches, states, strict=True):
                _draw(stretch, haplotypes, of_stretch, own[some], missing.T[some], rate, uniform, threads)
    return np.ascontiguousarray(drawn.transpose(2, 0, 1))


def _draw(
    stretch: Stretch,
    haplotypes: np.ndarray,
    states: np.ndarray,
    own: np.ndarray,
    missing: np.ndarray,
    rate: float,
    uniform: np.ndarray,
    threads: int,
) -> None:
    """Draw the phase of `haplotypes` [n, 2, T] at the stretch's kept sites, in place, from numbers `uniform` [n, T]."""
    here = np.ascontiguousarray(haplotypes[..., stretch.part])
    exchanged = np.zeros(len(here), dtype=bool)  # to the right of the kept sites
    in_threads(
        _sweep,
        threads,
        stretch.packed,
        states,
        left_out(states, own),
        here,
        np.ascontiguousarray(missing[:, stretch.part]),
        switch_probability(stretch.cm, np.array([rate]))[0],
        ERROR,
        SHARPNESS,
        np.ascontiguousarray(uniform[:, stretch.part]),
        segment_length(len(stretch.cm)),
        stretch.kept.start,
        stretch.kept.stop,
        exchanged,
    )
    first, last = stretch.part.start + stretch.kept.start, stretch.part.start + stretch.kept.stop
    haplotypes[..., first:last] = here[..., stretch.kept]
    to_exchange = haplotypes[exchanged, :, last:]
    haplotypes[exchanged, :, last:] = to_exchange[:, ::-1]
