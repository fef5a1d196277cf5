"""An index of a VCF, which lets one chromosome be read without the others."""

import os
from pathlib import Path

from ragimpute.artefacts import atomic_path
from ragimpute.vcf.source import index_of


def indexed_copy(path: str | os.PathLike, copy: Path) -> bool:
    """Write `copy`, a BCF of the VCF at `path`, with an index. False where bcftools cannot: nothing is left then.

    It cannot when the header has no ##contig lines or records are not sorted; reading says what is wrong with a file.
    """
    import pysam
    import pysam.bcftools

    index = copy.with_name(f"{copy.name}.csi")
    try:
        with atomic_path(index) as new_index, atomic_path(copy) as new:
            bcf, vcf = str(new), os.fspath(path)
            pysam.bcftools.view("--no-version", "-Ob", "-o", bcf, vcf, catch_stdout=False)
            pysam.bcftools.index("-o", str(new_index), bcf, catch_stdout=False)
    except pysam.SamtoolsError:
        return False
    os.utime(index)  # no older than its file
    return True


def has_index(path: str | os.PathLike) -> bool:
    """Whether there is an index beside the file, no older than the file is."""
    return index_of(path) is not None
