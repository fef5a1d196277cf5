"""From artefact files to a training or a prediction: what the CLI verbs share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ragimpute import artefacts, phasings, pretrained
from ragimpute.errors import InputError
from ragimpute.folds import Fold, Person, load_fold
from ragimpute.mask import read_typed
from ragimpute.models import architecture as find_architecture
from ragimpute.models.outputs import FoldData
from ragimpute.panel import Panel
from ragimpute.roles import read_roles
from ragimpute.training.settings import TrainingSettings
from ragimpute.vcf.reader import read_genotypes

SEGMENTS, MODEL = "segments", pretrained.KIND
FINE_TUNING_RATE = 0.25  # of the learning rate from scratch


@dataclass(frozen=True)
class Study:
    """A panel with roles and typed sites, from their files."""

    panel_path: Path
    roles_path: Path
    typed_path: Path
    panel: Panel
    people: list[Person]

    @classmethod
    def load(cls, panel: Path, roles: Path, typed: Path) -> "Study":
        """Raises InputError when a file is missing, damaged or of another panel."""
        people = [Person(*row) for row in read_roles(roles).itertuples(index=False)]
        return cls(panel, roles, typed, Panel.load(panel), people)

    def fold(self, name: str, targets: Path | None = None, further: Path | None = None) -> Fold:
        """The fold `name`. Fold targets needs `targets`, the VCF of phased genotypes, and takes `further` phasings."""
        column = name if name.startswith("random") else "typed"
        typed = read_typed(self.typed_path, self.panel.sites, column)
        if name != "targets":
            return load_fold(self.panel, self.people, {column: typed}, name)
        if targets is None:
            raise InputError("fold targets needs --targets, the phased typed genotypes of the people to impute")
        names = [person.sample for person in self.people if person.role == "target"]
        found = read_genotypes(targets, self.panel.sites, names)
        if not np.array_equal(found.index, np.flatnonzero(typed)):
            raise InputError(
                f"{targets}: its {len(found.index)} sites are not the {int(typed.sum())} typed sites of "
                f"{self.typed_path}; run mask and phase again"
            )
        several = [found] if further is None else phasings.load(further, targets, found)
        observed = phasings.haplotypes(several)
        return load_fold(self.panel, self.people, {column: typed}, name, observed, names, len(several))

    def provenance(self) -> dict[str, str]:
        """SHA-256 of the files that a training depends on, for the metadata of what comes from them."""
        paths = {"panel": self.panel_path, "roles": self.roles_path, "typed": self.typed_path}
        return {f"{name}_sha256": artefacts.file_digest(path) for name, path in paths.items()}


def load_segments(path: Path, study: Study, architecture: str, size: str, folds: tuple[str, ...]) -> artefacts.Artefact:
    """Segments of one of `folds` (a name, or `random` for all random masks), made from the files of `study`.

    Raises InputError when they are of another architecture, size, fold, panel, roles or typed sites.
    """
    segments = artefacts.load(path, SEGMENTS)
    found = segments.metadata
    for key, wanted in (("architecture", architecture), ("size", size), *study.provenance().items()):
        if found.get(key) != wanted:
            what = key.removesuffix("_sha256")
            detail = "" if what != key else f" {found.get(key)!r}, expected {wanted!r}"
            raise InputError(f"{path}: made for another {what}{detail}; run `ragimpute retrieve` again")
    if found["fold"].rstrip("0123456789") not in folds:
        raise InputError(f"{path}: segments of fold {found['fold']}, expected {' or '.join(folds)}")
    return segments


def fold_data(study: Study, fold: Fold, segments: artefacts.Artefact) -> FoldData:
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


def load_pretrained(model: nn.Module, study: Study) -> str:
    """Load the pretrained weights for the reference of `study` into `model`; returns the SHA-256 of their file."""
    n_reference = sum(person.role == "reference" for person in study.people)
    path = pretrained.choose(study.panel.sites, 2 * n_reference)
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
