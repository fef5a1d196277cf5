"""Genetic maps: physical positions to centimorgans, from the layouts in common use."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import equal_name
from ragimpute.panel.map_layouts import LAYOUTS, UNNAMED, read_lines
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.store import Sites, chromosome_bounds

logger = logging.getLogger(__name__)

BASES_PER_CM = 1e6  # 1 cM per Mb, the human average and Beagle's own assumption without a map


@dataclass(frozen=True)
class GeneticMap:
    """Map points of each chromosome; without any (`uniform`) every chromosome has 1 cM per Mb."""

    # chrom -> positions [P] float64, cM [P] float64, both increasing
    points: Mapping[str, tuple[np.ndarray, np.ndarray]]
    path: str = ""  # for messages; "" for the uniform map

    @classmethod
    def uniform(cls) -> "GeneticMap":
        """The map of 1 cM per Mb, for any chromosome."""
        logger.info("no genetic map given: assuming 1 cM per Mb")
        return cls({})

    @classmethod
    def from_option(cls, path: str | os.PathLike | None) -> "GeneticMap":
        """What `--map` means: the map in the file `path`, or the uniform one for None."""
        return cls.uniform() if path is None else cls.read(path)

    @classmethod
    def of_sites(cls, sites: Sites) -> "GeneticMap":
        """The map through the genetic positions that `sites` have; the uniform one where they have 1 cM per Mb."""
        return cls({}) if np.allclose(sites.cm, sites.pos / BASES_PER_CM) else cls.through(sites)

    @classmethod
    def through(cls, sites: Sites) -> "GeneticMap":
        """The map whose points are `sites`; 1 cM per Mb on a chromosome on which they all have the same cM."""
        points = {}
        for start, stop in chromosome_bounds(sites.chrom):
            pos, first = np.unique(sites.pos[start:stop], return_index=True)
            cm = sites.cm[start:stop][first]
            if cm[-1] <= cm[0]:
                cm = pos / BASES_PER_CM
            chrom = str(sites.chrom[start])
            points[chrom] = (pos.astype(float), cm)
        return cls(points, "the prepared panel")

    @classmethod
    def read(cls, path: str | os.PathLike) -> "GeneticMap":
        """Read a map (plain or gzip), recognising its layout from its first lines.

        Of points at one position the last one stands. Raises InputError with file and line for an unknown layout, a
        field that is not a number, and positions or cM that decrease within a chromosome.
        """
        layout, lines = read_lines(path)
        points: dict[str, tuple[list[float], list[float]]] = {}
        for number, fields in lines:
            where = f"{path}:{number}"
            chrom, pos, cm = layout.point(where, fields)
            positions, cms = points.setdefault(chrom, ([], []))
            if positions and pos < positions[-1]:
                raise InputError(
                    f"{where}: position {fields[layout.pos]} does not follow {positions[-1]:.0f}; sort the map"
                )
            if cms and cm < cms[-1]:
                raise InputError(f"{where}: cM falls from {cms[-1]} to {cm}; a genetic map never decreases")
            if positions and pos == positions[-1]:  # the last one stands
                cms[-1] = cm
                continue
            positions.append(pos)
            cms.append(cm)
        if not points:
            raise InputError(f"{path}: no map points; expected {LAYOUTS}")
        arrays = {}
        for chrom, (positions, cms) in points.items():
            arrays[chrom] = (np.array(positions), np.array(cms))
        return cls(arrays, os.fspath(path))

    @property
    def is_uniform(self) -> bool:
        """Whether this is the 1 cM per Mb stand-in rather than a map from a file."""
        return not self.points

    def centimorgans(self, chrom: str, pos: np.ndarray) -> np.ndarray:
        """Genetic positions [P] float64 of base positions [P]: linear between map points.

        Beyond the ends the map goes on at its mean rate. Raises InputError when the map lacks the chromosome.
        """
        pos = np.asarray(pos, dtype=np.float64)
        if self.is_uniform:
            return pos / BASES_PER_CM
        bases, cms = self.points_of(chrom)
        first, last = bases[[0, -1]]
        mean_rate = (cms[-1] - cms[0]) / (last - first)
        inside = np.interp(pos, bases, cms)
        before = np.minimum(pos - first, 0)
        beyond = np.maximum(pos - last, 0)
        return inside + mean_rate * (before + beyond)

    def of_stretch(self, chrom: str) -> "GeneticMap":
        """The map for a stretch of X, Y or MT called `chrom`.

        A map of one chromosome, called X_par1, PAR1 or alike, is that of `chrom`. Y and MT get 1 cM per Mb where the
        map lacks them.
        """
        if self.is_uniform or chrom in self.points:
            return self
        if kind_of(chrom) is not None:
            long_enough = [name for name, (positions, _) in self.points.items() if len(positions) > 1]
            other_name = equal_name(chrom, long_enough)
            if other_name is not None:
                return replace(self, points={chrom: self.points[other_name]})
        [only, *others] = self.points
        if not others and "par" in only.lower():
            points = {chrom: self.points[only]}
            return replace(self, points=points)
        needs_no_map = kind_of(chrom) in ("Y", "MT")
        return GeneticMap({}) if needs_no_map else self

    def locate(self, sites: Sites) -> Sites:
        """The `sites` with the genetic positions of this map."""
        cm = np.empty(len(sites))
        chroms = sites.chromosomes()
        if UNNAMED in self.points and len(chroms) > 1:
            raise InputError(
                f"{self.path}: the map names no chromosome, and the panel has several; give a map of each, "
                "with {chrom} in the names of map and panel"
            )
        for chrom in chroms:
            here = sites.chrom == chrom
            positions = sites.pos[here]
            cm[here] = self.centimorgans(chrom, positions)
        return replace(sites, cm=cm)

    def write_plink(self, path: str | os.PathLike, chroms: list[str]) -> None:
        """Write the points of `chroms` in PLINK layout, the one that Beagle reads. Not for the uniform map."""
        frames = []
        for chrom in chroms:
            bases, cms = self.points_of(chrom)
            positions = bases.astype(np.int64)  # they may be fractions: Beagle refuses a position that repeats
            columns = {"chrom": chrom, "id": ".", "cm": cms, "pos": positions}
            frames.append(pd.DataFrame(columns))
        table = pd.concat(frames).drop_duplicates(["chrom", "pos"])
        with artefacts.atomic_path(path) as temporary:
            table.to_csv(temporary, sep=" ", header=False, index=False)

    def write_minimac(self, path: str | os.PathLike, chroms: list[str]) -> None:
        """Write the points of `chroms` as 'chrom pos cM' with a header line, the layout of Minimac4."""
        frames = []
        for chrom in chroms:
            bases, cms = self.points_of(chrom)
            positions = bases.astype(np.int64)
            columns = {"#chrom": chrom, "pos": positions, "cm": cms}
            frames.append(pd.DataFrame(columns))
        table = pd.concat(frames)
        with artefacts.atomic_path(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False)

    def points_of(self, chrom: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions and cM of a chromosome, which the map may call otherwise. Raises InputError when it lacks it."""
        name = UNNAMED if UNNAMED in self.points else equal_name(chrom, self.points)
        if name is None:
            listed = ", ".join(list(self.points)[:5])
            raise InputError(f"{self.path}: no map for chromosome {chrom!r}; it has {listed}")
        bases, cms = self.points[name]
        if len(bases) < 2:
            raise InputError(f"{self.path}: chromosome {chrom} has one map point only; at least two are needed")
        first = cms[0]
        last = cms[-1]
        if first == last:
            raise InputError(f"{self.path}: chromosome {chrom} has {first:g} cM throughout; is that the column of cM?")
        return bases, cms
