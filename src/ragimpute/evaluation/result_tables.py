"""The TSV files of an evaluation: fixed columns, sorted rows, fixed precision, NA for what is undefined."""

import os
from dataclasses import asdict, dataclass

import pandas as pd

from ragimpute import tables
from ragimpute.artefacts import atomic_path
from ragimpute.evaluation.strata import STRATA

METRIC_COLUMNS: dict[str, type] = {
    **dict.fromkeys(("panel", "mask", "method", "architecture", "loss", "weights"), str),
    "seed": int,
    **dict.fromkeys(("population", "stratum", "metric"), str),
    **dict.fromkeys(("value", "ci_low", "ci_high"), float),
    **dict.fromkeys(("n_sites", "n_genotypes"), int),
}
COMPARISON_COLUMNS: dict[str, type] = {
    **dict.fromkeys(("panel", "mask", "method_a", "method_b", "seed_a", "seed_b"), str),
    **dict.fromkeys(("population", "stratum", "metric"), str),
    **dict.fromkeys(("difference", "ci_low", "ci_high", "p_value"), float),
    "n_samples": int,
}
SUMMARY_METRICS = ("r2_overall", "r2_rare", "r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common")
SUMMARY_COLUMNS: dict[str, type] = {
    **dict.fromkeys(("panel", "mask", "method", "architecture", "loss", "weights"), str),
    "selected": bool,
    "n_seeds": int,
    **dict.fromkeys(SUMMARY_METRICS, float),
    **dict.fromkeys((f"{name}_sd" for name in SUMMARY_METRICS), float),
    **dict.fromkeys(("epochs_to_best", "loss_sd", "f1_gap"), float),
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
    """Write `result_text` of `table`; same content, same bytes."""
    with atomic_path(path) as temporary:
        temporary.write_text(result_text(table, columns, digits), encoding="utf-8")


def result_text(table: pd.DataFrame, columns: tables.Columns, digits: int = 6) -> str:
    """TSV of `columns` of `table`, sorted by the text columns (strata in their own order)."""
    keys = [name for name, kind in columns.items() if kind is str or name == "seed"]
    ordered = table[list(columns)].sort_values(keys, key=_sort_key, kind="stable")
    truths = {name: bool for name, kind in columns.items() if kind is bool}
    return tables.table_text(ordered.astype(truths), digits)


def _sort_key(column: pd.Series) -> pd.Series:
    return column.map(_STRATUM_ORDER) if column.name == "stratum" else column
