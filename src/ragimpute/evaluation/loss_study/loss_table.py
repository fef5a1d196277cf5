"""The table loss_study.tsv: measures of each loss over its trainings, paired differences to `no_recon`, and ranks.

F1 has intervals over seeds and samples, everything else over seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_study.significance import ALPHA, Measured, contrast, holm
from ragimpute.evaluation.loss_study.trainings_table import JACKKNIFED, MEASURES, unpack
from ragimpute.evaluation.paired_comparisons import REFERENCE_LOSS

RANKED = (*JACKKNIFED, *(f"{name}_calibrated" for name in JACKKNIFED))
# where a loss and a seed have run in several studies, the row of the first of these counts
STUDIES = ("study_primary", "study_secondary", "study_rates", "study_second_mask", "study_gpu")
KEYS: dict[str, type] = {
    **dict.fromkeys(("panel", "mask", "architecture", "size"), str),
    **dict.fromkeys(("steps", "n_samples"), int),
}
_VALUE = ("value", "ci_low", "ci_high")
_DIFFERENCE = ("difference", "difference_low", "difference_high", "p_value", "p_holm")
_RANK = ("rank_best", "rank_worst")
COLUMNS: dict[str, type] = {
    **KEYS,
    **dict.fromkeys(("loss", "measure"), str),
    "n_seeds": int,
    **dict.fromkeys((*_VALUE, *_DIFFERENCE, *_RANK), float),
}


@dataclass(frozen=True)
class MethodTrainings:
    """All trainings of one network in one setting: loss (or the name of its row) -> measure -> values over seeds.

    studies: the studies that the trainings belong to.
    """

    panel: str
    mask: str
    architecture: str
    size: str
    steps: int
    n_samples: int
    losses: Mapping[str, Mapping[str, Measured]]
    studies: tuple[str, ...] = ()

    def keys(self) -> dict[str, str | int]:
        """KEYS."""
        return {name: getattr(self, name) for name in KEYS}

    def n_seeds(self) -> int:
        """The largest number of seeds that a loss has."""
        first_measures = [next(iter(measures.values())) for measures in self.losses.values()]
        return max(len(measured.seeds) for measured in first_measures)


def group_trainings(trainings: pd.DataFrame) -> list[MethodTrainings]:
    """The settings of a table of trainings, which may hold several studies, in the order of their keys.

    Trainings of several studies are compared when panel, mask, network, size, scored samples and the largest number of
    steps of the study are equal. Raises InputError when replicates of one loss do not match.
    """
    setting = ["study", "panel", "mask", "architecture", "size"]
    steps_of_setting = trainings.groupby(setting)["steps"]
    most_steps = steps_of_setting.transform("max")
    planned = trainings.assign(steps=most_steps)
    found = []
    for key, rows in planned.groupby(list(KEYS), sort=True):
        panel, mask, architecture, size, steps, n_samples = key
        studies = tuple(sorted(set(rows["study"]), key=_order))
        ordered = rows.sort_values("study", key=lambda names: names.map(_order), kind="stable")
        once = ordered.drop_duplicates(["method", "seed"])
        losses = {}
        for method, of_loss in once.groupby("method", sort=True):
            name = str(method).removeprefix(f"{architecture}.")
            by_seed = of_loss.sort_values("seed")
            losses[name] = _measures(by_seed)
        trained = MethodTrainings(panel, mask, architecture, size, int(steps), int(n_samples), losses, studies)
        found.append(trained)
    return found


def _order(study: str) -> tuple[int, str]:
    place = STUDIES.index(study) if study in STUDIES else len(STUDIES)
    return place, study


def _measures(rows: pd.DataFrame) -> dict[str, Measured]:
    """MEASURES of one loss over its seeds."""
    seeds = tuple(int(seed) for seed in rows["seed"])
    found = {}
    for name in MEASURES:
        replicates = None
        if f"{name}_without" in rows.columns:
            cells = rows[f"{name}_without"]
            replicates = unpack(list(cells))
        values = rows[name].to_numpy(dtype=float)
        found[name] = Measured(values, seeds, replicates)
    return found


def loss_table(settings: Sequence[MethodTrainings]) -> pd.DataFrame:
    """The rows of loss_study.tsv (COLUMNS).

    Holm's correction runs, for each mask and measure, over the differences to `no_recon` of all losses of all
    architectures. Intervals are not corrected. n_seeds: seeds that have a value.
    """
    rows = []
    for trained in settings:
        rows += _rows(trained)
    uncorrected = [name for name in COLUMNS if name != "p_holm"]
    found = pd.DataFrame(rows, columns=uncorrected)
    found["p_holm"] = np.nan
    for _, family in found.groupby(["panel", "mask", "measure"]):
        p_values = family["p_value"].tolist()
        found.loc[family.index, "p_holm"] = holm(p_values)
    return found[list(COLUMNS)]


def _rows(trained: MethodTrainings) -> list[dict]:
    reference = trained.losses.get(REFERENCE_LOSS, {})
    ranks = {measure: rank_ranges(trained, measure) for measure in RANKED}
    rows = []
    for loss, measures in trained.losses.items():
        for name, measured in measures.items():
            row: dict = {**trained.keys(), "loss": loss, "measure": name}
            has_value = np.isfinite(measured.values)
            row["n_seeds"] = int(has_value.sum())
            found = contrast(measured)
            row["value"] = found.mean
            row["ci_low"], row["ci_high"] = found.interval()
            if name in reference and loss != REFERENCE_LOSS:
                difference = contrast(measured - reference[name])
                row["difference"] = difference.mean
                row["difference_low"], row["difference_high"] = difference.interval()
                row["p_value"] = difference.p_differs()
            of_losses = ranks.get(name, {})
            best, worst = of_losses.get(loss, (np.nan, np.nan))
            row["rank_best"] = best
            row["rank_worst"] = worst
            rows.append(row)
    return rows


def rank_ranges(trained: MethodTrainings, measure: str) -> dict[str, tuple[int, int]]:
    """The ranks that each loss may have (1 is best), from all pairwise differences, Holm-corrected.

    A loss is at best behind the losses that are surely better, and at worst before those that are surely worse. Empty
    when there is nothing to compare: without truth, or with one seed.
    """
    losses = {}
    for name, measures in trained.losses.items():
        if measure in measures and np.isfinite(measures[measure].values).any():
            losses[name] = measures[measure]
    pairs = list(combinations(losses, 2))
    differences = [contrast(losses[a] - losses[b]) for a, b in pairs]
    p = holm([difference.p_differs() for difference in differences])
    if not np.isfinite(p).any():
        return {}
    better = dict.fromkeys(losses, 0)
    worse = dict.fromkeys(losses, 0)
    for (a, b), difference, p_value in zip(pairs, differences, p, strict=True):
        if p_value < ALPHA:
            first, second = (a, b) if difference.mean > 0 else (b, a)
            better[second] += 1
            worse[first] += 1
    ranges = {}
    for name in losses:
        best = 1 + better[name]
        last = len(losses) - worse[name]
        ranges[name] = (best, last)
    return ranges
