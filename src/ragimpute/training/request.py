"""What a training is asked for, what it reads and what comes of it, as values and as files; without torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.models import pretrained
from ragimpute.panel.allele_counts import count_alleles
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import SampleRole
from ragimpute.panel.site_tables import read_extents
from ragimpute.panel.store import Extents, Panel
from ragimpute.training.fold_segments import FoldSegments, load_fold_segments
from ragimpute.training.history import History
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.scores import SiteStrata
from ragimpute.training.settings import TrainingSettings, training_settings

Log = Callable[[str], None]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train and how; the samples come beside it."""

    architecture: str
    loss_name: str
    loss: Mapping[str, Any]  # an entry of the configuration's `losses`
    training: Mapping[str, Any]  # settings of `training.<architecture>`; those that are not given have defaults
    weights: str = "scratch"  # or pretrained, fine_tuned
    seed: int = 1
    device: str = "auto"  # or cpu, cuda
    threads: int = 1

    def settings(self) -> TrainingSettings:
        """All settings. Raises InputError for an unknown architecture or key, and for values out of range."""
        return training_settings(self.architecture, self.training, self.weights)

    def spec(self) -> LossSpec:
        """The loss. Raises InputError with all that is wrong with it."""
        return LossSpec.from_config(self.loss, self.loss_name)

    def metadata(self) -> dict[str, str]:
        """The metadata of the model's file that the request decides."""
        loss = json.dumps(self.loss, sort_keys=True)
        training = json.dumps(self.training, sort_keys=True)
        return {
            "architecture": self.architecture,
            "size": self.settings().size,
            "loss_name": self.loss_name,
            "loss": loss,
            "training": training,
            "seed": str(self.seed),
            "weights": self.weights,
        }


@dataclass(frozen=True)
class TrainingSamples:
    """A panel, its samples' roles, and the folds with their segments."""

    panel: Panel
    samples: Sequence[SampleRole]
    train: Sequence[FoldSegments]  # the study's mask first, then random masks; none for weights taken as they are
    validation: FoldSegments
    imputed: Extents | None = None  # of what the network will impute; None: of `panel`

    def extents(self) -> Extents:
        """The chromosomes that pretrained weights are chosen for."""
        return self.panel.sites.extents() if self.imputed is None else self.imputed

    def n_haplotypes(self) -> int:
        """How many haplotypes the reference samples have."""
        names = {sample.sample for sample in self.samples if sample.role == "reference"}
        is_reference = np.array([name in names for name in self.panel.samples])
        return len(self.panel.haplotypes_of(np.flatnonzero(is_reference)))

    def strata(self) -> SiteStrata:
        """Minor allele and frequency class of each site, counted in the reference of the training folds."""
        counts = count_alleles(self.panel, pd.DataFrame([asdict(sample) for sample in self.samples]))
        return SiteStrata.from_counts(counts["train_ac"].to_numpy(), counts["train_an"].to_numpy())


@dataclass(frozen=True)
class TrainingFiles:
    """The files that `ragimpute train` reads and writes."""

    panel: Path
    roles: Path
    typed: Path
    segments: Sequence[Path]  # of the training folds
    validation_segments: Path
    validation: Path | None  # the validation samples' phased typed genotypes, VCF; None: in the panel's phase
    model: Path
    history: Path
    checkpoint: Path | None = None
    imputed: Path | None = None  # the chromosomes that the network will impute, of `training-set`; None: the panel's


@dataclass(frozen=True)
class TrainingResult:
    """The kept weights by name, the metadata of the model's file, and the history of the training."""

    weights: dict[str, np.ndarray]
    metadata: dict[str, str]
    history: History


def read_training(request: TrainingRequest, files: TrainingFiles) -> tuple[TrainingSamples, dict[str, str]]:
    """The samples that `files` hold, and what they come from, for a model's metadata.

    Raises InputError for settings or a loss that cannot be, and when files are missing or do not belong together.
    """
    size = request.settings().size
    request.spec()
    cohort = Cohort.load(files.panel, files.roles, files.typed)
    train = [
        load_fold_segments(path, cohort, request.architecture, size, ("train", "random")) for path in files.segments
    ]
    validation = load_fold_segments(
        files.validation_segments, cohort, request.architecture, size, ("validation",), files.validation
    )
    imputed = None if files.imputed is None else read_extents(files.imputed)
    samples = TrainingSamples(cohort.panel, cohort.samples, train, validation, imputed)
    return samples, cohort.provenance(files.validation)


def write_result(result: TrainingResult, files: TrainingFiles) -> None:
    """Write the model and the history, and remove the checkpoint."""
    result.history.write(files.history)
    artefacts.save(files.model, pretrained.KIND, result.weights, result.metadata)
    if files.checkpoint is not None:
        files.checkpoint.unlink(missing_ok=True)
