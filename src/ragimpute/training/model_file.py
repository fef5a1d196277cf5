"""Models in files: a network's weights with the metadata that says which network it is."""

from pathlib import Path

import torch
from torch import nn

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models import architecture as find_architecture
from ragimpute.models import pretrained
from ragimpute.panel.store import Extents


def load_model(path: Path) -> tuple[nn.Module, dict[str, str]]:
    """A trained network, on the CPU, and its metadata. Raises InputError when its weights do not fit."""
    artefact = artefacts.load(path, pretrained.KIND)
    metadata = artefact.metadata
    found = find_architecture(metadata.get("architecture", ""))
    if metadata.get("size") not in found.sizes:
        raise InputError(f"{path}: unknown size {metadata.get('size')!r} of {found.name}")
    model = found.build(metadata["size"], 0)
    load_weights(model, path, artefact)
    return model, metadata


def load_weights(model: nn.Module, path: Path, artefact: artefacts.Artefact) -> None:
    """Load the weights of `artefact`, read from `path`. Raises InputError when they do not fit."""
    weights = {name: torch.from_numpy(array) for name, array in artefact.arrays.items()}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: the weights do not fit this version of the network: {error}") from None


def load_pretrained(model: nn.Module, extents: Extents, n_haplotypes: int) -> str:
    """Load the pretrained weights into `model` that `choose_weights` names; returns their file's SHA-256."""
    path = pretrained.choose_weights(extents, n_haplotypes)
    load_weights(model, path, artefacts.load(path, pretrained.KIND))
    return artefacts.file_digest(path)
