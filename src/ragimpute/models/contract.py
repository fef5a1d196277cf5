"""The contract of an architecture: what it takes and what it returns, for the trainer, the losses and the imputation.

Nothing here imports torch when it runs, so that retrieval, which needs no network, starts without it.

Shapes: P samples of a fold, S panel sites, T typed sites, K neighbours with F features each, H reference haplotypes;
B samples of a batch, L sites of a window, D the width of an embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from ragimpute.errors import InputError
from ragimpute.retrieval.fold_neighbours import FoldNeighbours

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ragimpute.panel.folds import Fold


@dataclass(frozen=True)
class SiteDescription:
    """How the carriers of each site's minor allele relate to each other; None where an architecture does not use it."""

    carriers: np.ndarray | None = None  # [4, S] float32, from the whole reference of the fold
    # [4, S, P] float32, from the reference without each sample; None where no sample of the fold is in the reference
    left_out: np.ndarray | None = None

    def between(self, sites: slice) -> Self:
        """The description of some consecutive sites."""
        carriers = None if self.carriers is None else self.carriers[:, sites]
        left_out = None if self.left_out is None else self.left_out[:, sites]
        return type(self)(carriers, left_out)


@dataclass(frozen=True)
class Segments:
    """All that `fold_data` needs beside the fold itself."""

    retrieved: FoldNeighbours  # of the fold's samples
    described: SiteDescription = field(default_factory=SiteDescription)  # of the fold's sites

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of a segments file by their names in it; those that are None are left out."""
        described = {"carriers": self.described.carriers, "left_out": self.described.left_out}
        known = {name: array for name, array in described.items() if array is not None}
        return {**self.retrieved.arrays(), **known}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Undo `arrays`. Raises InputError when the neighbours or their features are missing."""
        missing = [name for name in ("neighbours", "features") if name not in arrays]
        if missing:
            raise InputError(f"the segments have no array {', '.join(missing)}; run `ragimpute retrieve` again")
        retrieved = FoldNeighbours(arrays["neighbours"], arrays["features"])
        return cls(retrieved, SiteDescription(arrays.get("carriers"), arrays.get("left_out")))


@dataclass(frozen=True)
class NetworkInputs:
    """The tensors that a network reads, one field each. Every architecture has a subclass of its own."""

    def each(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same inputs with `change` applied to every tensor."""
        return type(self)(*(change(getattr(self, item.name)) for item in fields(self)))

    def to(self, device: torch.device) -> Self:
        """The inputs on `device`. From page-locked memory they are copied without waiting for the copy."""
        return self.each(lambda tensor: tensor.to(device, non_blocking=True))


@dataclass(frozen=True)
class Batch:
    """B samples at the L sites of one window."""

    inputs: NetworkInputs  # of the architecture's own class
    sites: np.ndarray  # [L] int64, panel indices of the window's sites; -1: padding, which is never scored
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

    def __call__(self, inputs: Any) -> ImputationOutputs:
        """Impute the samples of a batch; `inputs` are of the architecture's subclass of NetworkInputs."""
        ...

    def embed_truth(self, inputs: Any, alleles: Tensor) -> tuple[Tensor, Tensor]:
        """`before1, before2` [B, L, D] as they would be if the true alleles [B, 2, L] were the input tokens.

        They are the token embeddings of the labels, and contain nothing that `after` contains too.
        """
        ...


class FoldData(Protocol):
    """The samples of one fold (train, validation or targets), cut into windows."""

    n_samples: int
    n_windows: int

    def batch(self, samples: np.ndarray, window: int) -> Batch:
        """The batch of `samples` [B] (indices within the fold) at `window`."""
        ...


class Architecture(Protocol):
    """One entry of `ragimpute.models.ARCHITECTURES`.

    `sizes` maps a size's name to the keyword arguments of the network and its windows; `training` maps it to the
    defaults of `ragimpute.training.settings.TrainingSettings` that suit it (batch_samples, epochs, ...). Only
    `fold_data` and `build` may import torch.
    """

    name: str
    sizes: ClassVar[dict[str, dict[str, Any]]]
    training: ClassVar[dict[str, dict[str, Any]]]

    def retrieve(self, size: str, fold: Fold, threads: int) -> FoldNeighbours:
        """The neighbours of the fold's samples with their features, own sample left out."""
        ...

    def describe_sites(self, fold: Fold, threads: int) -> SiteDescription:
        """The description of each site by the fold's reference, the same for all samples that are not in it."""
        ...

    def fold_data(self, size: str, fold: Fold, segments: Segments) -> FoldData:
        """The fold's samples cut into windows. Where windows overlap, imputation keeps a site's last prediction."""
        ...

    def build(self, size: str, seed: int) -> nn.Module:
        """A network (an `ImputationNetwork`) whose initial weights depend on `seed` alone, on the CPU, float32.

        No random state of torch changes.
        """
        ...
