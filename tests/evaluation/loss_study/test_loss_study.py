"""The loss study: measures over seeds, paired differences, ranks, and the verb that writes its tables."""

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from evaluation_data import result_of, synthetic
from ragimpute import tables
from ragimpute.cli import ragimpute
from ragimpute.evaluation import evaluation_file, result_tables, scorer
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.loss_study import judged_claims, loss_table, training_curves, trainings_table
from ragimpute.evaluation.loss_study.original_claims import A, C
from ragimpute.evaluation.paired_comparisons import compare_methods
from trainings_data import SEEDS, planted

SAMPLES = [f"P{i:02d}" for i in range(20)]
NOISE = {C: (0.305, 0.31, 0.315), A: (0.605, 0.61, 0.615), "contrastive": (0.315, 0.31, 0.305)}  # of three seeds


def setting(rows: pd.DataFrame) -> loss_table.MethodTrainings:
    (found,) = loss_table.group_trainings(rows)
    return found


def test_differences_are_paired_by_the_seeds_that_both_have():
    rows = pd.concat([planted({C: {"f1_overall": 0.7}}), planted({A: {"f1_overall": 0.6}}, seeds=SEEDS[:5])])
    found = setting(rows)
    assert len((found.losses[A]["f1_overall"] - found.losses[C]["f1_overall"]).seeds) == 5
    table = loss_table.loss_table([found]).set_index(["loss", "measure"])
    assert table.loc[(A, "f1_overall"), "n_seeds"] == 5
    assert table.loc[(C, "f1_overall"), "n_seeds"] == 10
    # the same scatter over the same five seeds: what is left is the difference alone
    assert table.loc[(A, "f1_overall"), "difference"] == pytest.approx(-0.1)
    assert table.loc[(A, "f1_overall"), "difference_high"] == pytest.approx(-0.1, abs=1e-8)


def test_an_interval_of_f1_is_over_seeds_and_samples_and_of_the_rest_over_seeds():
    found = setting(planted({C: {"f1_overall": 0.7, "r2_overall": 0.7}}, sampling=0.003))
    table = loss_table.loss_table([found]).set_index("measure")
    values = found.losses[C]["f1_overall"].values
    over_seeds = values.var(ddof=1) / 10
    over_samples = 19 / 20 * (0.003**2 * np.linspace(-1, 1, 20) ** 2).sum()
    widths = table["ci_high"] - table["ci_low"]
    assert widths["f1_overall"] / widths["r2_overall"] == pytest.approx(
        np.sqrt((over_seeds + over_samples) / over_seeds),
        rel=0.1,  # the degrees of freedom differ a little
    )


def test_ranks_are_ranges_where_the_losses_cannot_be_told_apart():
    close = planted({A: {"f1_overall": 0.5}, "recon_low": {"f1_overall": 0.7}, C: {"f1_overall": 0.7003}})
    ranks = loss_table.rank_ranges(setting(close), "f1_overall")
    assert ranks == {A: (3, 3), "recon_low": (1, 2), C: (1, 2)}
    wide = planted({A: {"f1_overall": 0.5}, C: {"f1_overall": 0.7}}, spread=2.0)
    assert loss_table.rank_ranges(setting(wide), "f1_overall") == {A: (1, 2), C: (1, 2)}
    one = planted({A: {"f1_overall": 0.5}, C: {"f1_overall": 0.7}}, seeds=[1])
    assert loss_table.rank_ranges(setting(one), "f1_overall") == {}


def test_settings_differ_in_mask_network_size_steps_or_samples():
    losses = {C: {"f1_overall": 0.7}}
    others = ({"mask": "core"}, {"architecture": "copy_rag"}, {"size": "full"}, {"steps": 90}, {"n_samples": 40})
    parts = [planted(losses), *(planted(losses, study=f"study_{i}", **other) for i, other in enumerate(others))]
    assert len(loss_table.group_trainings(pd.concat(parts))) == 6
    assert loss_table.group_trainings(planted(losses).iloc[:0]) == []


def test_a_training_that_stopped_early_stays_in_its_setting():
    rows = planted({C: {"f1_overall": 0.7}, A: {"f1_overall": 0.6}})
    rows.loc[rows["loss"] == A, "steps"] = 180
    found = setting(rows)
    assert found.steps == 270
    assert set(found.losses) == {A, C}


def test_what_two_studies_have_in_common_counts_once_from_the_first_of_them():
    primary = planted({C: {"f1_overall": 0.7}}, seeds=SEEDS[:3], spread=0.0)
    rates = planted({C: {"f1_overall": 0.5}}, seeds=SEEDS[:4], spread=0.0, study="study_rates")
    found = setting(pd.concat([rates, primary]))
    assert found.studies == ("study_primary", "study_rates")
    assert found.losses[C]["f1_overall"].values.tolist() == [0.7, 0.7, 0.7, 0.5]


def test_rows_with_a_learning_rate_go_by_their_names():
    slow = planted({"no_recon_slow": {"f1_overall": 0.6}}, loss=C, learning_rate=1e-4)
    assert set(setting(pd.concat([planted({C: {"f1_overall": 0.7}}), slow])).losses) == {C, "no_recon_slow"}


def history(seed: int, offset: float) -> pd.DataFrame:
    rows = []
    for step in range(1, 13):
        epoch = (step + 2) // 3
        rows += [(seed, step, epoch, "loss", offset + step % 2), (seed, step, epoch, "loss_normalised", step % 2 / 10)]
        rows += [(seed, step, epoch, "switched", 0.0), (seed, step, epoch, "recon_ratio", offset)]
        if step % 3 == 0:
            rows += [(seed, step, epoch, name, 0.5 + epoch / 100 + seed / 1000) for name in ("val_f1", "val_r2")]
            rows += [(seed, step, epoch, "train_f1", 0.7)]
    return pd.DataFrame(rows, columns=list(result_tables.HISTORY_COLUMNS))


CONFIG = {"training": {"copy_rag": {"size": "small"}}, "losses": {loss: {"gamma": 5} for loss in NOISE}, "study": []}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Three losses on three seeds, evaluated and saved as the workflow does."""
    folder = tmp_path_factory.mktemp("losses")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    found, histories, words = [], {}, ["--config", str(config)]
    for loss, levels in NOISE.items():
        for seed, noise in enumerate(levels, start=1):
            genotypes, counts = synthetic(300, 20, noise=noise)
            run = result_tables.RunNames("example", "omni", f"copy_rag.{loss}", "copy_rag", loss, "scratch", seed)
            setting = BootstrapSettings(100, 1)
            found.append(scorer.score(run, result_of(genotypes, counts, np.ones(300), SAMPLES), setting))
            statistics, path = folder / f"{loss}{seed}.st", folder / f"{loss}{seed}.tsv"
            evaluation_file.save_evaluation(statistics, found[-1])
            history(seed, noise).to_csv(path, sep="\t", index=False)
            histories.setdefault(("omni", run.method), []).append(
                tables.read_table(path, result_tables.HISTORY_COLUMNS)
            )
            words += ["--statistics", str(statistics), "--history", "omni", run.method, str(path)]
    return found, histories, words


def test_values_and_differences_are_those_of_the_scorer(evaluated):
    found, histories, _ = evaluated
    trained = setting(trainings_table.training_rows(found, histories, CONFIG, "default"))
    assert (trained.size, trained.steps, trained.n_seeds()) == ("small", 12, 3)
    table = loss_table.loss_table([trained]).set_index(["loss", "measure"])
    compared = compare_methods(found)
    for measure, (metric, stratum) in trainings_table.SCORES.items():
        if metric == "ece":
            continue
        rows = compared[(compared["metric"] == metric) & (compared["stratum"] == stratum)]
        expected = rows[rows["method_a"] == f"copy_rag.{A}"]["difference"].item()
        assert table.loc[(A, measure), "difference"] == pytest.approx(expected)
    row = table.loc[(A, "f1_overall")]
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["p_holm"] < 0.05
    assert (row["rank_best"], row["rank_worst"]) == (3, 3)
    assert table.loc[("contrastive", "f1_overall"), "p_holm"] > 0.05
    assert np.isnan(table.loc[(C, "f1_overall"), "difference"])


def test_training_measures_of_the_summary(evaluated):
    found, histories, _ = evaluated
    trained = setting(trainings_table.training_rows(found, histories, CONFIG, "default"))
    # epochs 2 to 4 hold nine steps, alternating by 1 (raw) and .1 (normalised)
    flips = np.array([step % 2 for step in range(4, 13)])
    assert trained.losses[A]["loss_sd"].values == pytest.approx(np.full(3, flips.std(ddof=1)))
    assert trained.losses[A]["loss_sd_normalised"].values == pytest.approx(np.full(3, flips.std(ddof=1) / 10))
    assert trained.losses[A]["f1_gap"].values == pytest.approx([0.7 - 0.54 - seed / 1000 for seed in (1, 2, 3)])
    assert trained.losses[A]["epochs_to_best"].values == pytest.approx([4, 4, 4])


SUFFIXES = ("trainings.tsv", "tsv", "claims.tsv", "curves.tsv")


def outputs(folder, name: str) -> list[str]:
    options = ("--trainings", "--out", "--claims", "--curves")
    paths = [str(folder / f"{name}.{suffix}") for suffix in SUFFIXES]
    return [word for pair in zip(options, paths, strict=True) for word in pair]


def test_the_verb_writes_its_tables_the_same_each_time(evaluated, tmp_path):
    _, _, words = evaluated
    for name in ("a", "b"):
        arguments = ["loss-study", *words, "--study", "mine", *outputs(tmp_path, name)]
        result = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    for suffix in SUFFIXES:
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    rows = tables.read_table(tmp_path / "a.trainings.tsv", trainings_table.COLUMNS)
    assert len(rows) == 9
    assert set(rows["study"]) == {"mine"}
    # what follows is a function of this table alone
    (trained,) = loss_table.group_trainings(rows)
    result_tables.write_result_table(
        judged_claims.judge_claims([trained]), judged_claims.COLUMNS, tmp_path / "again.tsv"
    )
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "a.claims.tsv").read_bytes()


def test_validation_curves_have_a_row_for_each_evaluation():
    rows = history(1, 0.3)
    rows["epoch"] = 1  # four evaluations in one epoch
    found = training_curves.training_curves({("omni", "x"): [rows]})
    assert found.loc[found["metric"] == "val_f1", "last_step"].tolist() == [3, 6, 9, 12]
    (loss,) = found.loc[found["metric"] == "loss_normalised", "value"]
    assert loss == pytest.approx(0.05)


def test_without_trained_networks_the_tables_are_empty(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    arguments = ["loss-study", "--config", str(config), *outputs(tmp_path, "a")]
    assert CliRunner().invoke(ragimpute, arguments, catch_exceptions=False).exit_code == 0
    columns = (trainings_table.COLUMNS, loss_table.COLUMNS, judged_claims.COLUMNS, training_curves.COLUMNS)
    for suffix, expected in zip(SUFFIXES, columns, strict=True):
        assert tables.read_table(tmp_path / f"a.{suffix}", expected).empty
