"""What copy_rag needs of a fold: retrieval into segments, and the windows of untyped sites that the network sees."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ragimpute.folds import Fold
from ragimpute.models.copy_rag import SITE_FEATURES, CopyRag
from ragimpute.models.outputs import Batch
from ragimpute.retrieval import isolation, neighbours, sharing

MIN_CM = 1e-3  # added to distances before the logarithm
MIN_FREQUENCY = 1e-6  # of an allele that the reference does not have


class CopyRagArchitecture:
    """The registry entry of copy_rag; see ragimpute.models.protocol."""

    name = "copy_rag"
    sizes: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"width": 16, "hidden": 32, "neighbours": 32, "window": 2048},
        "full": {"width": 32, "hidden": 64, "neighbours": 32, "window": 2048},
    }
    training: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"epochs": 6, "steps_per_epoch": 80, "learning_rate": 8e-3, "evaluation_windows": 4},
        "full": {"epochs": 20, "steps_per_epoch": 200, "learning_rate": 4e-3, "evaluation_windows": 0},
    }

    def retrieve(self, size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """Arrays neighbours [2P, T, K] int16 or int32 and features [2P, T, K, F] float16 of each query haplotype."""
        nearest, features = neighbours.retrieve(
            fold.reference.alleles[fold.typed],
            fold.reference.sites.cm[fold.typed],
            fold.observed.astype(np.int8),
            np.repeat(fold.excluded_haplotypes(np.arange(fold.n_people)), 2, axis=0),
            self.sizes[size]["neighbours"],
            threads,
        )
        return {"neighbours": nearest, "features": features}

    def describe_sites(self, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """How the carriers of each site's minor allele stand to each other and to everybody else.

        Arrays shared [3, S] float32: the carriers' mutual sharing, compared at typed sites and at all sites, and their
        isolation; and, when people of the fold are in the reference, left_out [3, S, P] float32.
        """
        reference = fold.reference
        minor, _ = minor_alleles(reference.alleles)
        group = leave_out_groups(fold)
        own = fold.excluded[:, 0]
        inside = bool((own >= 0).any())  # people of the fold are in the reference: each is left out in turn
        sites = np.arange(len(fold.typed))
        results = []
        for compared in (fold.typed_sites, sites):
            results.append(
                sharing.mutual_sharing(
                    reference.alleles[compared],
                    reference.sites.cm[compared],
                    minor,
                    reference.sites.cm,
                    np.searchsorted(compared, sites),
                    np.searchsorted(compared, sites, side="right"),
                    np.repeat(group, 2),
                    threads,
                )
            )
        results.append(
            isolation.isolation(
                reference.alleles, minor, reference.sites.cm, np.repeat(group, 2), leave_out=inside, threads=threads
            )
        )
        arrays = {"shared": np.stack([shared for shared, _ in results])}
        if inside:
            arrays["left_out"] = np.stack([left_out[:, group[np.maximum(own, 0)]] for _, left_out in results])
        return arrays

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> "CopyRagData":
        return CopyRagData(fold, segments, self.sizes[size]["window"])

    def build(self, size: str, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return CopyRag(self.sizes[size]["width"], self.sizes[size]["hidden"])


def minor_alleles(alleles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carriers [S, H] uint8 of each site's minor allele, and flipped [S] bool: the minor allele is REF."""
    count = alleles.sum(axis=1, dtype=np.int64)
    flipped = 2 * count > alleles.shape[1]
    return alleles ^ flipped[:, None].astype(np.uint8), flipped


def leave_out_groups(fold: Fold) -> np.ndarray:
    """Labels [R] int64 of the reference people: those that are left out together share one."""
    group = np.arange(len(fold.reference.samples))
    for row in fold.excluded:
        members = row[row >= 0]
        if len(members):
            group[members] = members.min()
    return np.unique(group, return_inverse=True)[1]


class CopyRagData:
    """A fold's people in windows of consecutive untyped sites (a ragimpute.models.outputs.FoldData)."""

    def __init__(self, fold: Fold, segments: dict[str, np.ndarray], window: int) -> None:
        self.fold = fold
        self.n_people = fold.n_people
        self.neighbours, self.features = segments["neighbours"], segments["features"]
        self.shared, self.left_out = segments["shared"], segments.get("left_out")
        self.minor, self.flipped = minor_alleles(fold.reference.alleles)
        untyped = np.flatnonzero(~fold.typed)
        self.windows = [untyped[start : start + window] for start in range(0, len(untyped), window)]
        self.n_windows = len(self.windows)
        cm, last = fold.reference.sites.cm, len(fold.typed_sites) - 1
        before = np.cumsum(fold.typed) - 1  # [S], index of the last typed site at or before each site, -1: none
        self.left, self.right = np.maximum(before, 0), np.minimum(before + 1, last)
        typed_cm = cm[fold.typed_sites]
        self.log_left = np.log(np.abs(cm - typed_cm[self.left]) + MIN_CM)  # [S]
        self.log_right = np.log(np.abs(typed_cm[self.right] - cm) + MIN_CM)

    def batch(self, people: np.ndarray, window: int) -> Batch:
        """The batch of `people` [B] at the untyped sites of `window`."""
        fold, sites = self.fold, self.windows[window]
        haplotypes = (2 * people[:, None] + np.arange(2)).reshape(-1)  # [N]
        left, right = self.left[sites], self.right[sites]
        first, stop = int(left[0]), int(right[-1]) + 1
        # nobody left out: all people see the same of a site
        site, log_maf, log_major = self.site_features(people[:1] if self.left_out is None else people, sites)
        inputs = {
            "features": torch.from_numpy(self.features[haplotypes, first:stop]),
            "neighbours": torch.from_numpy(self.neighbours[haplotypes, first:stop]),
            "left": torch.from_numpy(left - first),
            "right": torch.from_numpy(right - first),
            "minor": torch.from_numpy(self.minor[sites]),
            "flipped": torch.from_numpy(self.flipped[sites]),
            "site": torch.from_numpy(site),
            "log_maf": torch.from_numpy(log_maf),
            "log_major": torch.from_numpy(log_major),
        }
        scored = torch.from_numpy(fold.scored(people, sites))[:, None].expand(-1, 2, -1)  # [B, 2, L]
        return Batch(inputs, sites, self.truth(haplotypes, sites), scored)

    def truth(self, haplotypes: np.ndarray, sites: np.ndarray) -> Tensor:
        """True alleles [B, 2, L] int64, zeros when the fold has none."""
        if self.fold.truth is None:
            return torch.zeros(len(haplotypes) // 2, 2, len(sites), dtype=torch.int64)
        alleles = self.fold.truth[np.ix_(sites, haplotypes)]  # [L, N]
        return torch.from_numpy(alleles.T.reshape(-1, 2, len(sites)).astype(np.int64))

    def site_features(self, people: np.ndarray, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """SITE_FEATURES [B, L, Q] and log frequencies [B, L] of minor and major allele, float32, people left out."""
        count, number = self.fold.left_out_count(people, sites)  # [L, B], [B]
        minor = np.where(self.flipped[sites][:, None], number - count, count).T  # [B, L]
        frequency = minor / number[:, None]
        shape = minor.shape
        features = np.empty((*shape, len(SITE_FEATURES)), np.float32)
        features[..., 0] = np.log((minor + 0.5) / (number[:, None] + 1.0))
        features[..., 1] = self.log_left[sites]
        features[..., 2] = self.log_right[sites]
        for i, shared in enumerate(self.shared):
            features[..., 3 + i] = shared[sites]
            if self.left_out is not None:
                features[..., 3 + i] = self.left_out[i][np.ix_(sites, people)].T
        features[..., 6] = np.isfinite(features[..., 3])
        log_maf, log_major = (
            np.log(np.maximum(f, MIN_FREQUENCY)).astype(np.float32) for f in (frequency, 1 - frequency)
        )
        return features, log_maf, log_major
