"""What the report says about the run as a whole: inputs, times and memory, provenance."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute import tables
from ragimpute.check import findings as check_findings
from ragimpute.study.provenance import programs, versions

Named = Sequence[tuple[str, Path]]  # names with a file each; the chromosomes of a genome share a name


def drop_counts_by_name(named: Named) -> list[tuple[str, list[tuple[str, int]]]]:
    """For each name the reasons and how many records each dropped in all of its tables, most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for name, path in named:
        reasons = tables.read_table(path, {"reason": str})["reason"]
        counts.setdefault(name, Counter()).update(reasons.tolist())
    found = []
    for name, of_name in counts.items():
        by_number = sorted(of_name.items(), key=lambda pair: (-pair[1], pair[0]))
        found.append((name, by_number))
    return found


def findings_by_name(named: Named) -> list[tuple[str, list[dict]]]:
    """For each name the rows of all of its input checks, errors first: level, file, code, message."""
    rows: dict[str, list[dict]] = {}
    for name, path in named:
        table = tables.read_table(path, dict.fromkeys(check_findings.COLUMNS, str))
        rows.setdefault(name, []).extend(table.to_dict("records"))
    levels = check_findings.LEVELS
    return [(name, sorted(of_name, key=lambda row: levels.index(row["level"]))) for name, of_name in rows.items()]


def benchmark_rows(folder: Path) -> list[tuple[str, int, str, str]]:
    """(rule, jobs, total seconds, largest memory in MB) from Snakemake's benchmark files below `folder`, longest first.

    The first folder or file name below `folder` is the rule; files that are not benchmarks are passed over.
    """
    seconds: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}
    for path in sorted([*folder.rglob("*.tsv"), *folder.rglob("*.txt")]):
        table = pd.read_csv(path, sep="\t")
        if not {"s", "max_rss"} <= set(table.columns):
            continue
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv").removesuffix(".txt")
        seconds.setdefault(rule, []).append(_as_numbers(table["s"]).sum())
        memory.setdefault(rule, []).append(_as_numbers(table["max_rss"]).max())
    totals = {rule: sum(of_jobs) for rule, of_jobs in seconds.items()}
    rows = []
    for rule in sorted(totals, key=lambda rule: (-totals[rule], rule)):
        largest = np.nanmax([0.0, *memory[rule]])
        rows.append((rule, len(seconds[rule]), f"{totals[rule]:.1f}", f"{largest:.0f}"))
    return rows


def _as_numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce").astype(float)


def provenance_rows(path: Path | None) -> dict:
    """The record of the run; without one, the versions that the report itself is written with."""
    return json.loads(path.read_text(encoding="utf-8")) if path else {"versions": versions(), "programs": programs()}
