"""The loss study: measures of each loss over seeds and people, paired differences to `no_recon`, and ranks.

Scores of target people have intervals over seeds and people, measures of the training itself over seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ragimpute.evaluation import collect, summary
from ragimpute.evaluation.collect import REFERENCE_LOSS, Evaluation
from ragimpute.evaluation.diagnosis import MONITORS, monitor_means
from ragimpute.evaluation.intervals import ALPHA, Measured, estimate, holm
from ragimpute.evaluation.strata import STRATA
from ragimpute.study import method_name

SCORES = {f"{metric}_{stratum}": (metric, stratum) for metric in ("f1", "r2") for stratum in STRATA[:3]} | {
    "ece": ("ece", "overall")
}
RANKED = ("f1_overall", "f1_rare")
KEYS: dict[str, type] = {**dict.fromkeys(("panel", "mask", "architecture", "size"), str), "steps": int}
COLUMNS: dict[str, type] = {
    **KEYS,
    **{"loss": str, "measure": str, "n_seeds": int, "n_people": int},
    **dict.fromkeys(("value", "ci_low", "ci_high", "difference", "difference_low", "difference_high"), float),
    **dict.fromkeys(("p_value", "p_holm"), float),
    **dict.fromkeys(("rank_best", "rank_worst"), float),
}


@dataclass(frozen=True)
class Trained:
    """All losses of one architecture on one mask: loss -> measure -> values over the same seeds."""

    panel: str
    mask: str
    architecture: str
    size: str
    steps: int
    seeds: tuple[int, ...]
    losses: Mapping[str, Mapping[str, Measured]]

    def keys(self) -> dict[str, str | int]:
        return {name: getattr(self, name) for name in KEYS}


def gather(
    evaluations: Sequence[Evaluation],
    histories: Mapping[tuple[str, str], Sequence[pd.DataFrame]],
    sizes: Mapping[str, str],
) -> list[Trained]:
    """The measures of all networks trained from scratch, raw, at the learning rate that all losses share.

    Args: evaluations of any methods; histories, (mask, method) -> history tables of one seed or more; sizes,
    architecture -> size. The losses of an architecture are compared on the seeds that all of them have; where there is
    none, they are left out.
    """
    groups: dict[tuple[str, str, str], dict[str, list[Evaluation]]] = {}
    for one in evaluations:
        run = one.run
        # not those with `.calibrated` or with a name of their own in the loss's place
        if run.weights == "scratch" and run.method == method_name(run.architecture, run.loss, run.weights):
            groups.setdefault((run.panel, run.mask, run.architecture), {}).setdefault(run.loss, []).append(one)
    out = []
    for (panel, mask, architecture), by_loss in sorted(groups.items()):
        losses, steps = {}, 0
        seeds = sorted(set.intersection(*({one.run.seed for one in runs} for runs in by_loss.values())))
        if not seeds:
            continue
        for loss, runs in sorted(by_loss.items()):
            ordered = sorted((one for one in runs if one.run.seed in seeds), key=lambda one: one.run.seed)
            table = pd.concat(histories[mask, ordered[0].run.method], ignore_index=True)
            table = table[table["seed"].isin(seeds)]
            steps = max(steps, int(table["step"].max()))
            losses[loss] = {**_scores(ordered), **_training(table)}
        size = sizes.get(architecture, "unknown")
        out.append(Trained(panel, mask, architecture, size, steps, tuple(seeds), losses))
    return out


def _scores(runs: Sequence[Evaluation]) -> dict[str, Measured]:
    """SCORES of the target people, of one loss over its seeds; empty without truth."""
    if any(run.scored is None for run in runs):
        return {}
    found = {}
    for metric in {metric for metric, _ in SCORES.values()}:
        each = [collect.resampled(run, metric) for run in runs]
        scored = runs[0].scored
        assert scored is not None
        for name, (of, stratum) in SCORES.items():
            if of == metric:
                k = STRATA.index(stratum)
                values = np.array([one.values[k] for one in each])
                resamples = np.stack([one.resamples[:, k] for one in each])
                found[name] = Measured(values, resamples, len(scored.people))
    return found


def _training(table: pd.DataFrame) -> dict[str, Measured]:
    """Measures of the training of one loss over its seeds, in their order."""
    each = summary.training_measures(table)
    watched = [monitor_means(rows) for _, rows in table.groupby("seed", sort=True)]
    names = ("epochs_to_best", "loss_sd", "loss_sd_normalised", "f1_gap")
    columns = {name: [one[name] for one in each] for name in names}
    columns |= {name: [one[name] for one in watched] for name in MONITORS}
    return {name: Measured(np.array(values, dtype=float)) for name, values in columns.items()}


def table(studies: Sequence[Trained]) -> pd.DataFrame:
    """The rows of loss_study.tsv (COLUMNS).

    Holm's correction runs, for each mask and measure, over the differences to `no_recon` of all losses of all
    architectures. Intervals are not corrected.
    """
    rows = [row for study in studies for row in _rows(study)]
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "p_holm"])
    found["p_holm"] = np.nan
    for _, family in found.groupby(["panel", "mask", "measure"]):
        found.loc[family.index, "p_holm"] = holm(family["p_value"].tolist())
    return found[list(COLUMNS)]


def _rows(study: Trained) -> list[dict]:
    reference = study.losses.get(REFERENCE_LOSS, {})
    ranks = {measure: rank_ranges(study, measure) for measure in RANKED}
    rows = []
    for loss, measures in study.losses.items():
        for name, measured in measures.items():
            found = estimate(measured)
            low, high = found.interval()
            row: dict = {**study.keys(), "loss": loss, "measure": name, "n_seeds": len(study.seeds)}
            row |= {"n_people": measured.n_people, "value": found.mean, "ci_low": low, "ci_high": high}
            if name in reference and loss != REFERENCE_LOSS:
                difference = estimate(measured - reference[name])
                low, high = difference.interval()
                row |= {"difference": difference.mean, "difference_low": low, "difference_high": high}
                row["p_value"] = difference.p_differs()
            row["rank_best"], row["rank_worst"] = ranks.get(name, {}).get(loss, (np.nan, np.nan))
            rows.append(row)
    return rows


def rank_ranges(study: Trained, measure: str) -> dict[str, tuple[int, int]]:
    """The ranks that each loss may have (1 is best), from all pairwise differences, Holm-corrected.

    A loss is at best behind the losses that are surely better, and at worst before those that are surely worse. Empty
    when there is nothing to compare: without truth, or with one seed.
    """
    losses = {name: measures[measure] for name, measures in study.losses.items() if measure in measures}
    pairs = list(combinations(losses, 2))
    found = [estimate(losses[a] - losses[b]) for a, b in pairs]
    p = holm([one.p_differs() for one in found])
    if not np.isfinite(p).any():
        return {}
    better = dict.fromkeys(losses, 0)
    worse = dict.fromkeys(losses, 0)
    for (a, b), one, p_value in zip(pairs, found, p, strict=True):
        if p_value < ALPHA:
            first, second = (a, b) if one.mean > 0 else (b, a)
            better[second] += 1
            worse[first] += 1
    return {name: (1 + better[name], len(losses) - worse[name]) for name in losses}
