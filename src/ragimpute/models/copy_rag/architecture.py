"""The entry of copy_rag among the architectures: sizes, defaults of training, retrieval.

torch is imported when a network or a fold's data is asked for, and not before.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ragimpute.models.contract import Segments, SiteDescription
from ragimpute.models.copy_rag import site_inputs
from ragimpute.panel.folds import Fold
from ragimpute.retrieval.fold_neighbours import FoldNeighbours

if TYPE_CHECKING:
    from ragimpute.models.copy_rag.fold_data import CopyRagData
    from ragimpute.models.copy_rag.network import CopyRag

WINDOW = 2048  # untyped sites


class CopyRagArchitecture:
    """copy_rag as ragimpute.models.contract.Architecture asks for it."""

    name = site_inputs.NAME
    sizes: ClassVar[dict[str, dict[str, Any]]] = {
        name: {**size, "window": WINDOW} for name, size in site_inputs.SIZES.items()
    }
    training: ClassVar[dict[str, dict[str, Any]]] = {
        "small": {"epochs": 6, "steps_per_epoch": 80, "learning_rate": 8e-3, "evaluation_windows": 4},
        "full": {"epochs": 20, "steps_per_epoch": 200, "learning_rate": 4e-3, "evaluation_windows": 0},
    }

    def retrieve(self, size: str, fold: Fold, threads: int) -> FoldNeighbours:
        """The neighbours of the fold's haplotypes; more of them for targets of sparse arrays."""
        return site_inputs.neighbour_features(size, fold, threads)

    def describe_sites(self, fold: Fold, threads: int) -> SiteDescription:
        """Sharing, isolation and clustering of the carriers of each site's minor allele."""
        return site_inputs.describe_sites(fold, threads)

    def fold_data(self, size: str, fold: Fold, segments: Segments) -> "CopyRagData":
        """The fold's samples in windows of untyped sites."""
        from ragimpute.models.copy_rag.fold_data import CopyRagData

        return CopyRagData(fold, segments, self.sizes[size]["window"])

    def build(self, size: str, seed: int) -> "CopyRag":
        """A network with weights drawn from `seed` alone; the global random state is left as it was."""
        from ragimpute.models.copy_rag.network import CopyRag
        from ragimpute.models.seeded import build_seeded

        settings = self.sizes[size]
        return build_seeded(lambda: CopyRag(settings["width"], settings["hidden"], settings["site_hidden"]), seed)
