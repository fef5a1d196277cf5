"""Files that ragimpute writes for itself: atomic, versioned, memory-mapped, never executing code when they are read.

Every array artefact is one safetensors file whose metadata names its kind and format version.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ragimpute.errors import InputError
from ragimpute.folder_beside import folder_beside

FORMAT_VERSION = "1"
SAFETENSORS_NAMES = {
    "int8": "I8",
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "uint8": "U8",
}
COPIED_BYTES = 1 << 22  # at a time


@dataclass(frozen=True)
class Artefact:
    """The arrays and the string metadata of one artefact file."""

    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds, remove it otherwise.

    The temporary file is private to the user (in a folder of mode 0700 until it is renamed) and keeps the suffixes of
    `path`, from which some writers infer the format.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(final) as folder:
        temporary = folder / final.name
        yield temporary
        os.replace(temporary, final)


def is_safetensors(path: str | os.PathLike) -> bool:
    """Whether a file is safetensors, by its name or its first bytes: the header's length, and the header, JSON."""
    if Path(path).suffix == ".safetensors":
        return True
    try:
        with open(path, "rb") as file:
            start = file.read(10)
    except OSError:
        return False
    return start[8:] == b'{"'


def save(path: str | os.PathLike, kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write `arrays` as an artefact of `kind`; same content, same bytes."""
    header = {"kind": kind, "format_version": FORMAT_VERSION, **metadata}
    with atomic_path(path) as temporary:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, temporary, metadata=header)
        _sort_metadata(temporary)
        temporary.chmod(0o644)  # safetensors makes files that only their owner can read


def _sort_metadata(path: Path) -> None:
    """Put the metadata of a safetensors file in the order of its keys, in place.

    safetensors keeps metadata in a hash map of random order, so that equal content would give unequal bytes.
    """
    with open(path, "r+b") as file:
        length, header = _read_header(file)
        metadata = header["__metadata__"]
        ordered = sorted(metadata.items())
        header["__metadata__"] = dict(ordered)
        text = _header_text(header)
        if len(text) > length:
            raise RuntimeError(f"{path}: the sorted header is longer than the original")
        file.seek(8)
        padded = text.ljust(length)
        file.write(padded)


def _read_header(file: BinaryIO) -> tuple[int, dict[str, Any]]:
    """The length of the header of a safetensors file, and the header."""
    length_bytes = file.read(8)
    length = int.from_bytes(length_bytes, "little")
    text = file.read(length)
    return length, json.loads(text)


def _header_text(header: dict[str, Any]) -> bytes:
    """The header as safetensors writes it."""
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def load(path: str | os.PathLike, kind: str) -> Artefact:
    """Read an artefact of `kind`.

    Raises InputError when the file is missing, damaged, of another kind or of another format version.
    """
    return _read(path, kind, without=None)


@dataclass(frozen=True)
class StoredArray:
    """An array that stays in its file."""

    shape: tuple[int, ...]
    offset: int  # of its first byte in the file


def load_without(path: str | os.PathLike, kind: str, large: str) -> tuple[Artefact, StoredArray]:
    """`load`, without the array called `large`, and where that one lies in the file."""
    artefact = _read(path, kind, without=large)
    with open(path, "rb") as file:
        length, header = _read_header(file)
    entry = header[large]
    shape = tuple(entry["shape"])
    first, _ = entry["data_offsets"]
    offset = 8 + length + first
    return artefact, StoredArray(shape, offset)


def _read(path: str | os.PathLike, kind: str, without: str | None) -> Artefact:
    try:
        with safe_open(path, framework="numpy") as handle:
            metadata = dict(handle.metadata() or {})
            names = [name for name in handle.keys() if name != without]  # noqa: SIM118 (not a mapping)
            arrays = {name: handle.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file ({error}); delete it and run again") from None
    if metadata.get("kind") != kind:
        raise InputError(f"{path}: expected a {kind} file, found {metadata.get('kind', 'something else')!r}")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format version {metadata.get('format_version')}, this ragimpute reads {FORMAT_VERSION}; "
            "delete it and run again"
        )
    return Artefact(arrays, metadata)


def save_with_large(
    path: str | os.PathLike,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    large: str,
    shape: tuple[int, ...],
    content: Path,
) -> None:
    """`save` with one more array, uint8 [shape] called `large`, whose bytes are those of the file `content`.

    That array is never in memory. The layout is that of safetensors: the header's length, the header, the arrays.
    """
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))  # as they must be aligned
    header: dict[str, Any] = {"__metadata__": {"kind": kind, "format_version": FORMAT_VERSION, **metadata}}
    offset = 0
    for name, array in ordered:
        dtype = SAFETENSORS_NAMES[array.dtype.name]
        header[name] = _entry(dtype, array.shape, offset, array.nbytes)
        offset += array.nbytes
    header[large] = _entry("U8", shape, offset, content.stat().st_size)
    text = _header_text(header)
    text = text.ljust(-(-len(text) // 8) * 8)
    with atomic_path(path) as temporary, open(temporary, "wb") as out, open(content, "rb") as source:
        out.write(len(text).to_bytes(8, "little"))
        out.write(text)
        for _, array in ordered:
            out.write(np.ascontiguousarray(array).tobytes())
        shutil.copyfileobj(source, out, COPIED_BYTES)


def _entry(dtype: str, shape: tuple[int, ...], offset: int, size: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}


def encode_strings(values: Sequence[str]) -> np.ndarray:
    """Pack strings without line breaks into one uint8 array, for storage in an artefact."""
    return np.frombuffer("\n".join(values).encode(), dtype=np.uint8)


def decode_strings(array: np.ndarray) -> list[str]:
    """Undo `encode_strings`."""
    text = array.tobytes().decode()
    if not text:
        return []
    return text.split("\n")
