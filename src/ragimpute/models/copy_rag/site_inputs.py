"""What copy_rag sees of a fold: the retrieved neighbours with their features, and what is known of each site.

Plain numpy, so that imputing on a CPU need not import torch.
"""

import math
import os
from collections.abc import Mapping

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.folds import SPARSE_PER_CM, Fold
from ragimpute.retrieval import allele_ages, neighbours
from ragimpute.retrieval.fold_neighbours import flanks, join_chromosomes, retrieve_neighbours

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
    expected: dict[str, tuple[int, ...]] = {f"{name}.weight": (n_out, n_in) for name, (n_in, n_out) in layers.items()}
    expected |= {f"{name}.bias": (n_out,) for name, (_, n_out) in layers.items()}
    expected["token.weight"] = (3, width)
    found = {name: array.shape for name, array in weights.items()}
    if found != expected:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise InputError(f"{path}: the weights do not fit this version of {NAME}: {', '.join(wrong[:5])}")


def more_neighbours(fold: Fold) -> int:
    """How many times the size's K neighbours the samples of `fold` get: 1 for those with truth, who are trained on."""
    if fold.truth is not None:
        return 1
    return min(MOST_TIMES, max(1, math.ceil(SPARSE_PER_CM / fold.typed_per_cm)))


def neighbour_features(size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
    """Arrays neighbours [2P, T, K] int16 or int32 and features [2P, T, K, F] float16 of each query haplotype."""
    k = SIZES[size]["neighbours"] * more_neighbours(fold)
    return retrieve_neighbours(fold, k, threads)


def describe_sites(fold: Fold, threads: int) -> dict[str, np.ndarray]:
    """How the carriers of each site's minor allele stand to each other and to everybody else.

    Arrays carriers [4, S] float32: their mutual sharing, compared at typed sites and at all sites, their isolation, and
    their clustering; and, when samples of the fold are in the reference, left_out [4, S, P] float32.
    """
    parts = [_describe_chromosome(part, threads) for part in fold.chromosomes()]
    return {name: join_chromosomes([part[name] for part in parts], 1) for name in parts[0]}


def _describe_chromosome(fold: Fold, threads: int) -> dict[str, np.ndarray]:
    group = leave_out_groups(fold)
    own = fold.excluded[:, 0]
    inside = bool((own >= 0).any())  # samples of the fold are in the reference: each is left out in turn
    carriers = allele_ages.age_carriers(fold.reference, threads)
    sharing, clustering = (
        describe(fold.reference, fold.typed_sites, carriers, group, inside, threads)
        for describe in (allele_ages.carriers_sharing, allele_ages.clustered)
    )
    if fold.reference.ages is not None and not inside:
        return {"carriers": np.stack([sharing[0], *fold.reference.ages, clustering[0]])}
    results = [sharing, *allele_ages.each(fold.reference, carriers, group, inside, threads), clustering]
    arrays = {"carriers": np.stack([everybody for everybody, _ in results])}
    if inside:
        arrays["left_out"] = np.stack([left_out[:, group[np.maximum(own, 0)]] for _, left_out in results])
    return arrays


def leave_out_groups(fold: Fold) -> np.ndarray:
    """Labels [R] int64 of the reference samples: those that are left out together share one."""
    group = np.arange(len(fold.reference.samples))
    for row in fold.excluded:
        members = row[row >= 0]
        if len(members):
            group[members] = members.min()
    return np.unique(group, return_inverse=True)[1]


class SiteInputs:
    """What is known of each site of a fold; `segments` as `describe_sites` returns them."""

    def __init__(self, fold: Fold, segments: dict[str, np.ndarray]) -> None:
        self.fold = fold
        self.described, self.left_out = segments["carriers"], segments.get("left_out")
        self.flipped = fold.reference.minor_is_ref  # [S]
        cm = fold.reference.sites.cm
        beside = flanks(fold)
        self.left, self.right = beside.left, beside.right  # [S]
        typed_cm = cm[fold.typed_sites]
        self.log_left = np.log(np.abs(cm - typed_cm[self.left]) + MIN_CM)  # [S]
        self.log_right = np.log(np.abs(typed_cm[self.right] - cm) + MIN_CM)

    def carriers(self, sites: np.ndarray) -> np.ndarray:
        """Who carries the minor allele of `sites` [L]: [L, H] uint8."""
        return self.fold.reference.alleles[sites] ^ self.flipped[sites, None].astype(np.uint8)

    def features(self, samples: np.ndarray, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """SITE_FEATURES [B, L, Q] and log frequencies [B, L] of minor and major allele, float32, samples left out.

        Where nobody of the fold is in the reference all samples see the same: B is 1.
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
        log_maf, log_major = (
            np.log(np.maximum(f, MIN_FREQUENCY)).astype(np.float32) for f in (frequency, 1 - frequency)
        )
        return features, log_maf, log_major
