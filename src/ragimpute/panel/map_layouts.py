"""The layouts of genetic maps: which column holds what, by a header line or, without one, by the values."""

import gzip
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import plain_name

LAYOUTS = (
    "PLINK 'chrom id cM position', SHAPEIT 'pos chr cM', HapMap 'Chromosome Position(bp) Rate(cM/Mb) Map(cM)', "
    "IMPUTE2 'position COMBINED_rate(cM/Mb) Genetic_Map(cM)', deCODE 'Chr Begin End cMperMb cM' or 'chrom pos cM'"
)
UNNAMED = ""  # the chromosome of a map without a column of chromosomes
CHROM = re.compile(r"chr|chrom|chromosome")
POSITION = re.compile(r"(physical_?)?pos(ition)?_?(\(?bp\)?)?|bp|end|base_?pair")  # of deCODE's, cM is that of End
CM = re.compile(r"cm|(combined_)?(genetic_?)?(map|position|pos)_?\(?cm\)?|genetic_?map|gen_?map|gen_?pos")
FEWEST_BASES = 100  # larger than the number of a chromosome
FEW = 3  # lines that are looked at where there is no header line


@dataclass(frozen=True)
class Layout:
    """Where a line of a map has what."""

    chrom: int | None  # column, from 0; None: the map does not say
    pos: int
    cm: int
    width: int  # number of columns

    def point(self, where: str, fields: Sequence[str]) -> tuple[str, float, float]:
        """Chromosome, position and cM of the `fields` of a line; `where` names it in errors."""
        n_columns = len(fields)
        if n_columns < self.width:
            raise InputError(f"{where}: {n_columns} columns where {self.width} are expected")
        try:
            pos = float(fields[self.pos])
            cm = float(fields[self.cm])
        except ValueError:
            line = " ".join(fields)[:80]
            raise InputError(f"{where}: position or cM is not a number: {line!r}") from None
        if not (np.isfinite(pos) and np.isfinite(cm)):
            raise InputError(f"{where}: position or cM is not finite")
        chrom = UNNAMED if self.chrom is None else fields[self.chrom]
        return chrom, pos, cm


def read_lines(path: str | os.PathLike) -> tuple[Layout, list[tuple[int, list[str]]]]:
    """The layout of a map, and its lines of points: their numbers, from 1, and their fields.

    Comments, which begin with #, and blank lines are passed over. Raises InputError for an unknown layout.
    """
    numbered = [(number, line.replace(",", " ").split()) for number, line in enumerate(_text(path), start=1)]
    lines = [(number, fields) for number, fields in numbered if fields]
    for place, (_, fields) in enumerate(lines):
        layout = _by_names(fields)
        points = _points(lines[place + 1 :])
        is_comment = fields[0].startswith("#")
        if layout is not None and not (is_comment and points and len(points[0][1]) != layout.width):
            return layout, points
        if not is_comment:
            break
    points = _points(lines)
    layout = _by_values([fields for _, fields in points[:FEW]])
    if layout is None:
        number, fields = points[0] if points else (1, [])
        found = " ".join(fields)[:80]
        columns = f"{len(fields)} columns" if fields else "no line of points"
        raise InputError(f"{path}:{number}: unknown genetic map layout {found!r}, {columns}; expected {LAYOUTS}")
    return layout, points


def _points(lines: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    return [(number, fields) for number, fields in lines if not fields[0].startswith("#")]


def _by_names(fields: Sequence[str]) -> Layout | None:
    """The layout of a header line; None where it does not name positions and cM."""
    names = [field.lower().lstrip("#").strip("\"'") for field in fields if field != "#"]
    chrom = _first(names, CHROM)
    pos = _first(names, POSITION)
    cm = _first(names, CM)
    if pos is None or cm is None:
        return None
    return Layout(chrom, pos, cm, width=len(names))


def _first(names: Sequence[str], wanted: re.Pattern[str]) -> int | None:
    return next((place for place, name in enumerate(names) if wanted.fullmatch(name)), None)


def _by_values(rows: Sequence[Sequence[str]]) -> Layout | None:
    """The layout of the first lines of a map without a header; None where it is not clear."""
    if not rows:
        return None
    first = rows[0]
    if len(first) == 4 and _is_number(first[2]) and _is_number(first[3]):
        return Layout(chrom=0, pos=3, cm=2, width=4)
    of_three = [row for row in rows if len(row) == 3]
    if len(first) == 3:
        for chrom, pos in ((0, 1), (1, 0)):
            if _is_chromosome([row[chrom] for row in of_three]) and _are_positions([row[pos] for row in of_three]):
                return Layout(chrom, pos, cm=2, width=3)
    return None


def _is_chromosome(texts: Sequence[str]) -> bool:
    """Whether a column of the first lines names one chromosome."""
    [first, *others] = texts
    plain = plain_name(first)
    is_known = plain in ("X", "Y", "MT") or (plain.isdigit() and int(plain) <= 22)
    return is_known and all(other == first for other in others)


def _are_positions(texts: Sequence[str]) -> bool:
    """Whether a column of the first lines holds numbers of bases, which increase."""
    if not all(text.isdigit() for text in texts):
        return False
    numbers = [int(text) for text in texts]
    return numbers == sorted(numbers) and numbers[-1] > FEWEST_BASES


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _text(path: str | os.PathLike) -> list[str]:
    """The lines of a file, plain or gzip."""
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
