"""Lists of sites that users give to say what is typed: a table of positions, a BED or a VCF."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.store import Sites
from ragimpute.vcf.source import records


@dataclass(frozen=True)
class SiteList:
    """R listed positions, or intervals, 1-based and inclusive."""

    chrom: np.ndarray  # [R] str
    start: np.ndarray  # [R] int64
    end: np.ndarray  # [R] int64
    path: str

    def covers(self, sites: Sites) -> np.ndarray:
        """Whether each site's position [S] bool is listed."""
        listed = np.zeros(len(sites), dtype=bool)
        for chrom in dict.fromkeys(sites.chrom.tolist()):
            here = np.flatnonzero(sites.chrom == chrom)
            positions = sites.pos[here]
            rows = self.chrom == chrom
            starts = np.sort(self.start[rows])
            ends = np.sort(self.end[rows])
            opened = np.searchsorted(starts, positions, side="right")
            closed = np.searchsorted(ends, positions, side="left")
            listed[here] = opened > closed  # inside more intervals opened than closed before it
        return listed


def parse_sites(text: str) -> SiteList | str | float:
    """What `--sites` means: 'targets', the content of an existing file, or a fraction.

    Raises InputError when it is none of these, and as `read_site_list` does.
    """
    if text == "targets":
        return text
    if Path(text).is_file():
        return read_site_list(text)
    try:
        return float(text)
    except ValueError:
        raise InputError(f"sites {text!r}: no such file, and neither 'targets' nor a fraction") from None


def read_site_list(path: str | os.PathLike) -> SiteList:
    """Read positions from a headerless table `chrom position` (blanks or tabs), a BED (0-based) or a VCF/BCF.

    Raises InputError with file and line for anything else.
    """
    name = os.fspath(path).lower()
    if name.endswith((".vcf", ".vcf.gz", ".bcf")):
        intervals = [(record.CHROM, record.POS, record.POS) for record in records(path)]
    else:
        is_bed = name.endswith((".bed", ".bed.gz"))
        intervals = []
        for number, line in enumerate(_text(path).splitlines(), start=1):
            fields = line.split()
            if not fields or fields[0].startswith("#") or (is_bed and fields[0] in ("track", "browser")):
                continue
            where = f"{path}:{number}"
            interval = _bed_interval(fields) if is_bed else _position(where, fields)
            if interval is None:
                expected = "chrom start end (BED, 0-based)" if is_bed else "chrom position"
                found = line.strip()[:80]
                raise InputError(f"{where}: expected '{expected}', found {found!r}")
            intervals.append(interval)
    chroms = np.array([chrom for chrom, _, _ in intervals], dtype=str)
    starts = np.array([start for _, start, _ in intervals], dtype=np.int64)
    ends = np.array([end for _, _, end in intervals], dtype=np.int64)
    return SiteList(chroms, starts, ends, os.fspath(path))


def _bed_interval(fields: list[str]) -> tuple[str, int, int] | None:
    """Chromosome, first and last position (1-based) of the `fields` of a line of a BED; None when it is none."""
    try:
        chrom, start, end, *_ = fields
        return chrom, int(start) + 1, int(end)
    except ValueError:
        return None


def _position(where: str, fields: list[str]) -> tuple[str, int, int] | None:
    """Chromosome and position, twice, of the `fields` of a line 'chrom position'; None when it is none.

    Raises InputError, beginning with `where`, for a line of a BED.
    """
    try:
        pos = int(fields[1])
    except (IndexError, ValueError):
        return None
    if len(fields) > 2 and fields[2].isdecimal() and int(fields[2]) > pos:
        raise InputError(
            f"{where}: looks like BED, whose positions count from 0; name the file .bed, or leave 'chrom position' in "
            "its lines"
        )
    return fields[0], pos, pos


def _text(path: str | os.PathLike) -> str:
    try:
        content = Path(path).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of sites ({error})") from None
