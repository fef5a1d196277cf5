"""Retrieval needs no torch: an architecture imports it only where a network or a fold's data is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragimpute.models import ARCHITECTURES

TESTS = Path(__file__).parents[1]
RETRIEVE = """
import sys
import numpy as np
from mosaic import mosaic_panel
from ragimpute.models import architecture, segments
from ragimpute.panel.folds import SampleRole, load_fold

panel = mosaic_panel(24, 60, n_founders=6, seed=1)
samples = [SampleRole(name, "reference", "train") for name in panel.samples]
fold = load_fold(panel, samples, {"typed": np.arange(60) % 5 == 2}, "train")
name = sys.argv[1]
found = segments(architecture(name), "small", fold, 1)
assert found.arrays()["neighbours"].shape == (48, 12, 32)
print("torch" in sys.modules)
architecture(name).fold_data("small", fold, found)
print("torch" in sys.modules)
"""


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_segments_are_made_without_torch(name: str) -> None:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", RETRIEVE, name],
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True"]
