"""Tables: TSV files with a header line. All of the package's are read and written here."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError

Columns = Mapping[str, type]  # of each column: str, int, float or bool


def write_table(table: pd.DataFrame, path: str | os.PathLike, digits: int = 6) -> None:
    """Write `table_text` of `table` as it is ordered; same content, same bytes."""
    with atomic_path(path) as temporary:
        text = table_text(table, digits)
        temporary.write_text(text, encoding="utf-8")


def table_text(table: pd.DataFrame, digits: int = 6) -> str:
    """TSV of `table`: floats with so many significant `digits`, true and false, NA for what is undefined."""
    words = {name: table[name].map({True: "true", False: "false"}) for name in table if table[name].dtype == bool}
    return table.assign(**words).to_csv(
        sep="\t", index=False, na_rep="NA", float_format=f"%.{digits}g", lineterminator="\n"
    )


def read_table(path: str | os.PathLike, columns: Columns) -> pd.DataFrame:
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
        text = table[name]
        if kind is bool:
            table[name] = text == "true"
        elif kind is not str:
            table[name] = _numbers(path, name, text, kind)
    return table


def join_tables(tables: Sequence[pd.DataFrame], columns: Columns) -> pd.DataFrame:
    """The rows of all tables; an empty table with the right columns when there are none."""
    filled = [table[list(columns)] for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame({name: [] for name in columns})


def counts_by_reason(listed: pd.DataFrame) -> dict[str, int]:
    """How many records of a table of records have each reason, whatever follows its colon; most frequent first."""
    kinds = listed["reason"].map(lambda reason: str(reason).partition(": ")[0])
    counts = kinds.value_counts()
    return {str(reason): int(count) for reason, count in counts.items()}


def tally(listed: pd.DataFrame) -> str:
    """The same as text: '3 symbolic, 1 duplicate'."""
    counts = counts_by_reason(listed)
    return ", ".join(f"{n} {reason}" for reason, n in counts.items())


def _numbers(path: str | os.PathLike, name: str, text: pd.Series, kind: type) -> pd.Series:
    is_known = text != "NA"
    known = text.where(is_known)
    numbers = pd.to_numeric(known, errors="coerce")
    wrong = numbers.isna() & ~text.isin(["NA", "nan", "NaN"]) if kind is float else numbers.isna()
    if wrong.any():
        row = wrong.to_numpy().argmax()
        line = int(row) + 2
        raise InputError(f"{path}: line {line}: {name} is {text[wrong].iloc[0]!r}, expected a number")
    return numbers.astype(kind)
