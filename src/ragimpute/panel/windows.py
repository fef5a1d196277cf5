"""Cutting chromosomes into windows: a core, whose sites are kept, within margins that the core's edges need.

Copying probabilities forget what lies further than a few centimorgan away, so that with margins of that length a site
gets nearly the same value from any window: only matches that are longer than the margin are cut off by it. Windows are
the panel's own, whatever is typed and whoever is imputed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.panel.store import Panel, chromosome_bounds

CORE_CM, MARGIN_CM = 20.0, 5.0
LEAST_CORE_CM = 4.0
WINDOW_BYTES = 128_000_000  # of packed alleles in a window, as long as its core has LEAST_CORE_CM


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

    def reaching(self, typed_sites: np.ndarray) -> "Window":
        """The window with margins as long as is needed to hold the typed sites next to its core.

        typed_sites: indices [T >= 1] of the typed sites of its chromosome, ascending.
        """
        left = max(0, int(np.searchsorted(typed_sites, self.first, side="right")) - 1)
        right = min(len(typed_sites) - 1, int(np.searchsorted(typed_sites, self.last - 1)))
        start = min(self.start, int(typed_sites[left]))
        stop = max(self.stop, int(typed_sites[right]) + 1)
        return Window(start, self.first, self.last, stop)


def windows(panel: Panel, core_cm: float | None = None, margin_cm: float = MARGIN_CM) -> Iterator[Window]:
    """Windows of `panel` whose cores are all its sites, in order, each site once; none crosses chromosomes.

    Cores of one chromosome have equal lengths of at most `core_cm`; None: CORE_CM, or as much less as WINDOW_BYTES ask
    for.
    """
    row_bytes = panel.alleles.shape[1] / 8
    for begin, end in chromosome_bounds(panel.sites.chrom):
        cm = panel.sites.cm[begin:end]
        length = float(cm[-1] - cm[0])
        longest = core_cm or _longest_core(length, (end - begin) * row_bytes, margin_cm)
        number = max(1, int(np.ceil(length / longest)))
        cuts = np.linspace(cm[0], cm[-1], number + 1)
        bounds = [0, *np.searchsorted(cm, cuts[1:-1]).tolist(), end - begin]
        for first, last in pairwise(bounds):
            if first == last:
                continue
            start = int(np.searchsorted(cm, cm[first] - margin_cm))
            stop = int(np.searchsorted(cm, cm[last - 1] + margin_cm, side="right"))
            yield Window(begin + min(first, start), begin + first, begin + last, begin + max(last, stop))


def _longest_core(length: float, size: float, margin_cm: float) -> float:
    """The length in cM that a core may have on a chromosome of `length` cM and `size` bytes."""
    if size <= WINDOW_BYTES:
        return CORE_CM
    most = WINDOW_BYTES / size * length - 2 * margin_cm
    return min(CORE_CM, max(LEAST_CORE_CM, most))
