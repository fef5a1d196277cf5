"""Findings of the input check, and how they are worded."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from ragimpute.tables import write_table

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")
COLUMNS = ["level", "file", "code", "message"]


@dataclass(frozen=True)
class Finding:
    """One line of the check. The message does not name the file."""

    level: Level
    file: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.file}: {self.message}"


def write_findings(findings: Sequence[Finding], path: str | os.PathLike) -> None:
    """Write the findings as TSV (COLUMNS), files by their names alone: the same table wherever the files lie."""
    rows = []
    for finding in findings:
        file_name = Path(finding.file).name
        row = (finding.level, file_name, finding.code, finding.message)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_table(table, path)


def first_five(names: Iterable[object]) -> str:
    """The first five of `names`, and how many there are when there are more."""
    every_name = [str(name) for name in names]
    listed = ", ".join(every_name[:5])
    number = len(every_name)
    return f"{listed}, ... ({number})" if number > 5 else listed


def tally(reasons: pd.Series) -> str:
    """'12 symbolic, 3 duplicate': how often each reason occurs, most frequent first."""
    counts = reasons.value_counts()
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return ", ".join(f"{count} {reason}" for reason, count in ordered)
