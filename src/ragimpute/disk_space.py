"""What is said when nothing more can be written: which folder is full, what was written, and what is free."""

import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragimpute.errors import InputError

FULL = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the quota of its disk is used up",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
}
WORDS = {os.strerror(number): number for number in FULL}  # as other programs print these errors
MEGABYTE = 1e6


class NothingMore(InputError):
    """Nothing more can be written to a folder, which the message names."""

    def __init__(self, folder: Path, number: int, written: int) -> None:
        """`folder`: the temporary one that held `written` bytes; `number`: the error, one of FULL."""
        self.folder = folder
        self.number = number
        free = shutil.disk_usage(folder).free / MEGABYTE
        super().__init__(
            f"{folder.parent}: {FULL[number]}: {written / MEGABYTE:.1f} MB were written there in this step, {free:.1f} "
            "MB are free, and more than both is needed; make room, or name another folder (TMPDIR for temporary files)"
        )


@contextmanager
def temporary_folder(prefix: str, beside: Path | None = None) -> Iterator[Path]:
    """A folder that is removed in the end, in the folder `beside` or, None, where the system has temporary files.

    Raises InputError, naming the folder that it lies in, when nothing more can be written there.
    """
    try:
        parent = Path(tempfile.gettempdir()) if beside is None else beside
    except FileNotFoundError as error:
        raise InputError(f"no temporary file can be written: {error.strerror}; name a folder by TMPDIR") from None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        folder = Path(name)
        try:
            yield folder
        except Exception as error:
            number = _number_of(error, folder)
            is_elsewhere = isinstance(error, NothingMore) and folder not in error.folder.parents
            if number is None or is_elsewhere:
                raise
            written = sum(_sizes(folder))
            raise NothingMore(folder, number, written) from None


def _number_of(error: Exception, folder: Path) -> int | None:
    """Which of FULL an error in the temporary `folder` is, or a program's message says; None for any other."""
    if isinstance(error, NothingMore):
        return error.number
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in FULL else None
    text = str(error)
    said = next((number for words, number in WORDS.items() if words in text), None)
    if said is not None or isinstance(error, InputError):
        return said
    # htslib does not say why it cannot write
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and max(_sizes(folder), default=0) >= limit:
        return errno.EFBIG
    return errno.ENOSPC if shutil.disk_usage(folder).free < MEGABYTE else None


def _sizes(folder: Path) -> list[int]:
    """The bytes of each file in a folder."""
    return [os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names]
