"""Opening VCF and BCF files so that every defect becomes one clear message.

htslib reports damage on standard error and in return codes, cyvcf2 turns some of it into bare exceptions, and both
take a file that was cut between two compressed blocks for a complete one. All of this is dealt with here.
"""

import logging
import os
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np

from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.external import naming_files
from ragimpute.vcf.leading_phase import has_leading_separator, may_have_leading_separators, write_without
from ragimpute.vcf.raw_file import (
    DAMAGED,
    check_compression,
    header_text,
    is_bcf,
    line_of_record,
    lines_of,
    open_content,
)
from ragimpute.vcf.renamed import Renamed, Renaming

logger = logging.getLogger(__name__)


CONTIG_NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")  # VCF 4.3, section 1.4.7
X_NAMES = ("X", "23")
COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
FIRST_POSITION, LAST_POSITION = 0, 2**31 - 1  # 0 stands for a telomere, and in files of arrays for an unknown place
FIXED_COLUMNS = 9  # CHROM .. FORMAT; samples follow


@dataclass(frozen=True)
class Header:
    """What the header of a VCF or BCF says."""

    samples: tuple[str, ...]
    contigs: tuple[str, ...]  # ##contig lines, verbatim
    formats: frozenset[str]  # IDs of ##FORMAT lines
    version: str = ""  # such as VCFv4.2
    infos: frozenset[str] = frozenset()  # IDs of ##INFO lines

    def warn_of_version(self, path: str | os.PathLike) -> None:
        """Warn of a VCF before version 4, which writes insertions and deletions otherwise: they match nothing."""
        if self.version.startswith("VCFv3"):
            logger.warning(
                "%s: it is %s, whose insertions and deletions are coded otherwise and match nothing; make a VCFv4.2 of "
                "it: zcat -f %s | vcf-convert -v 4.2 -r genome.fa",
                path,
                self.version,
                path,
            )


@dataclass(frozen=True)
class Region:
    """CHROM, or CHROM:START-END with 1-based inclusive ends. A whole chromosome begins at position 0."""

    chrom: str
    start: int = FIRST_POSITION
    end: int = LAST_POSITION

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Parse 'CHROM' or 'CHROM:START-END' (thousands separators allowed). Raises InputError otherwise."""
        match = re.fullmatch(r"(.+):(\d[\d,]*)-(\d[\d,]*)", text)
        if not match:
            if ":" in text or not text.strip():
                raise InputError(f"region {text!r}: write it as CHROM:START-END, such as 20:1000000-4000000")
            return cls(text)
        chrom, start_text, end_text = match.groups()
        start = int(start_text.replace(",", ""))
        end = int(end_text.replace(",", ""))
        if not 1 <= start <= end:
            raise InputError(f"region {text!r}: START must be at least 1 and not beyond END")
        return cls(chrom, start, end)

    def widened(self, by: int) -> "Region":
        """The region with up to `by` more base pairs at each end."""
        start = max(1, self.start - by)
        end = min(self.end + by, LAST_POSITION)
        return Region(self.chrom, start, end)

    def holds(self, chrom, pos):
        """Whether a position, or which of arrays of them, lies in the region."""
        on_chromosome = chrom == self.chrom
        return on_chromosome & (self.start <= pos) & (pos <= self.end)

    def __str__(self) -> str:
        """As a user writes it, and as an index is asked for it."""
        return f"{self.chrom}:{max(self.start, 1)}-{self.end}"


def read_header(path: str | os.PathLike) -> Header:
    """Read and check the header of a VCF, VCF.gz or BCF.

    Raises InputError when the file is missing, empty, truncated, not a VCF, or names a sample twice.
    """
    text = header_text(path)
    if "\0" in text:
        raise InputError(f"{path}: the header holds a NUL character; the file is damaged, create it again")
    lines = text.split("\n")
    if not lines[0].startswith("##fileformat=VCF"):
        raise InputError(f"{path}: not a VCF or BCF file: its first line is not ##fileformat=VCFv4.x")
    line = next((line for line in lines if line.startswith("#CHROM")), None)
    if line is None:
        raise InputError(f"{path}: the header has no #CHROM line")
    columns = line.rstrip("\r").split("\t")
    if columns[: FIXED_COLUMNS - 1] != COLUMNS:
        expected = " ".join(COLUMNS)
        raise InputError(f"{path}: the #CHROM line does not hold {expected}, with tabs between them")
    samples = columns[FIXED_COLUMNS:]
    seen: set[str] = set()
    for sample in samples:
        if sample in seen:
            raise InputError(f"{path}: sample {sample!r} occurs twice in the header; give every sample their own name")
        if not sample.strip():
            raise InputError(f"{path}: the #CHROM line has an empty sample name")
        seen.add(sample)
    contigs = [line.rstrip("\r") for line in lines if line.startswith("##contig=")]
    formats = re.findall(r"^##FORMAT=<ID=([^,>]+)", text, flags=re.MULTILINE)
    version = lines[0].removeprefix("##fileformat=").strip()
    infos = re.findall(r"^##INFO=<ID=([^,>]+)", text, flags=re.MULTILINE)
    return Header(tuple(samples), tuple(contigs), frozenset(formats), version, frozenset(infos))


def records(
    path: str | os.PathLike,
    region: Region | None = None,
    samples: Sequence[str] | None = None,
    known: Collection[str] = (),
) -> Iterator["cyvcf2.Variant"]:  # type: ignore[name-defined]  # noqa: F821 (imported in the body, it is heavy)
    """Yield the records of a file in file order, those of `region` by its index or, without one, by streaming.

    `samples` limits the genotypes to these samples, *in file order*. A chromosome that is one of `known`, under another
    name, has that name (`renamed.Renaming`), also in `region`. Leading separators of genotypes, which VCF 4.4 allows,
    are read as `leading_phase` says. Chromosomes are added to the header first, which
    changes nothing where it has them: Beagle writes no ##contig lines, other files write faulty ones, and cyvcf2
    returns broken records, and crashes, for chromosomes that htslib does not know.

    Raises InputError for anything unreadable, naming the record after which reading failed, and its line.
    """
    header = read_header(path)
    index = index_of(path)
    if may_have_leading_separators(header.version.removeprefix("VCFv")) and not is_bcf(path):
        span = _span(path, index, region, known)
        lines = partial(lines_of, path, index, span)
        if any(map(has_leading_separator, lines())):
            with temporary_folder("ragimpute-") as folder:
                rewritten = folder / "records.vcf"
                write_without(header_text(path), lines(), rewritten)
                with naming_files({str(rewritten): os.fspath(path)}):
                    yield from _records(rewritten, header, None, region, samples, known)
            return
    yield from _records(path, header, index, region, samples, known)


def _span(
    path: str | os.PathLike, index: str | None, region: Region | None, known: Collection[str]
) -> tuple[str, int, int] | None:
    """A region by the name that the file has for its chromosome; None, which is all of it, where it has several."""
    if region is None:
        return None
    renaming = Renaming(known)
    names = [name for name in _chromosomes(path, index) if renaming.name_of(name) == region.chrom] or [region.chrom]
    return (names[0], region.start, region.end) if len(names) == 1 else None


def _records(
    path: str | os.PathLike,
    header: Header,
    index: str | None,
    region: Region | None,
    samples: Sequence[str] | None,
    known: Collection[str],
) -> Iterator["cyvcf2.Variant"]:  # type: ignore[name-defined]  # noqa: F821
    """`records` of a file whose genotypes htslib can read."""
    import cyvcf2

    # cyvcf2 warns where a region holds no record, and whoever asked for it says so where it matters
    warnings.filterwarnings("ignore", "no intervals found", UserWarning)
    chroms = [] if is_bcf(path) else _chromosomes(path, index)
    chosen = None if samples is None else list(samples)
    try:
        vcf = cyvcf2.VCF(os.fspath(path), samples=chosen)
        for name in chroms:
            vcf.add_to_header(f"##contig=<ID={name}>")
    except Exception as error:  # cyvcf2 raises bare Exception; htslib has written its own line to standard error
        check_compression(path)
        raise InputError(f"{path}: the header cannot be parsed: {error}") from None
    if len(vcf.samples) != len(header.samples if samples is None else set(samples)):
        raise InputError(f"{path}: the sample names of the header cannot be told apart; are there stray characters?")
    last, done = "the header", 0
    by_index = region is not None and index is not None
    renaming = Renaming(known)
    try:
        if by_index:
            vcf.set_index(f"{path}{index}")  # htslib by itself may take an older one beside it, and leave records out
        places = renaming.places(region, chroms or vcf.seqnames) if by_index and region is not None else []
        for record in chain.from_iterable(map(vcf, places)) if by_index else vcf:
            chrom, pos, *_ = record.CHROM, record.POS, record.REF, record.ALT, record.ID  # fails on text not in UTF-8
            done += 1
            last = f"{chrom}:{pos}"
            name = renaming.name_of(chrom)
            if region is None or region.holds(name, pos):
                yield record if name == chrom else Renamed(record, name)
    except Exception as error:
        check_compression(path)
        where = "" if by_index else line_of_record(path, done)
        detail = where or f": {error}"
        raise InputError(f"{path}: unreadable record after {last}{detail}") from None


def sample_order(path: str | os.PathLike, available: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Row [N] of each of N wanted samples among the wanted samples in file order, as cyvcf2 returns them.

    Raises InputError when the file has no samples or lacks a wanted one.
    """
    if not available:
        raise InputError(f"{path}: the file has no samples")
    absent = sorted(set(wanted) - set(available))
    if absent:
        n_absent = len(absent)
        listed = ", ".join(absent[:5])
        more = ", ..." if n_absent > 5 else ""
        raise InputError(f"{path}: {n_absent} of {len(wanted)} samples are not in the file: {listed}{more}")
    chosen = set(wanted)
    in_file_order = [name for name in available if name in chosen]
    row = {name: i for i, name in enumerate(in_file_order)}
    rows = [row[name] for name in wanted]
    return np.array(rows, dtype=np.int64)


def genotypes(record) -> np.ndarray | None:
    """`genotype.array()` of a cyvcf2 record: [N, ploidy + 1] int16, -1 missing, -2 absent; None without GT.

    GT must be the first key of FORMAT, as VCF says: htslib ends the process over a later one without values.
    """
    try:
        has_genotypes = record.FORMAT[0] == "GT"
        return record.genotype.array() if has_genotypes else None
    except Exception:  # cyvcf2 raises bare Exception when FORMAT has no GT
        return None


def filters_of(record) -> list[str]:
    """The values of FILTER of a record; '.' where it has none."""
    return record.FILTERS or ["."]


def contig_id(line: str) -> str:
    """The ID of a ##contig line; '' when it has none."""
    match = re.search(r"[<,]ID=([^,>]+)", line)
    return match[1] if match else ""


def contig_lengths(lines: Iterable[str]) -> dict[str, int]:
    """Contig -> length, of those ##contig lines that give one."""
    lengths = {contig_id(line): re.search(r"[<,]length=(\d+)", line) for line in lines}
    return {chrom: int(match[1]) for chrom, match in lengths.items() if match}


def chromosomes_with_records(path: str | os.PathLike) -> list[str]:
    """The chromosomes of a file's records, by its index if it has one, else by reading through the file."""
    index = index_of(path)
    if not is_bcf(path):
        return _chromosomes(path, index)
    if index is None:
        names = dict.fromkeys(record.CHROM for record in records(path, samples=[]))
        return list(names)
    import pysam.bcftools

    statistics = pysam.bcftools.index("--stats", os.fspath(path))
    lines = str(statistics).splitlines()
    return [line.split("\t")[0] for line in lines]


def index_of(path: str | os.PathLike) -> str | None:
    """The suffix of the index beside a file, which is no older than the file; None where there is none."""
    for suffix in (".tbi", ".csi"):
        if _is_newer(f"{path}{suffix}", path):
            return suffix
    return None


def _is_newer(index: str, path: str | os.PathLike) -> bool:
    """Whether an index is there and no older than its file; another one may know other records."""
    if not os.path.exists(index):
        return False
    time_of_index = os.path.getmtime(index)
    return time_of_index >= os.path.getmtime(path)


def _chromosomes(path: str | os.PathLike, index: str | None) -> list[str]:
    """All chromosome names of a VCF's records, from its `index` if it has one.

    Raises InputError for an unreadable index and, naming the line, for what cannot be a chromosome's name.
    """
    if index is not None:
        import pysam

        try:
            with pysam.TabixFile(os.fspath(path), index=f"{path}{index}") as indexed:
                return list(indexed.contigs)
        except (OSError, ValueError):
            raise InputError(f"{path}{index}: the index cannot be read; create it again (bcftools index -f)") from None
    names: dict[str, None] = {}
    try:
        with open_content(path) as handle:
            in_header = True
            for number, line in enumerate(handle, start=1):
                if in_header and line.startswith(b"#"):
                    in_header = not line.startswith(b"#CHROM")
                    continue
                if line.startswith(b"#"):
                    raise InputError(f"{path}:{number}: a header line among the records")
                first_column = line.split(b"\t", 1)[0]
                name = first_column.decode(errors="replace")
                if name not in names and not CONTIG_NAME.fullmatch(name):
                    found = name.strip()[:40]
                    raise InputError(f"{path}:{number}: a blank line, or no chromosome name: {found!r}")
                names[name] = None
    except (OSError, EOFError, zlib.error):
        raise InputError(f"{path}: {DAMAGED}") from None
    return list(names)
