"""What copy_rag sees of a fold: windows of untyped sites."""

import numpy as np
import torch
from torch import Tensor

from ragimpute.models.copy_rag.site_inputs import SiteInputs
from ragimpute.models.outputs import Batch
from ragimpute.panel.folds import Fold


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
