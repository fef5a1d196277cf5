"""A column of short texts, such as the alleles of all sites, in one array of bytes."""

from collections.abc import Iterator
from typing import Any

import numpy as np


class TextColumn:
    """S texts without line breaks. `column[index]` is a str, or an object array [..] of them, as of a numpy array."""

    def __init__(self, text: np.ndarray) -> None:
        """`text`: the UTF-8 bytes of all texts, uint8, a line break between each two (`artefacts.encode_strings`)."""
        self._text = text
        breaks = np.flatnonzero(text == ord("\n"))
        end = len(text)
        self._starts = np.concatenate([[0], breaks + 1])
        self._stops = np.concatenate([breaks, [end]])

    def __len__(self) -> int:
        return len(self._starts) if len(self._text) else 0

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            start = self._starts[index]
            stop = self._stops[index]
            return self._one(int(start), int(stop))
        starts = self._starts[index].tolist()
        stops = self._stops[index].tolist()
        found = np.empty(len(starts), dtype=object)
        found[:] = [self._one(start, stop) for start, stop in zip(starts, stops, strict=True)]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:]

    def __eq__(self, other: object) -> Any:
        return self[:] == other

    def tolist(self) -> list[str]:
        """All texts."""
        if not len(self):
            return []
        whole = self._text.tobytes().decode()
        return whole.split("\n")

    def _one(self, start: int, stop: int) -> str:
        text = self._text[start:stop]
        return text.tobytes().decode()
