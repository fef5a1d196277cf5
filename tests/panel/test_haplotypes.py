"""Packed alleles behave as numpy's array of them, in memory and on the disk."""

import numpy as np
import pytest

from ragimpute.panel.haplotypes import Haplotypes, StoredHaplotypes

SITES, NUMBER = 23, 13  # no multiple of 8


@pytest.fixture(params=["memory", "disk", "some of the disk's"])
def both(request, tmp_path) -> tuple[np.ndarray, Haplotypes]:
    alleles = np.random.default_rng(3).integers(0, 2, (SITES, NUMBER), dtype=np.uint8)
    if request.param == "memory":
        return alleles, Haplotypes.of(alleles)
    path = tmp_path / "panel"
    path.write_bytes(b"header" + np.packbits(alleles, axis=1).tobytes())
    stored = StoredHaplotypes(path, 6, SITES, NUMBER)
    if request.param == "disk":
        return alleles, stored
    columns = np.array([5, 2, 12, 3, 3, 0, 7, 8, 9])
    return alleles[:, columns], stored.of_haplotypes(columns)


@pytest.mark.parametrize(
    "key",
    [
        4,
        -1,
        slice(None),
        slice(3, 9),
        slice(9, 3),
        np.array([7, 2, 2, 20]),
        np.arange(SITES) % 3 == 0,
        np.zeros(SITES, dtype=bool),
        (5, np.array([1, 0, 8])),
        (slice(2, 6), np.array([8, 8, 1])),
        (slice(None), np.array([4, 5])),
    ],
)
def test_it_is_indexed_as_an_array_is(both, key) -> None:
    alleles, packed = both
    np.testing.assert_array_equal(packed[key], alleles[key])


def test_what_is_taken_of_it(both) -> None:
    alleles, packed = both
    assert packed.shape == alleles.shape
    np.testing.assert_array_equal(np.asarray(packed), alleles)
    np.testing.assert_array_equal(packed.counts(), alleles.sum(axis=1))
    np.testing.assert_array_equal(packed.take(slice(4, 11))[:], alleles[4:11])
    chosen = np.array([8, 0, 3])
    np.testing.assert_array_equal(packed.of_haplotypes(chosen)[:], alleles[:, chosen])


def test_large_ones_are_unpacked_in_blocks(both, monkeypatch) -> None:
    alleles, packed = both
    monkeypatch.setattr("ragimpute.panel.haplotypes.BLOCK_BYTES", 3 * packed.shape[1])
    assert max(rows.stop - rows.start for rows in packed.blocks()) == 3
    np.testing.assert_array_equal(packed.counts(), alleles.sum(axis=1))
    np.testing.assert_array_equal(packed[:, np.array([2, 1])], alleles[:, [2, 1]])


def test_a_file_that_was_cut_is_an_error(tmp_path) -> None:
    path = tmp_path / "panel"
    path.write_bytes(bytes(10))
    with pytest.raises(OSError, match="shorter"):
        StoredHaplotypes(path, 0, SITES, NUMBER)[:]


def test_others_stand_behind_the_haplotypes(both, monkeypatch) -> None:
    alleles, haplotypes = both
    others = np.random.default_rng(5).integers(0, 2, (SITES, 5)).astype(np.uint8)
    monkeypatch.setattr("ragimpute.panel.haplotypes.BLOCK_BYTES", 3 * NUMBER)
    found = haplotypes.beside(others)
    np.testing.assert_array_equal(found[:], np.concatenate([alleles, others], axis=1))
