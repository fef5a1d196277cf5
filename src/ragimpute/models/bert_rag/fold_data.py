"""The windows of panel sites of a fold, as tensors that bert_rag reads: tokens, left-out frequencies, neighbours.

Retrieval is that of copy_rag: the Li-Stephens neighbours at each typed site of the whole chromosome, so that a window
knows what lies beyond its edges. A retrieved haplotype is a mosaic: at each site the allele of the best neighbour at
the nearest typed site (the second best, and so on, for further ones). All neighbours together give the weighted shares
that carry ALT (`retrieval.evidence`).
"""

import numpy as np
import torch

from ragimpute.errors import InputError
from ragimpute.models.bert_rag.embedding import MASK, PAD
from ragimpute.models.bert_rag.network import BertRagInputs
from ragimpute.models.contract import Batch
from ragimpute.panel.folds import Fold
from ragimpute.panel.store import chromosome_bounds
from ragimpute.retrieval import evidence
from ragimpute.retrieval.fold_neighbours import FoldNeighbours, flanks, local_flanks

UNKNOWN = 0.5  # the share that padding has


def window_bounds(chrom: np.ndarray, window: int) -> np.ndarray:
    """Starts and ends [W, 2] of windows of at most `window` consecutive sites [S], none across chromosomes."""
    bounds = []
    for first, end in chromosome_bounds(chrom):
        for start in range(first, end, window):
            stop = min(start + window, end)
            bounds.append((start, stop))
    table = np.array(bounds, dtype=np.int64)
    return table.reshape(-1, 2)


class BertRagData:
    """A fold's samples in windows of consecutive panel sites (a ragimpute.models.contract.FoldData)."""

    def __init__(self, fold: Fold, retrieved: FoldNeighbours, window: int, mosaics: int) -> None:
        """Cut `fold` into windows of at most `window` sites; of the neighbours, `mosaics` haplotypes are made.

        Raises InputError when the neighbours do not fit the fold or are fewer than `mosaics`.
        """
        self.fold = fold
        self.retrieved = retrieved
        self.window = window
        self.mosaics = mosaics
        chrom = fold.reference.sites.chrom
        self.bounds = window_bounds(chrom, window)
        self.n_samples = fold.n_samples
        self.n_windows = len(self.bounds)
        n_haplotypes, n_typed, n_neighbours = retrieved.neighbours.shape
        needed_haplotypes = 2 * self.n_samples
        needed_typed = len(fold.typed_sites)
        if (n_haplotypes, n_typed) != (needed_haplotypes, needed_typed):
            raise InputError(
                f"fold {fold.name}: the segments are for {n_haplotypes} haplotypes at {n_typed} typed sites, "
                f"the fold has {needed_haplotypes} at {needed_typed}; run retrieve again"
            )
        if n_neighbours < mosaics:
            raise InputError(
                f"fold {fold.name}: {n_neighbours} neighbours were retrieved, {mosaics} are needed; "
                "the panel is too small"
            )
        self._beside = flanks(fold)
        self._lots = evidence.query_lots(fold.observed)
        # where no sample is left out of the reference, all samples have the same frequencies
        leaves_none_out = fold.excluded < 0
        self._alike = bool(leaves_none_out.all())

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] at `window`: always L = the window's full length, short windows padded."""
        fold = self.fold
        start, end = self.bounds[window]
        inside = slice(start, end)  # the window's sites in the panel
        real = slice(0, end - start)  # and in the batch
        haplotypes = 2 * samples[:, None] + np.arange(2)  # [B, 2]
        sites = np.full(self.window, -1, dtype=np.int64)
        sites[real] = np.arange(start, end)

        counted_for = samples[:1] if self._alike else samples
        count, number = fold.left_out_count(counted_for, inside)  # [l, B], [B]
        frequency = np.zeros((len(counted_for), self.window), dtype=np.float32)
        frequency[:, real] = (count / number).T
        cm = fold.reference.sites.cm
        position = np.zeros(self.window, dtype=np.float32)
        position[real] = cm[inside] - cm[start]
        tokens = self._tokens(haplotypes, inside)
        mosaics, shares = self._retrieved(haplotypes, inside)
        tensor = torch.from_numpy
        inputs = BertRagInputs(
            tokens=tensor(tokens),
            mosaics=tensor(mosaics),
            shares=tensor(shares),
            position=tensor(position),
            frequency=tensor(frequency),
            padding=tensor(sites < 0),
        )

        has_alt = count > 0
        has_ref = count < number
        polymorphic = has_alt & has_ref
        counted = polymorphic.T & ~fold.typed[inside]  # [B, l] or [1, l]
        shape = (len(samples), 2, self.window)
        scored = np.zeros(shape, dtype=bool)
        scored[..., real] = counted[:, None]
        alleles = self._true_alleles(haplotypes, inside)
        return Batch(inputs, sites, tensor(alleles), tensor(scored))

    def _tokens(self, haplotypes: np.ndarray, sites: slice) -> np.ndarray:
        """Tokens [B, 2, L] int64 of `haplotypes` [B, 2], L the padded window: typed alleles, else MASK or PAD."""
        fold = self.fold
        start = sites.start
        stop = sites.stop
        length = stop - start
        tokens = np.full((*haplotypes.shape, self.window), PAD, dtype=np.int64)
        tokens[..., :length] = MASK
        typed = slice(*np.searchsorted(fold.typed_sites, (start, stop)))
        observed = fold.observed[typed]
        observed = observed[:, haplotypes]  # [t, B, 2]
        typed_sites = fold.typed_sites[typed]
        places = typed_sites - start
        tokens[..., places] = observed.transpose(1, 2, 0)
        return tokens

    def _true_alleles(self, haplotypes: np.ndarray, sites: slice) -> np.ndarray:
        """True alleles [B, 2, L] int64 of `haplotypes` [B, 2], L the padded window; 0 in padding and without truth."""
        shape = (*haplotypes.shape, self.window)
        alleles = np.zeros(shape, dtype=np.int64)
        if self.fold.truth is not None:
            length = sites.stop - sites.start
            truth = self.fold.truth[sites]
            truth = truth[:, haplotypes]  # [l, B, 2]
            alleles[..., :length] = truth.transpose(1, 2, 0)
        return alleles

    def _retrieved(self, haplotypes: np.ndarray, sites: slice) -> tuple[np.ndarray, np.ndarray]:
        """Mosaics [B, 2, R, L] int64 and shares [B, 2, L, W] float32 of `haplotypes` [B, 2], L the padded window."""
        shape = haplotypes.shape
        queries = haplotypes.reshape(-1)
        length = sites.stop - sites.start
        local, typed = local_flanks(self._beside, sites)
        neighbours = self.retrieved.neighbours[queries, typed]  # [N, t, K]
        features = self.retrieved.features[queries, typed]  # [N, t, K, F]
        alleles = self.fold.reference.alleles[sites]  # [l, H]

        lots = self._lots[queries]
        best = evidence.best_neighbours(features, lots, typed.start, self.mosaics)  # [N, t, R]
        copied = np.take_along_axis(neighbours, best, axis=2).transpose(0, 2, 1)  # [N, R, t]
        is_nearer_to_left = local.share < 0.5
        nearest = np.where(is_nearer_to_left, local.left, local.right)
        found = alleles[np.arange(length), copied[..., nearest]]  # [N, R, l]
        mosaics = np.full((*shape, self.mosaics, self.window), PAD, dtype=np.int64)
        mosaics[..., :length] = found.reshape(*shape, self.mosaics, length)

        weights = evidence.neighbour_weights(features)
        carried = evidence.alternate_shares(neighbours, weights, local, alleles)  # [N, l, W]
        n_weights = carried.shape[2]
        shares = np.full((*shape, self.window, n_weights), UNKNOWN, dtype=np.float32)
        shares[:, :, :length] = carried.reshape(*shape, length, n_weights)
        return mosaics, shares
