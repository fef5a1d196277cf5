"""BGZF, the blocked gzip of VCF.gz and BCF (SAM specification, section 4.1), compressed by a pool of threads.

pysam's BGZFile has one thread and one level; zlib-ng releases the interpreter lock, so a pool scales, and the bytes do
not depend on how many threads there are. On dosages it is more than twice as fast as zlib at the same level, and its
output is a little smaller.
"""

import os
import shutil
import struct
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future

from zlib_ng import zlib_ng

from ragimpute.vcf.raw_file import BGZF_END

BLOCK = 0xFF00  # bytes before compression, as htslib cuts them
COPIED = 1 << 22  # bytes at a time
LEVEL = 3  # chosen by measurement: level 6 takes twice as long on dosages to save a tenth of the size
_HEADER = struct.Struct("<4BI2BH2B2H")
_FOOTER = struct.Struct("<II")


def write_bgzf(
    path: str | os.PathLike, parts: Iterable[Callable[[], bytes | memoryview]], pool: Executor, ahead: int
) -> None:
    """Write as BGZF what `parts` return, in order; `pool` calls and compresses up to `ahead` + 1 of them at once."""
    write_blocks(path, parts, pool, ahead)
    with open(path, "ab") as handle:
        handle.write(BGZF_END)


def write_blocks(
    path: str | os.PathLike, parts: Iterable[Callable[[], bytes | memoryview]], pool: Executor, ahead: int
) -> None:
    """`write_bgzf` without the end mark: a piece of a file, for `join_blocks`."""
    waiting: deque[Future[bytes]] = deque()
    with open(path, "wb") as handle:
        for part in parts:
            compressing = pool.submit(_compressed, part)
            waiting.append(compressing)
            if len(waiting) > ahead:
                first = waiting.popleft()
                handle.write(first.result())
        for future in waiting:
            handle.write(future.result())


def join_blocks(path: str | os.PathLike, start: bytes, pieces: Iterable[str | os.PathLike]) -> None:
    """Write as BGZF the bytes `start` and, as they are, the files of `write_blocks`."""
    with open(path, "wb") as handle:
        handle.write(_compressed(lambda: start))
        for piece in pieces:
            with open(piece, "rb") as source:
                shutil.copyfileobj(source, handle, COPIED)
        handle.write(BGZF_END)


def _compressed(part: Callable[[], bytes | memoryview]) -> bytes:
    content = memoryview(part())
    starts = range(0, len(content), BLOCK)
    return b"".join(_block(content[start : start + BLOCK]) for start in starts)


def _block(content: memoryview) -> bytes:
    deflated = _deflated(content, LEVEL)
    if len(deflated) > 0xFFFF - 26:  # incompressible: stored
        deflated = _deflated(content, 0)
    last_byte = len(deflated) + 25
    header = _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 0xFF, 6, ord("B"), ord("C"), 2, last_byte)
    checksum = zlib_ng.crc32(content)
    footer = _FOOTER.pack(checksum, len(content))
    return header + deflated + footer


def _deflated(content: memoryview, level: int) -> bytes:
    compressor = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -15)
    body = compressor.compress(content)
    return body + compressor.flush()
