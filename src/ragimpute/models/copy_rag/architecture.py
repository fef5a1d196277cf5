"""The registry entry of copy_rag. torch is imported by `fold_data` and `build` only: retrieval needs none."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ragimpute.models.copy_rag import site_inputs
from ragimpute.models.copy_rag.site_inputs import SIZES
from ragimpute.panel.folds import Fold

if TYPE_CHECKING:
    from ragimpute.models.copy_rag.data import CopyRagData
    from ragimpute.models.copy_rag.network import CopyRag


class CopyRagArchitecture:
    """See ragimpute.models.contract."""

    name = site_inputs.NAME
    sizes: ClassVar[dict[str, dict[str, Any]]] = {name: {**size, "window": 2048} for name, size in SIZES.items()}
    training: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"epochs": 6, "steps_per_epoch": 80, "learning_rate": 8e-3, "evaluation_windows": 4},
        "full": {"epochs": 20, "steps_per_epoch": 200, "learning_rate": 4e-3, "evaluation_windows": 0},
    }

    def retrieve(self, size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """The neighbours of the fold's haplotypes, by the names of `FoldNeighbours`."""
        return site_inputs.neighbour_features(size, fold, threads)

    def describe_sites(self, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """What the reference shows of the age of each site's minor allele."""
        return site_inputs.describe_sites(fold, threads)

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> "CopyRagData":
        """The fold's samples cut into windows."""
        from ragimpute.models.copy_rag.data import CopyRagData

        return CopyRagData(fold, segments, self.sizes[size]["window"])

    def build(self, size: str, seed: int) -> "CopyRag":
        """A network with weights drawn from `seed` alone; the global random state is left as it was."""
        import torch

        from ragimpute.models.copy_rag.network import CopyRag

        chosen = SIZES[size]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CopyRag(chosen["width"], chosen["hidden"], chosen["site_hidden"])
