"""Temporary folders beside the files that are made in them, and the removal of those that killed runs have left."""

import fcntl
import os
import shutil
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ragimpute.disk_space import temporary_folder


@contextmanager
def folder_beside(final: Path) -> Iterator[Path]:
    """A folder of mode 0700 in that of `final`, removed in the end; after a success also those that killed runs left.

    Its name begins with a dot and the name of `final`. A run that is killed cannot remove it, and the next one that
    makes `final` on the same machine does. The lock of a folder tells whether its process lives; it does not reach
    other machines, whose folders of a shared disk are therefore never touched.
    """
    host = socket.gethostname()
    of_host = zlib.crc32(host.encode())
    prefix = f".{final.name}.{of_host:08x}."
    with temporary_folder(prefix, final.parent) as folder, _locked(folder):
        yield folder
    _remove_left_over(final.parent, prefix)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder until the process ends, at the latest; False: another holds it, or disks have none."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        is_held = False
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = True
        yield is_held
    finally:
        os.close(descriptor)


def _remove_left_over(parent: Path, prefix: str) -> None:
    """Remove the folders in `parent` whose names begin with `prefix` and whose processes are gone."""
    names = [name for name in os.listdir(parent) if name.startswith(prefix)]
    for name in names:
        folder = parent / name
        with suppress(OSError), _locked(folder) as is_left_over:  # another run may remove it at the same time
            if is_left_over:
                shutil.rmtree(folder)
