"""An index of a VCF, which lets one chromosome be read without the others, and knows how many records each has."""

import os
import tempfile
from collections import Counter
from pathlib import Path

from ragimpute.artefacts import atomic_path
from ragimpute.vcf.raw_file import is_bcf, open_content
from ragimpute.vcf.source import chromosomes_with_records, contig_id, index_of, read_header, records


def indexed_copy(path: str | os.PathLike, copy: Path) -> bool:
    """Write `copy`, a BCF of the VCF at `path`, with an index. False where bcftools cannot: nothing is left then.

    It cannot when records are not sorted; reading says what is wrong with a file. The copy has ##contig lines of all
    chromosomes, which a BCF must have: Beagle writes none.
    """
    import pysam
    import pysam.bcftools

    index = copy.with_name(f"{copy.name}.csi")
    known = {contig_id(line) for line in read_header(path).contigs}
    absent = [chrom for chrom in chromosomes_with_records(path) if chrom not in known]
    try:
        with (
            atomic_path(index) as new_index,
            atomic_path(copy) as new,
            tempfile.NamedTemporaryFile("w", suffix=".header") as lines,
        ):
            lines.writelines(f"##contig=<ID={chrom}>\n" for chrom in absent)
            lines.flush()
            bcf = str(new)
            vcf = os.fspath(path)
            command = ("--no-version", "--header-lines", lines.name, "-Ob", "-o", bcf, vcf)
            pysam.bcftools.annotate(*command, catch_stdout=False)
            pysam.bcftools.index("-o", str(new_index), bcf, catch_stdout=False)
    except pysam.SamtoolsError:
        return False
    os.utime(index)  # no older than its file
    return True


def has_index(path: str | os.PathLike) -> bool:
    """Whether there is an index beside the file, no older than the file is."""
    return index_of(path) is not None


def records_by_chromosome(path: str | os.PathLike) -> dict[str, int]:
    """Chromosome, by the file's name for it, -> its records; by an index where there is one, else by reading."""
    if index_of(path) is not None:
        import pysam.bcftools

        lines = str(pysam.bcftools.index("--stats", os.fspath(path))).splitlines()
        counts = [line.split("\t") for line in lines]
        if all(number.isdecimal() for _, _, number in counts):
            return {chrom: int(number) for chrom, _, number in counts}
    if is_bcf(path):
        return dict(Counter(record.CHROM for record in records(path, samples=[])))
    found: Counter[str] = Counter()
    with open_content(path) as lines_of_file:
        for line in lines_of_file:
            if not line.startswith(b"#"):
                chrom = line.split(b"\t", 1)[0]
                found[chrom.decode()] += 1
    return dict(found)
