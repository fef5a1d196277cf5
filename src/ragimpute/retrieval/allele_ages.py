"""What a panel shows of the age of its minor alleles: how long their carriers share haplotypes, and how they cluster.

The measures of `sharing`, `isolation` and `clustering` for a `Panel`. Each takes `drawn`, the carriers that stand for
all of a site's (`panel_carriers`), and `group` [R] int64, the label of each sample: those that are left out together
share one. Each returns what the whole panel shows, [S] float32, and the same with each group left out in turn, [S, G]
float32, or [S, 0] unless `leave_out`.
"""

import numpy as np

from ragimpute.panel.store import Panel
from ragimpute.panel.windows import windows
from ragimpute.retrieval import clustering, isolation, sharing
from ragimpute.retrieval.drawn_carriers import draw_carriers


def allele_ages(panel: Panel, threads: int) -> np.ndarray:
    """Sharing at all sites and isolation, which do not depend on what is typed: Panel.ages [2, S] float32.

    Window by window, so that the panel may stay on the disk.
    """
    samples = np.arange(len(panel.samples))
    ages = np.empty((2, len(panel.sites)), dtype=np.float32)
    for window in windows(panel):
        part = panel.between(window.start, window.stop)
        drawn = panel_carriers(part, threads)
        shared, _ = panel_sharing(part, np.arange(len(part.sites)), drawn, samples, False, threads)
        isolated, _ = panel_isolation(part, drawn, samples, False, threads)
        ages[0, window.first : window.last] = shared[window.core]
        ages[1, window.first : window.last] = isolated[window.core]
    return ages


def panel_carriers(panel: Panel, threads: int, sites: slice | None = None) -> np.ndarray:
    """The carriers that stand for all of each site's minor allele: [S, C] int32, see `draw_carriers`.

    sites: where the measures are wanted; others get no carriers, which costs nothing. None: all.
    """
    sites = sites or slice(0, len(panel.sites))
    here = draw_carriers(panel.alleles.between(sites.start, sites.stop), panel.minor_is_ref[sites], threads)
    drawn = np.full((len(panel.sites), here.shape[1]), -1, np.int32)
    drawn[sites] = here
    return drawn


def panel_sharing(
    panel: Panel, compared: np.ndarray, drawn: np.ndarray, group: np.ndarray, leave_out: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """`sharing.mutual_sharing` of every site, haplotypes being compared at the sites `compared` [M]."""
    alleles = panel.alleles if len(compared) == len(panel.alleles) else panel.alleles.take(compared)
    cm = panel.sites.cm
    before, after = _numbers_around(compared, len(panel.alleles))
    groups = group[panel.sample_of_haplotype]
    return sharing.mutual_sharing(alleles, cm[compared], drawn, cm, before, after, groups, leave_out, threads)


def panel_isolation(
    panel: Panel, drawn: np.ndarray, group: np.ndarray, leave_out: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """`isolation.isolation` of every site."""
    groups = group[panel.sample_of_haplotype]
    return isolation.isolation(
        panel.alleles, panel.minor_is_ref, drawn, panel.sites.cm, groups, leave_out=leave_out, threads=threads
    )


def panel_clustering(
    panel: Panel, typed_sites: np.ndarray, drawn: np.ndarray, group: np.ndarray, leave_out: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """`clustering.clustering` of every site, haplotypes being sorted by their alleles at `typed_sites` [T]."""
    alleles, flipped = panel.alleles, panel.minor_is_ref
    typed = alleles[typed_sites]
    before, after = _numbers_around(typed_sites, len(alleles))
    groups = group[panel.sample_of_haplotype]
    return clustering.clustering(typed, alleles, flipped, drawn, before, after, groups, leave_out, threads)


def _numbers_around(chosen: np.ndarray, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """For each site the number of `chosen` sites [M], ascending, before it, and the index of the first one after it."""
    sites = np.arange(n_sites)
    before = np.searchsorted(chosen, sites)
    after = np.searchsorted(chosen, sites, side="right")
    return before, after
