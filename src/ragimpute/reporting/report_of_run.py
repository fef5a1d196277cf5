"""What the report says about the run as a whole: inputs, times and memory, provenance."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.check import findings as check_findings
from ragimpute.errors import InputError
from ragimpute.study.provenance import programs, versions


def drop_counts(path: Path) -> list[tuple[str, int]]:
    """Reasons and how many records each dropped, most frequent first."""
    counts = _read(path, ["reason"])["reason"].value_counts()
    return sorted(((str(reason), int(count)) for reason, count in counts.items()), key=lambda pair: (-pair[1], pair[0]))


def findings(path: Path) -> list[dict]:
    """The rows of an input check: level, file, code, message."""
    return _read(path, check_findings.COLUMNS).to_dict("records")


def _read(path: Path, columns) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{path}: line 1: column {missing[0]!r} is missing")
    return table


def benchmark_rows(folder: Path) -> list[tuple[str, int, str, str]]:
    """(rule, jobs, total seconds, largest memory in MB) from Snakemake's benchmark files below `folder`, longest first.

    The first folder or file name below `folder` is the rule; files that are not benchmarks are passed over.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted([*folder.rglob("*.tsv"), *folder.rglob("*.txt")]):
        table = pd.read_csv(path, sep="\t")
        if not {"s", "max_rss"} <= set(table.columns):
            continue
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv").removesuffix(".txt")
        memory = pd.to_numeric(table["max_rss"], errors="coerce").max()
        found.setdefault(rule, []).append((float(pd.to_numeric(table["s"], errors="coerce").sum()), float(memory)))
    rows = [
        (rule, len(jobs), sum(s for s, _ in jobs), np.nanmax([0.0, *(m for _, m in jobs)]))
        for rule, jobs in found.items()
    ]
    return [(rule, n, f"{s:.1f}", f"{m:.0f}") for rule, n, s, m in sorted(rows, key=lambda row: (-row[2], row[0]))]


def provenance_rows(path: Path | None) -> dict:
    """The record of the run; without one, the versions that the report itself is written with."""
    return json.loads(path.read_text(encoding="utf-8")) if path else {"versions": versions(), "programs": programs()}
