"""The accounting of a run: every record of both files is used, or listed with a reason."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.imputation.pieces import Pieces
from ragimpute.imputation.stretch_run import LISTED
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.panel.dropped_records import DROPPED_COLUMNS
from ragimpute.tables import counts_by_reason, join_tables, read_table
from ragimpute.targets.alleles import NOT_IN_REFERENCE
from ragimpute.vcf.indexed import records_by_chromosome

logger = logging.getLogger(__name__)

USED = dict.fromkeys(DROPPED_COLUMNS[:-1], str)  # columns of a table of used records


@dataclass(frozen=True)
class ListedRecords:
    """What the tables beside an output list, and how many of the targets' records are used."""

    dropped: pd.DataFrame  # `stretch_run.LISTED`
    n_recoded: int
    n_used: int  # records of the targets, with those that --keep-unmatched has written as they are


def settle_parts(
    pieces: Pieces, parts: Sequence[tuple[Path, Mapping[str, Mapping[str, Any]]]]
) -> tuple[pd.DataFrame, int]:
    """The dropped records of an output, LISTED, and how many records of the targets are used.

    `parts`: what was found of the stretches of each chromosome, and the targets that they were read from. Where two
    references have parts of one chromosome, all its target records are read with each of them: used once is used.
    """
    n_used = sum(found["used"]["targets"] for _, stretches in parts for found in stretches.values())
    dropped = {name: read_table(pieces.path(f"{name}.dropped.tsv"), LISTED) for _, part in parts for name in part}
    for targets in dict.fromkeys(path for path, _ in parts):
        of_file = [stretches for path, stretches in parts if path == targets]
        chroms = [{chrom for found in part.values() for chrom in found["target_chroms"]} for part in of_file]
        counts = Counter(chain.from_iterable(chroms))
        shared = {chrom for chrom, number in counts.items() if number > 1}
        if not shared:
            continue
        names = [name for part in of_file for name in part]
        used = [_rows_on(shared, read_table(pieces.path(f"{name}.used.tsv"), USED)) for name in names]
        listed = [_rows_on(shared, dropped[name]) for name in names]
        settled, n_twice = _used_once(used, listed)
        n_used -= n_twice
        for name in names:
            rows = dropped[name]
            is_settled = (rows["file"] == "targets") & rows["chrom"].isin(shared)
            dropped[name] = rows[~is_settled]
        dropped[f"{names[0]}, settled"] = settled
    return join_tables(list(dropped.values()), LISTED), n_used


def _rows_on(chroms: Collection[str], table: pd.DataFrame) -> pd.DataFrame:
    """The targets' rows of a table on some chromosomes."""
    is_there = table["chrom"].isin(chroms)
    return table[is_there & (table["file"] == "targets")] if "file" in table else table[is_there]


def _used_once(used: Sequence[pd.DataFrame], listed: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """The rows that stay listed of records that were read several times, and how many are used more than once.

    `used`, `listed`: what each reading has used and listed. A reason that is not NOT_IN_REFERENCE tells more.
    """
    of_used = [Counter(_keys(table)) for table in used]
    of_all = [counts + Counter(_keys(table)) for counts, table in zip(of_used, listed, strict=True)]
    is_used: Counter[tuple] = Counter()
    every: Counter[tuple] = Counter()
    for counts, of_reading in zip(of_used, of_all, strict=True):
        is_used |= counts
        every |= of_reading
    n_twice = sum(map(Counter.total, of_used)) - is_used.total()
    rest = every - is_used
    rows = pd.concat(listed, ignore_index=True)
    rows = rows.sort_values("reason", key=lambda reasons: reasons == NOT_IN_REFERENCE, kind="stable")
    stays = []
    for key in _keys(rows):
        stays.append(rest[key] > 0)
        rest[key] -= 1
    return rows[np.array(stays, dtype=bool)].sort_index(), n_twice


def _keys(table: pd.DataFrame) -> list[tuple]:
    """What tells records from each other."""
    columns = [table[name].astype(str) for name in ("chrom", "pos", "id", "ref", "alt")]
    return list(zip(*columns, strict=True))


def accounts(
    stretches: Sequence[Mapping[str, Any]], listed: Sequence[ListedRecords], elsewhere: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """The records of a run by file, `reference` and `targets`: records = used + all that are listed.

    `records`, `used`, and `listed`, reason -> number. Of targets also `elsewhere`, chromosome -> number: records on
    chromosomes that the reference has none of, which are counted and neither used nor listed. `stretches`: what was
    found of them; with regions, records within them alone are counted.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in ("reference", "targets"):
        rows = pd.concat([one.dropped[one.dropped["file"] == file] for one in listed])
        by_reason = counts_by_reason(rows)
        used = sum(stretch["used"]["reference"] for stretch in stretches)
        if file == "targets":
            used = sum(one.n_used for one in listed)
        found[file] = {"records": used + len(rows), "used": used, "listed": by_reason}
    found["targets"]["elsewhere"] = dict(elsewhere)
    return found


def records_elsewhere(read: Mapping[Path, Collection[str]]) -> dict[str, int]:
    """The records of files of targets on other chromosomes than were `read`, file -> chromosomes: their numbers."""
    found: Counter[str] = Counter()
    for targets, chroms in read.items():
        known = {plain_name(chrom) for chrom in chroms}
        counts = records_by_chromosome(targets)
        found.update({chrom: number for chrom, number in counts.items() if plain_name(chrom) not in known})
    if found:
        listed = ", ".join(f"{chrom} ({number})" for chrom, number in found.items())
        logger.info("records of the targets on chromosomes that the reference has no records of: %s", listed)
    return dict(found)
