"""What goes into and comes out of every architecture: one contract for the losses, the trainer and the predictor."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B samples at the L sites of one window."""

    inputs: dict[str, Tensor]  # what the architecture needs; its own names
    sites: np.ndarray  # [L] int64, panel indices of the window's sites, those that are padding excluded by `scored`
    alleles: Tensor  # [B, 2, L] int64 in {0, 1}, the truth; zeros for targets
    scored: Tensor  # [B, 2, L] bool: untyped, not padding, and polymorphic once the sample's own sample is left out


@dataclass(frozen=True)
class ImputationOutputs:
    """Unnormalised logits and embeddings; softmax happens once, in the loss."""

    hap1_logits: Tensor  # [B, L, 2]
    hap2_logits: Tensor  # [B, L, 2]
    genotype_logits: Tensor  # [B, L, 4], class = 2 * h1 + h2
    before1: Tensor  # [B, L, D], the token embedding alone, without position and frequency: constant at masked sites
    before2: Tensor  # [B, L, D]
    after1: Tensor  # [B, L, D], after the encoder and the retrieval fusion
    after2: Tensor  # [B, L, D]


class ImputationNetwork(Protocol):
    """An architecture's network (a torch.nn.Module)."""

    def __call__(self, inputs: dict[str, Tensor]) -> ImputationOutputs: ...

    def embed_truth(self, inputs: dict[str, Tensor], alleles: Tensor) -> tuple[Tensor, Tensor]:
        """`before1, before2` [B, L, D] as they would be if the true alleles [B, 2, L] were the input tokens: the token
        embeddings of the labels, and nothing that `after` contains too."""


class FoldData(Protocol):
    """The samples of one fold (train, validation or targets), cut into windows."""

    n_samples: int
    n_windows: int

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] (indices within the fold) at `window`."""
