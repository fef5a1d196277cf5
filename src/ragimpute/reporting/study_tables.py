"""What figures and report are made from: the result tables, all of them long, with a column mask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ragimpute import tables
from ragimpute.evaluation import accuracy_by_position, result_tables
from ragimpute.evaluation.loss_study import judged_claims, loss_table, training_curves
from ragimpute.retrieval import painting

COLUMNS: dict[str, dict[str, type]] = {
    "metrics": result_tables.METRIC_COLUMNS,
    "summary": result_tables.SUMMARY_COLUMNS,
    "comparisons": result_tables.COMPARISON_COLUMNS,
    "loss_study": loss_table.COLUMNS,
    "claims": judged_claims.COLUMNS,
    "curves": training_curves.COLUMNS,
    "along": accuracy_by_position.COLUMNS,
}


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study, or of one mask of it."""

    metrics: pd.DataFrame  # of all chromosomes together, as `comparisons`
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    loss_study: pd.DataFrame
    claims: pd.DataFrame
    curves: pd.DataFrame
    along: pd.DataFrame
    painting: pd.DataFrame
    chromosomes: pd.DataFrame  # rows of metrics.tsv of each chromosome; none for a panel in one file

    @classmethod
    def read(cls, paths: Mapping[str, Path], paintings: Sequence[Path]) -> "StudyTables":
        """Read the file of each table, and a painting of each mask.

        Raises InputError when one is missing, lacks a column or has a wrong value.
        """
        found = {name: tables.read_table(paths[name], columns) for name, columns in COLUMNS.items()}
        metrics, comparisons = found["metrics"], found["comparisons"]
        found["chromosomes"] = metrics[metrics["chrom"] != result_tables.ALL]
        found["metrics"] = result_tables.of_genome(metrics)
        found["comparisons"] = result_tables.of_genome(comparisons)
        painted = [tables.read_table(path, painting.COLUMNS) for path in paintings]
        paintings_of_masks = tables.join_tables(painted, painting.COLUMNS)
        return cls(**found, painting=paintings_of_masks)

    def masks(self) -> Iterator[tuple[str, "StudyTables"]]:
        """Each mask of metrics.tsv with its rows of every table."""
        for mask in sorted(set(self.metrics["mask"])):
            of_mask = {name: table[table["mask"] == mask] for name, table in vars(self).items()}
            yield mask, StudyTables(**of_mask)
