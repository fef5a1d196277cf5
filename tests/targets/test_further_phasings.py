"""Further phasings of targets, drawn from the first: who helps whom, and what must not change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.panel.store import Panel
from ragimpute.targets import further_phasings, phasing
from ragimpute.targets.further_phasings import PhaseDraws
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import phase_repeatedly


@pytest.fixture
def targets(tiny_panel: Panel) -> TargetGenotypes:
    """Eight samples of the panel at every second site, unphased; one genotype is missing."""
    index = np.arange(0, len(tiny_panel.sites), 2)
    alleles = np.array(tiny_panel.alleles[index])[:, :16].reshape(len(index), 8, 2).astype(np.int8)
    alleles[4, 2] = -1
    names = tuple(f"T{i}" for i in range(8))
    return TargetGenotypes(names, index, alleles, np.zeros(alleles.shape[:2], dtype=bool), pd.DataFrame())


@pytest.fixture(autouse=True)
def first_phasing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of Beagle's: the order in the file, gaps as REF."""

    def as_given(typed: Panel, targets: TargetGenotypes, *_: object) -> np.ndarray:
        return np.maximum(targets.alleles, 0)

    monkeypatch.setattr(phasing, "_by_beagle", as_given)


def drawn(panel: Panel, targets: TargetGenotypes, seed: int = 1) -> list[TargetGenotypes]:
    return phase_repeatedly(panel, targets, GeneticMap.of_sites(panel.sites), seed=seed, n_phasings=4)


def test_each_is_another_phase_of_the_same_genotypes(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    phasings = drawn(tiny_panel, targets)
    known = (targets.alleles >= 0).all(axis=2)
    for one in phasings:
        np.testing.assert_array_equal(one.alleles.sum(axis=2)[known], targets.alleles.sum(axis=2)[known])
        assert one.complete
    assert len({one.alleles.tobytes() for one in phasings}) == 4
    again = drawn(tiny_panel, targets)
    assert all(np.array_equal(one.alleles, other.alleles) for one, other in zip(phasings, again, strict=True))
    other_seed = drawn(tiny_panel, targets, seed=2)
    assert np.any(other_seed[1].alleles != phasings[1].alleles)


def test_a_sample_that_came_phased_and_a_haploid_one_stay(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    phased = targets.phased.copy()
    phased[:, 0] = True
    alleles = targets.alleles.copy()
    alleles[:, 1, 1] = alleles[:, 1, 0]
    ploidy = np.full(8, 2, dtype=np.int8)
    ploidy[1] = 1
    first, *others = drawn(tiny_panel, replace(targets, phased=phased, alleles=alleles, ploidy=ploidy))
    for one in others:
        np.testing.assert_array_equal(one.alleles[:, :2], first.alleles[:, :2])
        assert np.any(one.alleles[:, 2:] != first.alleles[:, 2:])


def test_the_own_haplotypes_of_each_target_are_known() -> None:
    """Behind 40 of the reference stand those of three targets."""
    own = further_phasings._own_columns(np.array([0, 2, 5]), np.array([2, 5, 7]), 40)
    assert own.tolist() == [[-1, -1], [40, 41], [42, 43]]
    assert further_phasings._own_columns(np.array([0, 2]), np.array([], dtype=int), 40).tolist() == [[-1, -1]] * 2


def test_one_is_enough_where_nothing_is_uncertain(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    homozygous = np.repeat(targets.alleles[..., :1], 2, axis=2)
    assert len(drawn(tiny_panel, replace(targets, alleles=np.maximum(homozygous, 0)))) == 1


def test_a_chromosome_is_phased_as_if_it_were_alone(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    """Nothing of another chromosome in the file changes it: not its samples without genotypes, not its draws."""
    half = len(tiny_panel.sites) // 2
    chrom = np.where(np.arange(len(tiny_panel.sites)) < half, "20", "21")
    panel = replace(tiny_panel, sites=replace(tiny_panel.sites, chrom=chrom))
    on_first = targets.index < half
    alleles = targets.alleles.copy()
    alleles[on_first, 3] = -1
    both = replace(targets, alleles=alleles)
    together = drawn(panel, both)
    for rows, sites in ((on_first, slice(0, half)), (~on_first, slice(half, len(chrom)))):
        part = panel.take(np.arange(len(chrom))[sites])
        alone = replace(both.at(np.flatnonzero(rows)), index=both.index[rows] - sites.start)
        for one, whole in zip(drawn(part, alone), together, strict=True):
            np.testing.assert_array_equal(one.alleles, whole.alleles[rows])


def test_what_has_one_typed_position_is_kept(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    """Beagle needs two positions, and there is no phase to draw."""
    single = targets.at(np.array([0]))
    [only] = drawn(tiny_panel, single)
    np.testing.assert_array_equal(only.alleles, targets.alleles[:1])


def test_one_heterozygote_has_no_phase_to_draw(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    one = targets.of_samples(np.array([0]))
    alleles = np.zeros_like(one.alleles)
    alleles[2, 0] = [0, 1]
    assert len(drawn(tiny_panel, replace(one, alleles=alleles))) == 1
    alleles[7, 0] = [0, 1]
    for seed in range(5):
        assert len(drawn(tiny_panel, replace(one, alleles=alleles), seed)) == 4


def test_one_is_enough_where_draws_phase_as_the_first(
    tiny_panel: Panel, targets: TargetGenotypes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By default; a panel that holds the targets' haplotypes leaves nothing open, one of random alleles everything."""
    monkeypatch.setattr(phasing, "phasings_worth_it", lambda sites, _: {str(sites.chrom[0]): 4})
    complete = replace(targets, alleles=np.abs(targets.alleles))
    genetic_map = GeneticMap.of_sites(tiny_panel.sites)
    with caplog.at_level("INFO"):
        assert len(phase_repeatedly(tiny_panel, complete, genetic_map)) == 1
    assert "of heterozygotes: one is enough" in caplog.text
    assert len(phase_repeatedly(tiny_panel, complete, genetic_map, n_phasings=3)) == 3
    alleles = np.random.default_rng(1).integers(0, 2, tiny_panel.alleles.shape, dtype=np.uint8)
    at_random = replace(tiny_panel, alleles=Haplotypes.of(alleles))
    assert len(phase_repeatedly(at_random, complete, genetic_map)) == 4


def test_gaps_that_draws_fill_otherwise_are_uncertain(tiny_panel: Panel, targets: TargetGenotypes) -> None:
    alleles = np.abs(targets.alleles)
    typed = tiny_panel.take(targets.index)
    with_gaps = alleles.copy()
    with_gaps[1::2] = -1
    filled = alleles.copy()
    filled[1::2] = 1 - alleles[1::2]  # always wrong, as the panel holds the targets
    local = replace(targets, index=np.arange(len(targets.index)), alleles=with_gaps)
    assert PhaseDraws(filled, typed, local, seed=1, threads=1).differ()
    assert not PhaseDraws(alleles, typed, replace(local, alleles=alleles), seed=1, threads=1).differ()
