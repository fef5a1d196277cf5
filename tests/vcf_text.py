"""Small VCFs written by hand, for the tests of readers."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ragimpute.errors import InputError

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=20,length=63025520>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
)


def write_vcf(path: Path, samples: Sequence[str], rows: Sequence[str], header: str = HEADER) -> Path:
    """Rows are 'chrom pos ref alt gt gt ..', blanks between."""
    lines = ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])]
    for row in rows:
        chrom, pos, ref, alt, *genotypes = row.split()
        lines.append("\t".join([chrom, pos, ".", ref, alt, ".", ".", ".", "GT", *genotypes]))
    path.write_text(header + "\n".join(lines) + "\n")
    return path


def refusal(file: Path, read: Callable[[], object]) -> str:
    """The message of the InputError that `read` raises, which must name the file; '' when it raises nothing."""
    try:
        read()
    except InputError as error:
        message = str(error)
    else:
        return ""
    assert str(file) in message
    return message
