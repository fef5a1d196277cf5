"""The Li-Stephens kernel, retrieval and sharing against direct definitions in numpy."""

import os
import subprocess
import sys

import numpy as np
import pytest

from ragimpute.retrieval import li_stephens, neighbours, selection, sharing
from ragimpute.retrieval.drawn_carriers import draw_carriers


def mosaic(rng, n_sites, n_hap):
    """A reference of haplotypes that are mosaics of six founders, and the map of its sites."""
    founders = rng.integers(0, 2, (n_sites, 6), dtype=np.uint8)
    origin = np.cumsum(rng.random((n_sites, n_hap)) < 0.1, axis=0) + rng.integers(0, 6, n_hap)
    reference = np.take_along_axis(founders, origin % 6, axis=1)
    return reference, np.cumsum(rng.exponential(0.02, n_sites))


def naive_posterior(reference, query, excluded, cm, rate, error):
    """Forward-backward in float64, straight from the definition."""
    n_typed, n_hap = reference.shape
    allowed = np.ones(n_hap, bool)
    allowed[[h for h in excluded if h >= 0]] = False
    emission = np.where(reference == query[:, None], 1 - error, error)
    emission[query < 0] = 1.0
    emission = emission * allowed
    jump = -np.expm1(-rate * np.diff(cm))
    forward = np.zeros((n_typed, n_hap))
    backward = np.zeros((n_typed, n_hap))
    forward[0] = emission[0] / allowed.sum()
    for t in range(1, n_typed):
        previous = forward[t - 1] / forward[t - 1].sum()
        forward[t] = ((1 - jump[t - 1]) * previous + jump[t - 1] / allowed.sum()) * emission[t]
    backward[-1] = 1.0
    for t in range(n_typed - 2, -1, -1):
        following = backward[t + 1] * emission[t + 1]
        backward[t] = (1 - jump[t]) * following + jump[t] * following.sum() / allowed.sum()
        backward[t] /= backward[t].max()
    posterior = forward * backward
    return posterior / posterior.sum(axis=1, keepdims=True)


def test_dosages_equal_the_definition():
    rng = np.random.default_rng(1)
    panel, cm = mosaic(rng, 60, 20)
    typed = np.zeros(60, bool)
    typed[::3] = True
    queries = panel[typed][:, :3].astype(np.int8)
    queries[4, 0] = -1
    excluded = np.array([[0, 1], [0, 1], [-1, -1]])
    dosage = li_stephens.li_stephens_dosages(panel, cm, typed, queries, excluded, rate=7.0, error=0.02)
    left, weight = li_stephens.flanking_pair(cm, typed)
    for q in range(3):
        posterior = naive_posterior(panel[typed], queries[:, q], excluded[q], cm[typed], 7.0, 0.02)
        right = np.minimum(left + 1, typed.sum() - 1)
        mixed = (1 - weight[:, None]) * posterior[left] + weight[:, None] * posterior[right]
        np.testing.assert_allclose(dosage[:, q], (mixed * panel).sum(axis=1), atol=2e-5)


def test_a_query_in_the_reference_comes_back_as_itself_unless_it_is_left_out():
    rng = np.random.default_rng(2)
    panel, cm = mosaic(rng, 300, 30)
    typed = np.zeros(300, bool)
    typed[::2] = True
    queries = panel[typed][:, 4:5].astype(np.int8)
    own = li_stephens.li_stephens_dosages(panel, cm, typed, queries, np.array([[-1]]))
    left_out = li_stephens.li_stephens_dosages(panel, cm, typed, queries, np.array([[4]]))
    without = li_stephens.li_stephens_dosages(np.delete(panel, 4, axis=1), cm, typed, queries, np.array([[-1]]))
    assert np.abs(own[:, 0] - panel[:, 4]).mean() < 0.05
    np.testing.assert_allclose(left_out, without, atol=1e-4)


def test_leaving_a_site_out_equals_hiding_it():
    """Brute force: each allele in turn is missing, and its dosage is asked for."""
    rng = np.random.default_rng(9)
    reference, cm = mosaic(rng, 25, 16)
    queries = reference[:, :3].astype(np.int8)
    queries[rng.random(queries.shape) < 0.1] ^= 1  # some are unlike anybody
    queries[7, 1] = -1
    excluded = np.array([[0, 1], [-1, -1], [2, -1]])
    left_out = li_stephens.left_out_dosages(reference, cm, queries, excluded, rate=7.0, error=0.02)
    everything = np.ones(25, bool)
    for t in range(25):
        hidden = queries.copy()
        hidden[t] = -1
        expected = li_stephens.li_stephens_dosages(reference, cm, everything, hidden, excluded, rate=7.0, error=0.02)[t]
        np.testing.assert_allclose(left_out[t], expected, atol=2e-4)


def test_retrieval_knows_the_dosages_of_alleles_that_are_left_out():
    rng = np.random.default_rng(10)
    reference, cm = mosaic(rng, 60, 24)
    queries = reference[:, :4].astype(np.int8)
    queries[rng.random(queries.shape) < 0.1] ^= 1
    queries[7, 1] = -1
    excluded = np.array([[0, 1], [0, 1], [2, 3], [2, 3]])
    *_, left_out = neighbours.find_neighbours(reference, cm, queries, excluded, k=6)
    np.testing.assert_allclose(left_out, li_stephens.left_out_dosages(reference, cm, queries, excluded), atol=1e-4)


def test_flanks_by_hand():
    cm = np.array([0.0, 1.0, 2.0, 5.0, 6.0])
    left, weight = li_stephens.flanking_pair(cm, np.array([False, True, False, True, False]))
    assert left.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(weight, [0, 0, 0.25, 0, 0])


def test_neighbours_are_the_best_and_never_the_excluded():
    rng = np.random.default_rng(3)
    reference, cm = mosaic(rng, 40, 24)
    queries = reference[:, :4].astype(np.int8)
    excluded = np.array([[0, 1], [0, 1], [2, 3], [2, 3]])
    nearest, features, _ = neighbours.find_neighbours(reference, cm, queries, excluded, k=6)
    assert nearest.shape == (4, 40, 6)
    assert features.shape == (4, 40, 6, len(neighbours.FEATURES))
    for q in range(4):
        assert not np.isin(nearest[q], excluded[q]).any()
        assert (np.diff(nearest[q], axis=1) > 0).all()
        scores = [
            naive_posterior(reference, queries[:, q], excluded[q], cm, r, li_stephens.ERROR) for r in neighbours.RATES
        ]
        total = np.sum(scores, axis=0)
        kept = np.take_along_axis(total, nearest[q].astype(np.int64), axis=1)
        best = np.sort(total, axis=1)[:, ::-1][:, :6]
        np.testing.assert_allclose(np.sort(kept, axis=1)[:, ::-1], best, rtol=1e-3, atol=1e-5)
        for r, posterior in enumerate(scores):
            expected = np.log(
                np.take_along_axis(posterior, nearest[q].astype(np.int64), axis=1) + neighbours.MIN_POSTERIOR
            )
            np.testing.assert_allclose(features[q, :, :, r], expected, atol=0.02)


def test_matching_lengths_by_hand():
    #                     site: 0  1  2  3  4  5
    query = np.array([[0, 0, 0, 0, 0, 0]], np.int8).T
    other = np.array([1, 0, 1, 0, 0, 1], np.uint8)
    reference = np.stack([other, np.zeros(6, np.uint8), np.ones(6, np.uint8)], axis=1)
    cm = np.array([0.0, 1.0, 3.0, 4.0, 6.0, 10.0])
    nearest, features, _ = neighbours.find_neighbours(reference, cm, query, np.array([[-1]]), k=3)
    at = features[0, 3][nearest[0, 3].tolist().index(0)].astype(float)  # site 3: mismatches at 0, 2 and 5
    lengths = np.exp(at[len(neighbours.RATES) :]) - neighbours.MIN_CM
    np.testing.assert_allclose(lengths, [1.0, 6.0, 4.0, 6.0], rtol=5e-3)


def test_missing_alleles_say_nothing_about_neighbours():
    rng = np.random.default_rng(6)
    reference, cm = mosaic(rng, 30, 12)
    queries = reference[:, :2].astype(np.int8)
    queries[[0, 7, 8, 29], 1] = -1
    kept = queries[:, 1] >= 0
    none_excluded = np.array([[0], [1]])
    _, features, _ = neighbours.find_neighbours(reference, cm, queries, none_excluded, k=11)
    _, without, _ = neighbours.find_neighbours(reference[kept], cm[kept], queries[kept][:, 1:], none_excluded[1:], k=11)
    n_rates = len(neighbours.RATES)
    np.testing.assert_allclose(features[1, kept, :, :n_rates], without[0, :, :, :n_rates], atol=0.02)


def test_logarithms_as_float16_equal_numpys():
    rng = np.random.default_rng(7)
    x = np.exp(rng.uniform(np.log(1e-6), np.log(300), 20_000)).astype(np.float32)
    x[:1000] = 1 - 1e-4 * rng.random(1000, dtype=np.float32)  # logarithms below float16's normal range
    x[1000:1003] = [1.0, np.float32(1.0) + np.finfo(np.float32).eps, neighbours.MIN_CM]
    expected = np.log(x.astype(np.float64)).astype(np.float16)
    halves = np.empty(len(x), np.uint16)
    neighbours.log_to_half(x.copy(), halves)
    different = halves.view(np.float16) != expected
    assert different.mean() < 1e-3
    steps = np.abs(halves.view(np.int16).astype(int) - expected.view(np.int16).astype(int))
    assert steps[different].max(initial=0) <= 1


@pytest.mark.parametrize("floor", [0.0, 0.3, 2.0])
@pytest.mark.parametrize(("n", "n_values"), [(40, 12), (400, 12), (400, 3000)])
def test_the_best_are_selected_whatever_the_guess_and_ties_go_to_the_first(floor, n, n_values):
    rng = np.random.default_rng(8)
    for k in (1, 5, 31, 40):
        score = rng.integers(0, n_values, n).astype(np.float32) / 8
        chosen = np.empty(k, np.int32)
        guess = np.float32(floor).view(np.uint32)
        scratch = np.empty(n, np.int32), np.empty(n, np.uint32), np.empty(selection.FEW + 1, np.uint32)
        selection.select_best(score.view(np.uint32), k, guess, *scratch, chosen, np.uint32(0))
        assert chosen.tolist() == sorted(np.argsort(-score, kind="stable")[:k].tolist())


@pytest.mark.parametrize("threads", [1, 2])
def test_thread_count_does_not_change_anything(threads):
    rng = np.random.default_rng(4)
    reference, cm = mosaic(rng, 50, 16)
    queries = reference[:, :5].astype(np.int8)
    excluded = np.repeat([[0, 1], [0, 1], [2, 3], [2, 3], [4, 5]], 1, axis=0)
    one = neighbours.find_neighbours(reference, cm, queries, excluded, k=5, threads=1)
    many = neighbours.find_neighbours(reference, cm, queries, excluded, k=5, threads=threads)
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))


IN_A_FRESH_PROCESS = """
import hashlib, numpy as np
from ragimpute.retrieval import li_stephens, neighbours
rng = np.random.default_rng(1)
founders = rng.integers(0, 2, (125, 12), dtype=np.uint8)
origin = np.cumsum(rng.random((125, 300)) < 0.05, axis=0) + rng.integers(0, 12, 300)
reference = np.take_along_axis(founders, origin % 12, axis=1)
cm = np.cumsum(rng.exponential(0.002, 125))
none_excluded = np.full((60, 1), -1)
found = neighbours.find_neighbours(reference[:, 60:], cm, reference[:, :60].astype(np.int8), none_excluded, 32)
typed = np.arange(125) % 2 == 0
queries = reference[typed, :60].astype(np.int8)
dosage = li_stephens.li_stephens_dosages(reference[:, 60:], cm, typed, queries, none_excluded)
print(*(hashlib.sha256(array.tobytes()).hexdigest() for array in (*found, dosage)))
"""


@pytest.mark.slow
def test_the_run_that_compiles_gives_the_same_bytes_as_later_ones(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS], env=environment, capture_output=True, text=True)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert list(tmp_path.rglob("*.nbc")), "the second one read what the first had compiled"
    assert first.stdout == second.stdout


def naive_shared(a, b, cm, position, m_left, m_right):
    """Log shared length by walking site by site."""
    ends = []
    for sites, edge in (
        (range(m_left - 1, -1, -1), min(cm[0], position)),
        (range(m_right, len(cm)), max(cm[-1], position)),
    ):
        different = [m for m in sites if a[m] != b[m]]
        ends.append(cm[different[1]] if len(different) > 1 else edge)
    return np.log(ends[1] - ends[0] + sharing.MIN_CM)


def test_mutual_sharing_equals_the_definition_and_leaves_groups_out():
    rng = np.random.default_rng(5)
    alleles, cm = mosaic(rng, 150, 12)
    minor = (rng.random((150, 12)) < 0.3).astype(np.uint8)
    m = np.arange(150)
    group = np.array([0, 0, 1, 1, 2, 2, 1, 1, 3, 3, 4, 4])  # a sample of two rows, and a family of two samples
    carriers = draw_carriers(minor, np.zeros(150, bool), threads=1)
    shared, left_out = sharing.mutual_sharing(alleles, cm, carriers, cm, m, m + 1, group, leave_out=True)
    for s in (0, 1, 63, 64, 65, 149, 100):
        carriers = np.flatnonzero(minor[s])
        for who, value in [(-1, shared[s]), *((g, left_out[s, g]) for g in range(5))]:
            kept = [h for h in carriers if group[h] != who]
            pairs = [
                naive_shared(alleles[:, a], alleles[:, b], cm, cm[s], s, s + 1)
                for i, a in enumerate(kept)
                for b in kept[:i]
            ]
            if pairs:
                assert value == pytest.approx(np.mean(pairs), abs=1e-4)
            else:
                assert np.isnan(value)
