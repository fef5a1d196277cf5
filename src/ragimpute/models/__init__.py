"""The architectures, by name. Each is imported when it is asked for; torch, slow to import, only for its network."""

from typing import TYPE_CHECKING

from ragimpute.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ragimpute.models.contract import Architecture
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


def segments(architecture: "Architecture", size: str, fold: "Fold", threads: int) -> "dict[str, np.ndarray]":
    """The arrays that `architecture.fold_data` needs of a whole fold."""
    return {**architecture.retrieve(size, fold, threads), **architecture.describe_sites(fold, threads)}
