"""Cutting chromosomes into windows: a core, whose sites are kept, within margins that the core's edges need.

Copying probabilities forget what lies further than a few centimorgan away, so that with margins of that length a site
gets nearly the same value from any window: only matches that are longer than the margin are cut off by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.panel.store import chromosome_bounds

CORE_CM, MARGIN_CM = 20.0, 5.0


@dataclass(frozen=True)
class Window:
    """Sites start .. stop - 1 are looked at; sites first .. last - 1 of them, the core, are kept."""

    start: int
    first: int
    last: int
    stop: int


def windows(
    chrom: np.ndarray, cm: np.ndarray, typed: np.ndarray, core_cm: float = CORE_CM, margin_cm: float = MARGIN_CM
) -> Iterator[Window]:
    """Windows whose cores are all S sites, in order, each site once; none crosses chromosomes.

    chrom [S] str and cm [S] float64, in the order of the panel; typed [S] bool. Cores of one chromosome have equal
    lengths of at most `core_cm`, whatever the targets are. A margin is as long as `margin_cm` and at least up to the
    next typed site. Raises ValueError when a chromosome has no typed site.
    """
    for begin, end in chromosome_bounds(chrom):
        local = cm[begin:end]
        observed = np.flatnonzero(typed[begin:end])
        if not len(observed):
            raise ValueError(f"chromosome {chrom[begin]} has no typed site")
        cuts = np.linspace(local[0], local[-1], max(1, int(np.ceil((local[-1] - local[0]) / core_cm))) + 1)
        bounds = [0, *np.searchsorted(local, cuts[1:-1]).tolist(), end - begin]
        for first, last in pairwise(bounds):
            if first == last:
                continue
            left = observed[max(0, np.searchsorted(observed, first, side="right") - 1)]
            right = observed[min(len(observed) - 1, np.searchsorted(observed, last - 1))]
            start = min(first, left, np.searchsorted(local, local[first] - margin_cm))
            stop = max(last, right + 1, np.searchsorted(local, local[last - 1] + margin_cm, side="right"))
            yield Window(begin + int(start), begin + first, begin + last, begin + int(stop))
