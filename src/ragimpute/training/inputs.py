"""From artefact files to a training or a prediction: what the CLI verbs share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models import architecture as find_architecture
from ragimpute.models import pretrained
from ragimpute.models.outputs import FoldData
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import Fold
from ragimpute.retrieval.segments_file import KIND as SEGMENTS
from ragimpute.training.settings import TrainingSettings

MODEL = pretrained.KIND
FINE_TUNING_RATE = 0.25  # of the learning rate from scratch


def load_segments(
    path: Path,
    study: Cohort,
    architecture: str,
    size: str,
    folds: tuple[str, ...],
    validation: Path | None = None,
) -> artefacts.Artefact:
    """Segments of one of `folds` (a name, or `random` for all random masks), made from the files of `study`.

    `validation` is the VCF of the validation samples' phased typed genotypes; None for other folds, and for validation
    samples in the panel's phase. Raises InputError when the segments are of another architecture, size, fold, panel,
    roles, typed sites or validation file.
    """
    segments = artefacts.load(path, SEGMENTS)
    found = segments.metadata
    expected = {"architecture": architecture, "size": size, "validation_sha256": None, **study.provenance(validation)}
    for key, wanted in expected.items():
        if found.get(key) != wanted:
            what = key.removesuffix("_sha256")
            detail = "" if what != key else f" {found.get(key)!r}, expected {wanted!r}"
            raise InputError(f"{path}: made for another {what}{detail}; run `ragimpute retrieve` again")
    if found["fold"].rstrip("0123456789") not in folds:
        raise InputError(f"{path}: segments of fold {found['fold']}, expected {' or '.join(folds)}")
    return segments


def fold_data(study: Cohort, fold: Fold, segments: artefacts.Artefact) -> FoldData:
    """The architecture's view of `fold`."""
    metadata = segments.metadata
    return find_architecture(metadata["architecture"]).fold_data(metadata["size"], fold, segments.arrays)


def training_settings(architecture: str, config: Mapping[str, Any]) -> TrainingSettings:
    """The settings of `training.<architecture>` over the defaults of the architecture's size."""
    found = find_architecture(architecture)
    size = config.get("size") or TrainingSettings.size
    if size not in found.sizes:
        raise InputError(f"training.{architecture}.size is {size!r}; known are {', '.join(found.sizes)}")
    return TrainingSettings.from_config(config, {**found.training.get(size, {}), "size": size})


def from_pretrained(settings: TrainingSettings, weights: str) -> TrainingSettings:
    """The settings of a training that starts from pretrained weights: none at all, or gentler steps to fine-tune."""
    if weights == "pretrained":
        return replace(settings, epochs=0)
    return replace(settings, learning_rate=settings.learning_rate * FINE_TUNING_RATE)


def load_pretrained(model: nn.Module, study: Cohort) -> str:
    """Load the pretrained weights for the reference of `study` into `model`; returns the SHA-256 of their file."""
    n_reference = sum(sample.role == "reference" for sample in study.samples)
    path = pretrained.choose_weights(study.panel.sites, 2 * n_reference)
    load_weights(model, path, artefacts.load(path, MODEL))
    return artefacts.file_digest(path)


def load_weights(model: nn.Module, path: Path, artefact: artefacts.Artefact) -> None:
    """Load the weights of `artefact`, read from `path`. Raises InputError when they do not fit."""
    try:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in artefact.arrays.items()})
    except RuntimeError as error:
        raise InputError(f"{path}: the weights do not fit this version of the network: {error}") from None


def signature(parts: Mapping[str, Any], settings: TrainingSettings) -> str:
    """Names all that a training's result depends on, the version of torch included."""
    content = {**parts, "training": asdict(settings), "torch": torch.__version__}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_model(path: Path) -> tuple[nn.Module, dict[str, str]]:
    """A trained network, on the CPU, and its metadata. Raises InputError when its weights do not fit."""
    artefact = artefacts.load(path, MODEL)
    metadata = artefact.metadata
    found = find_architecture(metadata.get("architecture", ""))
    if metadata.get("size") not in found.sizes:
        raise InputError(f"{path}: unknown size {metadata.get('size')!r} of {found.name}")
    model = found.build(metadata["size"], 0)
    load_weights(model, path, artefact)
    return model, metadata
