"""One answer to the question whether there is a GPU."""

import os
import subprocess
import sys

import pytest

from ragimpute.training import gpu


@pytest.mark.parametrize(
    ("files", "visible", "expected"),
    [
        ([], None, False),
        (["nvidiactl"], None, False),  # the driver alone
        (["nvidia0"], None, True),
        (["nvidia3"], None, True),  # of several, this container has one
        (["nvidia0"], "0", True),
        (["nvidia0"], "", False),
        (["nvidia0"], "-1", False),
    ],
)
def test_device_files_and_the_environment_decide(tmp_path, monkeypatch, files, visible, expected):
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(gpu, "DEVICES", tmp_path)
    monkeypatch.setattr(gpu, "WSL_DRIVER", tmp_path / "libcuda.so.1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.has_gpu() is expected


def test_windows_lends_its_gpu_through_a_driver_file(tmp_path, monkeypatch):
    driver = tmp_path / "libcuda.so.1"
    monkeypatch.setattr(gpu, "DEVICES", tmp_path)
    monkeypatch.setattr(gpu, "WSL_DRIVER", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not gpu.has_gpu()
    driver.touch()
    assert gpu.has_gpu()


def test_the_question_needs_no_torch():
    code = "import sys; from ragimpute.training.gpu import has_gpu; has_gpu(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), text=True, capture_output=True)
    assert done.stdout.strip() == "False", done.stderr
