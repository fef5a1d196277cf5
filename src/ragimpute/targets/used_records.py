"""Which records of a targets' file are used, and at which of the panel's sites: every other record is listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ragimpute.panel.dropped_records import DROPPED_COLUMNS

Row = tuple[str, int, str, str, str]  # chrom, pos, id, ref, alt


def _no_numbers() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class UsedRecords:
    """The records that are used, each at one site or several: P pairs of a record and a site."""

    rows: Mapping[int, Row] = field(default_factory=dict)  # number of the record in its file -> what it is
    record: np.ndarray = field(default_factory=_no_numbers)  # [P] int64, numbers of records
    site: np.ndarray = field(default_factory=_no_numbers)  # [P] int64, panel indices

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def table(self) -> pd.DataFrame:
        """The records in the order of the file: DROPPED_COLUMNS without the reason."""
        in_file_order = [self.rows[number] for number in sorted(self.rows)]
        return pd.DataFrame(in_file_order, columns=DROPPED_COLUMNS[:-1])

    def without_sites(self, sites: np.ndarray) -> tuple["UsedRecords", "UsedRecords"]:
        """What is used when the genotypes at `sites`, panel indices, are not, and what is not used any more."""
        is_lost = np.isin(self.site, sites)
        record, site = self.record[~is_lost], self.site[~is_lost]
        still_used = set(record.tolist())
        kept = {number: row for number, row in self.rows.items() if number in still_used}
        lost = {number: row for number, row in self.rows.items() if number not in still_used}
        return UsedRecords(kept, record, site), UsedRecords(lost)

    def at_places(self, place: np.ndarray) -> "UsedRecords":
        """The same where the panel's site i is now called `place[i]`."""
        return UsedRecords(self.rows, self.record, place[self.site])
