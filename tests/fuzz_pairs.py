"""Pairs of a panel and targets, both changed at random: kinds of changes, and the files and options of a seed."""

import contextlib
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pysam.bcftools

from check_cases import Vcf, pair, several_alleles, strand, swap, with_genotypes, without_alt

N_SITES = 90  # of the panel; the targets have two of three
SHARE = 0.4  # of the files that a kind of change is made in, and of records that a change is made to at most
NAMES = ("20", "chr20", "CHR20", "020", "NC_000020.11", "chr_20", "scaffold7", "21")
CONTAINERS = ("vcf", "gz", "bgz", "tbi", "bcf", "csi")

Random = np.random.Generator
Row = list[str]


@dataclass
class Pair:
    """A pair of files and the options of a run, and what was done to them."""

    reference: Path
    targets: Path
    options: dict[str, Any] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def one_of(values: Any, generator: Random) -> Any:
    return values[int(generator.integers(len(values)))]


def some_rows(change: Callable[[Row], Row]) -> Callable[[Vcf, Random], None]:
    """A change of some of the records."""

    def make(vcf: Vcf, generator: Random) -> None:
        share = generator.choice([0.02, 0.1, SHARE])
        vcf.rows = [change(row) if generator.random() < share else row for row in vcf.rows]

    return make


def other_name(vcf: Vcf, generator: Random) -> None:
    vcf.contig = one_of(NAMES, generator)
    vcf.each(lambda row: [vcf.contig, *row[1:]])


def two_styles(vcf: Vcf, generator: Random) -> None:
    some_rows(lambda row: [f"chr{row[0]}", *row[1:]])(vcf, generator)


def another_contig(vcf: Vcf, generator: Random) -> None:
    name = one_of(("21", "X", "MT", "HLA-A*01:01", "0"), generator)
    number = int(generator.integers(1, len(vcf.rows) + 1))
    vcf.rows += [[name, *row[1:]] for row in vcf.rows[:number]]


def other_order(vcf: Vcf, generator: Random) -> None:
    if generator.random() < 0.5:
        vcf.rows.reverse()
    else:
        at = int(generator.integers(len(vcf.rows)))
        vcf.rows[at : at + 3] = vcf.rows[at : at + 3][::-1]


def repeated(vcf: Vcf, generator: Random) -> None:
    """Records twice, one after the other; the copy as it is, swapped, of the other strand, or without genotypes."""
    change = one_of((list, swap, strand, with_genotypes("./.")), generator)
    rows = []
    for row in vcf.rows:
        rows += [row, change(row)] if generator.random() < SHARE else [row]
    vcf.rows = rows


def moved(vcf: Vcf, generator: Random) -> None:
    """Some records at position 0, or further on than any chromosome is long."""
    place = one_of(("0", "500000000"), generator)
    some_rows(lambda row: [row[0], place, *row[2:]])(vcf, generator)


def same_names(vcf: Vcf, generator: Random) -> None:
    vcf.samples = [f"R{i}" for i in range(len(vcf.samples))]


def separators(vcf: Vcf, generator: Random) -> None:
    sep = one_of("|/", generator)
    some_rows(lambda row: [*row[:4], *(gt.replace("/", sep).replace("|", sep) for gt in row[4:])])(vcf, generator)


def with_alt(alt: str) -> Callable[[Row], Row]:
    return lambda row: [*row[:3], alt.replace("alt", row[3]), *row[4:]]


OF_RECORDS: dict[str, Callable[[Vcf, Random], None]] = {
    "another name of the chromosome": other_name,
    "two styles of names": two_styles,
    "another contig": another_contig,
    "another order": other_order,
    "records twice": repeated,
    "records elsewhere": moved,
    "the panel's names of samples": same_names,
    "one separator": separators,
    "swapped": some_rows(swap),
    "other strand": some_rows(strand),
    "swapped alleles without genotypes": some_rows(lambda row: [*row[:2], row[3], row[2], *row[4:]]),
    "several alleles": some_rows(several_alleles),
    "no ALT": some_rows(without_alt),
    "symbolic": some_rows(with_alt("<DEL>")),
    "any other": some_rows(with_alt("alt,<NON_REF>")),
    "spanning deletion": some_rows(with_alt("alt,*")),
    "small letters": some_rows(lambda row: [*row[:2], row[2].lower(), row[3].lower(), *row[4:]]),
    "insertion": some_rows(lambda row: [*row[:3], f"{row[2]}{row[3]}", *row[4:]]),
    "missing": some_rows(with_genotypes("./.", 2)),
    "missing for all": some_rows(with_genotypes(".")),
    "half calls": some_rows(with_genotypes("./1", 1)),
    "haploid": some_rows(with_genotypes("1", 2)),
    "polyploid": some_rows(with_genotypes("0/1/1", 1)),
    "an allele too many": some_rows(with_genotypes("0|3", 1)),
    "no records": lambda vcf, generator: vcf.rows.clear(),
}


def later_gt(text: str) -> str:
    """GT behind another key in every second record, which VCF does not allow."""
    lines = text.split("\n")
    for number, line in enumerate(lines[::2]):
        fields = line.split("\t")
        if not line.startswith("#") and len(fields) > 9:
            lines[2 * number] = "\t".join([*fields[:8], "DP:GT", *(f"3:{gt}" for gt in fields[9:])])
    return "\n".join(lines)


def without_lines(start: str) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(start))


OF_TEXT: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no last line end": lambda text: text.rstrip("\n"),
    "a blank line at the end": lambda text: f"{text}\n",
    "no contig lines": without_lines("##contig"),
    "no FORMAT lines": without_lines("##FORMAT"),
    "no #CHROM line": without_lines("#CHROM"),
    "VCFv3.3": lambda text: text.replace("VCFv4.2", "VCFv3.3"),
    "VCFv4.4": lambda text: text.replace("VCFv4.2", "VCFv4.4"),
    "leading separators of VCFv4.4": lambda text: text.replace("VCFv4.2", "VCFv4.4").replace("\t0|", "\t|0|"),
    "LOWQ": lambda text: text.replace("\t.\t.\t.\tGT", "\t.\tLOWQ\t.\tGT", 20),
    "GT is no first key": later_gt,
    "spaces for tabs": lambda text: text.replace("\t", " "),
    "cut off": lambda text: text[: len(text) * 2 // 3],
    "empty": lambda text: "",
    "two files in one": lambda text: text + text,
}
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"region": "20:1010000-1040000"},
    {"region": "20"},
    {"region": ["20:1000000-1010000", "21"]},
    {"max_lost_sites": 1.0},
    {"panel_missing": 0.3, "max_lost_sites": 1.0},
    {"apply_filters": "PASS,."},
)


def mutated_pair(seed: int, folder: Path) -> Pair:
    """The pair of a seed: up to three changes of each file, a container for each, and options."""
    generator = np.random.default_rng(seed)
    panel, targets = pair(seed, N_SITES)
    made = Pair(folder, folder)
    paths = []
    for role, vcf in (("p", panel), ("t", targets)):
        names = [*generator.permutation(list(OF_RECORDS))[: int(generator.integers(3))]]
        for name in names:
            if vcf.rows:
                OF_RECORDS[name](vcf, generator)
        text = vcf.text()
        of_text = [*generator.permutation(list(OF_TEXT))[: int(generator.random() < SHARE)]]
        for name in of_text:
            text = OF_TEXT[name](text)
        container = one_of(CONTAINERS, generator)
        if container == "csi" and any(row[1] == "0" for row in vcf.rows):
            container = "bcf"  # by the index of a BCF nobody reaches position 0, bcftools no more than we
        paths.append(written(folder / role, text, container))
        made.changes += [f"{role}: {name}" for name in (*names, *of_text, container)]
    made.reference, made.targets = paths
    made.options = one_of(OPTIONS, generator) if generator.random() < SHARE else {}
    return made


def written(stem: Path, text: str, container: str) -> Path:
    """The text in a container, plain where that cannot be made of it."""
    plain = stem.with_suffix(".vcf")
    plain.write_bytes(text.encode())
    if container == "vcf":
        return plain
    if container == "gz":
        path = stem.with_suffix(".gz")
        path.write_bytes(gzip.compress(text.encode()))
        return path
    if container in ("bgz", "tbi"):
        path = stem.with_suffix(".vcf.gz")
        with pysam.BGZFile(str(path), "w") as file:
            file.write(text.encode())
    else:
        path = stem.with_suffix(".bcf")
        try:
            pysam.bcftools.view("--no-version", "-Ob", "-o", str(path), str(plain), catch_stdout=False)
        except pysam.SamtoolsError:
            return plain
    if container in ("tbi", "csi"):
        with contextlib.suppress(pysam.SamtoolsError):  # of records without order there is no index
            pysam.bcftools.index("--tbi" if container == "tbi" else "--csi", str(path))
    return path
