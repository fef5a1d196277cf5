"""What neighbours say of a site: flanks, weights and shares against hand-worked numbers and plain numpy."""

from dataclasses import replace

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.models.bert_rag.fold_data import BertRagData
from ragimpute.panel.folds import Fold
from ragimpute.panel.store import Panel
from ragimpute.retrieval import evidence
from ragimpute.retrieval.fold_neighbours import Flanks, flanks, local_flanks, retrieve_neighbours
from ragimpute.retrieval.neighbours import FEATURES, RATES
from training_data import fold_of, windows_of
from two_chromosomes import joined, stretched


def fold_at(chrom: list[str], cm: list[float], typed: list[int], n_samples: int = 3) -> Fold:
    """A fold of targets at sites on chromosomes `chrom` and at `cm`, those with index `typed` typed."""
    panel = mosaic_panel(n_samples, len(cm))
    sites = replace(panel.sites, chrom=np.array(chrom), cm=np.array(cm))
    is_typed = np.isin(np.arange(len(cm)), typed)
    observed = panel.alleles[is_typed][:, :2]
    return Fold("targets", replace(panel, sites=sites), ("x",), is_typed, observed, None, np.full((1, 1), -1))


def test_flanks_by_hand_stay_on_their_chromosome():
    #         chromosome 1, typed 1 and 3           chromosome 2, typed 6 and 7
    chrom = ["1"] * 5 + ["2"] * 4
    beside = flanks(fold_at(chrom, [0.0, 1.0, 2.0, 5.0, 9.0, 0.5, 1.0, 3.0, 4.0], [1, 3, 6, 7]))
    assert beside.left.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert beside.right.tolist() == [0, 1, 1, 1, 1, 2, 3, 3, 3]
    np.testing.assert_allclose(beside.share, [0, 0, 0.25, 0, 0, 0, 0, 0, 0])


def test_flanks_that_share_a_place_of_the_map():
    beside = flanks(fold_at(["1"] * 3, [2.0, 2.0, 2.0], [0, 2]))
    assert (beside.left[1], beside.right[1], beside.share[1]) == (0, 1, 0)


def test_local_flanks_count_from_the_first_typed_site_that_they_need():
    chrom = ["1"] * 5 + ["2"] * 4
    beside = flanks(fold_at(chrom, [0.0, 1.0, 2.0, 5.0, 9.0, 0.5, 1.0, 3.0, 4.0], [1, 3, 6, 7]))
    local, typed = local_flanks(beside, slice(6, 9))  # typed 6 and 7 are numbers 2 and 3
    assert (typed.start, typed.stop) == (2, 4)
    assert local.left.tolist() == [0, 1, 1]
    assert local.right.tolist() == [1, 1, 1]
    local, typed = local_flanks(beside, slice(2, 3))  # an untyped site alone sees both of its sides
    assert (typed.start, typed.stop, local.left.tolist(), local.right.tolist()) == (0, 2, [0], [1])


def test_weights_by_hand():
    posteriors = [0.5, 0.25, 0.125]
    left, right, left_one, right_one = 1.0, 2.0, 1.5, 4.0  # cM to each side; the last two with one mismatch
    features = np.log([*posteriors, left, right, left_one, right_one]).astype(np.float16).reshape(1, 1, 1, -1)
    assert features.shape[-1] == len(FEATURES)
    expected = [*posteriors, 3.0**2, 5.5**2, 1.5**2, 5.5**4]
    weights = evidence.neighbour_weights(features)
    assert weights.shape == (1, 1, len(evidence.WEIGHTS), 1)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights[0, 0, :, 0], expected, rtol=5e-3)  # half precision of the logarithms


def test_share_by_hand():
    """Two neighbours a flank. Left weights 3 1 of alleles 1 0, right ones 1 1 of alleles 0 1, a quarter of the way."""
    neighbours = np.array([[[0, 1], [1, 2]]], dtype=np.int16)
    weights = np.array([[[[3.0, 1.0]], [[1.0, 1.0]]]], dtype=np.float32)  # [N, T, W, K]
    beside = Flanks(np.array([0]), np.array([1]), np.array([0.25], dtype=np.float32))
    alleles = np.array([[1, 0, 1]], dtype=np.uint8)
    expected = (0.75 * 3 + 0.25 * 1) / (0.75 * 4 + 0.25 * 2)
    assert evidence.alternate_shares(neighbours, weights, beside, alleles).item() == pytest.approx(expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_shares_equal_plain_numpy(threads):
    generator = np.random.default_rng(3)
    n, n_typed, k, n_weights, n_sites, n_hap = 5, 7, 6, 3, 40, 20
    neighbours = generator.integers(0, n_hap, (n, n_typed, k)).astype(np.int16)
    weights = generator.exponential(size=(n, n_typed, n_weights, k)).astype(np.float32)
    left = np.sort(generator.integers(0, n_typed - 1, n_sites))
    share = generator.random(n_sites).astype(np.float32)
    share[:2] = 0, 1
    alleles = generator.integers(0, 2, (n_sites, n_hap)).astype(np.uint8)
    found = evidence.alternate_shares(neighbours, weights, Flanks(left, left + 1, share), alleles, threads)
    expected = np.empty(found.shape)
    for q in range(n):
        for site in range(n_sites):
            pooled = np.concatenate([neighbours[q, left[site]], neighbours[q, left[site] + 1]])
            for w in range(n_weights):
                near, far = weights[q, left[site], w], weights[q, left[site] + 1, w]
                mixed = np.concatenate([(1 - share[site]) * near, share[site] * far])
                expected[q, site, w] = np.average(alleles[site, pooled], weights=mixed)
    assert found.shape == (n, n_sites, n_weights)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-6


def two_chromosomes() -> Panel:
    return joined(*(stretched(mosaic_panel(24, 50, seed=seed), str(seed), 2) for seed in (3, 4)))


def test_the_mean_by_posterior_is_that_of_the_shares_that_bert_rag_reads():
    panel = two_chromosomes()
    fold = fold_of(panel, np.arange(100) % 5 == 2, "validation")
    found = retrieve_neighbours(fold, 6, threads=1)
    dosage = evidence.mean_by_posterior(fold, found, chunk=50)
    data = BertRagData(fold, found, window=20, mosaics=1)
    for window, (start, end) in enumerate(data.bounds):
        shares = data.batch(np.arange(fold.n_samples), window).inputs.shares[:, :, : end - start].numpy()
        mean = shares[..., : len(RATES)].mean(axis=-1)  # [B, 2, L]
        np.testing.assert_allclose(dosage[start:end], mean.reshape(-1, end - start).T, atol=1e-6)


def test_the_mean_by_posterior_does_not_depend_on_chunks_or_threads():
    panel = two_chromosomes()
    fold = fold_of(panel, np.arange(100) % 5 == 2, "validation")
    found = retrieve_neighbours(fold, 6, threads=1)
    expected = evidence.mean_by_posterior(fold, found, chunk=10)
    assert expected.std() > 0.1
    for options in ({"chunk": 25}, {"chunk": 50, "threads": 2}, {"chunk": 256}):  # the last one spans both chromosomes
        np.testing.assert_array_equal(evidence.mean_by_posterior(fold, found, **options), expected)


def test_the_best_have_the_largest_sums_of_posteriors():
    generator = np.random.default_rng(6)
    features = np.log(generator.random((4, 5, 9, len(FEATURES)))).astype(np.float16)
    best = evidence.best_neighbours(features, np.arange(4, dtype=np.uint32), 0, 3)
    total = np.exp(features[..., : len(RATES)].astype(np.float32)).sum(axis=-1)
    kept = np.take_along_axis(total, best, axis=2)
    np.testing.assert_array_equal(kept, np.sort(total, axis=2)[..., ::-1][..., :3])


def test_a_mosaic_carries_the_best_neighbour_of_the_nearest_typed_site(tiny_panel, tiny_typed):
    """Site by site, from the whole fold's retrieval, with windows that cut between typed sites."""
    fold = fold_of(tiny_panel, tiny_typed, "train")
    data = windows_of(fold)
    total = np.exp(data.retrieved.features[..., : len(RATES)].astype(np.float32)).sum(axis=-1)  # [2P, T, K]
    cm = fold.reference.sites.cm
    compared = 0
    for window, (start, end) in enumerate(data.bounds):
        mosaics = data.batch(np.arange(fold.n_samples), window).inputs.mosaics.numpy()
        for site in range(start, end):
            distance = np.abs(cm[fold.typed_sites] - cm[site])
            nearest = int(distance.argmin())
            if (distance == distance[nearest]).sum() > 1:
                continue
            for query in range(2 * fold.n_samples):
                score = total[query, nearest]
                best = data.retrieved.neighbours[query, nearest][score == score.max()]  # several where they tie
                alleles = fold.reference.alleles[site, best]
                assert mosaics[query // 2, query % 2, 0, site - start] in alleles
                compared += len(set(alleles.tolist())) == 1
    assert compared > 1000
