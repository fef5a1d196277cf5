"""Compiled kernels in threads.

Not numba's prange: its body is compiled apart and optimised once more when it is loaded from the cache, which
reassociates float sums anew, so that results of the run that compiles would differ from all later ones.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_threads(kernel: Callable[..., None], threads: int, *arguments: object) -> None:
    """Call kernel(block, threads, *arguments) for each block of 0 .. threads - 1; it must release the lock (nogil)."""
    if threads == 1:
        kernel(0, 1, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for call in [pool.submit(kernel, block, threads, *arguments) for block in range(threads)]:
            call.result()
