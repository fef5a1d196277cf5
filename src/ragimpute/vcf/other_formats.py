"""Files that are no VCF: what they are, by their first bytes, and the command that makes a VCF of them."""

import gzip
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragimpute.errors import InputError

START = 4096  # bytes that are looked at
GZIP = b"\x1f\x8b"
NO_GENOTYPES = "it holds no genotypes: name the file that does"
UNPACK = "unpack it and name the VCF in it"
DOWNLOAD = "a download failed: fetch the file again, and look at its address in a browser"
CALL = "call its variants: bcftools mpileup -f genome.fa {path} | bcftools call -m -Oz -o {stem}.vcf.gz"
FROM_TABLE = "bcftools convert --tsv2vcf {path} -f genome.fa -s SAMPLE -Oz -o {stem}.vcf.gz"
FROM_OXFORD = "plink2 --gen {path} ref-first --sample {stem}.sample --export vcf bgz --out {stem}"
FROM_ZSTD = "zstd -dc {path} | bcftools view -Oz -o {stem}.vcf.gz"
FROM_PLINK_TEXT = "plink2 --pedmap {stem} --export vcf bgz --out {stem}"
EXPORT_AGAIN = "export the genotypes as VCF from the program that they come from, without a spreadsheet between"


@dataclass(frozen=True)
class Format:
    """A format that is not read here; `fix` may name {path} and {stem}, the path without its suffixes."""

    name: str
    fix: str
    is_it: Callable[[bytes, str], bool]  # of the first bytes, decompressed where they are gzip, and the file's name


def _begins(*starts: bytes) -> Callable[[bytes, str], bool]:
    return lambda start, name: start.startswith(starts)


def _named(*suffixes: str) -> Callable[[bytes, str], bool]:
    return lambda start, name: name.endswith(suffixes)


def _line(pattern: str) -> Callable[[bytes, str], bool]:
    """Whether the first line that is not blank matches."""
    wanted = re.compile(pattern.encode(), re.IGNORECASE)
    return lambda start, name: bool(wanted.match(start.lstrip()))


def _zstd(*suffixes: str) -> Callable[[bytes, str], bool]:
    magics = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")  # a frame, or one to be skipped before it
    return lambda start, name: start.startswith(magics) and name.endswith(suffixes)


def _is_xlsx(start: bytes, name: str) -> bool:
    return start.startswith(b"PK\3\4") and (b"xl/" in start or name.endswith(".xlsx"))


# The first that fits is named. Those with few and loose marks come last.
FORMATS = (
    Format(
        "a BGEN file",
        "plink2 --bgen {path} ref-first --export vcf bgz --out {stem}",
        lambda start, name: start[16:20] == b"bgen",
    ),
    Format(
        "a bref3 file of Beagle", "java -jar unbref3.jar {path} | bgzip > {stem}.vcf.gz", _begins(b"\x7a\x88\x74\xf4")
    ),
    Format("a file of Minimac4 (MVCF)", "sav export {path} {stem}.vcf.gz", _zstd(".msav", ".sav")),
    Format("a VCF or BCF compressed by zstd", FROM_ZSTD, _zstd(".vcf.zst", ".vcf.zstd", ".bcf.zst", ".vcf")),
    Format(
        "a .pvar of PLINK 2, compressed by zstd",
        "plink2 --pfile {stem} vzs --export vcf bgz --out {stem}",
        _zstd(".pvar.zst"),
    ),
    Format("a file compressed by zstd", "zstd -d {path}", _zstd("")),
    Format(
        "an M3VCF file of Minimac3", "m3vcftools convert {path} | bgzip > {stem}.vcf.gz", _begins(b"##fileformat=M3VCF")
    ),
    Format("a CRAM file of reads", CALL, _begins(b"CRAM")),
    Format("a BAM file of reads", CALL, _begins(b"BAM\1")),
    Format("a SAM file of reads", CALL, _line(r"@(HD|SQ|RG|PG|CO)\t")),
    Format("an index (.tbi)", "name the file that it belongs to, {path} without .tbi", _begins(b"TBI\1")),
    Format("an index (.csi)", "name the file that it belongs to, {path} without .csi", _begins(b"CSI\1")),
    Format("FASTA, a sequence", NO_GENOTYPES, _line(r">\S")),
    Format("FASTQ, reads", NO_GENOTYPES, _line(r"@[^\n]*\n[ACGTN]+\r?\n\+")),
    Format("an HTML page", DOWNLOAD, _line(r"<(!doctype|html|head|\?xml[^>]*\?>\s*<!doctype html)")),
    Format("an XML document", DOWNLOAD, _line(r"<\?xml")),
    Format("a pointer of Git LFS", "git lfs pull", _begins(b"version https://git-lfs")),
    Format("an Excel workbook", EXPORT_AGAIN, _is_xlsx),
    Format("an Excel workbook", EXPORT_AGAIN, _begins(b"\xd0\xcf\x11\xe0")),
    Format("a zip archive", f"{UNPACK}: unzip {{path}}", _begins(b"PK\3\4")),
    Format("a 7z archive", f"{UNPACK}: 7z x {{path}}", _begins(b"7z\xbc\xaf\x27\x1c")),
    Format("a tar archive", f"{UNPACK}: tar xf {{path}}", lambda start, name: start[257:262] == b"ustar"),
    Format("compressed by bzip2", "bzip2 -dc {path} | bgzip > {stem}.vcf.gz", _begins(b"BZh")),
    Format("compressed by xz", "xz -dc {path} | bgzip > {stem}.vcf.gz", _begins(b"\xfd7zXZ\0")),
    Format("a PDF document", NO_GENOTYPES, _begins(b"%PDF")),
    Format("an HDF5 file", "export it as VCF with the program that wrote it", _begins(b"\x89HDF\r\n")),
    Format("a Parquet file", "export it as VCF with the program that wrote it", _begins(b"PAR1")),
    Format("a GDS file", "in R: SeqArray::seqGDS2VCF('{path}', '{stem}.vcf.gz')", _begins(b"COREARRAY")),
    Format("an R object", "export it as VCF with the program that wrote it", _begins(b"RDX", b"RDA", b"X\n\0\0\0")),
    Format("intensities of an Illumina array (IDAT)", "call the genotypes first: bcftools +gtc2vcf", _begins(b"IDAT")),
    Format("genotype calls of an Illumina array (GTC)", "bcftools +gtc2vcf --gtcs {path}", _begins(b"gtc")),
    Format("an Illumina FinalReport", "export it as PLINK files, or use bcftools +gtc2vcf", _line(r"\[header\]")),
    Format(
        "UTF-16 text",
        "save it as plain UTF-8: iconv -f UTF-16 -t UTF-8 {path} | bgzip > {stem}.vcf.gz",
        _begins(b"\xff\xfe", b"\xfe\xff"),
    ),
    Format("raw data of 23andMe", FROM_TABLE, _line(r"#[^\n]*23andme")),
    Format(
        "raw data of AncestryDNA", f"bring it to 23andMe's four columns, then {FROM_TABLE}", _line(r"#\s*AncestryDNA")
    ),
    Format(
        "raw data of a genotyping company",
        f"bring it to 23andMe's four columns, then {FROM_TABLE}",
        _line(r'(#[^\n]*\n)*"?rsid"?[,\t]\s*"?chromosome'),
    ),
    Format("a .psam of PLINK 2, which lists samples", "name the .pgen beside it", _line(r"#(F?IID|FID)\s")),
    Format(
        "a .pvar of PLINK 2, which lists sites",
        "name the .pgen beside it",
        _line(r"(##[^\n]*\n)*#CHROM\tPOS\tID\tREF\tALT(\t(QUAL|FILTER|INFO|CM))*\s*\n"),
    ),
    Format("a .fam of PLINK, which lists samples", "name the .bed beside it", _named(".fam")),
    Format("a .ped or .map of PLINK 1", FROM_PLINK_TEXT, _named(".ped", ".map")),
    Format(
        "a .bim of PLINK, which lists sites",
        "name the .bed beside it",
        _line(r"(\S+[ \t]+){2}-?[\d.]+[ \t]+\d+[ \t]+[ACGTDI012*.]+[ \t]+[ACGTDI012*.]+\s*\n"),
    ),
    Format("an Oxford .sample file, which lists samples", FROM_OXFORD, _line(r"id_1 id_2 missing")),
    Format("genotype probabilities of Oxford (.gen)", FROM_OXFORD, _named(".gen", ".gen.gz")),
    Format(
        "haplotypes of SHAPEIT (.haps)",
        "plink2 --haps {path} ref-first --sample {stem}.sample --export vcf bgz --out {stem}",
        _line(r"\S+ \S+ \d+ [ACGT]+ [ACGT]+( [01?]\*?)+\s"),
    ),
    Format(
        "genotype probabilities of Oxford (.gen)", FROM_OXFORD, _line(r"(\S+ ){1,2}\d+ [ACGT]+ [ACGT]+( [\d.]+)+\s")
    ),
    Format(
        "a .legend of IMPUTE, which lists sites",
        "bcftools convert --haplegendsample2vcf {stem} -Oz -o {stem}.vcf.gz",
        _line(r"id position a0 a1"),
    ),
    Format("a site list or BED of intervals", NO_GENOTYPES, _line(r"(chr)?[\dXYM]+[ \t]\d+([ \t]\d+)?\s*\n")),
    Format(
        "records of a VCF without a header",
        "put the header of the original before them (bcftools view -h)",
        _line(r"\S+\t\d+\t\S+\t[ACGTN]+\t\S+\t"),
    ),
    Format(
        "a safetensors file (a prepared panel or a model)",
        "give it to --reference or --model",
        lambda start, name: start[8:10] == b'{"',
    ),
)

MATRIX_TABLE = Format(
    "a MatrixTable of Hail", "in Python: hl.export_vcf(hl.read_matrix_table('{path}'), '{stem}.vcf.bgz')", _named("")
)
ZARR = Format("a VCF Zarr store", "vcztools view {path} | bgzip > {stem}.vcf.gz", _named(""))


def refuse_other_formats(path: str | os.PathLike) -> None:
    """Raise InputError, with the command that converts it, for a file or folder of a format that is known and no VCF.

    Looks at the first bytes. VCF, BCF, PLINK's .bed and .pgen, and what is not known pass.
    """
    found = find_format(Path(path))
    if found is not None:
        stem = _stem(Path(path))
        fix = found.fix.format(path=path, stem=stem)
        raise InputError(f"{path}: {found.name}, not a VCF or BCF file; {fix}")


def find_format(path: Path) -> Format | None:
    """The format of a file or folder, by its first bytes; None for VCF, BCF, and what is not known."""
    if path.is_dir():
        return _format_of_folder(path)
    start = _start(path)
    if start.startswith((b"##fileformat=VCF", b"BCF", b"\x6c\x1b")):  # the last is PLINK's .bed or .pgen
        return None
    return next((one for one in FORMATS if one.is_it(start, path.name)), None)


def _format_of_folder(path: Path) -> Format | None:
    if (path / "metadata.json.gz").exists():
        return MATRIX_TABLE
    if any((path / name).exists() for name in (".zgroup", ".zattrs", "zarr.json")):
        return ZARR
    return None


def _start(path: Path) -> bytes:
    """The first bytes of a file, decompressed when they are gzip; none when it cannot be read, as others will say."""
    try:
        with open(path, "rb") as file:
            start = file.read(START)
        if start.startswith(GZIP):
            with gzip.open(path) as compressed:
                return compressed.read(START)
        return start
    except (OSError, EOFError, zlib.error):
        return b""


def _stem(path: Path) -> Path:
    """The path without the suffixes of a genotype file."""
    stem = path.name
    for suffixes in (r"\.\w+", r"\.(vcf|bcf|m3vcf|pvar)"):
        stem = re.sub(f"(?<=.){suffixes}$", "", stem)
    return path.with_name(stem)
