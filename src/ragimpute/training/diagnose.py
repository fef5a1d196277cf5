"""The step `diagnose-loss`: a short training with one loss, in memory, and the verdict on its reconstruction term."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, suggestion
from ragimpute.evaluation.loss_diagnosis import ReconVerdict, monitor_means, verdict_of
from ragimpute.models import architecture as find_architecture
from ragimpute.models import segments
from ragimpute.panel.folds import SampleRole, load_fold
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.role_assignment import assign_roles, parse_holdout, read_target_names
from ragimpute.panel.roles import read_samples
from ragimpute.panel.store import Panel
from ragimpute.study.chromosomes import autosomes, of_part
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.mask import make_mask
from ragimpute.targets.site_list import parse_sites
from ragimpute.training.fold_segments import FoldSegments
from ragimpute.training.request import TrainingRequest, TrainingSamples
from ragimpute.training.train import train_network


@dataclass(frozen=True)
class LossDiagnosis:
    """What a short training measured (MONITORS of ragimpute.evaluation.loss_diagnosis), and the verdict."""

    measured: dict[str, float]
    verdict: ReconVerdict


def diagnose_loss(
    config: Mapping[str, Any],
    loss_name: str,
    mask_name: str | None = None,
    *,
    architecture: str = "bert_rag",
    epochs: int = 2,
    steps_per_epoch: int = 15,
    seed: int = 1,
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> LossDiagnosis:
    """Train the loss `loss_name` of an effective configuration for a few steps, and judge its last epoch.

    `mask_name` is one of the configuration's masks; None: its first. Nothing is written. Raises InputError for a name
    that the configuration does not have, and for files that cannot be used.
    """
    for what, name, known in (("loss", loss_name, config["losses"]), ("mask", mask_name, config["masks"])):
        if name is not None and name not in known:
            hint = suggestion(name, list(known))
            raise InputError(f"no {what} {name!r} in the configuration{hint}")
    given = config["training"].get(architecture, {})
    settings = {key: value for key, value in given.items() if value is not None}
    settings |= {"epochs": epochs, "steps_per_epoch": steps_per_epoch, "monitor_every": 1, "evaluation_windows": 1}
    request = TrainingRequest(
        architecture=architecture,
        loss_name=loss_name,
        loss=config["losses"][loss_name],
        training=settings,
        seed=seed,
        device=config["device"],
        threads=threads,
    )
    request.spec()
    first_mask = next(iter(config["masks"]))
    samples = _samples_of_mask(config, mask_name or first_mask, request)
    result = train_network(request, samples, provenance={}, log=log)
    assert result is not None  # there is one process
    measured = monitor_means(result.history.table(), last_epochs=1)
    return LossDiagnosis(measured, verdict_of(measured))


def _samples_of_mask(config: Mapping[str, Any], mask_name: str, request: TrainingRequest) -> TrainingSamples:
    """The training and validation samples of a mask's panel, their neighbours found; what the workflow's rules do.

    Of a genome the first autosome is read.
    """
    mask = config["masks"][mask_name]
    panel_settings = config["panels"][mask["panel"]]
    first = autosomes(panel_settings)[0]
    mask, panel_settings = of_part(mask, first), of_part(panel_settings, first)
    genetic_map = GeneticMap.from_option(panel_settings["genetic_map"])
    panel, _ = read_panel(panel_settings["reference"], panel_settings["region"], genetic_map)
    roles = _assign_roles(config, panel_settings, panel)
    typed = _typed_sites(config, mask, panel_settings, panel, roles)
    samples = [SampleRole(*row) for row in roles.itertuples(index=False)]
    architecture = find_architecture(request.architecture)
    size = request.settings().size
    folds = []
    for name in ("train", "validation"):
        fold = load_fold(panel, samples, {"typed": typed}, name)
        of_fold = segments(architecture, size, fold, request.threads)
        folds.append(FoldSegments(fold, of_fold))
    train, validation = folds
    return TrainingSamples(panel, samples, [train], validation)


def _assign_roles(config: Mapping[str, Any], panel_settings: Mapping[str, Any], panel: Panel) -> pd.DataFrame:
    """The samples' roles, as `ragimpute assign-roles` gives them."""
    targets = panel_settings["targets"]
    described = panel_settings["samples"]
    names, holdout = None, None
    if isinstance(targets, dict):
        holdout = parse_holdout(str(targets["holdout"]))
    else:
        names = read_target_names(targets, panel_settings["max_targets"])
    rng = np.random.default_rng(config["data_seed"])
    samples = read_samples(described) if described else None
    share = config["training"]["validation_fraction"]
    return assign_roles(panel, rng, targets=names, holdout=holdout, samples=samples, validation_fraction=share)


def _typed_sites(
    config: Mapping[str, Any],
    mask: Mapping[str, Any],
    panel_settings: Mapping[str, Any],
    panel: Panel,
    roles: pd.DataFrame,
) -> np.ndarray:
    """The typed sites [S] bool, as `ragimpute mask` chooses them."""
    is_holdout = isinstance(panel_settings["targets"], dict)
    targets = panel_settings["reference"] if is_holdout else panel_settings["targets"]
    given = mask["sites"]
    text = given if isinstance(given, str) else str(given["fraction"])
    sites = parse_sites(text)
    policy = AllelePolicy(**panel_settings["alleles"])
    made = make_mask(panel, roles, targets, sites, policy, seed=config["data_seed"])
    return made.typed
