"""The accuracy to expect: samples left out of the panel, imputed by the engine, scored, and compared with targets."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ragimpute
from chr15 import MAP, split_chr15
from mosaic import mosaic_panel
from ragimpute.check.expected_accuracy import ExpectedAccuracy, add_expected, can_be_told, expected_accuracy
from ragimpute.check.left_out_samples import NEAREST, choose_left_out, hidden_genotypes
from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import FIELDS, Genotypes, sample_sums
from ragimpute.evaluation.strata import STRATA, ReferenceCounts
from ragimpute.imputation import back_ends
from ragimpute.imputation.engine import imputed_parts
from ragimpute.imputation.inputs import ImputationInputs, MatchedFiles
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.models import pretrained
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes
from tiny_study import ROOT

N_PANEL, N_TARGETS, N_SITES = 90, 30, 400


@pytest.fixture(scope="module")
def everybody() -> Panel:
    return mosaic_panel(N_PANEL + N_TARGETS, N_SITES, n_founders=12, seed=5)


def targets_of(panel: Panel, samples: np.ndarray, phased: bool = True) -> TargetGenotypes:
    """Samples of a panel, typed at every fourth site."""
    index = np.arange(2, len(panel.sites), 4)
    alleles = panel.alleles[index].reshape(len(index), -1, 2)[:, samples].astype(np.int8)
    names = tuple(f"T{i}" for i in samples.tolist())
    return TargetGenotypes(names, index, alleles, np.full(alleles.shape[:2], phased), pd.DataFrame())


def stretch_of(panel: Panel, typed: TargetGenotypes, tmp_path) -> ReadStretch:
    inputs = ImputationInputs(reference=tmp_path / "p.vcf", targets=tmp_path / "t.vcf", threads=1)
    matched = MatchedFiles(panel, typed, pd.DataFrame(), [slice(0, len(panel.sites))], [])
    return ReadStretch("20", inputs, ChosenRecords(), matched)


def test_it_is_the_accuracy_of_targets_of_the_panels_population(everybody, tmp_path):
    panel = everybody.of_samples(everybody.samples[:N_PANEL])
    typed = targets_of(everybody, np.arange(N_PANEL, N_PANEL + N_TARGETS))
    found = expected_accuracy(stretch_of(panel, typed, tmp_path), seconds=60, seed=1)
    rows = {row["stratum"]: row for row in found.rows(seed=1)}
    truth = everybody.alleles[:, 2 * N_PANEL :].reshape(N_SITES, -1, 2).sum(axis=2).astype(np.int8)
    imputer = back_ends.load_back_end(pretrained.DEFAULT, "cpu", 1)
    hds = np.concatenate([part.hds for part in imputed_parts(panel, [typed], imputer)])
    untyped = np.setdiff1d(np.arange(N_SITES), typed.index)
    counts = ReferenceCounts(panel.allele_count, np.full(N_SITES, 2 * N_PANEL))
    genotypes = Genotypes(hds.sum(axis=2), hds, None, truth)
    sums = sample_sums(genotypes.take(untyped), counts.take(untyped))
    measured = float(metrics.METRICS["r2"](sums.sum(axis=0))[STRATA.index("overall")])
    assert rows["overall"]["r2"] == pytest.approx(measured, abs=0.03)
    assert rows["overall"]["r2_low"] < rows["overall"]["r2"] < rows["overall"]["r2_high"]
    assert rows["overall"]["sites"] == np.count_nonzero(panel.polymorphic[untyped])
    assert "mac_0" not in rows


def test_a_seed_gives_one_answer_whatever_the_threads(everybody, tmp_path):
    typed = targets_of(everybody, np.arange(4))
    stretch = stretch_of(everybody, typed, tmp_path)
    two_threads = dataclasses.replace(stretch, inputs=dataclasses.replace(stretch.inputs, threads=2))
    first, second = (expected_accuracy(one, 60, seed=3) for one in (stretch, two_threads))
    other = expected_accuracy(stretch, 60, seed=4)
    np.testing.assert_array_equal(first.left_out, second.left_out)
    assert not np.array_equal(first.left_out, other.left_out)


def test_few_seconds_mean_few_samples(everybody, tmp_path):
    typed = targets_of(everybody, np.arange(40))
    stretch = stretch_of(everybody, typed, tmp_path)
    plenty, none = (expected_accuracy(stretch, seconds, seed=1) for seconds in (60, 1e-6))
    assert plenty.weights.sum() == len(everybody.samples)
    assert len(plenty.weights) > 40
    assert len(none.weights) <= none.weights.sum() == 20
    assert len(none.of_targets) == 20


def test_haploid_samples_and_tiny_panels_tell_nothing(everybody, tmp_path):
    tiny = everybody.of_samples(everybody.samples[:10])
    typed = targets_of(everybody, np.arange(4))
    assert not can_be_told(stretch_of(tiny, typed, tmp_path))
    assert can_be_told(stretch_of(everybody, typed, tmp_path))
    haploid = dataclasses.replace(typed, ploidy=np.ones(4, np.int8))
    assert not can_be_told(stretch_of(everybody, haploid, tmp_path))


SIX = tuple("ABCDEF")  # names of samples
R2 = ("r2", "r2_low", "r2_high")


def sums_of(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The scorer's sums [P, 13, F] of samples with these haplotype dosages [400, 2] and true counts at common sites."""
    found = []
    for hds, truth in pairs:
        counts = ReferenceCounts(np.full(len(hds), 50), np.full(len(hds), 100))
        dosages = hds[:, None].astype(np.float32)
        found.append(sample_sums(Genotypes(dosages.sum(axis=2), dosages, None, truth[:, None]), counts))
    return np.concatenate(found)


def uncertain(sample: int, doubt: float) -> tuple[np.ndarray, np.ndarray]:
    """Dosages `doubt` or 1 - `doubt` at 400 sites, one of five nearer to the wrong allele, and true counts."""
    alleles = np.random.default_rng(sample).integers(0, 2, (400, 2))
    is_wrong = np.arange(800).reshape(400, 2) % 5 == 0
    called = np.where(is_wrong, 1 - alleles, alleles)
    return np.where(called == 1, 1 - doubt, doubt), alleles.sum(axis=1).astype(np.int8)


def expected_of(left_out: np.ndarray, of_targets: np.ndarray) -> ExpectedAccuracy:
    return ExpectedAccuracy(left_out, of_targets, np.full(len(STRATA), 400), np.ones(6), SIX, SIX)


def test_targets_with_the_certainty_of_left_out_samples_are_expected_to_be_as_good():
    left_out = sums_of([uncertain(i, 0.2) for i in range(6)])
    unknown = sums_of([(hds, np.zeros(400, np.int8)) for hds, _ in (uncertain(i, 0.2) for i in range(6))])
    same = expected_of(left_out, unknown)
    assert same.odds_ratio(np.ones(6), np.ones(6)) == pytest.approx(1)
    [overall, *_] = same.rows(1)
    assert overall["r2"] == pytest.approx(overall["r2_of_panel"])


def test_the_odds_of_left_out_samples_are_multiplied_by_what_the_targets_probabilities_imply():
    left_out, of_targets = (sums_of([uncertain(i, doubt) for i in range(6)]) for doubt in (0.2, 0.3))
    [overall, *_] = expected_of(left_out, of_targets).rows(1)
    # a dosage of 1 - d or d, equally often, has a variance of (1 - 2 d)^2 / 4, the allele one of 1 / 4
    implied = [(1 - 2 * doubt) ** 2 for doubt in (0.2, 0.3)]
    of_left_out, of_these = (r2 / (1 - r2) for r2 in implied)
    odds = overall["r2_of_panel"] / (1 - overall["r2_of_panel"]) * of_these / of_left_out
    assert overall["r2"] == pytest.approx(odds / (1 + odds), abs=0.01)  # chance makes either allele rarer
    assert overall["r2"] < overall["r2_of_panel"] - 0.1


def test_targets_whose_implied_r2_is_unknown_are_expected_to_be_as_the_panel():
    left_out = sums_of([uncertain(i, 0.2) for i in range(6)])
    constant = sums_of([(np.zeros((400, 2)), np.zeros(400, np.int8))] * 6)
    [overall, *_] = expected_of(left_out, constant).rows(1)
    assert overall["r2"] == overall["r2_of_panel"]


def test_stretches_are_added_up():
    sums = sums_of([uncertain(0, 0.2), uncertain(1, 0.3)])
    names = ("A", "B")
    one = ExpectedAccuracy(sums, sums, np.full(len(STRATA), 5), np.ones(2), names, names)
    both = add_expected([one, one])
    assert both.left_out.shape == both.of_targets.shape == (4, len(STRATA), len(FIELDS))
    assert len(both.weights) == 4
    assert both.rows(1)[0]["sites"] == 10
    [of_both, *_], [of_one, *_] = both.rows(1), one.rows(1)
    # the same two people in both: no narrower interval
    assert [of_both[name] for name in R2] == pytest.approx([of_one[name] for name in R2])


def test_samples_of_the_targets_population_are_left_out():
    first, second = (mosaic_panel(40, 200, n_founders=5, seed=seed) for seed in (1, 2))
    names = tuple(f"{which}{i}" for which in "AB" for i in range(40))
    both = Panel(first.sites, names, np.hstack([first.alleles[:], second.alleles[:]]), first.contigs)
    typed = targets_of(both, np.arange(60, 80))
    panel = both.of_samples(names[:60])
    chosen = choose_left_out(panel, typed, 15, np.random.default_rng(1))
    assert (chosen.samples >= 40).all()
    assert len(set(chosen.samples.tolist())) == len(chosen.samples) == len(chosen.weights)
    assert chosen.weights.sum() == 15
    many = choose_left_out(panel, typed, 50, np.random.default_rng(1))
    assert (many.samples >= 40).all()  # 20 are near; they stand for several targets each
    assert many.weights.sum() == 50
    assert len(many.samples) <= NEAREST * 20


def test_one_target_is_stood_for_by_many_samples(everybody):
    chosen = choose_left_out(everybody, targets_of(everybody, np.arange(1)), 90, np.random.default_rng(1))
    assert len(chosen.samples) == 90
    assert set(chosen.targets.tolist()) == {0}


def test_left_out_samples_lack_what_their_target_lacks():
    panel = mosaic_panel(30, 100, seed=3)
    typed = targets_of(panel, np.arange(4), phased=False)
    typed.alleles[3, 1] = -1
    phased = np.array(typed.phased)
    phased[:, 2] = True
    typed = dataclasses.replace(typed, phased=phased)
    chosen = choose_left_out(panel, typed, 8, np.random.default_rng(1))
    hidden = hidden_genotypes(panel, typed, chosen)
    true = panel.alleles[typed.index].reshape(len(typed.index), -1, 2)[:, chosen.samples]
    of_gap = chosen.targets == 1
    assert of_gap.any()
    assert (hidden.alleles[3, of_gap] == -1).all()
    known = hidden.alleles[..., 0] >= 0
    assert np.count_nonzero(~known) == of_gap.sum()
    np.testing.assert_array_equal(hidden.alleles.sum(axis=2)[known], true.sum(axis=2)[known])
    came_phased = chosen.targets == 2
    np.testing.assert_array_equal(hidden.alleles[:, came_phased], true[:, came_phased])
    assert hidden.phased[:, came_phased].all()
    assert not hidden.phased[:, ~came_phased].any()
    assert (np.diff(hidden.alleles[:, ~came_phased], axis=2) >= 0).all()  # the panel's phase is erased


def test_an_allele_that_only_left_out_samples_carry_is_not_scored(everybody, tmp_path):
    """Of a panel without singletons the left-out samples make some; nobody else could be imputed so."""
    common = everybody.take(np.flatnonzero(np.minimum(everybody.allele_count, 240 - everybody.allele_count) >= 2))
    typed = targets_of(common, np.arange(30))
    found = expected_accuracy(stretch_of(common, typed, tmp_path), 60, 1)
    n_scored = metrics.field(found.left_out, "n").sum(axis=0)
    assert n_scored[STRATA.index("mac_1")] == 0
    assert n_scored[STRATA.index("overall")] > 0


def compared(folder: Path, out: Path, genetic_map: Path) -> pd.DataFrame:
    """For each stratum the r2 that `check` expects, and that of `impute` by the truth, with its interval."""
    files = {"reference": folder / "reference.vcf.gz", "targets": folder / "targets.vcf.gz", "genetic_map": genetic_map}
    [found] = [one for one in ragimpute.check(**files, expected_accuracy=True) if one.code == "expected-accuracy"]
    expected = pd.DataFrame(found.numbers["strata"]).set_index("stratum")["r2"]
    ragimpute.impute(**files, out=out / "imputed.vcf.gz")
    scores = ragimpute.score(
        imputed=out / "imputed.vcf.gz", truth=folder / "truth.vcf.gz", reference=folder / "reference.vcf.gz"
    )
    table = scores[scores["metric"] == "r2"].set_index("stratum")[["value", "ci_low", "ci_high"]]
    return table.join(expected, how="inner")


@pytest.mark.long
@pytest.mark.parametrize("data", ["example", "chr15"])
def test_it_is_near_what_is_measured(data, tmp_path):
    """Singletons of a population that the panel lacks are expected too well (docs/scaling.md)."""
    if data == "chr15":
        split_chr15(tmp_path)
        table = compared(tmp_path, tmp_path, MAP)
    else:
        folder = ROOT / "resources" / "example"
        table = compared(folder, tmp_path, folder / "genetic_map.plink.map")
    is_near = (table["r2"] - table["value"]).abs() <= 0.02
    assert is_near[["overall", "rare", "common"]].all(), table
    is_inside = is_near | table["r2"].between(table["ci_low"], table["ci_high"])
    assert is_inside.drop("mac_1" if data == "example" else []).all(), table
