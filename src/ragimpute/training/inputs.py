"""From artefact files to a training or a prediction: what the CLI verbs share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models import architecture as find_architecture
from ragimpute.models import pretrained
from ragimpute.models.outputs import FoldData
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.roles import read_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import read_phased, read_typed
from ragimpute.training.settings import TrainingSettings

SEGMENTS, MODEL = "segments", pretrained.KIND
FINE_TUNING_RATE = 0.25  # of the learning rate from scratch


@dataclass(frozen=True)
class PreparedStudy:
    """A panel with roles and typed sites, from their files."""

    panel_path: Path
    roles_path: Path
    typed_path: Path
    panel: Panel
    samples: list[SampleRole]

    @classmethod
    def load(cls, panel: Path, roles: Path, typed: Path) -> "PreparedStudy":
        """Raises InputError when a file is missing, damaged or of another panel."""
        samples = [SampleRole(*row) for row in read_roles(roles).itertuples(index=False)]
        return cls(panel, roles, typed, Panel.load(panel), samples)

    def fold(self, name: str, phased: Path | None = None) -> Fold:
        """The fold `name`; `phased` is the VCF of its samples' phased typed genotypes.

        Fold targets needs it. Fold validation has the panel's phase without it; training folds always have that.
        """
        column = name if name.startswith("random") else "typed"
        typed = read_typed(self.typed_path, self.panel.sites, column)
        if name == "targets" and phased is None:
            raise InputError("fold targets needs --targets, the phased typed genotypes of the samples to impute")
        if phased is None:
            return load_fold(self.panel, self.samples, {column: typed}, name)
        names = [sample.sample for sample in self.samples if sample.fold == name]
        found = read_phased(phased, self.panel.sites, names, self.typed_path)
        return load_fold(self.panel, self.samples, {column: typed}, name, found.haplotypes(), names)

    def provenance(self, validation: Path | None = None) -> dict[str, str]:
        """SHA-256 of the files that a training depends on, for the metadata of what comes from them.

        `validation` is the VCF that fold validation was made with, if any.
        """
        paths = {"panel": self.panel_path, "roles": self.roles_path, "typed": self.typed_path}
        if validation is not None:
            paths["validation"] = validation
        return {f"{name}_sha256": artefacts.file_digest(path) for name, path in paths.items()}


def load_segments(
    path: Path,
    study: PreparedStudy,
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


def fold_data(study: PreparedStudy, fold: Fold, segments: artefacts.Artefact) -> FoldData:
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


def load_pretrained(model: nn.Module, study: PreparedStudy) -> str:
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
