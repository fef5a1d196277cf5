"""Chromosomes pooled: the metrics are those of all sites at once, and other runs or samples are refused."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation_data import part_of, result_of, synthetic
from ragimpute.errors import InputError
from ragimpute.evaluation import evaluation_file, result_tables
from ragimpute.evaluation.counted_values import counted_quantiles
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Evaluation
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.paired_comparisons import compare_methods
from ragimpute.evaluation.pool_chromosomes import pool, without_dosages
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import score

SETTING = BootstrapSettings(bootstraps=100, seed=1)
SAMPLES = [f"P{i:02d}" for i in range(24)]
LABELS = ["GBR", "FIN"] * 12
RUN = RunNames("genome", "array", "beagle", "NA", "NA", "NA", 0)
CHROMOSOMES = {"1": slice(0, 2500), "10": slice(2500, 2600), "X": slice(2600, 3000)}
KEYS = ["population", "stratum", "metric"]


def whole_result(noise: float = 0.3) -> MethodResult:
    genotypes, counts = synthetic(3000, 24, noise=noise, missing=0.02)
    generator = np.random.default_rng(4)
    info = generator.random(3000).round(2)
    info[::7] = np.nan
    return result_of(genotypes, counts, info, SAMPLES, LABELS, er2=generator.random(3000))


def in_pieces(found: MethodResult, run: RunNames = RUN) -> list[Evaluation]:
    return [score(run, part_of(found, rows), SETTING, chrom) for chrom, rows in CHROMOSOMES.items()]


def test_pieces_pooled_have_the_rows_of_the_whole():
    found = whole_result()
    expected = metric_table(score(RUN, found, SETTING)).set_index(KEYS).sort_index()
    pooled = metric_table(pool(in_pieces(found))).set_index(KEYS).sort_index()
    assert list(pooled.index) == list(expected.index)
    assert {"r2", "f1", "r2_variant", "ece", "r2_info", "r2_loo", "r2_info_correlation", "r2_true_bin_01"} <= set(
        expected.reset_index()["metric"]
    )
    for column in ("value", "ci_low", "ci_high", "n_sites", "n_genotypes"):
        np.testing.assert_allclose(pooled[column], expected[column], rtol=0, atol=1e-9, err_msg=column)
    assert set(pooled["chrom"]) == {"all"}


def test_without_truth_estimates_are_pooled():
    found = dataclasses.replace(whole_result(), genotypes=None)
    pooled = metric_table(pool(in_pieces(found)))
    pd.testing.assert_frame_equal(pooled, metric_table(score(RUN, found, SETTING)), rtol=1e-12)


def test_pieces_survive_the_disk_and_a_pooled_file_has_no_table(tmp_path):
    paths = []
    for part in in_pieces(whole_result()):
        paths.append(tmp_path / f"{part.chrom}.safetensors")
        evaluation_file.save_evaluation(paths[-1], part)
    again = [evaluation_file.load_evaluation(path, with_dosages=True) for path in paths]
    pooled = pool(again)
    pd.testing.assert_frame_equal(metric_table(pooled), metric_table(pool(in_pieces(whole_result()))))
    evaluation_file.save_evaluation(tmp_path / "all", without_dosages(pooled))
    read = evaluation_file.load_evaluation(tmp_path / "all", with_dosages=True)
    assert (read.chrom, read.scored.statistics.dosages) == ("all", None)
    pd.testing.assert_frame_equal(metric_table(read), metric_table(pooled))
    light = evaluation_file.load_evaluation(paths[0])
    assert light.scored.statistics.dosages is None
    pd.testing.assert_frame_equal(metric_table(light), metric_table(again[0]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"run": dataclasses.replace(RUN, method="minimac4")}, "differ in run"),
        ({"setting": BootstrapSettings(50, 1)}, "differ in bootstrap"),
        ({"scored": None}, "differ in truth"),
        ({"chrom": "1"}, "give each chromosome once"),
        ({"chrom": "all"}, "give each chromosome once"),
    ],
)
def test_chromosomes_of_different_questions_are_refused(other, message):
    first, second, third = in_pieces(whole_result())
    with pytest.raises(InputError, match=message):
        pool([first, dataclasses.replace(second, **other), third])


def test_other_samples_and_populations_are_refused():
    first, second, _ = in_pieces(whole_result())
    for field, values in (("samples", SAMPLES[::-1]), ("populations", LABELS[::-1])):
        scored = dataclasses.replace(second.scored, **{field: tuple(values)})
        with pytest.raises(InputError, match=f"differ in {field}"):
            pool([first, dataclasses.replace(second, scored=scored)])


def test_a_chromosome_may_have_nothing_to_score_but_not_all():
    found = whole_result()
    unknown = dataclasses.replace(found.genotypes, truth=np.full_like(found.genotypes.truth, -1))
    untold = dataclasses.replace(found, genotypes=unknown)
    empty = score(RUN, part_of(untold, slice(0, 100)), SETTING, "2")
    parts = in_pieces(found)
    expected = metric_table(pool(parts)).set_index(KEYS)["value"]
    pooled = metric_table(pool([*parts, empty])).set_index(KEYS)["value"]
    pd.testing.assert_series_equal(pooled.drop("r2_loo", level=2), expected.drop("r2_loo", level=2))
    assert metric_table(empty).query("metric == 'r2'")["value"].isna().all()
    with pytest.raises(InputError, match="nothing to score"):
        pool([empty])
    with pytest.raises(InputError, match="nothing to score"):
        score(RUN, untold, SETTING)


def test_rows_stand_in_the_order_of_the_genome(tmp_path):
    parts = in_pieces(whole_result())
    table = pd.concat([metric_table(part) for part in (*parts[::-1], pool(parts))])
    text = result_tables.result_text(table, result_tables.METRIC_COLUMNS)
    names = [line.split("\t")[-1] for line in text.splitlines()[1:]]
    assert [name for name, _ in itertools.groupby(names)] == ["all", "1", "10", "X"]
    assert result_tables.ordered_chromosomes(["X", "MT", "10", "all", "9", "Y", "chr2"]) == [
        *("all", "chr2", "9", "10", "X", "Y", "MT")
    ]


def test_methods_are_compared_within_chromosomes_in_the_pairs_of_all():
    mine = dataclasses.replace(RUN, method="mine")
    frequency = dataclasses.replace(RUN, method="frequency")
    parts = []
    for run, noise in ((RUN, 0.3), (mine, 0.1), (frequency, 0.8)):
        pieces = in_pieces(whole_result(noise), run)
        parts += [*pieces, pool(pieces)]
    table = compare_methods(parts)
    assert list(table.columns) == list(result_tables.COMPARISON_COLUMNS)
    pairs = {chrom: set(zip(rows.method_a, rows.method_b, strict=True)) for chrom, rows in table.groupby("chrom")}
    assert set(pairs) == {"all", *CHROMOSOMES}
    assert all(of_chromosome == pairs["all"] for of_chromosome in pairs.values())
    assert ("mine", "frequency") in pairs["all"]
    values = pd.concat([metric_table(part) for part in parts]).query("metric == 'r2' and population == 'all'")
    values = values.set_index(["chrom", "method", "stratum"])["value"]
    for row in table.query("metric == 'r2' and population == 'all'").itertuples():
        difference = values[row.chrom, row.method_a, row.stratum] - values[row.chrom, row.method_b, row.stratum]
        assert row.difference == pytest.approx(difference, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_quantiles_of_counted_values_are_numpys(counts, seed):
    values = np.sort(np.random.default_rng(seed).choice(1000, len(counts), replace=False)) / 1000
    shares = np.arange(1, 10) / 10
    expected = np.quantile(np.repeat(values, counts), shares)
    assert counted_quantiles(values, np.array(counts), shares).tolist() == expected.tolist()
