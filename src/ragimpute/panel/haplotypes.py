"""The alleles of a panel's haplotypes, eight to a byte: in memory, or in a file that is read where it is indexed."""

import os
from itertools import pairwise
from typing import Any

import numpy as np

BLOCK_BYTES = 1 << 26  # of alleles, unpacked, at a time
Rows = Any  # what numpy takes as an index of sites: an integer, a slice, integers, a boolean mask


class Haplotypes:
    """Alleles in {0, 1} of H haplotypes at S sites.

    `haplotypes[rows]` and `haplotypes[rows, columns]` are uint8 arrays, as if this were a numpy array [S, H].
    """

    def __init__(self, bits: np.ndarray, number: int) -> None:
        """`bits` [S, ceil(H / 8)] uint8 as numpy.packbits makes them along the haplotypes; `number`: H."""
        self._bits = bits
        self.shape = (len(bits), number)

    @classmethod
    def of(cls, alleles: "np.ndarray | Haplotypes") -> "Haplotypes":
        """Pack alleles [S, H]; what is packed already is taken as it is."""
        if isinstance(alleles, Haplotypes):
            return alleles
        bits = np.packbits(alleles, axis=1)
        return cls(bits, alleles.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Rows) -> np.ndarray:
        if not isinstance(key, tuple):
            n_haplotypes = self.shape[1]
            return np.unpackbits(self.bits(key), axis=-1, count=n_haplotypes)
        rows, columns = key
        if isinstance(rows, slice) and rows == slice(None) and len(self) * self.shape[1] > BLOCK_BYTES:
            return self.of_haplotypes(columns)[:]  # not all of them unpacked at once
        return self[rows][..., columns]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def bits(self, rows: Rows) -> np.ndarray:
        """The packed alleles of some sites: [.., ceil(H / 8)] uint8."""
        return self._bits[rows]

    def take(self, rows: Rows) -> "Haplotypes":
        """The same haplotypes at some sites, in memory."""
        return Haplotypes(self.bits(rows), self.shape[1])

    def between(self, start: int, stop: int) -> "Haplotypes":
        """The same haplotypes at the sites start .. stop - 1, without a copy."""
        return Haplotypes(self._bits[start:stop], self.shape[1])

    def of_haplotypes(self, columns: np.ndarray) -> "Haplotypes":
        """The haplotypes `columns` [J], in that order, at all sites."""
        number = len(columns)
        row_bytes = packed_size(number)
        bits = np.empty((len(self), row_bytes), dtype=np.uint8)
        for rows in self.blocks():
            bits[rows] = np.packbits(self[rows][:, columns], axis=1)
        return Haplotypes(bits, number)

    def beside(self, others: np.ndarray) -> "Haplotypes":
        """These haplotypes and, behind them, `others` [S, J] uint8, in memory."""
        number = self.shape[1] + others.shape[1]
        bits = np.empty((len(self), packed_size(number)), dtype=np.uint8)
        for rows in self.blocks():
            both = np.concatenate([self[rows], others[rows]], axis=1)
            bits[rows] = np.packbits(both, axis=1)
        return Haplotypes(bits, number)

    def counts(self) -> np.ndarray:
        """How many haplotypes carry allele 1 at each site: [S] int64."""
        found = np.empty(len(self), dtype=np.int64)
        for rows in self.blocks():
            of_bytes = np.bitwise_count(self.bits(rows))
            found[rows] = of_bytes.sum(axis=1, dtype=np.int64)
        return found

    def blocks(self) -> list[slice]:
        """All sites, so many at a time that their alleles take BLOCK_BYTES."""
        n_sites, n_haplotypes = self.shape
        step = max(1, BLOCK_BYTES // max(1, n_haplotypes))
        starts = range(0, n_sites, step)
        return [slice(start, min(start + step, n_sites)) for start in starts]


class StoredHaplotypes(Haplotypes):
    """Haplotypes that stay in a file. `columns` chooses among those of the file; None: all of them."""

    def __init__(
        self, path: str | os.PathLike, offset: int, n_sites: int, number: int, columns: np.ndarray | None = None
    ) -> None:
        """The file holds `bits` of `number` haplotypes at `n_sites` sites from byte `offset` on, site by site."""
        self._path = path
        self._offset = offset
        self._number = number
        self._columns = columns
        self._row_bytes = packed_size(number)
        n_chosen = number if columns is None else len(columns)
        self.shape = (n_sites, n_chosen)

    def bits(self, rows: Rows) -> np.ndarray:
        index = np.arange(len(self))[rows]
        flat = np.atleast_1d(index).reshape(-1)
        found = np.empty((len(flat), self._row_bytes), dtype=np.uint8)
        with open(self._path, "rb") as file:
            for start, stop in _runs(flat):
                first_site = int(flat[start])
                file.seek(self._offset + first_site * self._row_bytes)
                run = found[start:stop]
                if file.readinto(run.data) < run.size:
                    raise OSError(f"{self._path}: the file has become shorter while it was read")
        if self._columns is not None:
            alleles = np.unpackbits(found, axis=-1, count=self._number)
            found = np.packbits(alleles[:, self._columns], axis=1)
        row_bytes = found.shape[-1]
        return found.reshape(*index.shape, row_bytes)

    def between(self, start: int, stop: int) -> "StoredHaplotypes":
        offset = self._offset + start * self._row_bytes
        return StoredHaplotypes(self._path, offset, stop - start, self._number, self._columns)

    def of_haplotypes(self, columns: np.ndarray) -> "StoredHaplotypes":
        chosen = columns if self._columns is None else self._columns[columns]
        in_file = np.asarray(chosen)
        return StoredHaplotypes(self._path, self._offset, len(self), self._number, in_file)


def packed_size(number: int) -> int:
    """The bytes that the alleles of `number` haplotypes take at a site."""
    return -(-number // 8)


def _runs(index: np.ndarray) -> list[tuple[int, int]]:
    """Where consecutive numbers start and stop in `index` [R]."""
    if not len(index):
        return []
    is_gap = np.diff(index) != 1
    edges = np.flatnonzero(np.r_[True, is_gap, True])
    return list(pairwise(edges.tolist()))
