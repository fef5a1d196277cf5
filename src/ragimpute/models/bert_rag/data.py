"""What bert_rag sees of a fold: windows of panel sites, tokens, left-out frequencies, and what retrieval found.

Retrieval is that of copy_rag: the Li-Stephens neighbours at each typed site of the whole chromosome, so that a window
sees beyond its edges. A retrieved haplotype is a mosaic: at each site the allele of the best neighbour at the nearest
typed site (the second best, and so on, for further ones). All neighbours together give the weighted shares that carry
ALT (`retrieval.evidence`).
"""

import numpy as np
import torch

from ragimpute.errors import InputError
from ragimpute.models.bert_rag.embedding import MASK, PAD
from ragimpute.models.outputs import Batch
from ragimpute.panel.folds import Fold
from ragimpute.panel.store import chromosome_bounds
from ragimpute.retrieval import evidence
from ragimpute.retrieval.fold_neighbours import flanks, local_flanks

UNKNOWN = 0.5  # the share that padding has


def window_bounds(chrom: np.ndarray, window: int) -> np.ndarray:
    """Starts and ends [W, 2] of windows of at most `window` consecutive sites [S], none across chromosomes."""
    bounds = [
        (start, min(start + window, end))
        for first, end in chromosome_bounds(chrom)
        for start in range(first, end, window)
    ]
    return np.array(bounds, dtype=np.int64).reshape(-1, 2)


class BertRagData:
    """The `FoldData` of bert_rag."""

    def __init__(self, fold: Fold, segments: dict[str, np.ndarray], window: int, mosaics: int) -> None:
        """segments: `neighbours` [2P, T, K] and `features` [2P, T, K, F] of `retrieve_neighbours`.

        Raises InputError when they do not fit the fold or have fewer neighbours than `mosaics`.
        """
        self.fold = fold
        self.neighbours, self.features = segments["neighbours"], segments["features"]
        self.window = window
        self.mosaics = mosaics
        self.bounds = window_bounds(fold.reference.sites.chrom, window)
        self.n_samples = fold.n_samples
        self.n_windows = len(self.bounds)
        expected = (2 * self.n_samples, len(fold.typed_sites))
        if self.neighbours.shape[:2] != expected:
            raise InputError(
                f"fold {fold.name}: the segments are for {self.neighbours.shape[0]} haplotypes at "
                f"{self.neighbours.shape[1]} typed sites, the fold has {expected[0]} at {expected[1]}; "
                "run retrieve again"
            )
        if self.neighbours.shape[2] < mosaics:
            raise InputError(
                f"fold {fold.name}: {self.neighbours.shape[2]} neighbours were retrieved, {mosaics} are needed; "
                "the panel is too small"
            )
        self._beside = flanks(fold)
        self._lots = evidence.query_lots(fold.observed)
        self._alike = bool((fold.excluded < 0).all())  # nobody is left out: all samples see the same frequencies

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] at `window`: always L = the window's full length, short windows padded."""
        fold, (start, end) = self.fold, self.bounds[window]
        n_samples, length = len(samples), end - start
        haplotypes = 2 * samples[:, None] + np.arange(2)  # [B, 2]
        real = slice(0, length)

        tokens = np.full((n_samples, 2, self.window), PAD, dtype=np.int64)
        tokens[..., real] = MASK
        first, last = np.searchsorted(fold.typed_sites, (start, end))
        tokens[..., fold.typed_sites[first:last] - start] = fold.observed[first:last][:, haplotypes].transpose(1, 2, 0)

        mosaics, shares = self._retrieved(haplotypes, slice(start, end))
        seen = samples[:1] if self._alike else samples
        count, number = fold.left_out_count(seen, slice(start, end))
        frequency = np.zeros((len(seen), self.window), dtype=np.float32)
        frequency[:, real] = (count / number).T
        position = np.zeros(self.window, dtype=np.float32)
        position[real] = fold.reference.sites.cm[start:end] - fold.reference.sites.cm[start]

        sites = np.full(self.window, -1, dtype=np.int64)
        sites[real] = np.arange(start, end)
        polymorphic = ((count > 0) & (count < number)).T
        scored = np.zeros((n_samples, 2, self.window), dtype=bool)
        scored[..., real] = (polymorphic & ~fold.typed[start:end])[:, None]
        alleles = np.zeros((n_samples, 2, self.window), dtype=np.int64)
        if fold.truth is not None:
            alleles[..., real] = fold.truth[start:end][:, haplotypes].transpose(1, 2, 0)

        inputs = {
            "tokens": torch.from_numpy(tokens),
            "mosaics": torch.from_numpy(mosaics),
            "shares": torch.from_numpy(shares),
            "position": torch.from_numpy(position),
            "frequency": torch.from_numpy(frequency),
            "padding": torch.from_numpy(sites < 0),
        }
        return Batch(inputs, sites, torch.from_numpy(alleles), torch.from_numpy(scored))

    def _retrieved(self, haplotypes: np.ndarray, sites: slice) -> tuple[np.ndarray, np.ndarray]:
        """Mosaics [B, 2, R, L] int64 and shares [B, 2, L, W] float32 of `haplotypes` [B, 2], L the padded window."""
        queries, length = haplotypes.reshape(-1), sites.stop - sites.start
        local, typed = local_flanks(self._beside, sites)
        neighbours, features = self.neighbours[queries, typed], self.features[queries, typed]  # [N, t, K, ..]
        alleles = self.fold.reference.alleles[sites]  # [L, H]

        best = evidence.best_neighbours(features, self._lots[queries], typed.start, self.mosaics)  # [N, t, R]
        copied = np.take_along_axis(neighbours, best, axis=2).transpose(0, 2, 1)  # [N, R, t]
        nearest = np.where(local.share < 0.5, local.left, local.right)
        mosaics = np.full((*haplotypes.shape, self.mosaics, self.window), PAD, dtype=np.int64)
        found = alleles[np.arange(length), copied[..., nearest]]  # [N, R, l]
        mosaics[..., :length] = found.reshape(*haplotypes.shape, self.mosaics, length)

        carried = evidence.alternate_shares(neighbours, evidence.neighbour_weights(features), local, alleles)
        shares = np.full((*haplotypes.shape, self.window, carried.shape[2]), UNKNOWN, dtype=np.float32)
        shares[:, :, :length] = carried.reshape(*haplotypes.shape, length, -1)
        return mosaics, shares
