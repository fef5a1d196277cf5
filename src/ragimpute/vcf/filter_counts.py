"""FILTER of a file's records: what fails, counted and said."""

import logging
import os
from collections import Counter

from ragimpute.vcf.source import filters_of

logger = logging.getLogger(__name__)

PASSING = frozenset(("PASS", "."))


def parse_filters(text: str | None) -> frozenset[str] | None:
    """The values of an option --apply-filters, such as 'PASS,.'; None: all."""
    return None if text is None else frozenset(text.split(","))


class FilterCounts:
    """How many records have each value of FILTER that is not PASS or '.'."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, record) -> None:
        """Count a record."""
        values = filters_of(record)
        if not PASSING.intersection(values):
            self.counts[";".join(values)] += 1

    def message(self) -> str:
        """What to say of such records that are used, or ''."""
        if not self.counts:
            return ""
        listed = ", ".join(f"{number} {value}" for value, number in self.counts.most_common(5))
        return (
            f"records that have not passed by their FILTER are used: {self.counts.total()} ({listed}); "
            "--apply-filters PASS,. leaves them out"
        )

    def warn(self, path: str | os.PathLike) -> None:
        """Say it of the file `path`."""
        message = self.message()
        if message:
            logger.warning("%s: %s", path, message, extra={"code": "filter"})
