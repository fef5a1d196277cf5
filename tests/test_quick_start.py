"""The start of `impute`: what is not needed is not imported, and what is imported later works."""

import subprocess
import sys

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
