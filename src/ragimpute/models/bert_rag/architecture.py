"""The registry entry of bert_rag. torch is imported by `fold_data` and `build` only: retrieval needs none."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ragimpute.panel.folds import Fold
from ragimpute.retrieval.fold_neighbours import NEIGHBOURS, retrieve_neighbours

if TYPE_CHECKING:
    from ragimpute.models.bert_rag.data import BertRagData
    from ragimpute.models.bert_rag.network import BertRag

SIZES: dict[str, dict[str, Any]] = {
    "small": {"width": 32, "blocks": 2, "heads": 4, "window": 128, "neighbours": NEIGHBOURS, "mosaics": 1},
    "full": {"width": 192, "blocks": 8, "heads": 6, "window": 1030, "neighbours": NEIGHBOURS, "mosaics": 4},
}
OF_NETWORK = ("width", "blocks", "heads")  # the others are of its data


class BertRagArchitecture:
    """See ragimpute.models.contract."""

    name = "bert_rag"
    sizes: ClassVar[dict[str, dict[str, Any]]] = SIZES
    training: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"epochs": 10, "steps_per_epoch": 30, "batch_samples": 16, "learning_rate": 8e-3},
        "full": {
            "epochs": 60,
            "steps_per_epoch": 500,
            "batch_samples": 32,
            "learning_rate": 5e-4,
            "patience": 10,
            "compile_from": 2000,
        },
    }

    def describe_sites(self, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """Nothing: what this network knows of a site is its position and frequency."""
        return {}

    def retrieve(self, size: str, fold: Fold, threads: int) -> dict[str, np.ndarray]:
        """The neighbours of the fold's haplotypes, by the names of `FoldNeighbours`."""
        return retrieve_neighbours(fold, self.sizes[size]["neighbours"], threads).arrays()

    def fold_data(self, size: str, fold: Fold, segments: dict[str, np.ndarray]) -> "BertRagData":
        """The fold's samples cut into windows."""
        from ragimpute.models.bert_rag.data import BertRagData

        return BertRagData(fold, segments, self.sizes[size]["window"], self.sizes[size]["mosaics"])

    def build(self, size: str, seed: int) -> "BertRag":
        """A network with weights drawn from `seed` alone; the global random state is left as it was."""
        import torch

        from ragimpute.models.bert_rag.network import BertRag

        config = {name: self.sizes[size][name] for name in OF_NETWORK}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return BertRag(**config)
