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

CORE_CM = 20.0
MARGIN_CM = 5.0
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
        begin = self.first - self.start
        end = self.last - self.start
        return slice(begin, end)

    def reaching(self, typed_sites: np.ndarray) -> "Window":
        """The window with margins as long as is needed to hold the typed sites next to its core.

        typed_sites: indices [T >= 1] of the typed sites of its chromosome, ascending.
        """
        n_up_to_first = int(np.searchsorted(typed_sites, self.first, side="right"))
        n_before_last = int(np.searchsorted(typed_sites, self.last - 1))
        left = max(n_up_to_first - 1, 0)
        right = min(n_before_last, len(typed_sites) - 1)
        leftmost, rightmost = typed_sites[[left, right]].tolist()
        start = min(self.start, leftmost)
        stop = max(self.stop, rightmost + 1)
        return Window(start, self.first, self.last, stop)


def windows(panel: Panel, core_cm: float | None = None, margin_cm: float = MARGIN_CM) -> Iterator[Window]:
    """Windows of `panel` whose cores are all its sites, in order, each site once; none crosses chromosomes.

    Cores of one chromosome have equal lengths of at most `core_cm`; None: CORE_CM, or as much less as WINDOW_BYTES ask
    for.
    """
    row_bytes = panel.alleles.shape[1] / 8
    for begin, end in chromosome_bounds(panel.sites.chrom):
        cm = panel.sites.cm[begin:end]
        n_sites = end - begin
        length = float(cm[-1] - cm[0])
        longest = core_cm or _longest_core(length, n_sites * row_bytes, margin_cm)
        number = max(1, int(np.ceil(length / longest)))
        cuts_cm = np.linspace(cm[0], cm[-1], number + 1)
        cuts = np.searchsorted(cm, cuts_cm[1:-1])
        bounds = [0, *cuts.tolist(), n_sites]
        for first, last in pairwise(bounds):
            if first == last:
                continue
            first_cm, last_cm = cm[[first, last - 1]]
            start = int(np.searchsorted(cm, first_cm - margin_cm))
            stop = int(np.searchsorted(cm, last_cm + margin_cm, side="right"))
            start = min(first, start)
            stop = max(last, stop)
            yield Window(begin + start, begin + first, begin + last, begin + stop)


def _longest_core(length: float, size: float, margin_cm: float) -> float:
    """The length in cM that a core may have on a chromosome of `length` cM and `size` bytes."""
    if size <= WINDOW_BYTES:
        return CORE_CM
    longest_window = WINDOW_BYTES / size * length
    most = longest_window - 2 * margin_cm
    return min(CORE_CM, max(LEAST_CORE_CM, most))
