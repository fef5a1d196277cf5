"""What copy_rag reads of a fold: the retrieved neighbours with their features, and what is known of each site.

Plain numpy, so that imputing on a CPU need not import torch.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ragimpute.errors import InputError
from ragimpute.models.contract import SiteDescription
from ragimpute.panel.folds import SPARSE_PER_CM, Fold
from ragimpute.retrieval import allele_ages, neighbours
from ragimpute.retrieval.fold_neighbours import FoldNeighbours, flanks, join_chromosomes, retrieve_neighbours

NAME = "copy_rag"
SIZES = {
    "small": {"width": 16, "hidden": 32, "site_hidden": 64, "neighbours": 32},
    "full": {"width": 32, "hidden": 64, "site_hidden": 128, "neighbours": 32},
}
SITE_FEATURES = (
    "log_maf",
    "log_left_cm",
    "log_right_cm",
    "shared_typed",
    "shared_all",
    "isolation",
    "clustering",
    "shared_known",
    "log_haplotypes",
)
# typical mean and spread of the inputs over panels and arrays; fixed, so that weights mean the same on every panel
FEATURE_MEAN = (-6.8, -5.6, -4.9, -2.4, -2.4, -2.0, -2.0)
FEATURE_SPREAD = (3.3, 2.8, 1.8, 1.2, 1.2, 1.0, 1.0)
SITE_MEAN = (-3.0, -4.5, -4.5, -1.2, -2.0, -2.0, -1.5, 0.5, 6.5)
SITE_SPREAD = (2.0, 1.5, 1.5, 1.0, 1.4, 1.0, 1.2, 0.5, 1.2)
# Targets get up to so many times the neighbours of training samples, where typed sites are sparse and many haplotypes
# match alike. Chosen on reference samples (docs/experiments.md).
MOST_TIMES = 2
MIN_CM = 1e-3  # added to distances before the logarithm
MIN_FREQUENCY = 1e-6  # of an allele that the reference does not have
MOST_LOG_SCALE = 4.0  # of the evidence, either way: a loss that inflates the embedding must not overflow it


def check_weights(path: str | os.PathLike, weights: Mapping[str, np.ndarray], size: str) -> None:
    """Raise InputError unless `weights`, read from `path`, have the shapes of this version's network of `size`."""
    width, hidden, site_hidden = (SIZES[size][name] for name in ("width", "hidden", "site_hidden"))
    layers = {
        "site.0": (len(SITE_FEATURES), site_hidden),
        "site.2": (site_hidden, site_hidden),
        "site.4": (site_hidden, width),
        "key.0": (len(neighbours.FEATURES), hidden),
        "key.2": (hidden, width),
        "query": (width, width + 2),
        "background": (width, 2),
        "calibration": (width, 2),
        "value": (width, width),
        "interaction.0": (width + 2, width),
        "interaction.2": (width, 3),
    }
    expected: dict[str, tuple[int, ...]] = {"token.weight": (3, width)}
    for name, (n_in, n_out) in layers.items():
        expected[f"{name}.weight"] = (n_out, n_in)
        expected[f"{name}.bias"] = (n_out,)
    found = {name: array.shape for name, array in weights.items()}
    names = sorted(expected.keys() | found.keys())
    wrong = [name for name in names if expected.get(name) != found.get(name)]
    if wrong:
        raise InputError(f"{path}: the weights do not fit this version of {NAME}: {', '.join(wrong[:5])}")


def more_neighbours(fold: Fold) -> int:
    """How many times the size's K neighbours the samples of `fold` get: 1 for samples with truth, of training."""
    if fold.truth is not None:
        return 1
    times = math.ceil(SPARSE_PER_CM / fold.typed_per_cm)
    return min(MOST_TIMES, max(1, times))


def neighbour_features(size: str, fold: Fold, threads: int, sites: slice | None = None) -> FoldNeighbours:
    """The neighbours of each query haplotype: K of the size, times `more_neighbours`.

    sites: of a fold that is one chromosome; they are found at the typed sites among these. None: at all typed sites.
    """
    k = SIZES[size]["neighbours"] * more_neighbours(fold)
    return retrieve_neighbours(fold, k, threads, sites)


def describe_sites(fold: Fold, threads: int, sites: slice | None = None) -> SiteDescription:
    """How the carriers of each site's minor allele relate to each other and to all other haplotypes.

    The four rows: their mutual sharing, compared at typed sites and at all sites, their isolation, and their
    clustering. `left_out` is there when samples of the fold are in the reference. `sites`, of a fold that is one
    chromosome: only these are described.
    """
    if sites is not None:
        return _describe_chromosome(fold, threads, sites).between(sites)
    parts = [_describe_chromosome(part, threads) for part in fold.chromosomes()]
    carriers = join_chromosomes([part.carriers for part in parts if part.carriers is not None], 1)
    left_out = [part.left_out for part in parts if part.left_out is not None]
    return SiteDescription(carriers, join_chromosomes(left_out, 1) if left_out else None)


def _describe_chromosome(fold: Fold, threads: int, sites: slice | None = None) -> SiteDescription:
    group = leave_out_groups(fold)
    own = fold.excluded[:, 0]
    inside = bool((own >= 0).any())  # samples of the fold are in the reference: each is left out in turn
    reference = fold.reference
    drawn = allele_ages.panel_carriers(reference, threads, sites)
    sharing = allele_ages.panel_sharing(reference, fold.typed_sites, drawn, group, inside, threads)
    clustering = allele_ages.panel_clustering(reference, fold.typed_sites, drawn, group, inside, threads)
    if reference.ages is not None and not inside:
        return SiteDescription(np.stack([sharing[0], *reference.ages, clustering[0]]))
    all_sites = np.arange(len(reference.sites))
    sharing_at_all = allele_ages.panel_sharing(reference, all_sites, drawn, group, inside, threads)
    isolation = allele_ages.panel_isolation(reference, drawn, group, inside, threads)
    results = [sharing, sharing_at_all, isolation, clustering]
    carriers = np.stack([of_all for of_all, _ in results])
    if not inside:
        return SiteDescription(carriers)
    group_of_sample = group[np.maximum(own, 0)]  # [P]
    left_out = np.stack([left_out[:, group_of_sample] for _, left_out in results])
    return SiteDescription(carriers, left_out)


def leave_out_groups(fold: Fold) -> np.ndarray:
    """Labels [R] int64 of the reference samples: those that are left out together share one."""
    group = np.arange(len(fold.reference.samples))
    for row in fold.excluded:
        members = row[row >= 0]
        if len(members):
            group[members] = members.min()
    return np.unique(group, return_inverse=True)[1]


@dataclass(frozen=True)
class KnownOfSites:
    """What is known of L sites, for each of B samples, or with B 1 for all samples alike; float32."""

    features: np.ndarray  # [B, L, Q], SITE_FEATURES; NaN where not known
    log_maf: np.ndarray  # [B, L], log frequency of the minor allele
    log_major: np.ndarray  # [B, L], log frequency of the other allele


class SiteInputs:
    """What is known of each site of a fold; `description` as `describe_sites` returns it.

    Raises InputError when the carriers are not described.
    """

    def __init__(self, fold: Fold, description: SiteDescription) -> None:
        if description.carriers is None:
            raise InputError(f"fold {fold.name}: the segments do not describe carriers; run `ragimpute retrieve` again")
        self.fold = fold
        self.described, self.left_out = description.carriers, description.left_out
        self.flipped = fold.reference.minor_is_ref  # [S]
        cm = fold.reference.sites.cm
        beside = flanks(fold)
        self.left, self.right = beside.left, beside.right  # [S]
        typed_cm = cm[fold.typed_sites]
        self.log_left = np.log(np.abs(cm - typed_cm[self.left]) + MIN_CM)  # [S]
        self.log_right = np.log(np.abs(typed_cm[self.right] - cm) + MIN_CM)

    def carriers(self, sites: np.ndarray) -> np.ndarray:
        """[L, H] uint8: 1 where a reference haplotype carries the minor allele of `sites` [L]."""
        return self.fold.reference.alleles[sites] ^ self.flipped[sites, None].astype(np.uint8)

    def features(self, samples: np.ndarray, sites: np.ndarray) -> KnownOfSites:
        """What is known of `sites` [L] for `samples` [B], each of them left out of the reference.

        Where no sample of the fold is in the reference, the answer is the same for all samples: B is 1.
        """
        if self.left_out is None:
            samples = samples[:1]
        count, number = self.fold.left_out_count(samples, sites)  # [L, B], [B]
        minor = np.where(self.flipped[sites][:, None], number - count, count).T  # [B, L]
        frequency = minor / number[:, None]
        shape = minor.shape
        features = np.empty((*shape, len(SITE_FEATURES)), np.float32)
        features[..., 0] = np.log((minor + 0.5) / (number[:, None] + 1.0))
        features[..., 1] = self.log_left[sites]
        features[..., 2] = self.log_right[sites]
        for i, described in enumerate(self.described):
            features[..., 3 + i] = described[sites]
            if self.left_out is not None:
                features[..., 3 + i] = self.left_out[i][np.ix_(sites, samples)].T
        features[..., 7] = np.isfinite(features[..., 3])
        features[..., 8] = np.log(number)[:, None]
        log_maf = np.log(np.maximum(frequency, MIN_FREQUENCY)).astype(np.float32)
        log_major = np.log(np.maximum(1 - frequency, MIN_FREQUENCY)).astype(np.float32)
        return KnownOfSites(features, log_maf, log_major)
