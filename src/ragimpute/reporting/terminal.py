"""Tables for a terminal, with lines and colour, or for a log, as aligned plain text. `python -m` prints a summary."""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

_SHOWN = ("r2_overall", "r2_rare", "r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common")
_SCORES = ("r2_variant", "f1", "concordance")
SELECTED_NOTE = "* selected on validation samples of the panel"
SMALL_NOTE = "bert_rag at size small is made for two cores; it does not rank architectures"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], bold: Collection[int] = ()) -> None:
    """Print a table to standard output; the rows at `bold` stand out. A header of empty names is not shown."""
    if not sys.stdout.isatty():
        lines = [header, *rows] if any(header) else rows
        _print_plain(title, lines)
        return
    # file names and sample names may hold brackets, which are no markup
    table = Table(title=title, title_justify="left", show_header=any(header))
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left")
    for i, cells in enumerate(rows):
        table.add_row(*cells, style="bold" if i in bold else None)
    Console(markup=False, highlight=False).print(table)


def print_facts(title: str, facts: dict[str, str]) -> None:
    """Print names and what they stand for."""
    rows = list(facts.items())
    print_table(title, ("", ""), rows)


def print_summary(table: pd.DataFrame) -> None:
    """Print the main columns of a summary table to standard output, one table per panel and mask."""
    for (panel, mask), group in table.groupby(["panel", "mask"], sort=True):
        ordered = group.sort_values("r2_rare", ascending=False, kind="stable")
        header = ["method", "seeds", *(name.replace("_", " ") for name in _SHOWN)]
        rows = [_cells(row) for _, row in ordered.iterrows()]
        selected = np.flatnonzero(ordered["selected"])
        print_table(f"panel {panel}, mask {mask}", header, rows, selected)
    if table["selected"].any():
        print(SELECTED_NOTE)
    if "bert_rag" in set(table["architecture"]):
        print(SMALL_NOTE)


def print_scores(title: str, table: pd.DataFrame) -> None:
    """Print the main metrics of one file in a table of `ragimpute.score`, a line for each stratum that has sites."""
    others = [name.replace("_", " ") for name in _SCORES]
    header = ["stratum", "sites", "r2", "95 % interval", *others]
    _print_strata(title, header, table, _SCORES)


def print_differences(title: str, table: pd.DataFrame) -> None:
    """Print the rows of `ragimpute.score` that are differences of two files, likewise."""
    header = ["stratum", "sites", "r2 difference", "95 % interval", "f1 difference"]
    _print_strata(title, header, table, ("f1",), signed=True)


def _print_strata(
    title: str, header: Sequence[str], table: pd.DataFrame, others: Sequence[str], signed: bool = False
) -> None:
    """Print r2 with its interval, and `others`, in each stratum that has sites."""
    values = table.set_index(["stratum", "metric"])
    rows = []
    for stratum in dict.fromkeys(table["stratum"]):
        if (stratum, "r2") not in values.index or not values.loc[(stratum, "r2"), "n_sites"]:
            continue
        r2 = values.loc[(stratum, "r2")]
        interval = f"{_number(r2['ci_low'], signed)} {_number(r2['ci_high'], signed)}"
        cells = [_number(values.loc[(stratum, metric), "value"], signed) for metric in others]
        rows.append([stratum, f"{int(r2['n_sites']):,}", _number(r2["value"], signed), interval, *cells])
    print_table(title, header, rows)


def _cells(row: pd.Series) -> list[str]:
    mark = " *" if row["selected"] else ""
    name = row["method"] + mark
    n_seeds = str(row["n_seeds"])
    values = [_number(row[column]) for column in _SHOWN]
    return [name, n_seeds, *values]


def _number(value: float, signed: bool = False) -> str:
    if pd.isna(value):
        return "NA"
    return f"{value:+.4f}" if signed else f"{value:.4f}"


def _print_plain(title: str, lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(title)
    for line in lines:
        (name, name_width), *others = zip(line, widths, strict=True)
        cells = [name.ljust(name_width)]
        cells += [value.rjust(width) for value, width in others]
        text = "  ".join(cells)
        print(text.rstrip())


if __name__ == "__main__":
    from ragimpute import tables
    from ragimpute.evaluation import result_tables

    path = Path(sys.argv[1])
    summary = tables.read_table(path, result_tables.SUMMARY_COLUMNS)
    print_summary(summary)
