"""Ways to spoil the small pair of `check_cases`, or to write it otherwise."""

from collections.abc import Callable, Iterable
from pathlib import Path

from check_cases import Vcf

Files = dict[str, Path]
Spoil = Callable[[Vcf, Vcf], object]
N_TARGETS, N_SITES = 12, 150  # of the sound pair


def rows_before(copies: Callable[[list[str]], list[list[str]]], step: int = 1) -> Spoil:
    """Before every `step`-th record of the targets others stand."""

    def spoil(panel: Vcf, targets: Vcf) -> None:
        rows = []
        for number, row in enumerate(targets.rows):
            rows += copies(row) if number % step == 0 else []
            rows.append(row)
        targets.rows = rows

    return spoil


def lacking(row: list[str], samples: Iterable[int]) -> list[str]:
    """The record without the genotypes of some samples."""
    gts = ["./." if number in samples else gt for number, gt in enumerate(row[4:])]
    return [*row[:4], *gts]


def two_halves(panel: Vcf, targets: Vcf) -> None:
    """Each record twice: one has the genotypes of the first six samples, one those of the others."""
    halves = [(lacking(row, range(6)), lacking(row, range(6, 12))) for row in targets.rows]
    targets.rows = [row for pair in halves for row in pair]


def other_genotypes(row: list[str], n_samples: int) -> list[str]:
    """The record with other genotypes of the first samples."""
    other = {"0/0": "1/1", "1/1": "0/0", "0/1": "1/1", "1/0": "1/1"}
    return [*row[:4], *[other[gt] for gt in row[4 : 4 + n_samples]], *row[4 + n_samples :]]


def free_base(row: list[str], n: int = 0) -> str:
    """A base that is no allele of the record."""
    return [base for base in "ACGT" if base not in (row[2], row[3])][n]


def with_alts(row: list[str], alts: str, code: str) -> list[str]:
    """The record with these ALT alleles, of which number `code` is its own."""
    return [*row[:3], alts, *(gt.replace("1", code) for gt in row[4:])]


def one_carrier_of_another(row: list[str]) -> list[str]:
    """The record with one more ALT allele, which the first sample carries."""
    return [*row[:3], f"{row[3]},{free_base(row)}", "0/2", *row[5:]]


def as_blocks(text: str) -> str:
    """Every tenth record becomes a reference block of its position alone."""
    lines = text.splitlines(keepends=True)
    of_records = [number for number, line in enumerate(lines) if line.startswith("20\t")]
    for number in of_records[::10]:
        fields = lines[number].rstrip("\n").split("\t")
        fields[4], fields[7] = "<NON_REF>", f"END={fields[1]}"
        lines[number] = "\t".join([*fields[:9], *["0/0"] * N_TARGETS]) + "\n"
    header = '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    return "".join([lines[0], header, *lines[1:]])


def carried_only(n_samples: int) -> Spoil:
    """The targets' first samples at the sites at which all of them carry ALT."""

    def spoil(panel: Vcf, targets: Vcf) -> None:
        targets.samples = targets.samples[:n_samples]
        rows = [row[: 4 + n_samples] for row in targets.rows]
        targets.rows = [row for row in rows if all("1" in gt for gt in row[4:])]

    return spoil


def as_version_4_4(separate: Callable[[str], str]) -> Callable[[str], str]:
    """The file in VCF 4.4, its genotypes written otherwise."""

    def change(text: str) -> str:
        lines = text.replace("VCFv4.2", "VCFv4.4").splitlines()
        for number, line in enumerate(lines):
            if not line.startswith("#"):
                fields = line.split("\t")
                lines[number] = "\t".join([*fields[:9], *map(separate, fields[9:])])
        return "\n".join(lines) + "\n"

    return change


def with_filter(value: str, step: int) -> Callable[[str], str]:
    """Every `step`-th record has this FILTER, the others PASS."""

    def change(text: str) -> str:
        lines = text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("20\t"))
        for number in range(first, len(lines)):
            fields = lines[number].split("\t")
            fields[6] = value if (number - first) % step == 0 else "PASS"
            lines[number] = "\t".join(fields)
        names = dict.fromkeys(name for name in value.split(";") if name != ".")
        header = [f'##FILTER=<ID={name},Description="d">' for name in names]
        return "\n".join([lines[0], *header, *lines[1:]]) + "\n"

    return change


def rename_in(chrom_of: Callable[[int], str], *which: int) -> Spoil:
    """The chromosome of each record, by its number, in the panel (0) or the targets (1)."""

    def spoil(panel: Vcf, targets: Vcf) -> None:
        for number in which:
            vcf = (panel, targets)[number]
            vcf.contig = chrom_of(0)
            vcf.rows = [[chrom_of(place), *row[1:]] for place, row in enumerate(vcf.rows)]

    return spoil


def with_map(text: str) -> Callable[[Path, Files], dict]:
    """A genetic map of this content."""

    def make(folder: Path, files: Files) -> dict:
        (folder / "m.txt").write_text(text)
        return {"genetic_map": folder / "m.txt"}

    return make


def unphased(n_of_150: int) -> Spoil:
    """So many records of the panel have a heterozygote without phase."""
    return lambda panel, targets: panel.each(lambda row: [*row[:4], "0/1", *row[5:]], 1, N_SITES - n_of_150)


def mitochondrial(panel: Vcf, targets: Vcf, of_panel: str, of_targets: str) -> None:
    """Both files as of MT: one allele for each sample."""
    for vcf, chrom in ((panel, of_panel), (targets, of_targets)):
        vcf.contig = chrom
        vcf.length = 16569
        vcf.rows = [[chrom, str(int(row[1]) // 100), *row[2:4], *(gt[0] for gt in row[4:])] for row in vcf.rows]


def unknown_build(panel: Vcf, targets: Vcf) -> None:
    """No contig of the length that X has."""
    panel.length = targets.length = 5_000_000


def names(folder: Path, letter: str, number: int) -> Path:
    """A file of names."""
    path = folder / "names.txt"
    path.write_text("".join(f"{letter}{i}\n" for i in range(number)))
    return path


def with_sex(text: str) -> Callable[[Path, Files], dict]:
    """A table of sexes of this content."""

    def make(folder: Path, files: Files) -> dict:
        (folder / "sex.txt").write_text(text)
        return {"sex": folder / "sex.txt"}

    return make
