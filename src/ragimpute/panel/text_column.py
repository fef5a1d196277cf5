"""A column of short texts, such as the alleles of all sites, in one array of bytes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

MANY_TIMES_FASTER = 10  # a text that is decoded with all others, to one that is decoded alone


class TextBuilder:
    """A `TextColumn` in the making: bytes, not millions of Python objects."""

    def __init__(self) -> None:
        self._text = bytearray()

    def add(self, text: str) -> None:
        """Add a text without line breaks."""
        self._text += text.encode()
        self._text += b"\n"

    def column(self) -> "TextColumn":
        """All texts so far, of which there is at least one."""
        return TextColumn(np.frombuffer(bytes(self._text[:-1]), dtype=np.uint8))


class TextColumn:
    """S texts without line breaks. `column[index]` is a str, or an object array [..] of them, as of a numpy array."""

    def __init__(self, text: np.ndarray) -> None:
        """`text`: the UTF-8 bytes of all texts, uint8, a line break between each two (`artefacts.encode_strings`)."""
        self._text = text
        breaks = np.flatnonzero(text == ord("\n"))
        self._ends = np.concatenate([[-1], breaks, [len(text)]]).astype(np.int32 if len(text) < 2**31 else np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1 if len(self._text) else 0

    def __getitem__(self, index: Any) -> Any:
        starts, stops = self._ends[:-1], self._ends[1:]
        if isinstance(index, int | np.integer):
            start = int(starts[index]) + 1
            return self._one(start, int(stops[index]))
        begins = starts[index] + 1
        ends = stops[index]
        found = np.empty(len(begins), dtype=object)
        if isinstance(index, slice) and index.step in (None, 1) and len(found):
            found[:] = self._between(int(begins[0]), int(ends[-1]))
        elif len(found) > len(self) / MANY_TIMES_FASTER:
            every = np.empty(len(self), dtype=object)
            every[:] = self.tolist()
            found = every[index]
        else:
            found[:] = [self._one(start, stop) for start, stop in zip(begins.tolist(), ends.tolist(), strict=True)]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:]

    def __eq__(self, other: object) -> Any:
        return self[:] == other

    def tolist(self) -> list[str]:
        """All texts."""
        return self._between(0, len(self._text)) if len(self) else []

    def _between(self, start: int, stop: int) -> list[str]:
        """Consecutive texts, from the first byte of the first one to the end of the last one."""
        whole = self._text[start:stop].tobytes().decode()
        return whole.split("\n")

    def _one(self, start: int, stop: int) -> str:
        text = self._text[start:stop]
        return text.tobytes().decode()
