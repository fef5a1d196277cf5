"""The architectures, by name. None of them imports torch before a network or a batch is asked for."""

from typing import TYPE_CHECKING

from ragimpute.errors import InputError

if TYPE_CHECKING:
    from ragimpute.models.contract import Architecture, Segments
    from ragimpute.panel.folds import Fold

ARCHITECTURES = ("bert_rag", "copy_rag")


def architecture(name: str) -> "Architecture":
    """The architecture called `name`. Raises InputError when there is none."""
    if name == "bert_rag":
        from ragimpute.models.bert_rag.architecture import BertRagArchitecture

        return BertRagArchitecture()
    if name == "copy_rag":
        from ragimpute.models.copy_rag.architecture import CopyRagArchitecture

        return CopyRagArchitecture()
    raise InputError(f"unknown architecture {name!r}; known are {', '.join(ARCHITECTURES)}")


def segments(architecture: "Architecture", size: str, fold: "Fold", threads: int) -> "Segments":
    """What `architecture.fold_data` needs of a whole fold: its samples' neighbours and the description of its sites."""
    from ragimpute.models.contract import Segments

    retrieved = architecture.retrieve(size, fold, threads)
    return Segments(retrieved, architecture.describe_sites(fold, threads))
