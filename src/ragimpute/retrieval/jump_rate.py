"""How often haplotypes jump from one haplotype of a reference to another: the likeliest rate of the Li-Stephens model.

The rate depends on the reference's size and on how it is related to the haplotypes: .3 jumps per cM in a simulated
panel of 5,008 haplotypes, 2 to 3 in real ones of 600 to 4,000 (docs/experiments.md).
"""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval import candidates
from ragimpute.retrieval.li_stephens import switch_probability
from ragimpute.retrieval.neighbours import fill_states
from ragimpute.retrieval.phase_draws import ERROR, pass_back
from ragimpute.retrieval.stretches_of_samples import Stretch, left_out

RATES = 2.0 ** np.arange(-3, 7)  # jumps per cM
# as many of each, evenly spaced, are enough
SAMPLES = 16
STRETCHES = 4


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _add_log_likelihoods(block, n_blocks, packed, states, own, haplotypes, switch, error, found):
    """Add to found [n, R] the log-likelihoods of haplotypes [n, 2, T] at each rate's `switch` [R, T - 1]."""
    n_typed, n_hap = haplotypes.shape[2], states.shape[1] if states.size else packed.shape[1]
    reference = np.empty((len(packed), n_hap), np.uint8) if states.size else packed
    message = np.empty(n_hap, np.float32)
    for n in range(block, len(haplotypes), n_blocks):
        if states.size:
            fill_states(packed, states[n], reference)
        n_states = n_hap - np.sum(own[n] >= 0)
        for k in range(2):
            for r in range(len(switch)):
                total = np.float32(0.0)
                for t in range(n_typed - 1, -1, -1):
                    total = pass_back(
                        reference, t, haplotypes[n, k, t], error, switch[r], own[n], n_states, message, total
                    )
                    found[n, r] += np.log(total)


def likeliest_rate(
    reference: np.ndarray | Haplotypes, cm: np.ndarray, alleles: np.ndarray, own: np.ndarray, threads: int = 1
) -> float:
    """The rate in jumps per cM, between the first and the last of RATES, at which `alleles` are likeliest.

    reference [T, H] uint8 and cm [T] are of one chromosome; alleles [T, N, 2], without gaps, are haplotypes of N
    samples; own [N, E] int64: haplotypes of `reference` that a sample may not copy, -1 pads. SAMPLES of them in
    STRETCHES of the chromosome are looked at. Between RATES a parabola through the three highest points tells.
    """
    chosen = spread(alleles.shape[1], SAMPLES)
    haplotypes = np.ascontiguousarray(alleles[:, chosen].transpose(1, 2, 0)).astype(np.int8)
    bounds = candidates.stretches(cm, reference.shape[1])
    found = np.zeros((len(chosen), len(RATES)))
    for number in spread(len(bounds), STRETCHES):
        stretch = Stretch.of(reference, cm, *bounds[number])
        states = stretch.states(haplotypes, own[chosen], threads)
        in_threads(
            _add_log_likelihoods,
            threads,
            stretch.packed,
            states,
            left_out(states, own[chosen]),
            np.ascontiguousarray(haplotypes[..., stretch.part]),
            switch_probability(stretch.cm, RATES),
            ERROR,
            found,
        )
    return _highest(found.sum(axis=0))


def spread(number: int, wanted: int) -> np.ndarray:
    """At most `wanted` of 0 .. number - 1, evenly spaced."""
    return np.unique(np.linspace(0, number - 1, wanted).round().astype(int))


def _highest(log_likelihood: np.ndarray) -> float:
    """The rate at the top of a parabola in the logarithm of the rate."""
    middle = int(np.clip(log_likelihood.argmax(), 1, len(RATES) - 2))
    before, here, after = log_likelihood[middle - 1 : middle + 2]
    curvature = before - 2 * here + after
    steps = (before - after) / (2 * curvature) if curvature < 0 else 0.0
    return float(RATES[middle] * 2 ** np.clip(steps, -1, 1))
