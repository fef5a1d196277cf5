"""Runs and their names."""

from ragimpute.study import method_name, runs, truth_file

CONFIG = {
    "masks": {"a": {}, "b": {}},
    "study": [
        {"mask": "a", "architecture": "copy_rag", "loss": "x", "weights": "scratch"},
        {"mask": "a", "architecture": "copy_rag", "loss": "x", "weights": "fine_tuned"},
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
        "a/beagle/seed0",
        "a/frequency/seed0",
    ]
    assert [run.trained for run in runs(CONFIG)] == [True] * 4 + [False] * 2


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
