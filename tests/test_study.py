"""Runs and their names."""

import json
from pathlib import Path

from ragimpute.config import load
from ragimpute.study import method_name, raw_method, runs, truth_file

ROOT = Path(__file__).parents[1]
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


def test_truth_is_the_given_file_then_the_held_out_people_then_untyped_targets() -> None:
    panel = {"reference": "r", "targets": "t", "truth": None}
    assert truth_file(panel | {"truth": "v"}, "targets") == "v"
    assert truth_file(panel | {"targets": {"holdout": 0.1}}, {"fraction": 0.1}) == "r"
    assert truth_file(panel, "sites.bed") == "t"
    assert truth_file(panel, "targets") is None


def test_the_loss_study_is_the_whole_design() -> None:
    """Losses A to E x gamma 5, 2.5, 0 x both architectures x 5 seeds; gammas differ in nothing else."""
    config = load(ROOT, [ROOT / "config" / "study.yaml"])
    trained = [run for run in runs(config) if run.trained]
    assert len(trained) == len({run.path for run in trained}) == 150
    for architecture in ("bert_rag", "copy_rag"):
        losses = {run.loss for run in trained if run.architecture == architecture}
        entries = [config["losses"][loss] for loss in losses]
        axes = {}
        for entry in entries:
            axes.setdefault(json.dumps({k: v for k, v in entry.items() if k != "gamma"}, sort_keys=True), []).append(
                entry["gamma"]
            )
        assert len(axes) == 5  # the same weights at three gammas, five times
        assert all(sorted(gammas) == [0, 2.5, 5] for gammas in axes.values())
    assert all(config["training"][name]["patience"] in (None, 0) for name in ("bert_rag", "copy_rag"))  # fixed steps


def test_the_loss_study_at_full_size_is_the_same_design() -> None:
    files = [ROOT / "config" / name for name in ("study.yaml", "study_full.yaml")]
    small, full = load(ROOT, files[:1]), load(ROOT, files)
    assert [run.path for run in runs(small)] == [run.path for run in runs(full)]
    assert {full["training"][name]["size"] for name in ("bert_rag", "copy_rag")} == {"full"}
    assert full["losses"] == small["losses"]
