"""What bert_rag sees of a fold: windows of panel sites, tokens, left-out frequencies, retrieved haplotypes."""

import numpy as np
import torch

from ragimpute.errors import InputError
from ragimpute.folds import Fold
from ragimpute.models.embedding import MASK, PAD
from ragimpute.models.outputs import Batch
from ragimpute.panel import chromosome_bounds
from ragimpute.retrieval.hamming import nearest_haplotypes


def window_bounds(chrom: np.ndarray, window: int) -> np.ndarray:
    """Starts and ends [W, 2] of windows of at most `window` consecutive sites [S], none across chromosomes."""
    bounds = [
        (start, min(start + window, end))
        for first, end in chromosome_bounds(chrom)
        for start in range(first, end, window)
    ]
    return np.array(bounds, dtype=np.int64).reshape(-1, 2)


def retrieve_windows(fold: Fold, window: int, k: int) -> np.ndarray:
    """The `k` nearest reference haplotypes [W, 2P, k] int32 at each window's typed sites, own sample left out.

    In a window without typed sites all distances are zero, and the first allowed haplotypes are returned.
    """
    bounds = window_bounds(fold.reference.sites.chrom, window)
    excluded = np.repeat(fold.excluded_haplotypes(np.arange(fold.n_people)), 2, axis=0)
    nearest = np.empty((len(bounds), 2 * fold.n_people, k), dtype=np.int32)
    for number, (start, end) in enumerate(bounds):
        first, last = np.searchsorted(fold.typed_sites, (start, end))
        reference = fold.reference.alleles[fold.typed_sites[first:last]]
        try:
            nearest[number] = nearest_haplotypes(fold.observed[first:last], reference, excluded, k)
        except ValueError as error:
            raise InputError(f"fold {fold.name}: {error}; the panel is too small for {k} neighbours") from None
    return nearest


class BertRagData:
    """The `FoldData` of bert_rag."""

    def __init__(self, fold: Fold, neighbours: np.ndarray, window: int) -> None:
        """neighbours [W, 2P, K] are those of `retrieve_windows`. Raises InputError when they do not fit the fold."""
        self.fold = fold
        self.neighbours = neighbours
        self.window = window
        self.bounds = window_bounds(fold.reference.sites.chrom, window)
        self.n_people = fold.n_people
        self.n_windows = len(self.bounds)
        if neighbours.shape[:2] != (self.n_windows, 2 * self.n_people):
            raise InputError(
                f"fold {fold.name}: the segments are for {neighbours.shape[0]} windows and {neighbours.shape[1]} "
                f"haplotypes, the fold has {self.n_windows} and {2 * self.n_people}; run retrieve again"
            )

    def batch(self, people: np.ndarray, window: int) -> Batch:
        """The batch of `people` [B] at `window`: always L = the window's full length, short windows padded."""
        fold, (start, end) = self.fold, self.bounds[window]
        n_people, length = len(people), end - start
        haplotypes = 2 * people[:, None] + np.arange(2)  # [B, 2]
        real = slice(0, length)

        tokens = np.full((n_people, 2, self.window), PAD, dtype=np.int64)
        tokens[..., real] = MASK
        first, last = np.searchsorted(fold.typed_sites, (start, end))
        tokens[..., fold.typed_sites[first:last] - start] = fold.observed[first:last][:, haplotypes].transpose(1, 2, 0)

        retrieved = self.neighbours[window][haplotypes]  # [B, 2, K]
        neighbours = np.full((*retrieved.shape, self.window), PAD, dtype=np.int64)
        neighbours[..., real] = np.moveaxis(fold.reference.alleles[start:end][:, retrieved], 0, -1)

        count, number = fold.left_out_count(people, slice(start, end))
        frequency = np.zeros((n_people, self.window), dtype=np.float32)
        frequency[:, real] = (count / number).T
        position = np.zeros(self.window, dtype=np.float32)
        position[real] = fold.reference.sites.cm[start:end] - fold.reference.sites.cm[start]

        sites = np.full(self.window, -1, dtype=np.int64)
        sites[real] = np.arange(start, end)
        polymorphic = ((count > 0) & (count < number)).T
        scored = np.zeros((n_people, 2, self.window), dtype=bool)
        scored[..., real] = (polymorphic & ~fold.typed[start:end])[:, None]
        alleles = np.zeros((n_people, 2, self.window), dtype=np.int64)
        if fold.truth is not None:
            alleles[..., real] = fold.truth[start:end][:, haplotypes].transpose(1, 2, 0)

        inputs = {
            "tokens": torch.from_numpy(tokens),
            "neighbours": torch.from_numpy(neighbours),
            "position": torch.from_numpy(position),
            "frequency": torch.from_numpy(frequency),
            "padding": torch.from_numpy(sites < 0),
        }
        return Batch(inputs, sites, torch.from_numpy(alleles), torch.from_numpy(scored))
