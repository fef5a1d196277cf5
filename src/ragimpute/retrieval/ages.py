"""What a panel shows of its alleles: their age by the carriers' mutual sharing and isolation, and their clustering."""

import numpy as np

from ragimpute.panel import Panel, chromosome_bounds
from ragimpute.retrieval import clustering, isolation, sharing


def allele_ages(panel: Panel, threads: int) -> np.ndarray:
    """What each allele of a whole panel shows of its age, whatever is typed: Panel.ages [2, S] float32."""
    everybody = np.arange(len(panel.samples))
    parts = [
        np.stack([shared for shared, _ in each(panel.between(start, stop), everybody, False, threads)])
        for start, stop in chromosome_bounds(panel.sites.chrom)
    ]
    return np.concatenate(parts, axis=1)


def each(panel: Panel, group: np.ndarray, inside: bool, threads: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sharing at all sites, and isolation: each with the same when a group is left out, if people are `inside`."""
    alleles, groups = panel.alleles, np.repeat(group, 2)
    shared = mutual_sharing(panel, np.arange(len(alleles)), group, inside, threads)
    flipped = minor_is_ref(alleles)
    return [shared, isolation.isolation(alleles, flipped, panel.sites.cm, groups, leave_out=inside, threads=threads)]


def mutual_sharing(
    panel: Panel, compared: np.ndarray, group: np.ndarray, inside: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sharing of the carriers of every site, compared at the sites `compared` [M]."""
    sites = np.arange(len(panel.alleles))
    return sharing.mutual_sharing(
        panel.alleles if len(compared) == len(sites) else panel.alleles[compared],
        panel.sites.cm[compared],
        panel.alleles,
        minor_is_ref(panel.alleles),
        panel.sites.cm,
        np.searchsorted(compared, sites),
        np.searchsorted(compared, sites, side="right"),
        np.repeat(group, 2),
        inside,
        threads,
    )


def clustered(
    panel: Panel, typed_sites: np.ndarray, group: np.ndarray, inside: bool, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Clustering of the carriers of every site among haplotypes sorted by their alleles at `typed_sites` [T]."""
    sites = np.arange(len(panel.alleles))
    return clustering.clustering(
        panel.alleles[typed_sites],
        panel.alleles,
        minor_is_ref(panel.alleles),
        np.searchsorted(typed_sites, sites),
        np.searchsorted(typed_sites, sites, side="right"),
        np.repeat(group, 2),
        inside,
        threads,
    )


def minor_is_ref(alleles: np.ndarray) -> np.ndarray:
    """Where [S] bool the less frequent of `alleles` [S, H] is REF."""
    return 2 * alleles.sum(axis=1, dtype=np.int64) > alleles.shape[1]
