"""The TSV files of an evaluation: fixed columns, sorted rows, fixed precision, NA for what is undefined."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ragimpute import tables
from ragimpute.evaluation.strata import STRATA
from ragimpute.panel.chromosome_names import place_in_genome

ALL = "all"  # all chromosomes, in `chrom`; all samples, in `population`
_RUN_TEXT = ("panel", "mask", "method", "architecture", "loss", "weights")
_GROUP_TEXT = ("population", "stratum", "metric")
METRIC_COLUMNS: dict[str, type] = {
    **dict.fromkeys(_RUN_TEXT, str),
    "seed": int,
    **dict.fromkeys(_GROUP_TEXT, str),
    **dict.fromkeys(("value", "ci_low", "ci_high"), float),
    **dict.fromkeys(("n_sites", "n_genotypes"), int),
    "chrom": str,
}
COMPARISON_COLUMNS: dict[str, type] = {
    **dict.fromkeys(("panel", "mask", "method_a", "method_b", "seed_a", "seed_b"), str),
    **dict.fromkeys(_GROUP_TEXT, str),
    **dict.fromkeys(("difference", "ci_low", "ci_high", "p_value"), float),
    "n_samples": int,
    "chrom": str,
}
SUMMARY_METRICS = ("r2_overall", "r2_rare", "r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common")
TRAINING_MEASURES = ("epochs_to_best", "loss_sd", "f1_gap")
SUMMARY_COLUMNS: dict[str, type] = {
    **dict.fromkeys(_RUN_TEXT, str),
    "selected": bool,
    "n_seeds": int,
    **dict.fromkeys(SUMMARY_METRICS, float),
    **dict.fromkeys((f"{name}_sd" for name in SUMMARY_METRICS), float),
    **dict.fromkeys(TRAINING_MEASURES, float),
}
HISTORY_COLUMNS: dict[str, type] = {"seed": int, "step": int, "epoch": int, "metric": str, "value": float}

_STRATUM_ORDER = {name: i for i, name in enumerate(STRATA)}


@dataclass(frozen=True)
class RunNames:
    """What was evaluated: one row group of metrics.tsv."""

    panel: str
    mask: str
    method: str
    architecture: str
    loss: str
    weights: str
    seed: int

    def columns(self) -> dict[str, str | int]:
        """The first seven columns of metrics.tsv."""
        return asdict(self)


def write_result_table(table: pd.DataFrame, columns: tables.Columns, path: str | os.PathLike, digits: int = 6) -> None:
    """Write `columns` of `table` as TSV, its rows in a fixed order; same content, same bytes."""
    ordered = _ordered(table, columns)
    tables.write_table(ordered, path, digits)


def result_text(table: pd.DataFrame, columns: tables.Columns, digits: int = 6) -> str:
    """What `write_result_table` writes."""
    ordered = _ordered(table, columns)
    return tables.table_text(ordered, digits)


def _ordered(table: pd.DataFrame, columns: tables.Columns) -> pd.DataFrame:
    """`columns` of `table`, sorted by the text columns and the seed (strata and chromosomes in their own order)."""
    keys = [name for name, kind in columns.items() if kind is str or name == "seed"]
    if {"chrom", *_GROUP_TEXT} <= columns.keys():
        keys.sort(key=_GROUP_TEXT.__contains__)  # those of a chromosome stay together
    chosen = table[list(columns)]
    ordered = chosen.sort_values(keys, key=_sort_key, kind="stable")
    truths = {name: bool for name, kind in columns.items() if kind is bool}
    return ordered.astype(truths)


def read_histories(named: Iterable[tuple[str, str, Path]]) -> dict[tuple[str, str], list[pd.DataFrame]]:
    """The history tables of (mask, method, path of history.tsv), by mask and method.

    Raises InputError when a file is missing or is no history.
    """
    histories: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for mask, method, path in named:
        of_method = histories.setdefault((mask, method), [])
        of_method.append(tables.read_table(path, HISTORY_COLUMNS))
    return histories


def _sort_key(column: pd.Series) -> pd.Series:
    if column.name == "stratum":
        return column.map(_STRATUM_ORDER)
    if column.name == "chrom":
        chromosomes = ordered_chromosomes(column)
        places = {name: place for place, name in enumerate(chromosomes)}
        return column.map(places)
    return column


def of_genome(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table with a column chrom that are of ALL chromosomes together."""
    is_of_all = table["chrom"] == ALL
    return table[is_of_all]


def ordered_chromosomes(names: Iterable[str]) -> list[str]:
    """The distinct `names`: ALL, then chromosomes as they stand in the genome."""
    return sorted(set(names), key=lambda name: (name != ALL, place_in_genome(name)))
