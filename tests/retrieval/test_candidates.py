"""Candidates of large panels: those that match longest are among them, and little is lost with the others."""

import dataclasses
import itertools

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.evaluation.r2_per_variant import site_r2
from ragimpute.imputation.left_out import empirical_r2
from ragimpute.panel.store import Panel
from ragimpute.retrieval import candidates, neighbours


@pytest.mark.parametrize(
    ("n_haplotypes", "margin"), [(6000, candidates.MARGIN_CM), (60_000, candidates.LONG_MARGIN_CM)]
)
def test_stretches_cover_each_site_once_within_their_margins(n_haplotypes, margin):
    cm = np.sort(np.random.default_rng(1).uniform(0, 23, 500))
    found = candidates.stretches(cm, n_haplotypes)
    assert next((first, last) for _, first, last, _ in found)[0] == 0
    assert all(a[2] == b[1] for a, b in itertools.pairwise(found))
    assert found[-1][2] == 500
    for start, first, last, stop in found:
        assert cm[last - 1] - cm[first] <= candidates.CORE_CM
        assert start == 0 or cm[first] - cm[start] <= margin < cm[first] - cm[start - 1]
        assert stop == 500 or cm[stop] - cm[last - 1] > margin
    assert candidates.stretches(np.array([1.0]), n_haplotypes) == [(0, 0, 1, 1)]


def test_copied_haplotypes_are_candidates_and_excluded_ones_are_not(monkeypatch):
    """A query that is a mosaic of three haplotypes finds them among 400; an excluded copy of itself is not chosen."""
    monkeypatch.setattr(candidates, "CANDIDATES", 30)
    rng = np.random.default_rng(2)
    reference = (rng.random((300, 400)) < 0.3).astype(np.uint8)
    query = np.concatenate([reference[:100, 7], reference[100:200, 200], reference[200:, 399]]).astype(np.int8)
    query[[3, 150]] = -1
    reference[:, 50] = np.maximum(query, 0)
    cm, seen, excluded = np.arange(300) / 100, query[:, None], np.array([[50, -1]])
    chosen = candidates.choose_candidates(reference, cm, seen, excluded)
    assert chosen.shape == (1, 30)
    assert {7, 200, 399} <= set(chosen[0].tolist())
    assert 50 not in chosen[0]
    np.testing.assert_array_equal(chosen, candidates.choose_candidates(reference, cm, seen, excluded, threads=2))


def test_queries_do_not_depend_on_those_in_memory_beside_them(monkeypatch):
    monkeypatch.setattr(candidates, "CANDIDATES", 30)
    rng = np.random.default_rng(3)
    reference = (rng.random((80, 200)) < 0.3).astype(np.uint8)
    queries = reference[:, rng.integers(0, 200, 7)].astype(np.int8)
    queries[rng.random(queries.shape) < 0.05] = -1
    cm, none_excluded = np.arange(80) / 100, np.full((7, 1), -1)
    together = candidates.choose_candidates(reference, cm, queries, none_excluded)
    monkeypatch.setattr(candidates, "PAIRS", 3 * 200)
    np.testing.assert_array_equal(candidates.choose_candidates(reference, cm, queries, none_excluded), together)


@pytest.fixture
def large(monkeypatch):
    """450 reference samples and 10 others; what counts as large is small here, and stretches are short."""
    monkeypatch.setattr(candidates, "EXACT", 300)
    monkeypatch.setattr(candidates, "CANDIDATES", 150)
    monkeypatch.setattr(candidates, "CORE_CM", 0.4)
    panel = mosaic_panel(460, 400, n_founders=40, seed=4)
    return panel.of_samples(panel.samples[:450]), panel.of_samples(panel.samples[450:])


def test_retrieval_among_candidates_finds_what_the_whole_panel_gives(large, monkeypatch):
    reference, targets = large
    cm, queries = reference.sites.cm, targets.alleles[:].astype(np.int8)
    none_excluded = np.full((20, 1), -1)
    near, features, _ = neighbours.find_neighbours(reference.alleles[:], cm, queries, none_excluded, k=8)
    monkeypatch.setattr(candidates, "EXACT", 1000)
    exact, exact_features, _ = neighbours.find_neighbours(reference.alleles[:], cm, queries, none_excluded, k=8)
    assert near.dtype == exact.dtype
    assert (np.diff(near.astype(int), axis=2) > 0).all(), "in the order of the panel"
    shared = np.mean([len(set(a) & set(b)) / 8 for a, b in zip(near.reshape(-1, 8), exact.reshape(-1, 8), strict=True)])
    assert shared > 0.7, "what differs are ties among some twenty haplotypes of one founder"
    best = features[..., 1].max(axis=2).astype(float), exact_features[..., 1].max(axis=2).astype(float)
    assert np.corrcoef(best[0].ravel(), best[1].ravel())[0, 1] > 0.9


def test_equal_queries_share_what_one_of_them_finds(large):
    """Equal within a stretch, as two phasings are; a query that may not copy a haplotype is not equal to the others."""
    reference, targets = large
    cm, alleles = reference.sites.cm, reference.alleles[:]
    one, other = targets.alleles[:][:, 0], targets.alleles[:][:, 2]
    mixed = np.where(np.arange(len(cm)) < len(cm) // 2, one, other)
    queries = np.stack([one, other, mixed, one, one], axis=1).astype(np.int8)
    excluded = np.array([[-1], [-1], [-1], [-1], [7]])
    together = neighbours.find_neighbours(alleles, cm, queries, excluded, k=8)
    for query in range(5):
        alone = neighbours.find_neighbours(alleles, cm, queries[:, [query]], excluded[[query]], k=8)
        np.testing.assert_array_equal(together[0][query], alone[0][0])
        np.testing.assert_array_equal(together[1][query], alone[1][0])
        np.testing.assert_array_equal(together[2][:, query], alone[2][:, 0])
    assert (together[0][4] != 7).all()


def test_left_out_r2_is_zero_where_no_other_site_tells(large):
    """Typed sites 100 cM apart: what float32 leaves of the left-out allele itself is no accuracy."""
    reference, targets = large
    few = np.arange(0, len(reference.sites), 15)
    sites = dataclasses.replace(reference.sites.take(few), cm=np.arange(len(few)) * 100.0)
    sparse = Panel(sites, reference.samples, np.ascontiguousarray(reference.alleles[few]), reference.contigs)
    r2 = empirical_r2(sparse, np.ones(len(few), dtype=bool), targets.alleles[few])
    assert np.isfinite(r2).any()
    assert np.nanmax(r2) == 0
    assert np.isnan(empirical_r2(sparse, np.ones(len(few), dtype=bool), targets.alleles[few][:, :2])).all()


def test_left_out_r2_of_a_large_panel_is_near_that_of_all_states(large, monkeypatch):
    reference, targets = large
    typed = np.ones(len(reference.sites), dtype=bool)
    few = empirical_r2(reference, typed, targets.alleles[:], threads=2)
    monkeypatch.setattr(candidates, "EXACT", 1000)
    exact = empirical_r2(reference, typed, targets.alleles)
    known = np.isfinite(exact)
    assert (np.isfinite(few) == known).all()
    assert few[known].mean() == pytest.approx(exact[known].mean(), abs=0.03)
    assert site_r2(few[known][None, :], exact[known][None, :])[0] > 0.6, "r2 over 20 haplotypes is noisy"
