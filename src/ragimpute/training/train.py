"""The step `train`: one network, one loss, one seed, from a panel and retrieved segments to weights and a history."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ragimpute.models import architecture as find_architecture
from ragimpute.models import pretrained
from ragimpute.models.contract import FoldData
from ragimpute.study.code_digest import digest, of_other_architectures
from ragimpute.training import probe, temperature
from ragimpute.training.device import choose_device, describe
from ragimpute.training.fold_segments import FoldSegments
from ragimpute.training.loop import Trainer
from ragimpute.training.model_file import load_pretrained
from ragimpute.training.processes import joined_processes
from ragimpute.training.request import (
    Log,
    TrainingFiles,
    TrainingRequest,
    TrainingResult,
    TrainingSamples,
    read_training,
    write_result,
)
from ragimpute.training.settings import TrainingSettings


def train_from_files(request: TrainingRequest, files: TrainingFiles, log: Log = print) -> None:
    """Train with what `files` hold and write the model and the history; the checkpoint is removed at the end.

    Of several processes (torchrun) the first one writes. Raises InputError when files are missing or do not belong
    together, and what `train_network` raises.
    """
    samples, provenance = read_training(request, files)
    result = train_network(request, samples, provenance, files.checkpoint, log)
    if result is not None:
        write_result(result, files)


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
