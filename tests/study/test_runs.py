"""Runs and their names."""

import json
from pathlib import Path

import pytest

from ragimpute.models import architecture
from ragimpute.study.configuration import load_configuration
from ragimpute.study.runs import method_name, raw_method, runs, truth_file

ROOT = Path(__file__).parents[2]
CONFIG = {
    "masks": {"a": {}, "b": {}},
    "study": [
        {"mask": "a", "architecture": "copy_rag", "loss": "x", "weights": "scratch"},
        {"mask": "a", "architecture": "copy_rag", "loss": "x", "weights": "fine_tuned"},
        {"mask": "a", "architecture": "copy_rag", "loss": "x", "weights": "pretrained"},
    ],
    "seeds": [1, 2],
    "baselines": ["beagle", "frequency"],
}


def test_networks_run_for_each_seed_and_baselines_once_on_the_masks_of_the_study() -> None:
    assert [run.path for run in runs(CONFIG)] == [
        "a/copy_rag.x/seed1",
        "a/copy_rag.x/seed2",
        "a/copy_rag.x.fine_tuned/seed1",
        "a/copy_rag.x.fine_tuned/seed2",
        "a/copy_rag.x.pretrained/seed1",
        "a/beagle/seed0",
        "a/frequency/seed0",
    ]
    assert [run.trained for run in runs(CONFIG)] == [True] * 5 + [False] * 2


def test_a_row_has_seeds_a_name_and_a_calibrated_result_of_its_own() -> None:
    row = CONFIG["study"][0]
    own = {"seeds": [5, 3], "learning_rate": 0.1, "name": "fast", "calibrate": True}
    rows = [row | {"calibrate": True}, row, row | own, row | {"weights": "pretrained", "calibrate": True}]
    found = runs(CONFIG | {"study": rows, "baselines": []})
    assert [(run.path, run.model) for run in found] == [
        ("a/copy_rag.x/seed1", "a/copy_rag.x/seed1"),
        ("a/copy_rag.x/seed2", "a/copy_rag.x/seed2"),
        ("a/copy_rag.x.calibrated/seed1", "a/copy_rag.x/seed1"),
        ("a/copy_rag.x.calibrated/seed2", "a/copy_rag.x/seed2"),
        ("a/copy_rag.fast/seed5", "a/copy_rag.fast/seed5"),
        ("a/copy_rag.fast/seed3", "a/copy_rag.fast/seed3"),
        ("a/copy_rag.fast.calibrated/seed5", "a/copy_rag.fast/seed5"),
        ("a/copy_rag.fast.calibrated/seed3", "a/copy_rag.fast/seed3"),
        ("a/copy_rag.x.pretrained/seed1", "a/copy_rag.x.pretrained/seed1"),
        ("a/copy_rag.x.pretrained.calibrated/seed1", "a/copy_rag.x.pretrained/seed1"),
    ]
    assert {run.loss for run in found} == {"x"}
    assert {run.training: run.learning_rate for run in found} == {
        "copy_rag.x": None, "copy_rag.fast": 0.1, "copy_rag.x.pretrained": None
    }  # fmt: skip


def test_a_calibrated_method_has_a_raw_one() -> None:
    for weights in ("scratch", "pretrained"):
        raw = method_name("bert_rag", "x", weights)
        assert raw_method(method_name("bert_rag", "x", weights, calibrated=True)) == raw_method(raw) == raw
    assert raw_method("bert_rag.calibrated") == "bert_rag.calibrated"  # a loss of that name
    assert raw_method("beagle") == "beagle"


def test_baselines_alone_run_on_all_masks() -> None:
    paths = [run.path for run in runs(CONFIG | {"study": []})]
    assert paths == ["a/beagle/seed0", "a/frequency/seed0", "b/beagle/seed0", "b/frequency/seed0"]


def test_weights_are_named_unless_from_scratch() -> None:
    assert method_name("bert_rag", "x", "scratch") == "bert_rag.x"
    assert method_name("bert_rag", "x", "pretrained") == "bert_rag.x.pretrained"


def test_truth_is_the_given_file_then_the_held_out_samples_then_untyped_targets() -> None:
    panel = {"reference": "r", "targets": "t", "truth": None}
    assert truth_file(panel | {"truth": "v"}, "targets") == "v"
    assert truth_file(panel | {"targets": {"holdout": 0.1}}, {"fraction": 0.1}) == "r"
    assert truth_file(panel, "sites.bed") == "t"
    assert truth_file(panel, "targets") is None


TRAININGS = {"primary": 50, "secondary": 60, "rates": 20, "second_mask": 25, "gpu": 5}


def loss_study(part: str) -> dict:
    return load_configuration(ROOT, [ROOT / "config" / f"study_{part}.yaml"])


@pytest.mark.parametrize(("part", "number"), TRAININGS.items())
def test_each_part_of_the_loss_study_has_the_trainings_that_it_states(part: str, number: int) -> None:
    """Each is imputed raw and with its temperature, under one mask, by bert_rag."""
    config = loss_study(part)
    trained = [run for run in runs(config) if run.trained]
    assert len({run.model for run in trained}) == number
    assert len(trained) == len({run.path for run in trained}) == 2 * number
    assert sum(raw_method(run.method) == run.method for run in trained) == number
    assert len({run.mask for run in trained}) == 1
    assert {run.architecture for run in trained} == {"bert_rag"}
    text = (ROOT / "config" / f"study_{part}.yaml").read_text(encoding="utf-8")
    header = "".join(line.lstrip("#") for line in text[: text.index("panels:")].splitlines())
    assert f"--configfile config/study_{part}.yaml --directory study_{part}" in header
    assert part == "gpu" or f"{number} trainings" in header


def test_the_parts_of_the_loss_study_can_be_joined() -> None:
    """The same steps and data in all, the full size apart; no training stands in two parts; nothing stops early."""
    parts = {part: loss_study(part) for part in TRAININGS}
    small = [config for part, config in parts.items() if part != "gpu"]
    assert all(config["training"]["bert_rag"] == small[0]["training"]["bert_rag"] for config in small)
    assert {config["phasings"] for config in parts.values()} == {1}
    trainings = [run.model for config in small for run in runs(config) if raw_method(run.method) == run.method]
    networks = [model for model in trainings if "/bert_rag." in model]
    assert len(networks) == len(set(networks)) == sum(TRAININGS.values()) - TRAININGS["gpu"]
    assert parts["gpu"]["training"]["bert_rag"]["size"] == "full"
    assert all(config["training"]["bert_rag"]["patience"] in (None, 0) for config in parts.values())


def test_the_gammas_of_the_loss_study_differ_in_nothing_else() -> None:
    losses = loss_study("secondary")["losses"] | loss_study("primary")["losses"]
    designed = {run.loss for part in TRAININGS for run in runs(loss_study(part)) if run.trained}
    axes: dict[str, list[float]] = {}
    for loss in sorted(designed - {"contrastive", "recon_truth_detached"}):
        entry = dict(losses[loss])
        gamma = entry.pop("gamma")
        axes.setdefault(json.dumps(entry, sort_keys=True), []).append(gamma)
    assert len(axes) == 4  # A to D
    assert all(sorted(gammas) == [0, 2.5, 5] for gammas in axes.values())


def test_the_rates_of_the_loss_study_are_a_third_and_three_times_the_usual_one() -> None:
    usual = architecture("bert_rag").training["small"]["learning_rate"]
    rates = {run.training: run.learning_rate for run in runs(loss_study("rates")) if run.trained}
    expected = {"slow": usual / 3, "fast": 3 * usual}
    assert set(rates) == {f"bert_rag.{loss}_{name}" for loss in ("recon_switch", "no_recon") for name in expected}
    for training, rate in rates.items():
        assert rate == pytest.approx(expected[training.rsplit("_")[-1]], rel=0.02)
