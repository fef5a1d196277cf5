"""Mutated bytes never crash, hang or fool the readers: in a process of its own, as what they call is C code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("seconds", "seed"),
    [
        pytest.param(20, 1, marks=pytest.mark.slow, id="20 seconds"),
        pytest.param(600, 2, marks=pytest.mark.long, id="10 minutes"),
    ],
)
def test_mutated_files_are_refused_or_read_consistently(tmp_path, seconds, seed):
    script = Path(__file__).parents[1] / "fuzz_reader.py"
    command = [sys.executable, str(script), str(tmp_path), str(seconds), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    last = max((path for path in tmp_path.glob("mutated.*")), key=lambda path: path.stat().st_mtime)
    assert done.returncode == 0, f"{last.name}: {last.read_bytes()!r}\n{done.stderr[-3000:]}"
    count, accepted, _ = map(int, re.findall(r"\d+", done.stdout))
    assert count > seconds
    assert 0 < accepted < 3 * count  # mutations that break everything, or nothing, would test nothing
