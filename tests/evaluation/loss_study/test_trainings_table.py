"""The table of trainings: what is gathered from evaluations, histories and the configuration."""

import numpy as np
import pandas as pd
import pytest

from evaluation_data import result_of, synthetic
from ragimpute import tables
from ragimpute.errors import InputError
from ragimpute.evaluation import metrics, result_tables, scorer
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Evaluation
from ragimpute.evaluation.loss_study import trainings_table
from ragimpute.evaluation.loss_study.training_course import TrainingCourse
from ragimpute.evaluation.result_tables import HISTORY_COLUMNS, RunNames
from ragimpute.evaluation.strata import STRATA

SAMPLES = [f"P{i:02d}" for i in range(47)]
CONFIG = {
    "training": {"bert_rag": {"size": "small"}},
    "losses": {"no_recon": {"gamma": 5}, "recon_switch": {"gamma": 5}},
    "study": [
        {"mask": "omni", "architecture": "bert_rag", "loss": "no_recon"},
        {"mask": "omni", "architecture": "bert_rag", "loss": "recon_switch", "name": None, "learning_rate": None},
        {
            "mask": "omni",
            "architecture": "bert_rag",
            "loss": "no_recon",
            "name": "no_recon_slow",
            "learning_rate": 1e-4,
        },
    ],
}


def evaluation(method: str, loss: str, seed: int, noise: float, n_samples: int = 47) -> Evaluation:
    genotypes, counts = synthetic(200, n_samples, noise=noise)
    weights = "pretrained" if method.endswith("pretrained") else "scratch"
    architecture = "NA" if method == "beagle" else "bert_rag"
    run = RunNames("example", "omni", method, architecture, loss, weights if architecture != "NA" else "NA", seed)
    setting = BootstrapSettings(10, 1)
    return scorer.score(run, result_of(genotypes, counts, np.ones(200), SAMPLES[:n_samples]), setting)


def history(seed: int, f1: list[float], temperature: float | None = None) -> pd.DataFrame:
    """Evaluated every three steps, with validation F1 `f1`; reconstruction falls by a factor of 10 in a third."""
    rows = []
    for step in range(1, 3 * len(f1) + 1):
        rows += [
            (seed, step, 1, "loss", 1 / step),
            (seed, step, 1, "loss_hap1", 0.5),
            (seed, step, 1, "loss_hap2", 0.5),
        ]
        rows += [(seed, step, 1, f"loss_recon{k}", 10.0 ** -(3 * (step - 1) // (3 * len(f1)))) for k in (1, 2)]
        if step % 3 == 0:
            rows += [(seed, step, 1, "val_f1", f1[step // 3 - 1]), (seed, step, 1, "train_f1", 0.9)]
    if temperature is not None:
        rows.append((seed, 3 * len(f1), 1, "temperature", temperature))
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


@pytest.fixture(scope="module")
def gathered() -> pd.DataFrame:
    evaluations = [
        evaluation("bert_rag.no_recon", "no_recon", 1, 0.5),
        evaluation("bert_rag.no_recon.calibrated", "no_recon", 1, 0.3),
        evaluation("bert_rag.recon_switch", "recon_switch", 1, 0.7),
        evaluation("bert_rag.no_recon_slow", "no_recon", 1, 0.6),
        evaluation("bert_rag.no_recon.pretrained", "no_recon", 1, 0.2),
        evaluation("beagle", "NA", 0, 0.2),
    ]
    histories = {
        ("omni", "bert_rag.no_recon"): [history(1, [0.2, 0.795, 0.8, 0.79], temperature=0.4)],
        ("omni", "bert_rag.recon_switch"): [history(1, [0.1, 0.3, 0.725, 0.75])],
        ("omni", "bert_rag.no_recon_slow"): [history(1, [0.1, 0.2, 0.3, 0.4])],
        ("omni", "bert_rag.no_recon.pretrained"): [history(1, [0.9])],
    }
    return trainings_table.training_rows(evaluations, histories, CONFIG, "study_x").set_index("method")


def test_a_row_for_each_network_that_was_trained_from_scratch(gathered):
    assert list(gathered.index) == ["bert_rag.no_recon", "bert_rag.no_recon_slow", "bert_rag.recon_switch"]
    row = gathered.loc["bert_rag.no_recon"]
    assert (row["study"], row["size"], row["gamma"], row["n_samples"], row["steps"]) == ("study_x", "small", 5, 47, 12)
    assert row["temperature"] == pytest.approx(0.4)
    assert list(gathered["learning_rate"].isna()) == [True, False, True]
    assert gathered.loc["bert_rag.no_recon_slow", ["loss", "learning_rate"]].tolist() == ["no_recon", 1e-4]


def test_scores_are_those_of_the_scorer_raw_and_calibrated(gathered):
    for suffix, noise in (("", 0.5), ("_calibrated", 0.3)):
        scored = evaluation("bert_rag.no_recon", "no_recon", 1, noise).scored
        assert scored is not None
        total = scored.statistics.sums.sum(axis=0)
        for name, (metric, stratum) in trainings_table.SCORES.items():
            k = STRATA.index(stratum)
            values = (
                metrics.ece(scored.statistics.calibration.sum(axis=0))
                if metric == "ece"
                else metrics.METRICS[metric](total)
            )
            assert gathered.loc["bert_rag.no_recon", f"{name}{suffix}"] == pytest.approx(values[k])
    assert np.isnan(gathered.loc["bert_rag.recon_switch", "f1_overall_calibrated"])
    assert gathered.loc["bert_rag.recon_switch", "f1_overall_calibrated_without"] == "NA"


def test_replicates_are_f1_scored_without_the_samples_of_a_group(gathered):
    """Directly: the minor alleles of all other samples are counted again."""
    genotypes, counts = synthetic(200, 47, noise=0.5)
    scored = (counts.ac > 0) & (counts.ac < counts.an)
    flip = counts.flipped[:, None]
    call = np.clip(np.rint(np.where(flip, 2 - genotypes.ds, genotypes.ds)), 0, 2)
    truth = np.where(flip, 2 - genotypes.truth, genotypes.truth)
    rare = np.minimum(counts.ac, counts.an - counts.ac) / counts.an < 0.05
    for name, sites in (("f1_overall", scored), ("f1_rare", scored & rare)):
        without = trainings_table.unpack([gathered.loc["bert_rag.no_recon", f"{name}_without"]])
        assert without is not None
        assert without.shape == (1, 20)
        for group in (0, 6, 19):  # groups 0 to 6 hold three of 47 samples, the others two
            kept = np.arange(47) % 20 != group
            c, t = call[sites][:, kept], truth[sites][:, kept]
            assert without[0, group] == pytest.approx(2 * np.minimum(c, t).sum() / (c.sum() + t.sum()), abs=1e-9)


def test_fewer_samples_than_groups_are_left_out_one_by_one():
    sums = np.arange(6.0).reshape(3, 2)
    assert trainings_table.group_sums(sums).tolist() == sums.tolist()
    assert trainings_table.group_sums(np.ones((47, 1)))[:, 0].tolist() == [3.0] * 7 + [2.0] * 13


def test_replicates_of_seeds_are_packed_and_read_again():
    assert trainings_table.pack(np.array([0.5, 1 / 3])) == "0.5;0.333333333"
    found = trainings_table.unpack(["0.5;0.25", "NA"])
    assert found is not None
    assert found[0].tolist() == [0.5, 0.25]
    assert np.isnan(found[1]).all()
    assert trainings_table.unpack(["NA", ""]) is None
    with pytest.raises(InputError, match="scored on different samples"):
        trainings_table.unpack(["0.5;0.25", "0.5"])


def test_convergence_is_counted_in_evaluated_steps(gathered):
    none, slow, switch = (gathered.loc[f"bert_rag.{loss}"] for loss in ("no_recon", "no_recon_slow", "recon_switch"))
    # best .8: 99 % of it is .792, first reached at step 6 (.795); .72, 90 % of it, as well
    assert (none["val_f1"], none["steps_to_best99"], none["steps_to_level"]) == (0.8, 6, 6)
    # .72 of the best loss without reconstruction is reached at step 9, its own .7425 at step 12
    assert (switch["steps_to_level"], switch["steps_to_best99"], switch["level_censored"]) == (9, 12, 0)
    # never: the last step + 1
    assert (slow["steps_to_level"], slow["level_censored"]) == (13, 1)


def test_reconstruction_at_the_start_in_the_middle_and_at_the_end(gathered):
    row = gathered.loc["bert_rag.recon_switch"]
    assert row[["recon_start", "recon_middle", "recon_end"]].tolist() == pytest.approx([1, 0.1, 0.01])
    assert row["recon_mean"] == pytest.approx(0.37)
    assert row["ratio_of_means"] == pytest.approx(0.74)


def test_without_no_recon_there_is_no_level():
    found = trainings_table.training_rows(
        [evaluation("bert_rag.recon_switch", "recon_switch", 1, 0.7)],
        {("omni", "bert_rag.recon_switch"): [history(1, [0.1, 0.3])]},
        CONFIG,
        "x",
    )
    assert np.isnan(found.loc[0, ["steps_to_level", "level_censored"]].astype(float)).all()


def test_without_truth_and_with_a_history_of_nothing_the_rest_is_missing():
    run = RunNames("example", "omni", "bert_rag.no_recon", "bert_rag", "no_recon", "scratch", 1)
    empty = pd.DataFrame([(1, 0, 0, "weights_hash", 1.0)], columns=list(HISTORY_COLUMNS))
    _, counts = synthetic(200, 20)
    untold = result_of(None, counts, np.ones(200), SAMPLES[:20])
    bare = scorer.score(run, untold, BootstrapSettings(10, 1))
    row = trainings_table.training_rows([bare], {("omni", run.method): [empty]}, CONFIG, "x").iloc[0]
    assert (row["n_samples"], row["steps"], row["f1_overall_without"]) == (0, 0, "NA")
    assert row[list(trainings_table.MEASURES)].isna().all()


def test_a_training_without_its_history_is_named():
    with pytest.raises(InputError, match=r"no history of bert_rag\.no_recon, seed 1, mask omni"):
        trainings_table.training_rows([evaluation("bert_rag.no_recon", "no_recon", 1, 0.5)], {}, CONFIG, "x")


def test_the_table_is_written_with_nine_digits_and_read_back(gathered, tmp_path):
    path = tmp_path / "trainings.tsv"
    result_tables.write_result_table(gathered.reset_index(), trainings_table.COLUMNS, path, trainings_table.DIGITS)
    read = tables.read_table(path, trainings_table.COLUMNS).set_index("method")
    for name in trainings_table.MEASURES:
        assert read[name].to_numpy() == pytest.approx(gathered[name].to_numpy(dtype=float), rel=1e-8, nan_ok=True)
    assert read["f1_rare_without"].tolist() == gathered["f1_rare_without"].tolist()


def test_a_course_of_one_step_is_its_own_start_and_end():
    rows = [(1, 1, 1, f"loss_recon{k}", 0.3) for k in (1, 2)]
    measures = TrainingCourse.of(pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))).measures(0.5)
    assert [measures[f"recon_{when}"] for when in ("start", "middle", "end")] == pytest.approx([0.3] * 3)
    assert np.isnan(measures["steps_to_level"])
