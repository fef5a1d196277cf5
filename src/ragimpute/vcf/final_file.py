"""A VCF.gz or BCF under its final name: what may be asked for, the index, and the file complete or not there."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.panel.store import Sites
from ragimpute.vcf import format_kernel
from ragimpute.vcf.source import contig_lengths

LAST_INDEXED = 2**29 - 1  # the last base that a .tbi index can address
TBI_LIMIT = 2**29  # bases that a .tbi index can address; longer contigs take a .csi


def check_request(
    path: str | os.PathLike,
    fields: Sequence[str],
    index: str | None = None,
    suffixes: tuple[str, ...] = (".vcf.gz", ".bcf"),
) -> None:
    """Raise InputError when no file can be written to `path` or a FORMAT field is unknown: before the work.

    Also when it cannot have this `index`, csi or tbi. `suffixes`: what the name may end in.
    """
    listed = ",".join(fields)
    unknown = [field for field in fields if field not in format_kernel.FIELDS]
    if unknown or not fields:
        choices = ",".join(format_kernel.FIELDS)
        raise InputError(f"FORMAT fields {listed!r}: choose from {choices}")
    if len(set(fields)) < len(fields):
        raise InputError(f"FORMAT fields {listed!r}: each may be named once")
    name = os.fspath(path)
    parents = Path(path).absolute().parents
    folder = next(parent for parent in parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise InputError(f"{name}: no file can be written there; choose another place")
    if not name.endswith(suffixes):
        *others, last = suffixes
        listed = ", ".join(others)
        raise InputError(f"{name}: the output must be named {listed} or {last}")
    if index not in (None, "csi", "tbi"):
        raise InputError(f"index {index!r}: choose from csi, tbi")
    if name.endswith(".bcf") and index == "tbi":
        raise InputError(f"{name}: the index of a BCF is a .csi; leave --index out, or name the output .vcf.gz")
    if name.endswith(".pgen") and index is not None:
        raise InputError(f"{name}: a .pgen has no index; leave --index out, or name the output .vcf.gz")


@contextmanager
def final_file(path: str | os.PathLike, longest: int, index: str | None = None) -> Iterator[Path]:
    """Yield where a VCF.gz is to be written; index it, or make a BCF of it, and rename file and index at the end.

    `index`: csi or tbi; None: tbi where it can be. An index of the other kind that lies beside an earlier file is made
    anew, as some other program needs it.
    """
    import pysam

    name = os.fspath(path)
    check_request(path, ("GT",), index)
    is_bcf = name.endswith(".bcf")
    needs_csi = is_bcf or longest > TBI_LIMIT
    if needs_csi and index == "tbi":
        raise InputError(f"{name}: a .tbi addresses {TBI_LIMIT} bases, and a contig is longer; give --index csi")
    first = ".csi" if needs_csi or index == "csi" else ".tbi"
    [other] = {".tbi", ".csi"} - {first}
    is_beside = Path(name + other).exists()
    kinds = [first, other] if is_beside and not needs_csi else [first]
    with ExitStack() as stack:
        # renamed in the reverse order: after a kill in between, an old index is older than the file, and says so
        indexes = {kind: stack.enter_context(atomic_path(name + kind)) for kind in kinds}
        final = stack.enter_context(atomic_path(name))
        plain = final.with_suffix(".vcf.gz") if is_bcf else final
        yield plain
        if is_bcf:
            _convert_to_bcf(plain, final, indexes[first])
        else:
            for kind, of_kind in indexes.items():
                csi = kind == ".csi"
                pysam.tabix_index(str(final), preset="vcf", force=True, keep_original=True, csi=csi, index=str(of_kind))
    if is_beside and needs_csi:  # it would belong to other bytes, and cannot be made anew
        Path(name + other).unlink()


def _convert_to_bcf(plain: Path, final: Path, index: Path) -> None:
    import pysam.bcftools

    bcf = str(final)
    pysam.bcftools.view("--no-version", "-Ob", "-o", bcf, str(plain), catch_stdout=False)
    plain.unlink()
    pysam.bcftools.index("-f", "-o", str(index), bcf, catch_stdout=False)


def longest_position(sites: Sites, contigs: Sequence[str]) -> int:
    """The largest coordinate that the index must address."""
    known = contig_lengths(contigs)
    contig_ends = [known[chrom] for chrom in sites.chromosomes() if chrom in known]
    ref_lengths = np.array([len(ref) for ref in sites.ref.tolist()], dtype=np.int64)
    record_ends = sites.pos + ref_lengths - 1
    last_end = int(record_ends.max(initial=0))
    return max([*contig_ends, last_end])
