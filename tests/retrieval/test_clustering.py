"""Carriers' clustering in positional prefix order, against a definition by sorting."""

import numpy as np
import pytest

from ragimpute.retrieval.clustering import clustering
from ragimpute.retrieval.drawn_carriers import draw_carriers

SITES, HAPLOTYPES = 120, 24


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Alleles [S, H] that resemble their neighbours, indices of the typed sites, and where REF is the minor allele."""
    rng = np.random.default_rng(3)
    alleles = (rng.random((SITES, HAPLOTYPES)) < 0.6 * rng.random((SITES, 1))).astype(np.uint8)
    for s in range(1, SITES):
        kept = rng.random(HAPLOTYPES) < 0.8
        alleles[s, kept] = alleles[s - 1, kept]
    return alleles, np.flatnonzero(rng.random(SITES) < 0.3), 2 * alleles.sum(axis=1) > HAPLOTYPES


def clustered(alleles, typed, flipped, group, leave_out=False, threads=1):
    sites = np.arange(len(alleles))
    before, after = np.searchsorted(typed, sites), np.searchsorted(typed, sites, side="right")
    carriers = draw_carriers(alleles, flipped, threads)
    return clustering(alleles[typed], alleles, flipped, carriers, before, after, group, leave_out, threads)


def by_definition(alleles, typed, flipped, s) -> float:
    others = total = 0
    for beside in (typed[typed < s][::-1], typed[typed > s]):  # nearest first, to the left and to the right
        order = sorted(range(alleles.shape[1]), key=lambda h: alleles[beside, h].tolist())
        for i, h in enumerate(order):
            if alleles[s, h] != flipped[s]:
                near = [order[j] for j in (i - 1, i + 1) if 0 <= j < len(order)]
                others += sum(alleles[s, n] == flipped[s] for n in near)
                total += len(near)
    return np.log((others + 0.5) / (total + 1)) if total else np.nan


def test_clustering_equals_the_definition(drawn):
    alleles, typed, flipped = drawn
    expected = [by_definition(alleles, typed, flipped, s) for s in range(SITES)]
    assert np.isfinite(expected).sum() > SITES / 2
    for threads in (1, 2):
        found, left_out = clustered(alleles, typed, flipped, np.arange(HAPLOTYPES), threads=threads)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert left_out.shape == (SITES, 0)


def test_a_group_that_is_left_out_leaves_no_trace(drawn):
    alleles, typed, flipped = drawn
    group = np.arange(HAPLOTYPES) // 2
    group[group == 5] = 2  # a family of two samples
    group = np.unique(group, return_inverse=True)[1]
    _, left_out = clustered(alleles, typed, flipped, group, leave_out=True, threads=2)
    for member in range(group.max() + 1):
        rest = np.ascontiguousarray(alleles[:, group != member])
        without, _ = clustered(rest, typed, flipped, np.arange(rest.shape[1]))
        np.testing.assert_array_equal(left_out[:, member], without)


def test_scattered_carriers_cluster_less():
    rng = np.random.default_rng(4)
    alleles = np.repeat(rng.integers(0, 2, (40, 8), dtype=np.uint8), 20, axis=1)  # eight kinds of haplotypes
    typed = np.arange(40) != 20
    alleles[20] = np.arange(160) < 20  # one kind carries it
    on_one, _ = clustered(alleles, np.flatnonzero(typed), np.zeros(40, bool), np.arange(160))
    alleles[20] = np.arange(160) % 8 == 0  # carriers of every kind
    scattered, _ = clustered(alleles, np.flatnonzero(typed), np.zeros(40, bool), np.arange(160))
    assert on_one[20] < -2
    assert scattered[20] > -0.2
