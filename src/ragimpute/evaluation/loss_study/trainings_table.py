"""The table of trainings: one row for each network that was trained from scratch, with all that is inferred from it.

The loss study, in the workflow and on its page, is computed from this table alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation import metrics
from ragimpute.evaluation.evaluation_sums import Evaluation, Scored
from ragimpute.evaluation.loss_diagnosis import MONITORS, monitor_means, quick_check_agrees
from ragimpute.evaluation.loss_study import training_course
from ragimpute.evaluation.loss_study.training_course import TrainingCourse
from ragimpute.evaluation.paired_comparisons import REFERENCE_LOSS
from ragimpute.evaluation.strata import STRATA
from ragimpute.evaluation.summary import Histories
from ragimpute.study.runs import NOT_TRAINED

GROUPS = 20  # of samples, for the jackknife: by position modulo 20 in the scored order
DIGITS = 9
CALIBRATED = "calibrated"  # the end of the method of a network whose temperature was applied
# measure -> metric and stratum
SCORES = {f"{metric}_{stratum}": (metric, stratum) for metric in ("f1", "r2") for stratum in STRATA[:3]}
SCORES["ece"] = ("ece", "overall")
JACKKNIFED = ("f1_overall", "f1_rare")
_NAMES = ("study", "panel", "mask", "architecture", "size", "method", "loss")
KEYS: dict[str, type] = {
    **dict.fromkeys(_NAMES, str),
    **dict.fromkeys(("gamma", "learning_rate"), float),
    **dict.fromkeys(("seed", "n_samples", "steps"), int),
    "temperature": float,
}
_FLOATS = (
    *SCORES,
    *(f"{name}_{CALIBRATED}" for name in SCORES),
    *training_course.MEASURES,
    *MONITORS,
    "quick_check_agrees",
)
_REPLICATES = (
    *(f"{name}_without" for name in JACKKNIFED),
    *(f"{name}_{CALIBRATED}_without" for name in JACKKNIFED),
)
COLUMNS: dict[str, type] = {**KEYS, **dict.fromkeys(_FLOATS, float), **dict.fromkeys(_REPLICATES, str)}
MEASURES = tuple(name for name, kind in COLUMNS.items() if kind is float and name not in KEYS)


def training_rows(
    evaluations: Sequence[Evaluation], histories: Histories, config: Mapping[str, Any], study: str
) -> pd.DataFrame:
    """The rows (COLUMNS) of all networks trained from scratch, in the order of their keys.

    Args: evaluations of any methods, raw and calibrated; histories, (mask, method) -> history tables of one seed or
    more; config, the effective configuration; study, its name. Raises InputError when a training has no history.
    """
    scratch = [one for one in evaluations if one.run.architecture != NOT_TRAINED and one.run.weights == "scratch"]
    calibrated = {_identity(one): one for one in scratch if _is_calibrated(one)}
    by_training = _history_by_training(histories)
    raw = [one for one in scratch if not _is_calibrated(one)]
    levels = _levels(raw, by_training, config)
    rows = []
    for one in sorted(raw, key=_identity):
        run = one.run
        history = _history(by_training, _identity(one))
        course = TrainingCourse.of(history)
        row = _keys(one, config)
        row["study"] = study
        row["steps"] = course.steps
        row["temperature"] = course.at_end("temperature")
        row |= _scores(one.scored, "")
        calibrated_method = f"{run.method}.{CALIBRATED}"
        recalibrated = calibrated.get((run.mask, calibrated_method, run.seed))
        calibrated_scores = recalibrated.scored if recalibrated else None
        row |= _scores(calibrated_scores, f"_{CALIBRATED}")
        setting = (run.mask, run.architecture, run.seed)
        best_of_reference = levels.get(setting, float("nan"))
        row |= course.measures(training_course.LEVEL * best_of_reference)
        row |= monitor_means(history)
        row["quick_check_agrees"] = quick_check_agrees(history)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _keys(one: Evaluation, config: Mapping[str, Any]) -> dict[str, object]:
    """What of KEYS an evaluation and the configuration tell, without the training's history."""
    run = one.run
    settings = config["training"].get(run.architecture, {})
    size = settings.get("size", "unknown")
    row: dict[str, object] = {}
    row["panel"] = run.panel
    row["mask"] = run.mask
    row["architecture"] = run.architecture
    row["size"] = str(size)
    row["method"] = run.method
    row["loss"] = run.loss
    row["gamma"] = _gamma(config, run.loss)
    row["learning_rate"] = _learning_rate(config, one)
    row["seed"] = run.seed
    row["n_samples"] = 0 if one.scored is None else len(one.scored.samples)
    return row


def _history_by_training(histories: Histories) -> dict[tuple[str, str, int], pd.DataFrame]:
    """The rows of each training, by mask, method and seed."""
    found = {}
    for (mask, method), parts in histories.items():
        for table in parts:
            for seed, rows in table.groupby("seed"):
                found[mask, method, int(seed)] = rows
    return found


def _identity(one: Evaluation) -> tuple[str, str, int]:
    run = one.run
    return run.mask, run.method, run.seed


def _is_calibrated(one: Evaluation) -> bool:
    return one.run.method.endswith(f".{CALIBRATED}")


def _history(by_training: Mapping[tuple[str, str, int], pd.DataFrame], identity: tuple[str, str, int]) -> pd.DataFrame:
    if identity not in by_training:
        mask, method, seed = identity
        raise InputError(f"no history of {method}, seed {seed}, mask {mask}; give the one that `train` wrote")
    return by_training[identity]


def _levels(
    raw: Sequence[Evaluation],
    by_training: Mapping[tuple[str, str, int], pd.DataFrame],
    config: Mapping[str, Any],
) -> dict[tuple[str, str, int], float]:
    """The best validation F1 of `no_recon` at the size's own learning rate, by mask, architecture and seed."""
    levels = {}
    for one in raw:
        run = one.run
        if run.loss == REFERENCE_LOSS and np.isnan(_learning_rate(config, one)):
            history = _history(by_training, _identity(one))
            course = TrainingCourse.of(history)
            setting = (run.mask, run.architecture, run.seed)
            levels[setting] = course.best_f1()
    return levels


def _gamma(config: Mapping[str, Any], loss: str) -> float:
    """The focal exponent of a loss of the configuration; NaN for a loss that it does not have."""
    settings = config["losses"].get(loss, {})
    gamma = settings.get("gamma", np.nan)
    return float(gamma)


def _learning_rate(config: Mapping[str, Any], one: Evaluation) -> float:
    """The learning rate that the study's row of this run gives; NaN where it is left to the architecture."""
    run = one.run
    name_of_run = run.method.removeprefix(f"{run.architecture}.")
    identity = (run.mask, run.architecture, name_of_run)
    for row in config["study"]:
        name = row.get("name") or row["loss"]
        if identity == (row["mask"], row["architecture"], name):
            rate = row.get("learning_rate")
            return float("nan") if rate is None else float(rate)
    return float("nan")


def _scores(scored: Scored | None, suffix: str) -> dict[str, float | str]:
    """SCORES of the target samples, and JACKKNIFED without each group, under names that end in `suffix`.

    NaN, and "NA", without truth or without such a run.
    """
    found: dict[str, float | str] = {}
    if scored is None:
        for name in SCORES:
            found[f"{name}{suffix}"] = float("nan")
        for name in JACKKNIFED:
            found[f"{name}{suffix}_without"] = "NA"
        return found
    sums = scored.statistics.sums
    total = sums.sum(axis=0)
    calibration = scored.statistics.calibration.sum(axis=0)
    values = {"f1": metrics.f1(total), "r2": metrics.r2(total)}
    values["ece"] = metrics.ece(calibration)
    for name, (metric, stratum) in SCORES.items():
        place = STRATA.index(stratum)
        value = values[metric][place]
        found[f"{name}{suffix}"] = float(value)
    without_each_group = metrics.f1(total - group_sums(sums))
    for name in JACKKNIFED:
        _, stratum = SCORES[name]
        place = STRATA.index(stratum)
        replicates = without_each_group[:, place]
        found[f"{name}{suffix}_without"] = pack(replicates)
    return found


def group_sums(sums: np.ndarray) -> np.ndarray:
    """The sums over samples of each group: [G, ...] of [P, ...], G = 20 or, where there are fewer samples, P."""
    n_groups = min(GROUPS, len(sums))
    of_groups = [sums[group::n_groups].sum(axis=0) for group in range(n_groups)]
    return np.stack(of_groups)


def pack(replicates: np.ndarray) -> str:
    """Replicates [G] as one cell of the table, nine significant digits each."""
    return ";".join(f"{value:.{DIGITS}g}" for value in replicates)


def unpack(cells: Sequence[str]) -> np.ndarray | None:
    """Replicates [S, G] of the cells of S seeds, NaN for a seed that has none; None where no seed has them.

    Raises InputError when two seeds have unequal numbers of groups.
    """
    parts: list[list[float]] = []
    for cell in cells:
        values = [] if cell in ("", "NA") else cell.split(";")
        parts.append([float(value) for value in values])
    groups = {len(part) for part in parts if part}
    if not groups:
        return None
    if len(groups) > 1:
        numbers = sorted(groups)
        raise InputError(
            f"trainings of one loss have replicates over {numbers} groups of samples; "
            "they were scored on different samples: run `ragimpute loss-study` again on all of them"
        )
    none = [np.nan] * groups.pop()
    return np.array([part or none for part in parts])
