"""Where results may be written: never over a file that is read, and only in a folder that is there."""

import os
from collections.abc import Iterable
from pathlib import Path

from ragimpute.errors import InputError

Named = tuple[str, Path]  # a file, and what the user calls it, such as --out


def check_outputs(outputs: Iterable[Named], inputs: Iterable[Named]) -> None:
    """Raise InputError when a file to write is one to read, or written twice, or a folder, or its folder is missing.

    The same file under another name, by a symbolic or hard link, is the same file.
    """
    taken = [(name, path) for name, path in inputs if path.exists()]
    written: dict[str, str] = {}  # absolute path -> name
    for name, path in outputs:
        require_folder(name, path)
        if path.is_dir():
            raise InputError(f"{name} {path}: it is a folder; name a file to write")
        for other, read in taken:
            if is_same_file(path, read):
                raise InputError(f"{name} {path}: it is the same file as {other} {read}; name another file to write")
        absolute = os.path.abspath(path)
        if absolute in written:
            raise InputError(f"{name} {path}: {written[absolute]} is to be written there too; name another file")
        written[absolute] = name


def require_folder(name: str, path: Path) -> None:
    """Raise InputError when the folder that `path` lies in is not there; `name` is what the user calls the file."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{name} {path}: there is no folder {folder}; create it (mkdir -p) or correct the name")


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file that is there."""
    return path.exists() and other.exists() and path.samefile(other)
