"""What a panel shows of its alleles: their age by the carriers' mutual sharing and isolation, and their clustering."""

import numpy as np

from ragimpute.panel.store import Panel
from ragimpute.panel.windows import windows
from ragimpute.retrieval import clustering, isolation, sharing
from ragimpute.retrieval.first_carriers import first_carriers


def age_carriers(panel: Panel, threads: int) -> np.ndarray:
    """The carriers that stand for each site's minor allele: [S, C] int32, see `first_carriers`."""
    return first_carriers(panel.alleles, panel.minor_is_ref, threads)


def allele_ages(panel: Panel, threads: int) -> np.ndarray:
    """What each allele of a whole panel shows of its age, whatever is typed: Panel.ages [2, S] float32.

    Window by window, so that the panel may stay on the disk.
    """
    everybody = np.arange(len(panel.samples))
    ages = np.empty((2, len(panel.sites)), dtype=np.float32)
    for window in windows(panel):
        part = panel.between(window.start, window.stop)
        shared, isolated = each(part, age_carriers(part, threads), everybody, False, threads)
        core = slice(window.first - window.start, window.last - window.start)
        ages[0, window.first : window.last] = shared[0][core]
        ages[1, window.first : window.last] = isolated[0][core]
    return ages


def each(
    panel: Panel, carriers: np.ndarray, group: np.ndarray, inside: bool, threads: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sharing at all sites, and isolation: each with the same when a group is left out, if samples are `inside`."""
    alleles, cm, groups = panel.alleles, panel.sites.cm, np.repeat(group, 2)
    return [
        carriers_sharing(panel, np.arange(len(alleles)), carriers, group, inside, threads),
        isolation.isolation(alleles, panel.minor_is_ref, carriers, cm, groups, leave_out=inside, threads=threads),
    ]


def carriers_sharing(
    panel: Panel, compared: np.ndarray, carriers: np.ndarray, group: np.ndarray, inside: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sharing of the carriers of every site, compared at the sites `compared` [M]."""
    sites = np.arange(len(panel.alleles))
    return sharing.mutual_sharing(
        panel.alleles if len(compared) == len(sites) else panel.alleles[compared],
        panel.sites.cm[compared],
        carriers,
        panel.sites.cm,
        np.searchsorted(compared, sites),
        np.searchsorted(compared, sites, side="right"),
        np.repeat(group, 2),
        inside,
        threads,
    )


def clustered(
    panel: Panel, typed_sites: np.ndarray, carriers: np.ndarray, group: np.ndarray, inside: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Clustering of the carriers of every site among haplotypes sorted by their alleles at `typed_sites` [T]."""
    sites = np.arange(len(panel.alleles))
    return clustering.clustering(
        panel.alleles[typed_sites],
        panel.alleles,
        panel.minor_is_ref,
        carriers,
        np.searchsorted(typed_sites, sites),
        np.searchsorted(typed_sites, sites, side="right"),
        np.repeat(group, 2),
        inside,
        threads,
    )
