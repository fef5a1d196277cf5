"""What makes the command start sooner, and says why its first run does not."""

import logging
import sys

BLAS = "scipy.linalg.cython_blas"
COMPILING = "numba:compile"  # numba's event of a kernel that it compiles, not of one that it has kept

logger = logging.getLogger(__name__)


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


def announce_compiling() -> None:
    """Log, once in this process and before it waits for it, that numba compiles a kernel that it has not kept."""
    from numba.core import event

    class Announcement(event.Listener):
        is_made = False

        def on_start(self, event: event.Event) -> None:
            if not self.is_made:
                logger.info("compiling for this processor, about a minute; the result is kept for later runs")
            self.is_made = True

        def on_end(self, event: event.Event) -> None:
            """Not awaited."""

    event.register(COMPILING, Announcement())
