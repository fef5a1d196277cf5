"""Cutting chromosomes into windows: a core, whose sites are kept, within margins that the core's edges need.

Copying probabilities forget what lies further than a few centimorgan away, so that with margins of that length a site
gets nearly the same value from any window: only matches that are longer than the margin are cut off by it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.panel.store import chromosome_bounds

CORE_CM, MARGIN_CM = 20.0, 5.0


@dataclass(frozen=True)
class WorkSize:
    """How much is imputed at a time. Only `core_cm` has an effect on results, and hardly any."""

    core_cm: float = CORE_CM  # a window's core is no longer than this
    # samples x phasings x typed sites x multiples of the network's neighbours of a batch: about 1 kB each
    batch_genotypes: int = 250_000
    batch_dosages: int = 8_000_000  # samples x phasings x sites that a batch imputes: 12 bytes each
    left_out_alleles: int = 4_000_000  # of a batch for leave-one-out dosages: 8 bytes each


@dataclass(frozen=True)
class Window:
    """Sites start .. stop - 1 are looked at; sites first .. last - 1 of them, the core, are kept."""

    start: int
    first: int
    last: int
    stop: int

    @property
    def core(self) -> slice:
        """The core among the sites that are looked at."""
        return slice(self.first - self.start, self.last - self.start)


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
        for first, last in _cores(local, core_cm):
            place = int(np.searchsorted(observed, first, side="right")) - 1
            left = observed[max(0, place)]
            place = int(np.searchsorted(observed, last - 1))
            right = observed[min(len(observed) - 1, place)]
            from_margin = np.searchsorted(local, local[first] - margin_cm)
            to_margin = np.searchsorted(local, local[last - 1] + margin_cm, side="right")
            start = int(min(first, left, from_margin))
            stop = int(max(last, right + 1, to_margin))
            yield Window(begin + start, begin + first, begin + last, begin + stop)


def _cores(cm: np.ndarray, core_cm: float) -> Iterator[tuple[int, int]]:
    """First and last + 1 of the sites of each core of a chromosome whose sites lie at `cm` [S]; none is empty."""
    number = max(1, math.ceil((cm[-1] - cm[0]) / core_cm))
    cuts = np.linspace(cm[0], cm[-1], number + 1)
    inner = np.searchsorted(cm, cuts[1:-1]).tolist()
    for first, last in pairwise([0, *inner, len(cm)]):
        if first < last:
            yield first, last
