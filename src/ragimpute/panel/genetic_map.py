"""Genetic maps: physical positions to centimorgans, from the three layouts in common use."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.store import Sites, chromosome_bounds

logger = logging.getLogger(__name__)

BASES_PER_CM = 1e6  # 1 cM per Mb, the human average and Beagle's own assumption without a map
LAYOUTS = "PLINK 'chrom id cM position', SHAPEIT 'pos chr cM' or HapMap 'Chromosome Position(bp) Rate(cM/Mb) Map(cM)'"


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
        """Read a map (plain or gzip), recognising its layout from its first line.

        Raises InputError with file and line for an unknown layout, a field that is not a number, and positions or cM
        that decrease within a chromosome.
        """
        lines = _lines(path)
        layout = _layout(path, lines)
        points: dict[str, tuple[list[float], list[float]]] = {}
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if not fields or number <= layout.header_lines:
                continue
            where = f"{path}:{number}"
            chrom, pos, cm = _point(where, fields, layout)
            positions, cms = points.setdefault(chrom, ([], []))
            if positions and pos <= positions[-1]:
                raise InputError(
                    f"{where}: position {fields[layout.pos]} does not follow {positions[-1]:.0f}; sort the map by "
                    "position and remove repeated positions"
                )
            if cms and cm < cms[-1]:
                raise InputError(f"{where}: cM falls from {cms[-1]} to {cm}; a genetic map never decreases")
            positions.append(pos)
            cms.append(cm)
        if not points:
            raise InputError(f"{path}: no map points; expected {LAYOUTS}")
        arrays = {}
        for chrom, (positions, cms) in points.items():
            if len(positions) < 2:
                raise InputError(f"{path}: chromosome {chrom} has one map point only; at least two are needed")
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
        bases, cms = self._chromosome(chrom)
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
        [only, *others] = self.points
        if not others and "par" in only.lower():
            points = {chrom: self.points[only]}
            return replace(self, points=points)
        needs_no_map = kind_of(chrom) in ("Y", "MT")
        return GeneticMap({}) if needs_no_map else self

    def locate(self, sites: Sites) -> Sites:
        """The `sites` with the genetic positions of this map."""
        cm = np.empty(len(sites))
        for chrom in sites.chromosomes():
            here = sites.chrom == chrom
            positions = sites.pos[here]
            cm[here] = self.centimorgans(chrom, positions)
        return replace(sites, cm=cm)

    def write_plink(self, path: str | os.PathLike, chroms: list[str]) -> None:
        """Write the points of `chroms` in PLINK layout, the one that Beagle reads. Not for the uniform map."""
        frames = []
        for chrom in chroms:
            bases, cms = self._chromosome(chrom)
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
            bases, cms = self._chromosome(chrom)
            positions = bases.astype(np.int64)
            columns = {"#chrom": chrom, "pos": positions, "cm": cms}
            frames.append(pd.DataFrame(columns))
        table = pd.concat(frames)
        with artefacts.atomic_path(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False)

    def _chromosome(self, chrom: str) -> tuple[np.ndarray, np.ndarray]:
        if chrom in self.points:
            bases, cms = self.points[chrom]
            first = cms[0]
            last = cms[-1]
            if first == last:
                raise InputError(
                    f"{self.path}: chromosome {chrom} has {first:g} cM throughout; is that the column of cM?"
                )
            return bases, cms
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        names = list(self.points)
        listed = ", ".join(names[:5])
        if other in names:
            fix = f"it has {other!r}: name the chromosomes alike (with or without 'chr') in the map and the VCF"
        else:
            fix = f"it has {listed}"
        raise InputError(f"{self.path}: no map for chromosome {chrom!r}; {fix}")


def _lines(path: str | os.PathLike) -> list[str]:
    import gzip

    try:
        with open(path, "rb") as handle:
            content = handle.read()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode().splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable genetic map ({error})") from None


@dataclass(frozen=True)
class _Layout:
    """Where a line of a map has what."""

    chrom: int  # column, from 0
    pos: int
    cm: int
    width: int  # number of columns
    header_lines: int  # lines before the first map point


def _layout(path: str | os.PathLike, lines: list[str]) -> _Layout:
    """The layout of a map, by its first line that is not blank."""
    number, first = 1, ""
    for n, line in enumerate(lines, start=1):
        if line.strip():
            number, first = n, line
            break
    names = [field.lower().lstrip("#") for field in first.split()]
    if names[:3] == ["pos", "chr", "cm"]:
        return _Layout(chrom=1, pos=0, cm=2, width=3, header_lines=number)
    if len(names) == 4 and names[0] in ("chromosome", "chr", "chrom") and names[1].startswith("position"):
        return _Layout(chrom=0, pos=1, cm=3, width=4, header_lines=number)
    if len(names) == 4 and _is_number(names[2]) and _is_number(names[3]):
        return _Layout(chrom=0, pos=3, cm=2, width=4, header_lines=0)
    start = first.strip()[:80]
    raise InputError(f"{path}:{number}: unknown genetic map layout {start!r}; expected {LAYOUTS}")


def _point(where: str, fields: list[str], layout: _Layout) -> tuple[str, float, float]:
    """Chromosome, position and cM of the `fields` of a line; `where` names it in errors."""
    n_columns = len(fields)
    if n_columns < layout.width:
        raise InputError(f"{where}: {n_columns} columns where {layout.width} are expected")
    try:
        pos = float(fields[layout.pos])
        cm = float(fields[layout.cm])
    except ValueError:
        line = " ".join(fields)[:80]
        raise InputError(f"{where}: position or cM is not a number: {line!r}") from None
    if not (np.isfinite(pos) and np.isfinite(cm)):
        raise InputError(f"{where}: position or cM is not finite")
    return fields[layout.chrom], pos, cm


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False
