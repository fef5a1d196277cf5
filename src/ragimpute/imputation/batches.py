"""What was computed for batches of samples, read back by blocks of sites.

A network imputes some samples at all sites of a window; a VCF has all samples of one site in a row. The batches of a
window wait in a temporary file, so that memory does not grow with the number of samples.
"""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np


class SampleBatches:
    """An array [R, N, ...] that is given by batches of samples [R, B, ...] and read by blocks of rows.

    One batch stays in memory. Several lie in an unnamed temporary file in `folder` (None: the system's), which is gone
    when this context ends, however it ends.
    """

    def __init__(self, n_batches: int, folder: Path | None = None) -> None:
        self._on_disk = n_batches > 1
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._whole: np.ndarray | None = None
        self._batches: list[tuple[int, np.dtype, tuple[int, ...]]] = []  # start in the file, and of a row: type, shape

    def __enter__(self) -> Self:
        if self._on_disk:
            self._file = tempfile.TemporaryFile(prefix="ragimpute-", dir=self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._whole = None

    def add(self, batch: np.ndarray) -> None:
        """The next samples' values [R, B, ...]."""
        if self._file is None:
            self._whole = batch
            return
        start = self._file.tell()
        self._file.write(np.ascontiguousarray(batch).data)
        self._batches.append((start, batch.dtype, batch.shape[1:]))

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start .. stop - 1 of all samples, [stop - start, N, ...], in the order in which they were added."""
        if self._file is None:
            if self._whole is None:
                raise ValueError("no batch has been added")
            return self._whole[start:stop]
        parts = []
        for offset, kind, shape in self._batches:
            values = int(np.prod(shape))
            self._file.seek(offset + start * values * kind.itemsize)
            content = self._file.read((stop - start) * values * kind.itemsize)
            part = np.frombuffer(content, dtype=kind)
            parts.append(part.reshape(stop - start, *shape))
        return np.concatenate(parts, axis=1)
