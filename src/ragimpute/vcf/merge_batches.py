"""Merging imputed files of batches of samples: the records of all samples, with the AF and R2 of all of them."""

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TextIO

import numpy as np

from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.output_places import check_outputs
from ragimpute.vcf.bgzf import write_bgzf
from ragimpute.vcf.final_file import LAST_INDEXED, check_request, final_file
from ragimpute.vcf.quantise import UNIT, r2_of_sums
from ragimpute.vcf.source import contig_lengths, read_header
from ragimpute.vcf.writer import decimal, sums_text

INFO, FORMAT, FIXED = 7, 8, 9  # columns
AT_ONCE = 200  # records
MOST_ROUNDING = 3e-6  # of AF, which has six decimals
SUMS = ("AN", "HDSSUM", "HDSSQ")


def merge_batches(batches: Sequence[Path], out: Path) -> int:
    """Write the samples of all `batches`, imputed files of one panel, to `out`. Returns the number of records.

    AN, HDSSUM and HDSSQ are added up, and AF and R2 follow from them: they are those of a run with all samples. A site
    is TYPED where it is in all batches. ER2 is left out, as it does not follow from that of the batches.

    Raises InputError when a batch is not such a file, samples are in two batches, or records differ.
    """
    check_request(out, ("GT",))
    check_outputs([("--out", out)], [("--batch", path) for path in batches])
    headers = [read_header(path) for path in batches]
    _refuse_no_samples(batches, [header.samples for header in headers])
    _refuse_samples_in_two(batches, [header.samples for header in headers])
    longest = max(contig_lengths(headers[0].contigs).values(), default=LAST_INDEXED)
    counter = [0]
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder("ragimpute-"))
        files = [stack.enter_context(_open(path, folder / f"{number}.vcf")) for number, path in enumerate(batches)]
        lines_before = [_header_lines(file) for file in files]
        samples = [name for header in headers for name in header.samples]
        header = _joined_header(lines_before[0], samples)
        merged = _merged(batches, files, counter)
        plain = stack.enter_context(final_file(out, longest))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        texts = chain([header.encode()], iter(lambda: "".join(islice(merged, AT_ONCE)).encode(), b""))
        write_bgzf(plain, (partial(bytes, text) for text in texts), pool, ahead=2)
    return counter[0]


def _refuse_no_samples(batches: Sequence[Path], samples: Sequence[Sequence[str]]) -> None:
    for path, names in zip(batches, samples, strict=True):
        if not names:
            raise InputError(f"{path}: it has no samples; impute this batch without --sites-only")


def _refuse_samples_in_two(batches: Sequence[Path], samples: Sequence[Sequence[str]]) -> None:
    batch_of: dict[str, Path] = {}
    for path, names in zip(batches, samples, strict=True):
        for name in names:
            if name in batch_of:
                raise InputError(f"{path}: sample {name} is in {batch_of[name]} too; leave it out of one of them")
            batch_of[name] = path


def _open(path: Path, copy: Path) -> TextIO:
    """The text of a VCF or VCF.gz, and of a BCF by way of the file `copy`."""
    with open(path, "rb") as plain:
        is_compressed = plain.read(2) == b"\x1f\x8b"
    if not is_compressed:
        return open(path, encoding="utf-8")
    with gzip.open(path) as content:
        is_bcf = content.read(3) == b"BCF"
    if not is_bcf:
        return gzip.open(path, "rt", encoding="utf-8")
    import pysam.bcftools

    pysam.bcftools.view("--no-version", "-Ov", "-o", str(copy), os.fspath(path), catch_stdout=False)
    return open(copy, encoding="utf-8")


def _header_lines(file: TextIO) -> list[str]:
    """The lines of a header before the one of the columns; the file is then at its first record."""
    lines = []
    for line in file:
        if line.startswith("#CHROM"):
            break
        lines.append(line)
    return lines


def _joined_header(lines: Sequence[str], samples: Sequence[str]) -> str:
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    kept = [line for line in lines if not line.startswith("##INFO=<ID=ER2,")]
    return "".join(kept) + "\t".join(columns) + "\n"


def _merged(batches: Sequence[Path], files: Sequence[TextIO], counter: list[int]) -> Iterator[str]:
    """The merged records, which `counter` counts."""
    for lines in zip_longest(*files):
        rows = []
        for path, line in zip(batches, lines, strict=True):
            if line is None:
                raise InputError(f"{path}: it has fewer records than {batches[0]} or another batch; impute all alike")
            rows.append(line.rstrip("\n").split("\t"))
        first = rows[0]
        place = ":".join([first[0], first[1], *first[3:5]])
        for path, row in zip(batches, rows, strict=True):
            if row[:5] != first[:5] or row[FORMAT] != first[FORMAT]:
                here = ":".join([row[0], row[1], *row[3:5]])
                raise InputError(
                    f"{path}: record {here} where {batches[0]} has {place}, or another FORMAT; impute all batches from "
                    "one panel and with the same options"
                )
        info = _info(rows, batches, place)
        genotypes = [text for row in rows for text in row[FIXED:]]
        counter[0] += 1
        yield "\t".join([*first[:INFO], info, first[FORMAT], *genotypes]) + "\n"


def _info(rows: Sequence[Sequence[str]], batches: Sequence[Path], place: str) -> str:
    """INFO of a record of all batches, of which `rows` are the columns.

    Records of the targets alone (`impute --keep-unmatched`) have none.
    """
    if all(row[INFO] == "." for row in rows):
        return "."
    number, total, squares = 0, 0, 0
    is_typed = True
    for row, path in zip(rows, batches, strict=True):
        words = dict(word.partition("=")[::2] for word in row[INFO].split(";"))
        absent = [name for name in ("AF", *SUMS) if name not in words]
        if absent:
            raise InputError(
                f"{path}: record {place} has no INFO {absent[0]}; impute all batches with one set of options"
            )
        of_batch = _sums_in_info(words) if path.suffix != ".bcf" else _sums_of_hds(row) or _sums_in_info(words)
        n_haplotypes, hds, squared = of_batch
        if n_haplotypes and abs(float(words["AF"]) - hds / (UNIT * n_haplotypes)) > MOST_ROUNDING:
            raise InputError(
                f"{path}: record {place}: AF is not HDSSUM / AN; samples were taken out of the file: merge what "
                "ragimpute wrote, then choose samples"
            )
        number += n_haplotypes
        total += hds
        squares += squared
        is_typed &= "TYPED" in words
    [r2] = r2_of_sums(number, np.array([total]), np.array([squares])).tolist()
    frequency = decimal(total / (UNIT * number), 6)
    state = "TYPED" if is_typed else "IMPUTED"
    return f"AF={frequency};R2={decimal(r2, 4)};{sums_text(number, total, squares)};{state}"


def _sums_in_info(words: Mapping[str, str]) -> tuple[int, int, int]:
    """How many haplotypes a file has, and the sums of their thousandths and of the squares of these, by INFO."""
    number, hds, squared = (float(words[name]) for name in SUMS)
    return int(number), round(hds * UNIT), round(squared * UNIT**2)


def _sums_of_hds(row: Sequence[str]) -> tuple[int, int, int] | None:
    """The same by FORMAT HDS, which BCF, where numbers have seven digits, has exactly; None without it."""
    keys = row[FORMAT].split(":")
    if "HDS" not in keys:
        return None
    column = keys.index("HDS")
    of_samples = [genotype.split(":")[column:] for genotype in row[FIXED:]]  # trailing missing fields may be left out
    texts = [value for fields in of_samples if fields for value in fields[0].split(",")]
    thousandths = [round(float(text) * UNIT) for text in texts if text != "."]
    return len(thousandths), sum(thousandths), sum(value * value for value in thousandths)
