"""What figures and report are made from: the result tables, all of them long, with a column mask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ragimpute import painting
from ragimpute.evaluation import along, claims, curves, loss_study, tables

COLUMNS: dict[str, dict[str, type]] = {
    "metrics": tables.METRIC_COLUMNS,
    "summary": tables.SUMMARY_COLUMNS,
    "comparisons": tables.COMPARISON_COLUMNS,
    "loss_study": loss_study.COLUMNS,
    "claims": claims.COLUMNS,
    "curves": curves.COLUMNS,
    "along": along.COLUMNS,
}


@dataclass(frozen=True)
class Tables:
    """The tables of a study, or of one mask of it."""

    metrics: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    loss_study: pd.DataFrame
    claims: pd.DataFrame
    curves: pd.DataFrame
    along: pd.DataFrame
    painting: pd.DataFrame

    @classmethod
    def read(cls, paths: Mapping[str, Path], paintings: Sequence[Path]) -> "Tables":
        """Read the file of each table, and a painting of each mask.

        Raises InputError when one is missing, lacks a column or has a wrong value.
        """
        found = {name: tables.read(paths[name], columns) for name, columns in COLUMNS.items()}
        painted = [tables.read(path, painting.COLUMNS) for path in paintings]
        return cls(**found, painting=tables.join(painted, painting.COLUMNS))

    def masks(self) -> Iterator[tuple[str, "Tables"]]:
        """Each mask of metrics.tsv with its rows of every table."""
        for mask in sorted(set(self.metrics["mask"])):
            yield mask, Tables(**{name: table[table["mask"] == mask] for name, table in vars(self).items()})
