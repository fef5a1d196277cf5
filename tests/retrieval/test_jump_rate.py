"""The likeliest rate of jumps: against the forward recursion as it is written, a known rate, and sparse arrays."""

import numpy as np
import pytest

from ragimpute.retrieval import candidates, jump_rate
from ragimpute.retrieval.jump_rate import likeliest_rate
from ragimpute.retrieval.li_stephens import switch_probability
from ragimpute.retrieval.phase_draws import ERROR, FIRST_SWEEPS, draw_phase
from ragimpute.targets.further_phasings import RATE_OF_LIKELIEST

N_TYPED, N_HAPLOTYPES, N_SAMPLES = 600, 200, 8
NONE_OWN = np.full((N_SAMPLES, 1), -1)


class Mosaics:
    """Samples whose haplotypes jump `rate` times per cM between those of a panel, at sites `per_cm` apart."""

    def __init__(self, rate: float, per_cm: float = 30.0, n_samples: int = N_SAMPLES) -> None:
        rng = np.random.default_rng(1)
        self.cm = np.sort(rng.random(N_TYPED)) * N_TYPED / per_cm
        self.reference = rng.integers(0, 2, (N_TYPED, N_HAPLOTYPES)).astype(np.uint8)
        n_queries = 2 * n_samples
        source = rng.integers(0, N_HAPLOTYPES, n_queries)
        rows = []
        for t in range(N_TYPED):
            jump = -np.expm1(-rate * (self.cm[t] - self.cm[t - 1])) if t else 0.0
            jumps = rng.random(n_queries) < jump
            source = np.where(jumps, rng.integers(0, N_HAPLOTYPES, n_queries), source)
            rows.append(self.reference[t, source])
        self.alleles = np.array(rows).reshape(N_TYPED, n_samples, 2).astype(np.int8)


def log_likelihood(mosaics: Mosaics, rate: float) -> float:
    """Of all haplotypes, by the forward recursion (Rabiner 1989, Proc. IEEE 77:257, equations 19 to 21)."""
    jump = switch_probability(mosaics.cm, np.array([rate]))[0].astype(float)
    total = 0.0
    for query in mosaics.alleles.reshape(N_TYPED, -1).T:
        emission = np.where(mosaics.reference == query[:, None], 1 - ERROR, ERROR)
        forward = np.full(N_HAPLOTYPES, 1 / N_HAPLOTYPES)
        for t in range(N_TYPED):
            if t:
                forward = (1 - jump[t - 1]) * forward + jump[t - 1] / N_HAPLOTYPES
            forward = forward * emission[t]
            total += np.log(forward.sum())
            forward /= forward.sum()
    return total


@pytest.mark.parametrize("rate", [0.3, 3.0])
def test_it_is_the_highest_of_the_likelihood(rate: float) -> None:
    mosaics = Mosaics(rate)
    found = likeliest_rate(mosaics.reference, mosaics.cm, mosaics.alleles, NONE_OWN)
    assert found == pytest.approx(rate, rel=0.25)  # 90 jumps or more: within two standard deviations
    highest = log_likelihood(mosaics, found)
    assert highest > log_likelihood(mosaics, 1.4 * found)
    assert highest > log_likelihood(mosaics, found / 1.4)
    of_threads = likeliest_rate(mosaics.reference, mosaics.cm, mosaics.alleles, NONE_OWN, threads=3)
    assert of_threads == pytest.approx(found, rel=1e-6)


def test_in_a_large_panel_it_is_that_of_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    mosaics = Mosaics(1.0)
    monkeypatch.setattr(candidates, "EXACT", 10)
    monkeypatch.setattr(candidates, "CANDIDATES", 40)
    found = likeliest_rate(mosaics.reference, mosaics.cm, mosaics.alleles, NONE_OWN)
    assert found == pytest.approx(1.0, rel=0.35)


def test_a_sample_does_not_copy_itself() -> None:
    """With its own haplotypes in the reference, and left out, the rate is that of the others."""
    mosaics = Mosaics(2.0)
    alone = likeliest_rate(mosaics.reference, mosaics.cm, mosaics.alleles, NONE_OWN)
    own_haplotypes = mosaics.alleles.reshape(N_TYPED, -1).astype(np.uint8)
    reference = np.concatenate([mosaics.reference, own_haplotypes], axis=1)
    own = N_HAPLOTYPES + np.arange(2 * N_SAMPLES).reshape(N_SAMPLES, 2)
    assert likeliest_rate(reference, mosaics.cm, mosaics.alleles, own) == pytest.approx(alone, rel=0.1)
    assert likeliest_rate(reference, mosaics.cm, mosaics.alleles, NONE_OWN) < alone / 2


def test_without_information_it_is_one_of_the_range() -> None:
    reference = np.zeros((1, 10), np.uint8)
    alleles = np.zeros((1, N_SAMPLES, 2), np.int8)
    found = likeliest_rate(reference, np.zeros(1), alleles, NONE_OWN)
    assert jump_rate.RATES[0] <= found <= jump_rate.RATES[-1]


def test_on_a_sparse_array_draws_are_as_good_as_the_first_phasing() -> None:
    """A low rate, and few typed sites: draws that jump 5 times per cM, as once in all data, lose the phase."""
    n_samples = 40
    mosaics = Mosaics(0.3, per_cm=9.0, n_samples=n_samples)
    none_missing = np.zeros((N_TYPED, n_samples), dtype=bool)
    own = np.full((n_samples, 1), -1)
    rate = RATE_OF_LIKELIEST * likeliest_rate(mosaics.reference, mosaics.cm, mosaics.alleles, own)

    def wrong(rate: float) -> float:
        drawn = draw_phase(
            mosaics.reference,
            mosaics.cm,
            mosaics.alleles,
            none_missing,
            rate,
            np.random.default_rng(1),
            FIRST_SWEEPS,
        )
        is_het = mosaics.alleles[..., 0] != mosaics.alleles[..., 1]
        opposite = drawn[..., 0] != mosaics.alleles[..., 0]
        found = [np.diff(opposite[is_het[:, n], n].astype(int)) != 0 for n in range(n_samples)]
        return float(np.concatenate(found).mean())

    assert wrong(rate) < 0.02
    assert wrong(5.0) > 0.1
