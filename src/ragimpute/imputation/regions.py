"""The regions that a run is limited to: one, several or none, which means all that the files cover."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoUsableSite
from ragimpute.panel.chromosome_names import named_twice
from ragimpute.panel.store import Sites
from ragimpute.vcf.source import Region

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Regions:
    """Any number of regions, which may overlap; without one, everything."""

    parts: tuple[Region, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Regions":
        """Regions of texts 'CHROM' or 'CHROM:START-END'.

        Raises InputError for another text, and for two names of one chromosome: the reference has one of them.
        """
        parts = [Region.parse(text) for text in texts]
        twice = named_twice([part.chrom for part in parts])
        if twice is not None:
            raise InputError(
                f"--region: {twice[0]} and {twice[1]} are one chromosome; call it in all regions as the reference does"
            )
        return cls(tuple(dict.fromkeys(parts)))

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def chromosomes(self) -> list[str]:
        """The chromosomes of the regions, each once, in the order given."""
        return list(dict.fromkeys(part.chrom for part in self.parts))

    def on(self, chrom: str) -> "Regions":
        """Those on a chromosome."""
        return Regions(tuple(part for part in self.parts if part.chrom == chrom))

    def touch(self, stretch: Region) -> bool:
        """Whether there is no region, or one that overlaps a stretch of its chromosome."""
        return not self.parts or any(part.start <= stretch.end and part.end >= stretch.start for part in self.parts)

    def slices(self, sites: Sites, path: Path, dropped: pd.DataFrame | None = None) -> list[slice]:
        """The runs of `sites`, read from `path`, that lie in the regions.

        Raises NoUsableSite if none does; `dropped` are the other records of the file.
        """
        if not self.parts:
            return [slice(0, len(sites))]
        is_inside = np.zeros(len(sites), dtype=bool)
        chroms = sites.extents()
        for part in self.parts:
            in_part = part.holds(sites.chrom, sites.pos)
            if not in_part.any() and len(self.parts) > 1 and part.chrom in chroms:
                logger.warning("%s: no site in region %s", path, part)
            is_inside |= in_part
        if not is_inside.any():
            listed = ", ".join(str(part) for part in self.parts)
            raise NoUsableSite(f"{path}: no site in region {listed}", dropped)
        steps = np.diff(is_inside.astype(np.int8), prepend=0, append=0)
        starts = np.flatnonzero(steps == 1).tolist()
        stops = np.flatnonzero(steps == -1).tolist()
        return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]

    def within(self, records: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table of records, with columns chrom and pos unless it is empty, that lie in the regions."""
        if records.empty or not self.parts:
            return records
        is_inside = np.zeros(len(records), dtype=bool)
        for part in self.parts:
            is_inside |= np.asarray(part.holds(records["chrom"], records["pos"]))
        return records[is_inside]
