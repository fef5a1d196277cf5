"""BGZF, the blocked gzip of VCF.gz and BCF (SAM specification, section 4.1), compressed by a pool of threads.

pysam's BGZFile has one thread and one level; zlib releases the interpreter lock, so a pool scales, and the bytes do not
depend on how many threads there are.
"""

import os
import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import Executor

from ragimpute.vcf.source import BGZF_END

BLOCK = 0xFF00  # bytes before compression, as htslib cuts them
LEVEL = 3  # chosen by measurement: level 6 takes twice as long on dosages to save a tenth of the size
_HEADER = struct.Struct("<4BI2BH2B2H")


def write(path: str | os.PathLike, chunks: Iterable[bytes], pool: Executor) -> None:
    """Write `chunks` one after another as BGZF."""
    with open(path, "wb") as handle:
        rest = b""
        for chunk in chunks:
            content = rest + chunk
            whole = len(content) - len(content) % BLOCK
            for block in pool.map(_block, (content[i : i + BLOCK] for i in range(0, whole, BLOCK))):
                handle.write(block)
            rest = content[whole:]
        if rest:
            handle.write(_block(rest))
        handle.write(BGZF_END)


def _block(content: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    deflated = compressor.compress(content) + compressor.flush()
    if len(deflated) > 0xFFFF - 26:  # incompressible: stored
        compressor = zlib.compressobj(0, zlib.DEFLATED, -15)
        deflated = compressor.compress(content) + compressor.flush()
    header = _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 0xFF, 6, ord("B"), ord("C"), 2, len(deflated) + 25)
    return header + deflated + struct.pack("<II", zlib.crc32(content), len(content))
