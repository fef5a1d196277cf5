"""What an architecture brings: retrieval, its view of a fold's samples, and its network."""

from typing import Any, ClassVar, Protocol

import numpy as np
from torch import nn

from ragimpute.models.outputs import FoldData
from ragimpute.panel.folds import Fold


class Architecture(Protocol):
    """One entry of `ragimpute.models.ARCHITECTURES`.

    `sizes` maps a size's name to the keyword arguments of the network and its windows; `training` maps it to the
    defaults of `ragimpute.training.settings.TrainingSettings` that suit it (batch_samples, epochs, ...).
    """

    name: str
    sizes: ClassVar[dict[str, dict[str, Any]]]
    training: ClassVar[dict[str, dict[str, Any]]]

    def retrieve(self, size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """The neighbours of the fold's samples with their features, own sample left out."""
        ...

    def describe_sites(self, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """What the fold's reference says of each site, the same for all samples that are not in it."""
        ...

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> FoldData:
        """The fold's samples cut into windows; `segments` has the arrays of both `retrieve` and `describe_sites`.

        A `Batch.sites` entry of -1 is padding. Where windows overlap, the predictor keeps a site's last prediction.
        """
        ...

    def build(self, size: str, seed: int) -> nn.Module:
        """A network (an `Imputer`) whose initial weights depend on `seed` alone, on the CPU, float32."""
        ...
