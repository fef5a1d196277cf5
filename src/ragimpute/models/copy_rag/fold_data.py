"""The windows of untyped sites of a fold, as tensors that copy_rag reads."""

import numpy as np
import torch
from torch import Tensor

from ragimpute.models.contract import Batch, Segments
from ragimpute.models.copy_rag.network import CopyRagInputs
from ragimpute.models.copy_rag.site_inputs import SiteInputs
from ragimpute.panel.folds import Fold


class CopyRagData:
    """A fold's samples in windows of consecutive untyped sites (a ragimpute.models.contract.FoldData)."""

    def __init__(self, fold: Fold, segments: Segments, window: int) -> None:
        """Cut the untyped sites of `fold` into windows of at most `window` sites."""
        self.fold = fold
        self.n_samples = fold.n_samples
        self.retrieved = segments.retrieved
        self.sites = SiteInputs(fold, segments.described)
        untyped = np.flatnonzero(~fold.typed)
        self.windows = [untyped[start : start + window] for start in range(0, len(untyped), window)]
        self.n_windows = len(self.windows)

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] at the untyped sites of `window`."""
        sites = self.windows[window]
        haplotypes = (2 * samples[:, None] + np.arange(2)).reshape(-1)  # [N]
        scored = torch.from_numpy(self.fold.scored(samples, sites))  # [B, L]
        of_both_haplotypes = scored[:, None].expand(-1, 2, -1)  # [B, 2, L]
        inputs = self._inputs(samples, haplotypes, sites)
        return Batch(inputs, sites, self._truth(haplotypes, sites), of_both_haplotypes)

    def _inputs(self, samples: np.ndarray, haplotypes: np.ndarray, sites: np.ndarray) -> CopyRagInputs:
        """What the network reads of `samples` [B], whose `haplotypes` are [N], at `sites` [L]."""
        left, right = self.sites.left[sites], self.sites.right[sites]
        first = int(left[0])
        typed = slice(first, int(right[-1]) + 1)  # the T typed sites around the window
        features = self.retrieved.features[haplotypes, typed]
        neighbours = self.retrieved.neighbours[haplotypes, typed]
        minor, flipped = self.sites.carriers(sites), self.sites.flipped[sites]
        known = self.sites.features(samples, sites)
        tensor = torch.from_numpy
        return CopyRagInputs(
            features=tensor(features),
            neighbours=tensor(neighbours),
            left=tensor(left - first),
            right=tensor(right - first),
            minor=tensor(minor),
            flipped=tensor(flipped),
            site=tensor(known.features),
            log_maf=tensor(known.log_maf),
            log_major=tensor(known.log_major),
        )

    def _truth(self, haplotypes: np.ndarray, sites: np.ndarray) -> Tensor:
        """True alleles [B, 2, L] int64, zeros when the fold has none."""
        if self.fold.truth is None:
            return torch.zeros(len(haplotypes) // 2, 2, len(sites), dtype=torch.int64)
        alleles = self.fold.truth[np.ix_(sites, haplotypes)]  # [L, N]
        by_sample = alleles.T.reshape(-1, 2, len(sites))
        return torch.from_numpy(by_sample.astype(np.int64))
