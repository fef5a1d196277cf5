"""The TSV files of an evaluation: fixed columns, sorted rows, fixed precision, NA for what is undefined."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
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


def write_result_table(table: pd.DataFrame, columns: dict[str, type], path: str | os.PathLike, digits: int = 6) -> None:
    """Write `text` of `table`; same content, same bytes."""
    with atomic_path(path) as temporary:
        temporary.write_text(text(table, columns, digits), encoding="utf-8")


def text(table: pd.DataFrame, columns: dict[str, type], digits: int = 6) -> str:
    """TSV of `columns` of `table`, sorted by the text columns (strata in their own order).

    Numbers have so many significant `digits`.
    """
    keys = [name for name, kind in columns.items() if kind is str or name == "seed"]
    ordered = table[list(columns)].sort_values(
        keys, key=lambda column: column.map(_STRATUM_ORDER) if column.name == "stratum" else column, kind="stable"
    )
    ordered = ordered.assign(
        **{name: ordered[name].map({True: "true", False: "false"}) for name, kind in columns.items() if kind is bool}
    )
    return ordered.to_csv(sep="\t", index=False, na_rep="NA", float_format=f"%.{digits}g", lineterminator="\n")


def read_result_table(path: str | os.PathLike, columns: dict[str, type]) -> pd.DataFrame:
    """Read a table with at least `columns`; further columns stay, as text.

    Raises InputError when the file is missing, lacks a column or has a value of the wrong type, naming the line.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable table ({error}); delete it and run again") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{path}: line 1: column {missing[0]!r} is missing; expected {' '.join(columns)}")
    for name, kind in columns.items():
        if kind is bool:
            table[name] = table[name] == "true"
        elif kind is not str:
            table[name] = _numbers(path, name, table[name], kind)
    return table


def _numbers(path: str | os.PathLike, name: str, text: pd.Series, kind: type) -> pd.Series:
    numbers = pd.to_numeric(text.where(text != "NA"), errors="coerce")
    wrong = numbers.isna() & ~text.isin(["NA", "nan", "NaN"]) if kind is float else numbers.isna()
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2
        raise InputError(f"{path}: line {line}: {name} is {text[wrong].iloc[0]!r}, expected a number")
    return numbers.astype(kind)


def join(tables: Sequence[pd.DataFrame], columns: dict[str, type]) -> pd.DataFrame:
    """The rows of all tables; an empty table with the right columns when there are none."""
    filled = [table[list(columns)] for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame({name: [] for name in columns})
