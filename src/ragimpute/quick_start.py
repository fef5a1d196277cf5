"""What makes the command start sooner."""

import sys

BLAS = "scipy.linalg.cython_blas"


def load_numba() -> None:
    """Load numba's arrays, for which kernels wait, without scipy.

    numba imports scipy there only to know whether it is installed (`_HAVE_BLAS`, for numpy.inner in kernels, which none
    of ours has). That takes a fifth of a second. Whoever needs scipy later imports it as ever.
    """
    if BLAS in sys.modules:
        return
    sys.modules[BLAS] = None  # type: ignore[assignment]  # so that importing it is an ImportError
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[BLAS]
