"""Paired comparisons of two methods: the rows of comparisons.tsv.

Two methods of one mask are compared on the same samples, sites and bootstrap resamples. The interval is therefore that
of the difference, not of two separate values. Within each resample, values are averaged over seeds first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation import bootstrap, metrics, result_tables
from ragimpute.evaluation.evaluation_sums import Evaluation, Scored
from ragimpute.evaluation.metric_rows import population_labels
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.strata import STRATA
from ragimpute.study.runs import NOT_TRAINED, method_name, raw_method

BASELINES = ("beagle", "beagle_once", "beagle_tuned", "li_stephens", "copy_nearest", "minimac4")
REFERENCE_LOSS = "no_recon"  # the loss that the others of the same architecture are compared with
MAIN_STRATA = STRATA[:3]  # overall, rare, common
COMPARED = ("r2", "f1", "r2_variant")  # the last for all samples together only


@dataclass(frozen=True)
class Resampled:
    """One metric of one method, averaged over seeds: values [13] and resamples [B, 13]."""

    values: np.ndarray
    resamples: np.ndarray


def compared_pairs(runs: Sequence[RunNames]) -> list[tuple[str, str]]:
    """Which methods of one mask are compared, (a, b) for a - b: sorted, without duplicates.

    Every trained method and every other baseline with each of BASELINES, each loss with `no_recon` of the same
    architecture and weights (calibrated with calibrated), and a calibrated method with the raw one.
    """
    methods = {run.method: run for run in runs}
    pairs = set()
    for name, run in methods.items():
        others = ["beagle"]
        if run.architecture != NOT_TRAINED:
            raw = raw_method(name)
            reference = method_name(run.architecture, REFERENCE_LOSS, run.weights, calibrated=name != raw)
            others = [*BASELINES, raw, reference]
        pairs |= {(name, other) for other in others if other in methods and other != name}
    return sorted(pairs)


def compare_methods(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """All paired differences (columns of comparisons.tsv) of evaluations that may mix panels, masks and chromosomes.

    The pairs are those that the whole genome chooses, the same for each of its chromosomes. Raises InputError when two
    files of one mask and chromosome do not score the same samples and sites.
    """
    by_mask: dict[tuple[str, str], dict[str, list[Evaluation]]] = {}
    for evaluation in evaluations:
        if evaluation.scored is not None:
            run = evaluation.run
            of_mask = by_mask.setdefault((run.panel, run.mask), {})
            of_chromosome = of_mask.setdefault(evaluation.chrom, [])
            of_chromosome.append(evaluation)
    rows: list[dict] = []
    for (panel, mask), by_chromosome in sorted(by_mask.items()):
        resampled = {chrom: _ResampledMetrics(members) for chrom, members in by_chromosome.items()}
        pairs: set[tuple[str, str]] = set()
        if ALL in by_chromosome:
            everything = by_chromosome[ALL]
            runs = [member.run for member in everything]
            pairs |= set(compared_pairs(runs))
            of_genome = resampled[ALL]
            pairs |= _pairs_of_the_best(everything, of_genome)
        for chrom, members in by_chromosome.items():
            _check_same_question(panel, mask, members)
            names = {"panel": panel, "mask": mask, "chrom": chrom}
            methods = {member.run.method for member in members}
            for a, b in sorted(pairs):
                if {a, b} <= methods:
                    compared = _compare_pair(members, a, b, resampled[chrom])
                    rows += [{**names, **row} for row in compared]
    columns = list(result_tables.COMPARISON_COLUMNS)
    return pd.DataFrame(rows, columns=columns)


def _scored(evaluation: Evaluation) -> Scored:
    assert evaluation.scored is not None
    return evaluation.scored


def _check_same_question(panel: str, mask: str, members: list[Evaluation]) -> None:
    first = members[0]
    ours = _scored(first)
    our_truth = metrics.field(ours.statistics.sums, "y")
    for member in members[1:]:
        theirs = _scored(member)
        their_truth = metrics.field(theirs.statistics.sums, "y")
        same_samples = ours.samples == theirs.samples
        same_sites = np.array_equal(ours.n_sites, theirs.n_sites)
        same_truth = np.array_equal(our_truth, their_truth)
        if not (same_samples and same_sites and same_truth and member.setting == first.setting):
            raise InputError(
                f"panel {panel}, mask {mask}: {first.run.method} (seed {first.run.seed}) and {member.run.method} (seed "
                f"{member.run.seed}) were scored on different samples, sites, truth or resamples; evaluate them again"
            )


class _ResampledMetrics:
    """Metrics of the methods of one mask, each computed once."""

    def __init__(self, members: Sequence[Evaluation]) -> None:
        self._members = members
        self._known: dict[tuple, Resampled] = {}

    def of(self, method: str, population: str, metric: str, seeds: Sequence[int] | None = None) -> Resampled:
        """`metric` of `method`, averaged over `seeds` (all of its seeds when None)."""
        runs = [member for member in self._members if member.run.method == method]
        if seeds is not None:
            by_seed = {run.run.seed: run for run in runs}
            runs = [by_seed[seed] for seed in seeds]
        key = (method, tuple(run.run.seed for run in runs), population, metric)
        if key not in self._known:
            each = [resampled_metric(run, metric, population) for run in runs]
            values = np.mean([one.values for one in each], axis=0)
            resamples = np.mean([one.resamples for one in each], axis=0)
            self._known[key] = Resampled(values, resamples)
        return self._known[key]


def _pairs_of_the_best(members: list[Evaluation], resampled: _ResampledMetrics) -> set[tuple[str, str]]:
    """Each method that has the best value of a metric, overall, at rare or at common sites, with all others."""
    methods = sorted({member.run.method for member in members})
    best = set()
    for metric in COMPARED:
        values = np.array([resampled.of(method, ALL, metric).values[: len(MAIN_STRATA)] for method in methods])
        known = np.nan_to_num(values, nan=-np.inf)
        highest = known.argmax(axis=0)
        best |= {methods[i] for i in highest}
    return {(lead, other) for lead in best for other in methods if other != lead}


def _compare_pair(members: list[Evaluation], a: str, b: str, resampled: _ResampledMetrics) -> list[dict]:
    runs_a = {member.run.seed: member for member in members if member.run.method == a}
    runs_b = {member.run.seed: member for member in members if member.run.method == b}
    seeds_a, seeds_b = _paired_seeds(runs_a, runs_b)
    scored = _scored(runs_a[seeds_a[0]])
    rows = []
    for population in (ALL, *population_labels(scored.populations)):
        if population == ALL:
            strata = STRATA
            compared: Sequence[str] = COMPARED
            n_samples = len(scored.samples)
        else:
            strata = MAIN_STRATA
            compared = COMPARED[:2]
            n_samples = scored.populations.count(population)
        names = {
            "method_a": a,
            "method_b": b,
            "seed_a": ",".join(map(str, seeds_a)),
            "seed_b": ",".join(map(str, seeds_b)),
            "population": population,
            "n_samples": n_samples,
        }
        for metric in compared:
            left = resampled.of(a, population, metric, seeds_a)
            right = resampled.of(b, population, metric, seeds_b)
            differences = _difference_rows(left, right, strata)
            rows += [{**names, "metric": metric, **row} for row in differences]
    return rows


def differences(left: Evaluation, right: Evaluation) -> list[dict]:
    """left - right of all samples: a row for each stratum and metric of COMPARED, with its interval and p-value.

    Both were scored on the same samples, sites, truth and resamples.
    """
    rows = []
    for metric in COMPARED:
        ours, theirs = (resampled_metric(evaluation, metric) for evaluation in (left, right))
        rows += [{"metric": metric, **row} for row in _difference_rows(ours, theirs, STRATA)]
    return rows


def _difference_rows(left: Resampled, right: Resampled, strata: Sequence[str]) -> list[dict]:
    """A row for each of the `strata`: left - right, with its interval and p-value."""
    difference = left.values - right.values
    resamples = left.resamples - right.resamples
    low, high = bootstrap.bootstrap_interval(resamples)
    is_defined = np.isfinite(difference)
    p_value = bootstrap.p_value(resamples)
    p_value = np.where(is_defined, p_value, np.nan)
    rows = []
    for k, stratum in enumerate(strata):
        row: dict = {"stratum": stratum}
        row["difference"] = difference[k]
        row["ci_low"] = low[k]
        row["ci_high"] = high[k]
        row["p_value"] = p_value[k]
        rows.append(row)
    return rows


def _paired_seeds(a: dict[int, Evaluation], b: dict[int, Evaluation]) -> tuple[list[int], list[int]]:
    """The seeds of two methods that are averaged over.

    Two trained methods of one seed share initial weights and batches, so they are paired by seed. A baseline has run
    once, and is compared with all seeds.
    """
    common = sorted(set(a) & set(b))
    trained = [next(iter(runs.values())).run.architecture != NOT_TRAINED for runs in (a, b)]
    if all(trained) and common:
        return common, common
    return sorted(a), sorted(b)


def resampled_metric(evaluation: Evaluation, metric: str, population: str = ALL) -> Resampled:
    """One metric of one evaluated file (with truth) in all strata; `r2_variant` and `ece` for all samples only."""
    scored = _scored(evaluation)
    setting = evaluation.setting
    if metric == "r2_variant":
        variants = scored.r2_variant
        return Resampled(variants.mean, variants.resamples)
    if metric == "ece":
        of_samples = scored.statistics.calibration
        weights = bootstrap.resampling_weights(len(of_samples), setting.bootstraps, setting.seed)
        of_all = of_samples.sum(axis=0)
        of_resamples = np.tensordot(weights, of_samples, axes=1)
        error = metrics.ece(of_all)
        resampled_error = metrics.ece(of_resamples)
        recentred = bootstrap.recentred(resampled_error, error)
        return Resampled(error, recentred)
    inside = np.array([population in (ALL, label) for label in scored.populations])
    sums = scored.statistics.sums[inside]
    weights = bootstrap.resampling_weights(len(sums), setting.bootstraps, setting.seed, population)
    function = metrics.METRICS[metric]
    total = sums.sum(axis=0)
    resampled = np.tensordot(weights, sums, axes=1)
    values = function(total)
    resamples = function(resampled)
    return Resampled(values, resamples)
