"""Per-sample statistics on disk, and paired differences between methods.

Two methods of one mask are compared on the same samples, sites and bootstrap resamples, so the interval is that of the
difference, not of two separate values. Values are averaged over seeds first, within each resample.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.evaluation import bootstrap, metrics, result_tables
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import ALL, Scored, Setting, population_labels
from ragimpute.evaluation.statistics import FIELDS, SampleStatistics
from ragimpute.evaluation.strata import STRATA
from ragimpute.study.runs import NOT_TRAINED, method_name, raw_method

KIND = "evaluation"
BASELINES = ("beagle", "beagle_once", "beagle_tuned", "li_stephens", "copy_nearest", "minimac4")
REFERENCE_LOSS = "no_recon"  # the loss that the others of the same architecture are compared with
MAIN_STRATA = STRATA[:3]  # overall, rare, common
COMPARED = ("r2", "f1", "r2_variant")  # the last for everybody only


@dataclass(frozen=True)
class Evaluation:
    """One evaluated file."""

    run: RunNames
    setting: Setting
    scored: Scored | None  # None without truth


@dataclass(frozen=True)
class Resampled:
    """One metric of one method, averaged over seeds: values [13] and resamples [B, 13]."""

    values: np.ndarray
    resamples: np.ndarray


def save_evaluation(path: str | os.PathLike, evaluation: Evaluation) -> None:
    """Write the statistics of one evaluated file; without truth only its name."""
    metadata = {name: str(value) for name, value in evaluation.run.columns().items()}
    metadata |= {
        "bootstraps": str(evaluation.setting.bootstraps),
        "bootstrap_seed": str(evaluation.setting.seed),
        "fields": " ".join(FIELDS),
        "strata": " ".join(STRATA),
    }
    arrays = {"scored": np.array([evaluation.scored is not None], dtype=np.uint8)}
    if (scored := evaluation.scored) is not None:
        arrays |= {
            "samples": artefacts.encode_strings(scored.samples),
            "populations": artefacts.encode_strings(scored.populations),
            "n_sites": scored.n_sites.astype(np.int64),
            "sums": scored.statistics.sums,
            "calibration": scored.statistics.calibration,
            "r2_variant": scored.r2_variant,
            "r2_variant_resamples": scored.r2_variant_resamples,
        }
    artefacts.save(path, KIND, arrays, metadata)


def load_evaluation(path: str | os.PathLike) -> Evaluation:
    """Read what `save` wrote. Raises InputError when it comes from a version with other fields or strata."""
    artefact = artefacts.load(path, KIND)
    meta, arrays = artefact.metadata, artefact.arrays
    if meta.get("fields") != " ".join(FIELDS) or meta.get("strata") != " ".join(STRATA):
        raise InputError(f"{path}: written by another version of ragimpute; delete it and run again")
    names = {name: meta[name] for name in ("panel", "mask", "method", "architecture", "loss", "weights")}
    run = RunNames(**names, seed=int(meta["seed"]))
    setting = Setting(int(meta["bootstraps"]), int(meta["bootstrap_seed"]))
    if not arrays["scored"][0]:
        return Evaluation(run, setting, None)
    scored = Scored(
        tuple(artefacts.decode_strings(arrays["samples"])),
        tuple(artefacts.decode_strings(arrays["populations"])),
        arrays["n_sites"],
        SampleStatistics(arrays["sums"], arrays["calibration"]),
        arrays["r2_variant"],
        arrays["r2_variant_resamples"],
    )
    return Evaluation(run, setting, scored)


def pairs(runs: Sequence[RunNames]) -> list[tuple[str, str]]:
    """Which methods of one mask are compared, (a, b) for a - b: sorted, without duplicates.

    Every trained method and every other baseline with each of BASELINES, each loss with `no_recon` of the same
    architecture and weights (calibrated with calibrated), and a calibrated method with the raw one.
    """
    methods = {run.method: run for run in runs}
    out = set()
    for name, run in methods.items():
        others = ["beagle"]
        if run.architecture != NOT_TRAINED:
            raw = raw_method(name)
            reference = method_name(run.architecture, REFERENCE_LOSS, run.weights, calibrated=name != raw)
            others = [*BASELINES, raw, reference]
        out |= {(name, other) for other in others if other in methods and other != name}
    return sorted(out)


def compare_methods(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """All paired differences (columns of comparisons.tsv) of evaluations that may mix panels and masks.

    Raises InputError when two files of one mask do not score the same samples and sites.
    """
    groups: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in evaluations:
        if evaluation.scored is not None:
            groups.setdefault((evaluation.run.panel, evaluation.run.mask), []).append(evaluation)
    rows: list[dict] = []
    for (panel, mask), members in sorted(groups.items()):
        _check_same_question(panel, mask, members)
        cache: dict[tuple, Resampled] = {}
        for a, b in sorted({*pairs([member.run for member in members]), *_leads(members, cache)}):
            rows += [{"panel": panel, "mask": mask, **row} for row in _compare_pair(members, a, b, cache)]
    return pd.DataFrame(rows, columns=list(result_tables.COMPARISON_COLUMNS))


def _check_same_question(panel: str, mask: str, members: list[Evaluation]) -> None:
    first = members[0]
    for member in members[1:]:
        ours, theirs = first.scored, member.scored
        assert ours is not None
        assert theirs is not None
        same = ours.samples == theirs.samples and np.array_equal(ours.n_sites, theirs.n_sites)
        y_ours, y_theirs = (metrics.field(scored.statistics.sums, "y") for scored in (ours, theirs))
        if not same or not np.array_equal(y_ours, y_theirs) or member.setting != first.setting:
            raise InputError(
                f"panel {panel}, mask {mask}: {first.run.method} (seed {first.run.seed}) and {member.run.method} (seed "
                f"{member.run.seed}) were scored on different samples, sites, truth or resamples; evaluate them again"
            )


def _leads(members: list[Evaluation], cache: dict[tuple, Resampled]) -> set[tuple[str, str]]:
    """Each method that has the best value of a metric, overall, at rare or at common sites, with all others."""
    methods = sorted({member.run.method for member in members})
    values = [
        _resampled([one for one in members if one.run.method == method], ALL, metric, cache).values[: len(MAIN_STRATA)]
        for metric in COMPARED
        for method in methods
    ]
    table = np.nan_to_num(np.reshape(values, (len(COMPARED), len(methods), -1)), nan=-np.inf)
    best = {methods[i] for i in np.unique(table.argmax(axis=1))}
    return {(lead, other) for lead in best for other in methods if other != lead}


def _compare_pair(members: list[Evaluation], a: str, b: str, cache: dict[tuple, Resampled]) -> list[dict]:
    of_a, of_b = ({m.run.seed: m for m in members if m.run.method == name} for name in (a, b))
    # two trained methods share seeds (initial weights, batches): pair them; a baseline has run once
    common = sorted(set(of_a) & set(of_b))
    trained = all(next(iter(of.values())).run.architecture != "NA" for of in (of_a, of_b))
    seeds_a, seeds_b = (common, common) if trained and common else (sorted(of_a), sorted(of_b))
    scored = of_a[seeds_a[0]].scored
    assert scored is not None
    rows = []
    for population in (ALL, *population_labels(scored.populations)):
        strata = range(len(STRATA) if population == ALL else len(MAIN_STRATA))
        n_samples = len(scored.samples) if population == ALL else scored.populations.count(population)
        for metric in COMPARED if population == ALL else COMPARED[:2]:
            left = _resampled([of_a[seed] for seed in seeds_a], population, metric, cache)
            right = _resampled([of_b[seed] for seed in seeds_b], population, metric, cache)
            difference, drawn = left.values - right.values, left.resamples - right.resamples
            (low, high), p = bootstrap.bootstrap_interval(drawn), bootstrap.p_value(drawn)
            rows += [
                {
                    **{"method_a": a, "method_b": b},
                    **{"seed_a": ",".join(map(str, seeds_a)), "seed_b": ",".join(map(str, seeds_b))},
                    **{"population": population, "stratum": STRATA[k], "metric": metric},
                    **{"difference": difference[k], "ci_low": low[k], "ci_high": high[k]},
                    **{"p_value": p[k] if np.isfinite(difference[k]) else np.nan, "n_samples": n_samples},
                }
                for k in strata
            ]
    return rows


def _resampled(runs: list[Evaluation], population: str, metric: str, cache: dict[tuple, Resampled]) -> Resampled:
    key = (runs[0].run.method, tuple(run.run.seed for run in runs), population, metric)
    if key not in cache:
        each = [resampled(run, metric, population) for run in runs]
        cache[key] = Resampled(
            np.mean([one.values for one in each], axis=0), np.mean([one.resamples for one in each], axis=0)
        )
    return cache[key]


def resampled(evaluation: Evaluation, metric: str, population: str = ALL) -> Resampled:
    """One metric of one evaluated file (with truth) in all strata; `r2_variant` and `ece` for everybody only."""
    scored, setting = evaluation.scored, evaluation.setting
    assert scored is not None
    if metric == "r2_variant":
        return Resampled(scored.r2_variant, scored.r2_variant_resamples)
    if metric == "ece":
        calibration = scored.statistics.calibration
        weights = bootstrap.resampling_weights(len(calibration), setting.bootstraps, setting.seed)
        error = metrics.ece(calibration.sum(axis=0))
        drawn = metrics.ece(np.tensordot(weights, calibration, axes=1))
        return Resampled(error, bootstrap.recentred(drawn, error))
    inside = np.array([population in (ALL, label) for label in scored.populations])
    sums = scored.statistics.sums[inside]
    weights = bootstrap.resampling_weights(len(sums), setting.bootstraps, setting.seed, population)
    function = metrics.METRICS[metric]
    return Resampled(function(sums.sum(axis=0)), function(np.tensordot(weights, sums, axes=1)))
