"""Phasing and the established methods, on a tiny panel; Beagle and Minimac4 must be installed."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaic import mosaic_panel
from ragimpute import external
from ragimpute.baselines import tuning
from ragimpute.baselines.beagle import run_beagle
from ragimpute.baselines.copying import run_copy_nearest, run_li_stephens
from ragimpute.baselines.frequency import run_frequency
from ragimpute.baselines.minimac4 import run_minimac4
from ragimpute.errors import InputError
from ragimpute.evaluation.bootstrap import resampling_weights
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes, read_truth
from ragimpute.targets.given_phase import keep_given_phase
from ragimpute.targets.phasing import phase, phase_like_targets

MAP = GeneticMap({"20": (np.array([9e5, 2e6]), np.array([1.0, 5.0]))})


@pytest.fixture(scope="module")
def study():
    """Reference panel, targets' phased typed genotypes, and the targets' truth [S, N]. Two sites share a position."""
    panel = mosaic_panel(n_samples=46)
    pos, alt = panel.sites.pos.copy(), panel.sites.alt.copy()
    pos[11], alt[11] = pos[10], "C"
    panel = dataclasses.replace(panel, sites=dataclasses.replace(panel.sites, pos=pos, alt=alt))
    reference, samples = panel.of_samples(panel.samples[:40]), panel.of_samples(panel.samples[40:])
    index = np.setdiff1d(np.arange(0, 60, 2), [10])
    alleles = samples.alleles[index].reshape(len(index), 6, 2).astype(np.int8)
    targets = TargetGenotypes(samples.samples, index, alleles, np.ones((len(index), 6), bool), pd.DataFrame())
    return reference, targets, samples.alleles[:].reshape(60, 6, 2).sum(axis=2, dtype=np.int64)


def unphased(targets):
    return dataclasses.replace(targets, alleles=np.sort(targets.alleles, axis=2), phased=np.zeros_like(targets.phased))


def test_phasing_keeps_genotypes_and_fills_gaps(study):
    reference, targets, truth = study
    gaps = unphased(targets)
    gaps.alleles[3, 2] = -1
    done = phase(reference, gaps, MAP)
    assert done.complete
    known = (gaps.alleles >= 0).all(axis=2)
    np.testing.assert_array_equal(done.alleles.sum(axis=2)[known], truth[targets.index][known])
    np.testing.assert_array_equal(done.alleles, phase(reference, gaps, MAP).alleles)


def test_phased_targets_are_not_phased_again(study, monkeypatch):
    reference, targets, _ = study
    monkeypatch.setenv("PATH", "")  # no Beagle needed
    assert phase(reference, targets, MAP) is targets
    with pytest.raises(InputError, match=r"apt-get install beagle.*bioconda beagle"):
        phase(reference, unphased(targets), MAP)


def test_samples_who_came_phased_keep_their_phase(study):
    """One sample is unphased, another phased with a gap: all others come back as they were, so does the second."""
    reference, targets, truth = study
    alleles, phased = targets.alleles.copy(), targets.phased.copy()
    alleles[:, 0], phased[:, 0] = np.sort(alleles[:, 0], axis=1), False
    alleles[7, 1] = -1
    done = phase(reference, dataclasses.replace(targets, alleles=alleles, phased=phased), MAP)
    assert done.complete
    np.testing.assert_array_equal(done.alleles[:, 2:], targets.alleles[:, 2:])
    np.testing.assert_array_equal(np.delete(done.alleles[:, 1], 7, axis=0), np.delete(targets.alleles[:, 1], 7, axis=0))
    np.testing.assert_array_equal(done.alleles[:, 0].sum(axis=1), truth[targets.index, 0])


def test_what_was_missing_lies_beside_the_given_phase():
    """By hand: Beagle's haplotypes are exchanged at the first two heterozygotes, and as given at the third."""
    given = np.array([[0, 1], [-1, -1], [1, 0], [-1, -1], [0, 1]], np.int8)[:, None]
    targets = TargetGenotypes(("x",), np.arange(5), given, np.ones((5, 1), bool), pd.DataFrame())
    again = np.array([[1, 0], [0, 1], [0, 1], [0, 1], [0, 1]], np.int8)[:, None]
    keep_given_phase(again, targets)
    assert again[:, 0].tolist() == [[0, 1], [1, 0], [1, 0], [1, 0], [0, 1]]


def test_a_chromosome_with_one_typed_position_needs_no_beagle(study, monkeypatch):
    reference, targets, _ = study
    monkeypatch.setenv("PATH", "")
    one = unphased(targets).at(np.array([4]))
    one.alleles[0, 2] = -1
    done = phase(reference, one, MAP)
    assert done.complete
    often = reference.alleles[one.index[0]].mean() >= 0.5
    assert done.alleles[0, 2].tolist() == [often, often]


def test_names_may_be_those_of_the_reference(study):
    reference, targets, _ = study
    named = dataclasses.replace(unphased(targets), samples=reference.samples[:6])
    np.testing.assert_array_equal(
        phase(reference, named, MAP).alleles, phase(reference, unphased(targets), MAP).alleles
    )


def check_form(imputed, reference, targets):
    assert imputed.hds.shape == (60, 6, 2)
    assert imputed.samples == targets.samples
    np.testing.assert_array_equal(np.flatnonzero(imputed.typed), targets.index)
    np.testing.assert_array_equal(imputed.hds[targets.index], targets.alleles)
    assert ((imputed.hds >= 0) & (imputed.hds <= 1)).all()


RUNS = {
    "beagle": lambda reference, targets: run_beagle(reference, targets, MAP),
    "minimac4": lambda reference, targets: run_minimac4(reference, targets, None),
    "minimac4 with a map": lambda reference, targets: run_minimac4(reference, targets, MAP),
    "li_stephens": lambda reference, targets: run_li_stephens(reference, targets),
    "copy_nearest": lambda reference, targets: run_copy_nearest(reference, targets),
}


@pytest.mark.parametrize("name", RUNS)
def test_each_method_imputes_better_than_frequency(study, name):
    reference, targets, truth = study
    imputed = RUNS[name](reference, targets)
    check_form(imputed, reference, targets)
    frequency = reference.allele_frequency
    floor = run_frequency(frequency, reference.sites, targets)
    check_form(floor, reference, targets)
    hidden = ~imputed.typed
    error = [((method.hds.sum(axis=2) - truth)[hidden] ** 2).mean() for method in (imputed, floor)]
    assert error[0] < 0.7 * error[1]


def test_copy_nearest_copies_the_truth_where_it_is_among_the_neighbours(study):
    """Targets that are in the reference, and whom nothing leaves out, match themselves longest."""
    reference, targets, _ = study
    own = reference.of_samples(reference.samples[3:9])
    alleles = own.alleles[:].reshape(60, 6, 2)
    seen = dataclasses.replace(targets, samples=own.samples, alleles=alleles[targets.index].astype(np.int8))
    imputed = run_copy_nearest(reference, seen)
    hidden = ~imputed.typed
    assert np.abs(imputed.hds - alleles)[hidden].mean() < 0.1
    assert (np.round(imputed.hds) == alleles)[hidden].mean() > 0.97
    np.testing.assert_array_equal(imputed.both, imputed.hds[..., 0] * imputed.hds[..., 1])
    again = run_copy_nearest(reference, seen, threads=2)
    np.testing.assert_array_equal(again.hds, imputed.hds)


def test_two_sites_at_one_position_are_not_confused(study):
    reference, targets, truth = study
    for run in (RUNS["beagle"], RUNS["minimac4"]):
        dosage = run(reference, targets).hds.sum(axis=2)
        right = np.abs(dosage[[10, 11]] - truth[[10, 11]]).mean()
        swapped = np.abs(dosage[[11, 10]] - truth[[10, 11]]).mean()
        assert right < swapped


def test_chromosomes_are_imputed_apart(study):
    reference, targets, _ = study
    sites = dataclasses.replace(
        reference.sites,
        chrom=np.repeat(["20", "21"], 60),
        **{name: np.tile(getattr(reference.sites, name), 2) for name in ("pos", "id", "ref", "alt", "cm")},
    )
    double = Panel(sites, reference.samples, np.tile(reference.alleles, (2, 1)), ())
    both = dataclasses.replace(
        targets,
        index=np.concatenate([targets.index, targets.index + 60]),
        alleles=np.tile(targets.alleles, (2, 1, 1)),
        phased=np.tile(targets.phased, (2, 1)),
    )
    for run in (RUNS["li_stephens"], RUNS["minimac4"]):
        single, imputed = run(reference, targets), run(double, both)
        np.testing.assert_array_equal(imputed.hds, np.tile(single.hds, (2, 1, 1)))


def test_unphased_input_and_unknown_parameters_are_refused(study):
    reference, targets, _ = study
    with pytest.raises(InputError, match="ragimpute phase"):
        run_beagle(reference, unphased(targets), MAP)
    with pytest.raises(InputError, match="window: choose from ne"):
        run_beagle(reference, targets, MAP, parameters={"window": 1})


def test_beagle_is_not_asked_to_impute_from_one_position(study):
    reference, targets, _ = study
    with pytest.raises(InputError, match="chromosome 20 has typed sites at one position only"):
        run_beagle(reference, targets.at(np.array([4])), MAP)


def test_a_failing_program_shows_its_last_words(tmp_path, monkeypatch):
    script = tmp_path / "beagle"
    script.write_text("#!/bin/sh\necho 'no such marker' >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InputError, match=r"(?s)exit code 3.*no such marker"):
        external.run_program("beagle", [], tmp_path)


def test_validation_samples_show_nothing_of_their_phase(study, monkeypatch):
    """What Beagle gets is sorted and unphased, against the train fold alone; a gap in phased targets costs no phase."""
    reference, targets, _ = study
    train, validation = reference.of_samples(reference.samples[:30]), reference.of_samples(reference.samples[30:])
    given = []
    monkeypatch.setattr(
        "ragimpute.targets.phasing.phase", lambda panel, samples, *_, **__: given.append((panel, samples))
    )
    phase_like_targets(train, validation, unphased(targets), MAP)
    [(panel, samples)] = given
    assert panel.samples == train.samples
    assert samples.samples == validation.samples
    assert not samples.phased.any()
    expected = np.sort(validation.alleles[targets.index].reshape(len(targets.index), -1, 2), axis=2)
    np.testing.assert_array_equal(samples.alleles, expected)
    gap = dataclasses.replace(targets, alleles=targets.alleles.copy())
    gap.alleles[3, 2] = -1
    kept = phase_like_targets(train, validation, gap, MAP)
    assert len(given) == 1
    np.testing.assert_array_equal(kept.alleles.reshape(len(kept.index), -1), validation.alleles[targets.index])


def test_tuning_scores_every_setting_on_validation_samples(tiny_panel, tiny_typed, monkeypatch):
    monkeypatch.setattr(
        "ragimpute.baselines.tuning.GRID", {"ne": (50_000, 1_000_000), "err": (0.01,), "cluster": (0.0005,)}
    )
    seen = []
    original = run_beagle

    def watched(reference, targets, *args, **kwargs):
        seen.append((reference.samples, targets.samples, targets.alleles.tobytes(), kwargs["seed"]))
        return original(reference, targets, *args, **kwargs)

    monkeypatch.setattr("ragimpute.baselines.tuning.run_beagle", watched)
    train, names = tiny_panel.samples[:18], tiny_panel.samples[18:22]
    alleles = tiny_panel.of_samples(names).alleles[tiny_typed].reshape(-1, 4, 2)[:, :, ::-1].astype(np.int8)
    phased = np.ones(alleles.shape[:2], dtype=bool)
    validation = TargetGenotypes(names, np.flatnonzero(tiny_typed), alleles, phased, pd.DataFrame())
    result = tuning.tune_beagle(tiny_panel, train, validation, MAP, threads=2, seed=5)
    assert set(seen) == {(train, names, alleles.tobytes(), 5)}
    rows = result["scores"]
    assert len(rows) == 3
    sure = [row for row in rows if row["gain_low"] > 0]
    assert result["r2"] == max([row["r2"] for row in sure], default=result["default_r2"]) > 0.1
    assert result["default_r2"] == rows[0]["r2"]
    assert rows[0]["gain"] == rows[0]["gain_low"] == 0
    assert all(row["gain_low"] <= row["gain"] for row in rows)
    assert result["n_samples"] == 4


def test_the_score_of_tuning_is_the_squared_correlation():
    """Against numpy's, the alleles of some sites exchanged, and 0 where nothing varies."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, (40, 5))
    dosage = np.clip(truth + rng.normal(0, 0.5, truth.shape), 0, 2)
    flip = rng.random(40) < 0.5
    turned = [np.where(flip[:, None], 2 - counts, counts).ravel() for counts in (dosage, truth)]
    sums = tuning.correlation_sums(dosage, truth, flip)
    assert sums.shape == (5, 6)
    np.testing.assert_allclose(tuning.r2_of_sums(sums.sum(axis=0)), np.corrcoef(*turned)[0, 1] ** 2)
    assert tuning.r2_of_sums(tuning.correlation_sums(np.ones_like(dosage), truth, flip).sum(axis=0)) == 0


def test_the_bound_of_a_single_gain_is_the_basic_bootstrap():
    """By hand: the gain less the upper quantile of its error; a setting that equals the defaults gains 0."""
    errors = np.linspace(-0.01, 0.01, 201)  # their 95 % quantile is .009
    r2 = np.array([0.9, 0.92, 0.9])
    resampled = np.stack([np.full(201, 0.9), 0.92 + errors, np.full(201, 0.9)], axis=1)
    np.testing.assert_allclose(tuning.sure_gains(r2, resampled), [0, 0.02 - 0.009, 0], atol=1e-12)


def test_noise_does_not_leave_the_defaults():
    """Twelve settings as good as the defaults, thirty samples: the best looks better, and is seldom called so."""
    rng = np.random.default_rng(3)
    weights = resampling_weights(30, 400, 1)
    looked, chosen = 0, 0
    for _ in range(200):
        gains = rng.normal(0, 0.01, (30, 13)) + rng.normal(0, 0.01, (30, 1))  # each sample's, shared in part
        gains[:, 0] = 0
        scores = gains.mean(axis=0)
        looked += scores.max() > 0
        chosen += (tuning.sure_gains(scores, weights @ gains / 30) > 0).any()
    assert looked > 150
    assert chosen <= 20  # 5 % by design, and a little more from so few samples


@pytest.mark.slow
@pytest.mark.long
def test_the_example_gives_the_published_accuracy():
    """Unphased targets, phased by Beagle, imputed: the figures of docs for Beagle 5.4 and Minimac4, each to 0.001."""
    example = Path(__file__).parents[2] / "resources" / "example"
    genetic_map = GeneticMap.read(example / "genetic_map.plink.map")
    panel, _ = read_panel(example / "reference.vcf.gz", None, genetic_map)
    targets = read_genotypes(example / "targets.vcf.gz", panel.sites)
    truth = read_truth(example / "truth.vcf.gz", panel.sites, targets.samples).astype(float)
    phased = phase(panel, targets, genetic_map)
    frequency = panel.alleles[:].mean(axis=1)
    flip, maf = frequency > 0.5, np.minimum(frequency, 1 - frequency)
    results = {
        "beagle": run_beagle(panel, phased, genetic_map, threads=2),
        "minimac4": run_minimac4(panel, phased, None, threads=2),
    }
    expected = {"beagle": (0.9547, 0.6638, 0.9597), "minimac4": (0.9448, 0.6019, 0.9518)}
    for name, imputed in results.items():
        scored = ~imputed.typed & (maf > 0)
        dosage = imputed.hds.sum(axis=2, dtype=float)
        turned = [np.where(flip[:, None], 2 - counts, counts) for counts in (dosage, truth)]
        r2 = [
            np.corrcoef(turned[0][stratum].ravel(), turned[1][stratum].ravel())[0, 1] ** 2
            for stratum in (scored, scored & (maf < 0.05), scored & (maf >= 0.05))
        ]
        np.testing.assert_allclose(r2, expected[name], atol=1e-3)
