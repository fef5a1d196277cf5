"""The step `train`: one network, one loss, one seed, from a panel and retrieved segments to weights and a history."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ragimpute import artefacts
from ragimpute.models import architecture as find_architecture
from ragimpute.models import pretrained
from ragimpute.models.contract import FoldData
from ragimpute.panel.allele_counts import count_alleles
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import SampleRole
from ragimpute.panel.site_tables import read_extents
from ragimpute.panel.store import Extents, Panel
from ragimpute.study.code_digest import digest, of_other_architectures
from ragimpute.training import probe, temperature
from ragimpute.training.device import choose_device, describe
from ragimpute.training.fold_segments import FoldSegments, load_fold_segments
from ragimpute.training.history import History
from ragimpute.training.loop import Trainer
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.model_file import load_pretrained
from ragimpute.training.processes import joined_processes
from ragimpute.training.settings import TrainingSettings, training_settings
from ragimpute.training.validation import SiteStrata

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


def train_from_files(request: TrainingRequest, files: TrainingFiles, log: Log = print) -> None:
    """Train with what `files` hold and write the model and the history; the checkpoint is removed at the end.

    Of several processes (torchrun) the first one writes. Raises InputError when files are missing or do not belong
    together, and what `train_network` raises.
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
    result = train_network(request, samples, cohort.provenance(files.validation), files.checkpoint, log)
    if result is None:
        return
    result.history.write(files.history)
    artefacts.save(files.model, pretrained.KIND, result.weights, result.metadata)
    if files.checkpoint is not None:
        files.checkpoint.unlink(missing_ok=True)


def train_network(
    request: TrainingRequest,
    samples: TrainingSamples,
    provenance: Mapping[str, str],
    checkpoint: Path | None = None,
    log: Log = print,
) -> TrainingResult | None:
    """Train and keep the epoch with the best validation dosage r2; then fit a temperature, and a probe on `after`.

    `provenance` names what the samples come from; it goes into the metadata. A training that was stopped goes on from
    its `checkpoint` when all that the result depends on is the same. `log` gets lines about the progress. Several
    processes that torchrun has started share the samples of each step; None is returned in all but the first.

    Raises InputError for settings or a loss that cannot be, for cuda where it is absent, and for a loss that is not
    finite; Interrupted after SIGTERM, with the checkpoint saved.
    """
    settings, spec = request.settings(), request.spec()
    device = choose_device(request.device, request.threads)
    log(describe(device))
    metadata = {**request.metadata(), **provenance}
    model = find_architecture(request.architecture).build(settings.size, request.seed)
    if request.weights != "scratch":
        metadata["pretrained_sha256"] = load_pretrained(model, samples.extents(), samples.n_haplotypes())
    with joined_processes(device) as processes:
        first = processes.rank == 0
        depends_on = {
            **metadata,
            "folds": [part.fold.name for part in samples.train],
            "device": device.type,
            "processes": processes.size,
        }
        folds = [_fold_data(request, settings.size, part) for part in samples.train]
        validation = _fold_data(request, settings.size, samples.validation)
        signature = _signature(depends_on, request.architecture, settings)
        trainer = Trainer(
            model=model,
            spec=spec,
            settings=settings,
            seed=request.seed,
            folds=folds,
            validation=validation,
            strata=samples.strata(),
            device=device,
            processes=processes,
            checkpoint_path=checkpoint,
            signature=signature,
            log=log if first else _quiet,
        )
        trained = trainer.run()
    if not first:
        return None
    metadata |= {"best_epoch": str(trained.best_epoch), "best_val_r2": f"{trained.best_value:.9g}"}
    if fitted := temperature.fit_trained(trainer, trained):
        metadata[pretrained.TEMPERATURE] = f"{fitted.temperature:g}"
        log(f"temperature {fitted.temperature:g}: nll {fitted.before:.6f} -> {fitted.after:.6f}")
    log(f"r2 of a linear probe on `after`: {probe.probe_trained(trainer, trained):.4f}")
    return TrainingResult(trained.weights, metadata, trained.history)


def _fold_data(request: TrainingRequest, size: str, part: FoldSegments) -> FoldData:
    """The architecture's view of a fold."""
    return find_architecture(request.architecture).fold_data(size, part.fold, part.segments)


def _quiet(line: str) -> None:
    """The log of all processes but the first."""


def _signature(depends_on: Mapping[str, Any], architecture: str, settings: TrainingSettings) -> str:
    """Names all that a training's result depends on, the code and the version of torch included."""
    code = digest("train", "training", of_other_architectures(architecture))
    content = {**depends_on, "code": code, "training": asdict(settings), "torch": torch.__version__}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
