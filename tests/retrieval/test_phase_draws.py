"""Phasings drawn by the Li-Stephens model: against the exact posterior, the true phase, and what must not change."""

from itertools import product

import numpy as np
import pytest

from ragimpute.retrieval import candidates, phase_draws
from ragimpute.retrieval.li_stephens import switch_probability
from ragimpute.retrieval.phase_draws import ERROR, FIRST_SWEEPS, draw_phase

RATE = 5.0  # jumps per cM
N_TYPED, N_HAPLOTYPES, N_SAMPLES = 300, 200, 20


def likelihood(reference: np.ndarray, cm: np.ndarray, haplotype: np.ndarray) -> float:
    """Of one haplotype [T] in the Li-Stephens model of reference [T, H], by the forward recursion as it is written."""
    jump = switch_probability(cm, np.array([RATE]))[0].astype(float)
    n_haplotypes = reference.shape[1]
    emission = np.where(reference == haplotype[:, None], 1 - ERROR, ERROR)
    forward = emission[0] / n_haplotypes
    for t in range(1, len(cm)):
        arrived = (1 - jump[t - 1]) * forward + jump[t - 1] * forward.sum() / n_haplotypes
        forward = arrived * emission[t]
    return float(forward.sum())


def phases(genotypes: np.ndarray, missing: np.ndarray) -> list[np.ndarray]:
    """All ordered pairs of haplotypes [T, 2] that have the genotypes, any alleles where they are missing."""
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    of_sites = [
        [pair for pair in pairs if is_missing or sum(pair) == genotype]
        for genotype, is_missing in zip(genotypes, missing, strict=True)
    ]
    return [np.array(choice) for choice in product(*of_sites)]


@pytest.mark.parametrize("missing_site", [None, 1, 3])
def test_draws_have_the_exact_posterior(monkeypatch: pytest.MonkeyPatch, missing_site: int | None) -> None:
    """Every phase of four sites, by enumeration: drawn as often as its likelihood says, where nothing is sharpened."""
    monkeypatch.setattr(phase_draws, "SHARPNESS", 1.0)
    rng = np.random.default_rng(4)
    n_chains = 4000
    reference = rng.integers(0, 2, (4, 7)).astype(np.uint8)
    cm = np.array([0.0, 0.03, 0.05, 0.14])
    genotypes = np.array([1, 1, 2, 1])
    missing = np.arange(4) == missing_site
    every = phases(genotypes, missing)
    exact = np.array([likelihood(reference, cm, pair[:, 0]) * likelihood(reference, cm, pair[:, 1]) for pair in every])
    exact /= exact.sum()
    alleles = np.repeat(every[0][:, None], n_chains, axis=1).astype(np.int8)
    is_missing = np.repeat(missing[:, None], n_chains, axis=1)
    for _ in range(4):
        alleles = draw_phase(reference, cm, alleles, is_missing, RATE, rng, 2)
    found = np.array([np.mean((alleles == pair[:, None]).all(axis=(0, 2))) for pair in every])
    assert found.sum() == pytest.approx(1)
    # which haplotype is named first does not matter
    exact_of_either = np.array([sum(exact[other] for other in same_pair(every, one)) for one in range(len(every))])
    found_of_either = np.array([sum(found[other] for other in same_pair(every, one)) for one in range(len(every))])
    deviation = np.sqrt(exact_of_either * (1 - exact_of_either) / n_chains)
    assert np.all(np.abs(found_of_either - exact_of_either) < 4 * deviation + 1e-9)
    assert exact_of_either.max() < 0.97  # something is uncertain


def same_pair(every: list[np.ndarray], one: int) -> set[int]:
    """The numbers of a phase and of the same one with its haplotypes exchanged."""
    exchanged = every[one][:, ::-1]
    return {number for number, pair in enumerate(every) if number == one or np.array_equal(pair, exchanged)}


class Cohort:
    """Samples whose haplotypes are mosaics of a panel, which itself descends from a few founders."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        founders = rng.integers(0, 2, (N_TYPED, 40))
        self.reference = founders[:, rng.integers(0, 40, N_HAPLOTYPES)].astype(np.uint8)
        self.cm = np.sort(rng.random(N_TYPED) * 3)
        switched = rng.random((N_TYPED, 2 * N_SAMPLES)) < 0.01
        switched[0] = True
        source = np.zeros((N_TYPED, 2 * N_SAMPLES), dtype=int)
        for t in range(N_TYPED):
            drawn = rng.integers(0, N_HAPLOTYPES, 2 * N_SAMPLES)
            source[t] = np.where(switched[t], drawn, source[t - 1])
        self.truth = np.take_along_axis(self.reference, source, axis=1).reshape(N_TYPED, N_SAMPLES, 2).astype(np.int8)
        exchanged = rng.random((N_TYPED, N_SAMPLES)) < 0.5
        self.unphased = np.where(exchanged[..., None], self.truth[..., ::-1], self.truth)
        self.none_missing = np.zeros((N_TYPED, N_SAMPLES), dtype=bool)

    def draw(self, missing: np.ndarray | None = None, threads: int = 1) -> np.ndarray:
        missing = self.none_missing if missing is None else missing
        return draw_phase(
            self.reference, self.cm, self.unphased, missing, RATE, np.random.default_rng(2), FIRST_SWEEPS, threads
        )

    def switch_error(self, alleles: np.ndarray) -> float:
        """The share of neighbouring heterozygotes whose phase differs from the truth's."""
        wrong = pairs = 0
        for sample in range(N_SAMPLES):
            true = self.truth[:, sample]
            hets = np.flatnonzero(true[:, 0] != true[:, 1])
            opposite = alleles[hets, sample, 0] != true[hets, 0]
            wrong += int((opposite[1:] != opposite[:-1]).sum())
            pairs += len(hets) - 1
        return wrong / pairs


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return Cohort()


@pytest.mark.parametrize("is_large", [False, True])
def test_a_random_phase_becomes_nearly_the_true_one(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    """Also where each sample copies from candidates, stretch by stretch."""
    if is_large:
        monkeypatch.setattr(candidates, "EXACT", 10)
        monkeypatch.setattr(candidates, "CANDIDATES", 40)
        monkeypatch.setattr(candidates, "CORE_CM", 1.0)
    assert cohort.switch_error(cohort.unphased) > 0.4
    drawn = cohort.draw()
    assert cohort.switch_error(drawn) < 0.03
    np.testing.assert_array_equal(drawn.sum(axis=2), cohort.truth.sum(axis=2))


def test_threads_change_nothing(cohort: Cohort) -> None:
    np.testing.assert_array_equal(cohort.draw(), cohort.draw(threads=3))


def test_what_is_known_decides_and_what_is_missing_is_drawn(cohort: Cohort) -> None:
    """Genotypes that are hidden, and replaced by others, come back; those that are known stay."""
    missing = np.random.default_rng(3).random((N_TYPED, N_SAMPLES)) < 0.05
    hidden = Cohort()
    hidden.unphased = np.where(missing[..., None], 0, cohort.unphased).astype(np.int8)
    drawn = hidden.draw(missing)
    genotypes, true = drawn.sum(axis=2), cohort.truth.sum(axis=2)
    np.testing.assert_array_equal(genotypes[~missing], true[~missing])
    assert np.mean(genotypes[missing] == true[missing]) > 0.95
    assert np.mean(hidden.unphased.sum(axis=2)[missing] == true[missing]) < 0.5


def test_a_single_site_is_drawn(cohort: Cohort) -> None:
    one = slice(0, 1)
    drawn = draw_phase(
        cohort.reference[one],
        cohort.cm[one],
        cohort.unphased[one],
        cohort.none_missing[one],
        RATE,
        np.random.default_rng(1),
    )
    np.testing.assert_array_equal(drawn.sum(axis=2), cohort.truth[one].sum(axis=2))


@pytest.mark.parametrize("is_large", [False, True])
def test_a_sample_does_not_copy_itself(cohort: Cohort, monkeypatch: pytest.MonkeyPatch, is_large: bool) -> None:
    """With its own haplotypes in the reference and left out its phase is drawn as without them."""
    if is_large:
        monkeypatch.setattr(candidates, "EXACT", 10)
        monkeypatch.setattr(candidates, "CANDIDATES", N_HAPLOTYPES)  # all others
    sample = slice(3, 4)
    asked = cohort.cm, cohort.unphased[:, sample], cohort.none_missing[:, sample]
    own_haplotypes = cohort.unphased[:, 3].astype(np.uint8)
    reference = np.concatenate([cohort.reference, own_haplotypes], axis=1)
    own = np.array([[N_HAPLOTYPES, N_HAPLOTYPES + 1]])
    without = draw_phase(cohort.reference, *asked, RATE, np.random.default_rng(1), FIRST_SWEEPS)
    with_own = draw_phase(reference, *asked, RATE, np.random.default_rng(1), FIRST_SWEEPS, own=own)
    np.testing.assert_array_equal(with_own, without)
    copying_itself = draw_phase(reference, *asked, RATE, np.random.default_rng(1), FIRST_SWEEPS)
    assert np.any(copying_itself != without)
