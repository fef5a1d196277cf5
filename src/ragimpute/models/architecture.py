"""What an architecture brings: retrieval, its view of a fold's people, and its network."""

from typing import Any, ClassVar, Protocol

import numpy as np
from torch import nn

from ragimpute.folds import Fold
from ragimpute.models.outputs import FoldData


class Architecture(Protocol):
    """One entry of `ragimpute.models.ARCHITECTURES`.

    `sizes` maps a size's name to the keyword arguments of the network and its windows; `training` maps it to the
    defaults of `ragimpute.training.settings.TrainingSettings` that suit it (batch_people, epochs, ...).
    """

    name: str
    sizes: ClassVar[dict[str, dict[str, Any]]]
    training: ClassVar[dict[str, dict[str, Any]]]

    def retrieve(self, size: str, fold: Fold, threads: int, seed: int = 0) -> dict[str, np.ndarray]:
        """The arrays of the fold's segments artefact: neighbours with their features, own sample left out."""
        ...

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> FoldData:
        """The fold's people cut into windows.

        A `Batch.sites` entry of -1 is padding. Where windows overlap, the predictor keeps a site's last prediction.
        """
        ...

    def build(self, size: str, seed: int) -> nn.Module:
        """A network (an `Imputer`) whose initial weights depend on `seed` alone, on the CPU, float32."""
        ...
