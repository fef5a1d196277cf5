"""The content of a VCF or BCF file as bytes, decompressed, so that damage becomes one clear message."""

import gzip
import os
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from ragimpute.errors import InputError
from ragimpute.vcf.other_formats import refuse_other_formats

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DAMAGED = "damaged or truncated compressed file; copy or create it again"


def header_text(path: str | os.PathLike) -> str:
    refuse_other_formats(path)
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as handle:
            start = handle.read(18)
            if size >= len(BGZF_END):
                handle.seek(-len(BGZF_END), os.SEEK_END)
            end = handle.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if size == 0:
        raise InputError(f"{path}: the file is empty")
    compressed = start[:2] == b"\x1f\x8b"
    if compressed and start[12:14] == b"BC" and end[-len(BGZF_END) :] != BGZF_END:
        raise InputError(f"{path}: the file is truncated (it lacks the end-of-file block); copy or create it again")
    try:
        with gzip.open(path) if compressed else open(path, "rb") as handle:
            magic = handle.read(5)
            if magic[:3] == b"BCF":
                length = int.from_bytes(handle.read(4), "little")
                text = handle.read(length)
                return text.rstrip(b"\0").decode()
            content = []
            if magic.startswith(BYTE_ORDER_MARK):
                raise InputError(
                    f"{path}:1: the file starts with a byte order mark; save it as plain UTF-8 without one"
                )
            if not magic.startswith(b"##fil"):
                raise InputError(f"{path}: not a VCF or BCF file: its first line is not ##fileformat=VCFv4.x")
            handle.seek(0)
            for line in handle:
                content.append(line)
                if line.startswith(b"#CHROM") or not line.startswith(b"#"):
                    break
            text = b"".join(content)
            return text.decode().rstrip("\n")
    except (OSError, EOFError, zlib.error):
        raise InputError(f"{path}: {DAMAGED}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the header is not UTF-8 text; is this a VCF?") from None


def lines_of(path: str | os.PathLike, index: str | None, span: tuple[str, int, int] | None) -> Iterator[bytes]:
    """The lines of a VCF; with an index only those of `span`: chromosome, first and last position.

    Raises InputError for damaged compression.
    """
    if index is None or span is None:
        try:
            with open_content(path) as handle:
                yield from handle
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{path}: {DAMAGED}") from None
        return
    import pysam

    with pysam.TabixFile(os.fspath(path), index=f"{path}{index}") as indexed:
        chrom, first, last = span
        if chrom in indexed.contigs:
            for line in indexed.fetch(chrom, max(first - 1, 0), last):
                yield f"{line}\n".encode()


def is_bcf(path: str | os.PathLike) -> bool:
    with open_content(path) as handle:
        return handle.read(3) == b"BCF"


def open_content(path: str | os.PathLike) -> BinaryIO:
    """The content of a file, decompressed when it is compressed."""
    with open(path, "rb") as plain:
        compressed = plain.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else open(path, "rb")  # type: ignore[return-value]


def check_compression(path: str | os.PathLike) -> None:
    """Raise InputError when the file cannot be decompressed to its end."""
    try:
        with open_content(path) as handle:
            while handle.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error):
        raise InputError(f"{path}: {DAMAGED}") from None


def line_of_record(path: str | os.PathLike, number: int) -> str:
    """', line N: its first columns' of record `number`, from 0, of a VCF; '' for a BCF or past the end."""
    with open_content(path) as handle:
        if not handle.readline().startswith(b"##"):
            return ""
        lines = (pair for pair in enumerate(handle, start=2) if not pair[1].startswith(b"#"))
        found = next(islice(lines, number, None), None)
    if found is None:
        return ""
    line_number, line = found
    columns = line.decode(errors="replace").split("\t")
    start = " ".join(columns[:5])[:80]  # not the genotypes
    return f", line {line_number}: {start!r}"
