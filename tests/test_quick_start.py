"""The start of `impute`: what is not needed is not imported, what is imported later works, and waiting is explained."""

import os
import subprocess
import sys
from pathlib import Path

AFTER = """
import sys
from ragimpute.quick_start import load_numba
load_numba()
assert "numba.np.arraymath" in sys.modules
assert "scipy.linalg" not in sys.modules
load_numba()
import numpy as np
from numba import njit
from scipy.linalg import cython_blas
@njit
def product(a, b):
    return a @ b
matrix = np.arange(6.0).reshape(2, 3)
assert np.array_equal(product(matrix, matrix.T), matrix @ matrix.T)
"""


def test_numba_is_loaded_without_scipy_and_both_work_afterwards() -> None:
    subprocess.run([sys.executable, "-c", AFTER], check=True)


KERNELS = """
from numba import njit
@njit(cache=True)
def once(a):
    return a + 1
@njit(cache=True)
def twice(a):
    return once(a) + once(a)
"""
COMPILE = """
from ragimpute.cli.options import start_logging
from ragimpute.quick_start import announce_compiling
start_logging()
announce_compiling()
import kernels
assert kernels.twice(1) == 4 and kernels.once(1.5) == 2.5
"""


def test_only_the_run_that_compiles_says_so_and_once(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    said = []
    for _ in range(2):
        run = [sys.executable, "-c", COMPILE]
        done = subprocess.run(run, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
        said.append(done.stderr.splitlines())
    assert said == [["compiling for this processor, about a minute; the result is kept for later runs"], []]
