"""The summary table on a terminal: rich where there is one, aligned plain text in a log."""

import sys

import pandas as pd
from rich.console import Console
from rich.table import Table

_SHOWN = ("r2_overall", "r2_rare", "r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common")
SELECTED_NOTE = "* selected on validation people of the panel"
SMALL_NOTE = "bert_rag at size small checks the machinery; it does not rank architectures"


def print_summary(table: pd.DataFrame) -> None:
    """Print the main columns of a summary table to standard output, one table per panel and mask."""
    for (panel, mask), group in table.groupby(["panel", "mask"], sort=True):
        title = f"panel {panel}, mask {mask}"
        rows = [_cells(row) for _, row in group.sort_values("r2_rare", ascending=False, kind="stable").iterrows()]
        header = ["method", "seeds", *(name.replace("_", " ") for name in _SHOWN)]
        if sys.stdout.isatty():
            _print_rich(title, header, rows)
        else:
            _print_plain(title, header, rows)
    if table["selected"].any():
        print(SELECTED_NOTE)
    if "bert_rag" in set(table["architecture"]):
        print(SMALL_NOTE)


def _cells(row: pd.Series) -> list[str]:
    mark = " *" if row["selected"] else ""
    return [row["method"] + mark, str(row["n_seeds"]), *(_number(row[name]) for name in _SHOWN)]


def _number(value: float) -> str:
    return "NA" if pd.isna(value) else f"{value:.4f}"


def _print_rich(title: str, header: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title)
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left")
    for cells in rows:
        table.add_row(*cells, style="bold" if cells[0].endswith("*") else None)
    Console().print(table)


def _print_plain(title: str, header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    print(title)
    for line in [header, *rows]:
        cells = [line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())
