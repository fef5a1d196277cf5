"""Accounting: after each run of `impute` in the tests, records of both files = used + listed with a reason.

The records are read here by nothing of ours: lines of text, `bcftools view` for BCF, safetensors for prepared panels.
"""

import gzip
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pysam.bcftools
from safetensors.numpy import load_file

from ragimpute.imputation.stretch_run import GenomeRequest

ZSTD = shutil.which("zstd") or "zstd"  # some tests change the PATH
HUMAN = {**{str(number): str(number) for number in range(1, 23)}, "X": "X", "Y": "Y", "MT": "MT"}
HUMAN |= {"23": "X", "24": "Y", "25": "X", "26": "MT", "XY": "X", "PAR1": "X", "PAR2": "X", "M": "MT"}


@dataclass(frozen=True)
class Record:
    """A record by its place and alleles; `end`: the last position of a reference block."""

    chrom: str
    pos: int
    ref: str
    alt: str
    end: int = 0
    info: str = ""

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.chrom, self.pos, self.ref, self.alt


def plain(chrom: str) -> str:
    """One name of a chromosome, whatever the file calls it."""
    bare = chrom.lower().removeprefix("chr").removeprefix("_").removeprefix("nc_0000").split(".")[0].lstrip("0").upper()
    return HUMAN.get(bare, chrom)


def lines_of(path: Path) -> list[str]:
    """The lines of a VCF, BCF or .pvar, also compressed, without the header but for the names of the columns."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content[:3] == b"BCF":
        content = pysam.bcftools.view("--no-version", str(path)).encode()
    if content[:4] == b"\x28\xb5\x2f\xfd":
        content = subprocess.run([ZSTD, "-dc", path], capture_output=True, check=True).stdout
    return [line for line in content.decode("latin-1").splitlines() if line and not line.startswith("##")]


def vcf_records(path: Path) -> list[Record]:
    """The records of a VCF, BCF or .pvar."""
    names, *lines = lines_of(path)
    at = names.removeprefix("#").split("\t").index("INFO") if "INFO" in names else None
    found = []
    for line in lines:
        fields = line.rstrip("\r").split("\t")
        chrom, pos, _, ref, alt = fields[:5]
        info = fields[at] if at else ""
        ends = [word[4:] for word in info.split(";") if word.startswith("END=")]
        found.append(Record(plain(chrom), int(pos), ref, alt, int(ends[0]) if ends else 0, info))
    return found


def target_records(path: Path) -> list[Record]:
    """The records of targets: of a VCF or BCF, or the variants of PLINK's files."""
    if path.suffix == ".bed" or path.with_suffix(".bim").exists():
        rows = [line.split() for line in path.with_suffix(".bim").read_text().splitlines()]
        return [Record(plain(row[0]), int(row[3]), row[5], row[4]) for row in rows]
    for suffix in (".pvar", ".pvar.zst"):
        if path.suffix != ".gz" and path.with_suffix(suffix).exists():
            return vcf_records(path.with_suffix(suffix))
    return vcf_records(path)


def panel_records(path: Path) -> list[Record]:
    """The records of a panel; of a prepared one its sites and the records that it was made without."""
    with open(path, "rb") as file:
        is_prepared = file.read(10)[8:] == b'{"'
    if not is_prepared:
        return vcf_records(path)
    arrays = load_file(path)
    found = []
    for prefix in ("", "dropped_"):
        if f"{prefix}pos" in arrays:
            texts = [arrays[prefix + name].tobytes().decode().split("\n") for name in ("chrom", "ref", "alt")]
            rows = zip(texts[0], arrays[f"{prefix}pos"].tolist(), texts[1], texts[2], strict=True)
            found += [Record(plain(chrom), pos, ref, alt) for chrom, pos, ref, alt in rows]
    return found


def within(records: list[Record], regions: Sequence[str]) -> list[Record]:
    """The records in regions CHROM or CHROM:START-END."""
    if not regions:
        return records
    spans = []
    for text in regions:
        chrom, _, span = text.partition(":")
        start, _, end = span.replace(",", "").partition("-")
        spans.append((plain(chrom), int(start or 0), int(end or 2**40)))
    return [one for one in records if any(c == one.chrom and a <= one.pos <= b for c, a, b in spans)]


def listed_records(outs: Sequence[Path], file: str) -> list[Record]:
    """The rows of OUT.dropped.tsv of one of the files; each must have a reason."""
    found = []
    for out in outs:
        stem = out.name.removesuffix(".vcf.gz").removesuffix(".bcf").removesuffix(".pgen")
        table = out.with_name(f"{stem}.dropped.tsv")
        if table.exists():
            rows = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
            assert (rows["reason"] != "").all(), table
            rows = rows[rows["file"] == file]
            found += [Record(plain(row.chrom), int(row.pos), row.ref, row.alt) for row in rows.itertuples()]
    return found


def written_records(outs: Sequence[Path]) -> list[Record]:
    """The records of the output files."""
    return [
        record for out in outs for record in vcf_records(out.with_suffix(".pvar") if out.suffix == ".pgen" else out)
    ]


def check_run(request: GenomeRequest, summary: dict[str, Any]) -> None:
    """Count the records of both files of a finished run, and find each of them again: used, or listed."""
    names = [files.name for files in request.files]
    outs = [Path(request.out.replace("{chrom}", name)) for name in names] if "{chrom}" in request.out else []
    outs = outs or [Path(request.out)]
    written = written_records(outs)
    regions = request.inputs.regions
    counted = summary["records"]

    references = {files.reference for files in request.files}
    of_panel = within([record for path in references for record in panel_records(path)], regions)
    ours = [record for record in written if {"TYPED", "IMPUTED"} & set(record.info.split(";"))]
    left_out = sum(number for name, number in summary.items() if name.startswith("left_out_below_"))
    listed = listed_records(outs, "reference")
    _check_numbers(counted["reference"], of_panel, listed)
    assert counted["reference"]["used"] == len(ours) + left_out, "panel records that are used are written"
    rest = Counter(one.key for one in of_panel)
    rest.subtract(one.key for one in [*ours, *listed])
    assert sum(rest.values()) == left_out, +rest
    assert min(rest.values(), default=0) >= 0, -rest

    targets = {files.targets for files in request.files}
    of_targets = within([record for path in targets for record in target_records(path)], regions)
    elsewhere = {plain(chrom) for chrom in counted["targets"]["elsewhere"]}
    is_plink = any(not path.name.endswith((".vcf", ".gz", ".bcf")) for path in targets)
    listed = listed_records(outs, "targets")
    n_elsewhere = sum(counted["targets"]["elsewhere"].values())
    _check_numbers(counted["targets"], of_targets, listed, n_elsewhere)
    typed = {(one.chrom, one.pos) for one in ours if "TYPED" in one.info.split(";")}
    unchanged = {(one.chrom, one.pos) for one in written if not {"TYPED", "IMPUTED"} & set(one.info.split(";"))}

    def identity(one: Record) -> tuple:
        return one.key[:2] if is_plink else one.key  # PLINK's alleles have no order

    unused = Counter(identity(one) for one in listed)
    n_used = 0
    for record in of_targets:
        if unused[identity(record)]:
            unused[identity(record)] -= 1
        elif record.chrom not in elsewhere or (record.chrom, record.pos) in typed:
            span = range(record.pos, max(record.pos, record.end) + 1)
            is_used = any((record.chrom, pos) in typed | unchanged for pos in span)
            assert is_used, f"{record}: neither used nor listed"
            n_used += 1
    assert not +unused, f"listed, and not in the targets: {+unused}"
    assert n_used == counted["targets"]["used"]


def _check_numbers(counted: dict[str, Any], records: list[Record], listed: list[Record], n_elsewhere: int = 0) -> None:
    """The equation, in the numbers of the summary and in those of the files."""
    n_listed = sum(counted["listed"].values())
    assert counted["records"] == counted["used"] + n_listed
    assert n_listed == len(listed)
    assert counted["records"] + n_elsewhere == len(records)
