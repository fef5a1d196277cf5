"""The entry of bert_rag among the architectures: sizes, defaults of training, retrieval.

torch is imported when a network or a fold's data is asked for, and not before.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ragimpute.models.contract import Segments, SiteDescription
from ragimpute.panel.folds import Fold
from ragimpute.retrieval.fold_neighbours import NEIGHBOURS, FoldNeighbours, retrieve_neighbours

if TYPE_CHECKING:
    from ragimpute.models.bert_rag.fold_data import BertRagData
    from ragimpute.models.bert_rag.network import BertRag

_SMALL = {"width": 32, "blocks": 2, "heads": 4, "window": 128, "neighbours": NEIGHBOURS, "mosaics": 1}
_FULL = {"width": 192, "blocks": 8, "heads": 6, "window": 1030, "neighbours": NEIGHBOURS, "mosaics": 4}
SIZES: dict[str, dict[str, Any]] = {"small": _SMALL, "full": _FULL}


class BertRagArchitecture:
    """bert_rag as ragimpute.models.contract.Architecture asks for it."""

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

    def retrieve(self, size: str, fold: Fold, threads: int) -> FoldNeighbours:
        """The neighbours of the fold's haplotypes, as `retrieve_neighbours` finds them."""
        settings = self.sizes[size]
        number = settings["neighbours"]
        return retrieve_neighbours(fold, number, threads)

    def describe_sites(self, fold: Fold, threads: int) -> SiteDescription:
        """Nothing: what this network knows of a site is its position and frequency."""
        return SiteDescription()

    def fold_data(self, size: str, fold: Fold, segments: Segments) -> "BertRagData":
        """The fold's samples cut into windows."""
        from ragimpute.models.bert_rag.fold_data import BertRagData

        settings = self.sizes[size]
        window = settings["window"]
        mosaics = settings["mosaics"]
        retrieved = segments.retrieved
        return BertRagData(fold, retrieved, window, mosaics)

    def build(self, size: str, seed: int) -> "BertRag":
        """A network with weights drawn from `seed` alone; the global random state is left as it was."""
        from ragimpute.models.bert_rag.network import BertRag
        from ragimpute.models.seeded import build_seeded

        settings = self.sizes[size]
        width = settings["width"]
        blocks = settings["blocks"]
        heads = settings["heads"]
        return build_seeded(lambda: BertRag(width, blocks, heads), seed)
