"""Retrieval by Hamming distance."""

import numpy as np
import pytest

from ragimpute.retrieval.hamming import hamming_distances, nearest_haplotypes


def test_distances_equal_counting():
    generator = np.random.default_rng(1)
    queries, reference = (generator.integers(0, 2, (17, n), dtype=np.uint8) for n in (5, 9))
    expected = (queries[:, :, None] != reference[:, None, :]).sum(axis=0)
    assert np.array_equal(hamming_distances(queries, reference), expected)


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_nearest_equals_a_stable_sort_without_the_excluded(chunk):
    generator = np.random.default_rng(2)
    queries, reference = (generator.integers(0, 2, (6, n), dtype=np.uint8) for n in (10, 12))
    excluded = np.array([[2 * (i % 5), 2 * (i % 5) + 1] for i in range(10)])
    excluded[3] = -1
    found = nearest_haplotypes(queries, reference, excluded, 4, chunk)
    distance = hamming_distances(queries, reference)
    for query in range(10):
        allowed = [h for h in range(12) if h not in excluded[query]]
        assert found[query].tolist() == sorted(allowed, key=lambda h: (distance[query, h], h))[:4]


def test_without_typed_sites_the_first_allowed_come():
    empty = np.empty((0, 3), dtype=np.uint8)
    found = nearest_haplotypes(empty[:, :1], empty, np.array([[0, -1]]), 1)
    assert found.tolist() == [[1]]


def test_too_few_haplotypes_is_an_error():
    alleles = np.zeros((2, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match="fewer than 3"):
        nearest_haplotypes(alleles, alleles, np.tile([0, 1], (4, 1)), 3)
