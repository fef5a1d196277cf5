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
        self._starts = np.concatenate([[0], breaks + 1])
        self._stops = np.concatenate([breaks, [len(text)]])

    def __len__(self) -> int:
        return len(self._starts) if len(self._text) else 0

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            return self._one(int(self._starts[index]), int(self._stops[index]))
        starts, stops = self._starts[index], self._stops[index]
        found = np.empty(len(starts), dtype=object)
        found[:] = [self._one(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:]

    def __eq__(self, other: object) -> Any:
        return self[:] == other

    def tolist(self) -> list[str]:
        """All texts."""
        return self._text.tobytes().decode().split("\n") if len(self) else []

    def _one(self, start: int, stop: int) -> str:
        return self._text[start:stop].tobytes().decode()
