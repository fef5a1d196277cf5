"""What copy_rag needs of a fold: retrieval into segments, and the windows of untyped sites that the network sees."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ragimpute.models.copy_rag import site_inputs
from ragimpute.models.copy_rag.network import CopyRag
from ragimpute.models.copy_rag.site_inputs import SIZES, SiteInputs
from ragimpute.models.outputs import Batch
from ragimpute.panel.folds import Fold


class CopyRagArchitecture:
    """The registry entry of copy_rag; see ragimpute.models.contract."""

    name = site_inputs.NAME
    sizes: ClassVar[dict[str, dict[str, Any]]] = {name: {**size, "window": 2048} for name, size in SIZES.items()}
    training: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"epochs": 6, "steps_per_epoch": 80, "learning_rate": 8e-3, "evaluation_windows": 4},
        "full": {"epochs": 20, "steps_per_epoch": 200, "learning_rate": 4e-3, "evaluation_windows": 0},
    }

    def retrieve(self, size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        return site_inputs.neighbour_features(size, fold, threads)

    def describe_sites(self, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        return site_inputs.describe_sites(fold, threads)

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> "CopyRagData":
        return CopyRagData(fold, segments, self.sizes[size]["window"])

    def build(self, size: str, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CopyRag(*(SIZES[size][name] for name in ("width", "hidden", "site_hidden")))


class CopyRagData:
    """A fold's samples in windows of consecutive untyped sites (a ragimpute.models.outputs.FoldData)."""

    def __init__(self, fold: Fold, segments: dict[str, np.ndarray], window: int) -> None:
        self.fold = fold
        self.n_samples = fold.n_samples
        self.neighbours, self.features = segments["neighbours"], segments["features"]
        self.sites = SiteInputs(fold, segments)
        untyped = np.flatnonzero(~fold.typed)
        self.windows = [untyped[start : start + window] for start in range(0, len(untyped), window)]
        self.n_windows = len(self.windows)

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] at the untyped sites of `window`."""
        fold, sites = self.fold, self.windows[window]
        haplotypes = (2 * samples[:, None] + np.arange(2)).reshape(-1)  # [N]
        left, right = self.sites.left[sites], self.sites.right[sites]
        first, stop = int(left[0]), int(right[-1]) + 1
        site, log_maf, log_major = self.sites.features(samples, sites)
        inputs = {
            "features": torch.from_numpy(self.features[haplotypes, first:stop]),
            "neighbours": torch.from_numpy(self.neighbours[haplotypes, first:stop]),
            "left": torch.from_numpy(left - first),
            "right": torch.from_numpy(right - first),
            "minor": torch.from_numpy(self.sites.carriers(sites)),
            "flipped": torch.from_numpy(self.sites.flipped[sites]),
            "site": torch.from_numpy(site),
            "log_maf": torch.from_numpy(log_maf),
            "log_major": torch.from_numpy(log_major),
        }
        scored = torch.from_numpy(fold.scored(samples, sites))[:, None].expand(-1, 2, -1)  # [B, 2, L]
        return Batch(inputs, sites, self.truth(haplotypes, sites), scored)

    def truth(self, haplotypes: np.ndarray, sites: np.ndarray) -> Tensor:
        """True alleles [B, 2, L] int64, zeros when the fold has none."""
        if self.fold.truth is None:
            return torch.zeros(len(haplotypes) // 2, 2, len(sites), dtype=torch.int64)
        alleles = self.fold.truth[np.ix_(sites, haplotypes)]  # [L, N]
        return torch.from_numpy(alleles.T.reshape(-1, 2, len(sites)).astype(np.int64))
