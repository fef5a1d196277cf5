"""The step `pool-chromosomes`: the evaluation of a genome from those of its chromosomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragimpute import tables
from ragimpute.errors import InputError
from ragimpute.evaluation import accuracy_by_position, metric_rows, result_tables
from ragimpute.evaluation.evaluation_file import load_evaluation, save_evaluation
from ragimpute.evaluation.evaluation_sums import Evaluation, add_evaluations
from ragimpute.evaluation.result_tables import ALL
from ragimpute.evaluation.scorer import refuse_unscored


@dataclass(frozen=True)
class PooledOutputs:
    """The files that `pool_chromosomes` writes."""

    metrics: Path  # TSV, result_tables.METRIC_COLUMNS: rows of ALL and of each chromosome
    statistics: Path  # safetensors, of evaluation_file, of ALL
    along: Path  # TSV, accuracy_by_position.COLUMNS


def pool_chromosomes(statistics: Sequence[Path], along: Sequence[Path], outputs: PooledOutputs) -> None:
    """Add the sums of one run's chromosomes and write `outputs`.

    Args: statistics, along: the files that `evaluate_method` wrote for each chromosome. Raises InputError when they are
    of different runs or samples, when a chromosome is there twice, or when there is nothing to score.
    """
    parts = [load_evaluation(path, with_dosages=True) for path in statistics]
    pooled = pool(parts)
    measured = [metric_rows.metric_table(evaluation) for evaluation in (pooled, *parts)]
    metric_columns = result_tables.METRIC_COLUMNS
    joined = tables.join_tables(measured, metric_columns)
    result_tables.write_result_table(joined, metric_columns, outputs.metrics)
    stored = without_dosages(pooled)
    save_evaluation(outputs.statistics, stored)
    window_columns = accuracy_by_position.COLUMNS
    windows = [tables.read_table(path, window_columns) for path in along]
    joined_windows = tables.join_tables(windows, window_columns)
    result_tables.write_result_table(joined_windows, window_columns, outputs.along)


def pool(parts: Sequence[Evaluation]) -> Evaluation:
    """The evaluation of ALL chromosomes. Raises InputError as `pool_chromosomes` does."""
    first = parts[0]
    for part in parts:
        _refuse_other(first, part)
    chromosomes = [part.chrom for part in parts]
    twice = sorted({name for name in chromosomes if chromosomes.count(name) > 1})
    if ALL in chromosomes or twice:
        raise InputError(
            f"pool-chromosomes: {first.run.method}: the evaluations are of {', '.join(chromosomes)}; give each "
            "chromosome once, evaluated with --chrom"
        )
    pooled = add_evaluations(parts)
    if pooled.scored is not None:
        refuse_unscored(bool(pooled.scored.n_sites[0] > 0))
    return pooled


def without_dosages(evaluation: Evaluation) -> Evaluation:
    """The evaluation without the table that only pooling needs."""
    scored = evaluation.scored
    if scored is None:
        return evaluation
    statistics = replace(scored.statistics, dosages=None)
    smaller = replace(scored, statistics=statistics)
    return replace(evaluation, scored=smaller)


def _refuse_other(first: Evaluation, part: Evaluation) -> None:
    """Raise InputError unless both are of one run, setting and set of samples."""
    pairs = {"run": (first.run, part.run), "bootstrap": (first.setting, part.setting)}
    pairs["number of samples"] = (first.estimates.n_samples, part.estimates.n_samples)
    if first.scored is None or part.scored is None:
        pairs["truth"] = (first.scored is None, part.scored is None)
    else:
        pairs["samples"] = (first.scored.samples, part.scored.samples)
        pairs["populations"] = (first.scored.populations, part.scored.populations)
    different = [name for name, (ours, theirs) in pairs.items() if ours != theirs]
    if different:
        raise InputError(
            f"pool-chromosomes: {first.run.method} on chromosome {first.chrom} and {part.run.method} on chromosome "
            f"{part.chrom} differ in {', '.join(different)}; only chromosomes of one run add up"
        )
