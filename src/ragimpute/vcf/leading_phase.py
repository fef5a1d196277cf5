"""Genotypes of VCF 4.4 that begin with a separator, which says whether the first allele is phased: |0|1, /0|1, /1.

htslib inside cyvcf2 cannot read them. They are rewritten as earlier versions of VCF say the same. A genotype is phased
when all of its alleles are: |0|1 is 0|1, and /0|1, whose first allele is unphased, is 0/1.
"""

import re
from collections.abc import Iterable
from pathlib import Path

FIRST_SAMPLE = 9  # columns before it
WITH_SEPARATOR = re.compile(rb"(?:^|(?<=\t))([/|])([0-9.]+(?:[/|][0-9.]+)*)")


def may_have_leading_separators(version: str) -> bool:
    """Whether ##fileformat=VCFv`version` is 4.4 or later."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) >= (4, 4)


def has_leading_separator(line: bytes) -> bool:
    """Whether a genotype of a record begins with a separator."""
    return (b"\t/" in line or b"\t|" in line) and WITH_SEPARATOR.search(_samples(line)) is not None


def without_leading_separators(line: bytes) -> bytes:
    """A record whose genotypes say the same without leading separators; other lines as they are."""
    samples = _samples(line)
    start = line[: len(line) - len(samples)]
    return start + WITH_SEPARATOR.sub(_rewritten, samples)


def write_without(header: str, lines: Iterable[bytes], path: Path) -> None:
    """Write the VCF of a header, without its last line break, and of records."""
    with open(path, "wb") as file:
        file.write(f"{header}\n".encode())
        is_header = True
        for line in lines:
            is_header = is_header and line.startswith(b"#")
            if not is_header:
                file.write(without_leading_separators(line))


def _samples(line: bytes) -> bytes:
    """The columns of the samples."""
    columns = line.split(b"\t", FIRST_SAMPLE)
    return columns[FIRST_SAMPLE] if len(columns) > FIRST_SAMPLE else b""


def _rewritten(match: re.Match[bytes]) -> bytes:
    separator, genotype = match.groups()
    return genotype.replace(b"|", b"/") if separator == b"/" else genotype
