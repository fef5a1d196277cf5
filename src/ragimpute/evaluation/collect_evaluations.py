"""The step `collect`: join the evaluations of all methods, and compare the methods in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragimpute import tables
from ragimpute.evaluation import accuracy_by_position, result_tables
from ragimpute.evaluation.evaluation_file import load_evaluation
from ragimpute.evaluation.paired_comparisons import compare_methods


@dataclass(frozen=True)
class CollectedTables:
    """The files that `collect_evaluations` writes."""

    metrics: Path
    comparisons: Path
    along: Path


def collect_evaluations(
    metrics: Sequence[Path], statistics: Sequence[Path], along: Sequence[Path], outputs: CollectedTables
) -> None:
    """Join the tables of all evaluations, and write the paired differences of their methods.

    Args: metrics, statistics, along, the files that `evaluate_method` wrote for each run. Raises InputError when one
    cannot be read, or when two methods of one mask were not scored on the same samples and sites.
    """
    _join(metrics, result_tables.METRIC_COLUMNS, outputs.metrics)
    _join(along, accuracy_by_position.COLUMNS, outputs.along)
    evaluations = [load_evaluation(path) for path in statistics]
    compared = compare_methods(evaluations)
    result_tables.write_result_table(compared, result_tables.COMPARISON_COLUMNS, outputs.comparisons)


def _join(paths: Sequence[Path], columns: tables.Columns, out: Path) -> None:
    parts = [tables.read_table(path, columns) for path in paths]
    joined = tables.join_tables(parts, columns)
    result_tables.write_result_table(joined, columns, out)
