"""The step `train` of pretrained weights without torch: what it writes is what torch writes, but for rounding."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ragimpute.imputation import back_ends
from ragimpute.models import architecture, segments
from ragimpute.models.pretrained import DEFAULT
from ragimpute.study.runs import runs
from ragimpute.training.fold_segments import FoldSegments
from ragimpute.training.request import TrainingRequest, TrainingSamples
from ragimpute.training.train import train_network
from ragimpute.training.without_torch import pretrained_result
from training_data import fold_of, samples_of

TESTS = Path(__file__).parents[1]
REQUEST = TrainingRequest(
    architecture="copy_rag",
    loss_name="mine",
    loss={"hap": 0.3, "genotype": 0.4, "gamma": 0},
    training={},
    weights="pretrained",
    seed=2,
    device="cpu",
)


@pytest.fixture(scope="module")
def samples(tiny_panel, tiny_typed) -> TrainingSamples:
    fold = fold_of(tiny_panel, tiny_typed, "validation")
    validation = FoldSegments(fold, segments(architecture("copy_rag"), "small", fold, 1))
    return TrainingSamples(tiny_panel, samples_of(tiny_panel), [], validation)


@pytest.mark.parametrize("windows", [0, 1])
def test_weights_and_metadata_are_the_same_and_scores_nearly_so(samples, windows) -> None:
    request = replace(REQUEST, training={"evaluation_windows": windows})
    expected = train_network(request, samples, {"panel_sha256": "abc"}, log=lambda line: None)
    found = pretrained_result(request, samples, {"panel_sha256": "abc"})
    assert found.weights.keys() == expected.weights.keys()
    assert all((found.weights[name] == expected.weights[name]).all() for name in found.weights)
    of_values = ("best_val_r2", "temperature")
    one, other = ({k: v for k, v in of.metadata.items() if k not in of_values} for of in (found, expected))
    assert one == other
    with_torch = ("temperature", "val_nll", "val_nll_calibrated")
    rows = [row for row in expected.history.rows if row[2] not in with_torch]
    assert [row[:3] for row in found.history.rows] == [row[:3] for row in rows]
    values = {row[2]: row[3] for row in found.history.rows}
    assert values == pytest.approx({row[2]: row[3] for row in rows}, abs=0.01, nan_ok=True)
    assert 0.2 < values["val_r2"] < 1


def test_torch_is_not_imported() -> None:
    code = "import sys, ragimpute.training.without_torch, ragimpute.cli.training; print('torch' in sys.modules)"
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, text=True, capture_output=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_gpu_is_no_use_without_torch(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
    monkeypatch.setattr(back_ends, "has_gpu", lambda: True)
    assert isinstance(back_ends.load_back_end(DEFAULT, "auto", 1), back_ends.KernelBackEnd)


def test_rows_that_train_or_calibrate_need_torch() -> None:
    row = {"mask": "m", "architecture": "copy_rag", "loss": "a"}
    weights = ("scratch", "fine_tuned", "pretrained")
    study = [*({**row, "weights": name} for name in weights), {**row, "weights": "pretrained", "calibrate": True}]
    found = runs({"study": study, "seeds": [1], "baselines": ["beagle"], "masks": {}})
    needed = {run.method: run.needs_torch for run in found}
    assert needed == {
        "copy_rag.a": True,
        "copy_rag.a.fine_tuned": True,
        "copy_rag.a.pretrained": False,
        "copy_rag.a.pretrained.calibrated": True,
        "beagle": False,
    }
