"""The accounting of a run: every record of both files is used, or listed with a reason."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ragimpute.panel.chromosome_names import plain_name
from ragimpute.tables import counts_by_reason
from ragimpute.vcf.indexed import records_by_chromosome

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListedRecords:
    """What the tables beside an output list."""

    dropped: pd.DataFrame  # `stretch_run.LISTED`
    n_recoded: int
    n_unchanged: int  # records of the targets that were written as they are, by --keep-unmatched


def accounts(
    stretches: Sequence[Mapping[str, Any]], listed: Sequence[ListedRecords], elsewhere: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """The records of a run by file, `reference` and `targets`: records = used + all that are listed.

    `records`, `used`, and `listed`, reason -> number. Of targets also `elsewhere`, chromosome -> number: records on
    chromosomes that the reference has none of, which are counted and neither used nor listed. `stretches`: what was
    found of them; with regions, records within them alone are counted.
    """
    n_unchanged = sum(one.n_unchanged for one in listed)
    found: dict[str, dict[str, Any]] = {}
    for file in ("reference", "targets"):
        rows = pd.concat([one.dropped[one.dropped["file"] == file] for one in listed])
        by_reason = counts_by_reason(rows)
        used = sum(stretch["used"][file] for stretch in stretches)
        if file == "targets":
            used += n_unchanged
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
