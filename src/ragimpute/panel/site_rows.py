"""The kept records of a panel while it is read."""

import sys
from array import array

import numpy as np

from ragimpute.panel.store import Sites
from ragimpute.panel.text_column import TextBuilder


class SiteRows:
    """The kept records, of which there may be millions, in columns."""

    def __init__(self) -> None:
        self._chrom: list[str] = []
        self._pos = array("q")
        self._texts = [TextBuilder() for _ in range(3)]  # id, ref, alt

    def __len__(self) -> int:
        return len(self._pos)

    def add(self, row: tuple[str, int, str, str, str]) -> None:
        """Keep a site: chrom, pos, id, ref, alt."""
        chrom, pos, *texts = row
        self._chrom.append(sys.intern(chrom))
        self._pos.append(pos)
        for builder, text in zip(self._texts, texts, strict=True):
            builder.add(text)

    def sites(self) -> Sites:
        """The sites, at 0 cM."""
        ids, ref, alt = (builder.column() for builder in self._texts)
        pos = np.array(self._pos, dtype=np.int64)
        return Sites(np.array(self._chrom), pos, ids, ref, alt, np.zeros(len(pos)))
