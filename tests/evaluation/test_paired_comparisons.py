import dataclasses

import numpy as np
import pandas as pd
import pytest

from evaluation_data import result_of, synthetic, truth_as_result
from ragimpute.errors import InputError
from ragimpute.evaluation import evaluation_file, paired_comparisons, result_tables
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.metric_rows import metric_table, population_labels
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import score
from ragimpute.evaluation.strata import STRATA

SETTING = BootstrapSettings(bootstraps=100, seed=1)
SAMPLES = [f"P{i:02d}" for i in range(24)]
LABELS = ["GBR", "FIN"] * 12


def evaluated(method="beagle", architecture="NA", loss="NA", seed=0, noise=0.3, labels=LABELS):
    genotypes, counts = synthetic(200, 24, noise=noise)
    weights = "NA" if architecture == "NA" else "scratch"
    run = RunNames("example", "omni", method, architecture, loss, weights, seed)
    info = np.linspace(0, 1, 200)
    evaluation = score(run, result_of(genotypes, counts, info, SAMPLES, labels), SETTING)
    return metric_table(evaluation), evaluation


def value(table: pd.DataFrame, metric: str, stratum="overall", population="all") -> pd.Series:
    rows = table[(table.metric == metric) & (table.stratum == stratum) & (table.population == population)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_rows_have_the_contracts_columns_and_intervals_hold_the_value():
    table, _ = evaluated()
    assert list(table.columns) == list(result_tables.METRIC_COLUMNS)
    for metric in ("r2", "f1", "ece", "r2_variant", "iqs"):
        row = value(table, metric)
        assert row.ci_low <= row.value <= row.ci_high
        assert row.n_sites > 0
        assert row.n_genotypes == row.n_sites * 24


def test_the_truth_scores_1_through_the_whole_scorer():
    genotypes, counts = synthetic(200, 24)
    run = RunNames("example", "omni", "truth", "NA", "NA", "NA", 0)
    perfect = truth_as_result(genotypes.truth)
    table = metric_table(score(run, result_of(perfect, counts, np.ones(200), SAMPLES, LABELS), SETTING))
    for metric in ("r2", "f1", "r2_variant"):
        values = table.loc[table.metric == metric, "value"].dropna()
        assert len(values) > 5
        assert values.to_numpy() == pytest.approx(1, abs=1e-6)


def test_means_over_variants_count_the_variants_that_have_a_value():
    genotypes, counts = synthetic(200, 24)
    info = np.where(np.arange(200) % 4 == 0, np.nan, 0.5)
    run = RunNames("example", "omni", "x", "NA", "NA", "NA", 0)
    table = metric_table(score(run, result_of(genotypes, counts, info, SAMPLES, LABELS), SETTING))
    known = (genotypes.truth >= 0).all(axis=1) & (counts.ac > 0) & (counts.ac < counts.an)
    varies = np.ptp(genotypes.truth, axis=1) > 0
    assert 0 < (known & varies).sum() < known.sum()
    row = value(table, "r2_variant")
    assert (row.n_sites, row.n_genotypes) == ((known & varies).sum(), 24 * (known & varies).sum())
    assert value(table, "r2_info").n_sites == (known & np.isfinite(info)).sum()


def test_populations_get_rows_only_when_there_are_labels():
    table, _ = evaluated()
    assert set(table.population) == {"all", "GBR", "FIN"}
    table, _ = evaluated(labels=["NA"] * 24)
    assert set(table.population) == {"all"}
    assert population_labels(["GBR", "GBR", "NA"]) == []  # one label says no more than `all`


def test_order_of_samples_changes_no_byte(tmp_path):
    genotypes, counts = synthetic(200, 24)
    run = RunNames("example", "omni", "beagle", "NA", "NA", "NA", 0)
    order = np.random.default_rng(0).permutation(24)
    moved = dataclasses.replace(
        genotypes, ds=genotypes.ds[:, order], hds=genotypes.hds[:, order], truth=genotypes.truth[:, order]
    )
    info = np.linspace(0, 1, 200)
    for name, g, index in (("a", genotypes, np.arange(24)), ("b", moved, order)):
        found = result_of(g, counts, info, [SAMPLES[i] for i in index], [LABELS[i] for i in index])
        table = metric_table(score(run, found, SETTING))
        result_tables.write_result_table(table, result_tables.METRIC_COLUMNS, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_statistics_survive_the_disk(tmp_path):
    _, evaluation = evaluated()
    evaluation_file.save_evaluation(tmp_path / "s.safetensors", evaluation)
    again = evaluation_file.load_evaluation(tmp_path / "s.safetensors")
    assert again.run == evaluation.run
    assert again.setting == SETTING
    assert again.scored.samples == evaluation.scored.samples
    assert np.array_equal(again.scored.statistics.sums, evaluation.scored.statistics.sums)


def test_a_method_against_itself_differs_by_exactly_0():
    _, baseline = evaluated("beagle")
    _, trained = evaluated("copy_rag.no_recon", "copy_rag", "no_recon", seed=1)
    table = paired_comparisons.compare_methods([baseline, trained])
    assert list(table.columns) == list(result_tables.COMPARISON_COLUMNS)
    defined = table[table.difference.notna()]
    assert len(defined) > 20
    for column in ("difference", "ci_low", "ci_high"):
        assert (defined[column].dropna() == 0).all()
    assert (defined.p_value == 1).all()


def test_a_better_method_is_ahead_and_the_difference_is_that_of_the_values():
    a, better = evaluated("copy_rag.no_recon", "copy_rag", "no_recon", seed=1, noise=0.1)
    b, baseline = evaluated("beagle", noise=0.4)
    row = (
        paired_comparisons.compare_methods([better, baseline])
        .query("metric == 'r2' and stratum == 'rare' and population == 'all'")
        .iloc[0]
    )
    assert (row.method_a, row.method_b) == ("copy_rag.no_recon", "beagle")
    assert row.difference == pytest.approx(value(a, "r2", "rare").value - value(b, "r2", "rare").value)
    assert 0 < row.ci_low < row.difference < row.ci_high
    assert row.p_value == pytest.approx(2 / 101)


def test_seeds_are_averaged_and_paired():
    runs = [evaluated(f"copy_rag.{loss}", "copy_rag", loss, seed) for loss in ("no_recon", "focal") for seed in (1, 2)]
    _, extra = evaluated("copy_rag.focal", "copy_rag", "focal", 3)
    table = paired_comparisons.compare_methods([one for _, one in runs] + [extra])
    assert set(zip(table.method_a, table.method_b, strict=True)) == {("copy_rag.focal", "copy_rag.no_recon")}
    assert set(table.seed_a) == set(table.seed_b) == {"1,2"}


def test_calibrated_methods_are_compared_with_raw_ones_and_with_each_other():
    runs = [
        result_tables.RunNames("example", "omni", f"copy_rag.{name}{suffix}", "copy_rag", loss, "scratch", 1)
        for name, loss in (("no_recon", "no_recon"), ("focal", "focal"), ("fast", "no_recon"))
        for suffix in ("", ".calibrated")
    ]
    assert paired_comparisons.compared_pairs(runs) == sorted(
        [(f"copy_rag.{name}.calibrated", f"copy_rag.{name}") for name in ("no_recon", "focal", "fast")]
        + [
            (f"copy_rag.{name}{end}", f"copy_rag.no_recon{end}")
            for name in ("focal", "fast")
            for end in ("", ".calibrated")
        ]
    )


def test_trained_methods_are_compared_with_beagle_as_it_is_usually_run():
    runs = [
        RunNames("example", "omni", name, architecture, loss, "NA", 0)
        for name, architecture, loss in (
            *(("beagle", "NA", "NA"), ("beagle_once", "NA", "NA"), ("frequency", "NA", "NA")),
            ("copy_rag.cross_entropy", "copy_rag", "cross_entropy"),
        )
    ]
    assert paired_comparisons.compared_pairs(runs) == [
        *(("beagle_once", "beagle"), ("copy_rag.cross_entropy", "beagle"), ("copy_rag.cross_entropy", "beagle_once")),
        ("frequency", "beagle"),
    ]


def test_the_best_method_is_compared_with_all_others():
    runs = [evaluated(name, noise=noise)[1] for name, noise in (("beagle", 0.4), ("frequency", 0.6), ("mine", 0.1))]
    table = paired_comparisons.compare_methods(runs)
    assert set(zip(table.method_a, table.method_b, strict=True)) == {
        *(("frequency", "beagle"), ("mine", "beagle")),
        ("mine", "frequency"),
    }


def test_files_that_answer_different_questions_are_not_compared():
    _, baseline = evaluated("beagle")
    _, other = evaluated("minimac4")
    scored = dataclasses.replace(other.scored, samples=tuple(reversed(other.scored.samples)))
    with pytest.raises(InputError, match="different samples"):
        paired_comparisons.compare_methods([baseline, dataclasses.replace(other, scored=scored)])


def test_without_truth_only_estimated_r2_is_given(tmp_path):
    _, counts = synthetic(200, 24)
    run = RunNames("example", "omni", "beagle", "NA", "NA", "NA", 0)
    evaluation = score(run, result_of(None, counts, np.full(200, 0.7), SAMPLES, LABELS), SETTING)
    table = metric_table(evaluation)
    assert set(table.metric) == {"r2_info"}
    assert list(table.stratum) == list(STRATA)
    assert value(table, "r2_info").value == pytest.approx(0.7)
    evaluation_file.save_evaluation(tmp_path / "s", evaluation)
    assert evaluation_file.load_evaluation(tmp_path / "s").scored is None
    assert len(paired_comparisons.compare_methods([evaluation_file.load_evaluation(tmp_path / "s")])) == 0
