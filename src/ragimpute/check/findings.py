"""Findings of the input check, and how they are worded."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

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


def first_five(names: Iterable[object]) -> str:
    """The first five of `names`, and how many there are when there are more."""
    listed = [str(name) for name in names]
    return ", ".join(listed[:5]) + (f", ... ({len(listed)})" if len(listed) > 5 else "")


def tally(reasons: pd.Series) -> str:
    """'12 symbolic, 3 duplicate': how often each reason occurs, most frequent first."""
    counts = reasons.value_counts()
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return ", ".join(f"{count} {reason}" for reason, count in ordered)
