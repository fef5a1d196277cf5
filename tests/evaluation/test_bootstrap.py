import numpy as np
import pytest

from evaluation_data import synthetic
from ragimpute.evaluation import bootstrap, metrics
from ragimpute.evaluation.r2_per_variant import resampled_sums, site_r2
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, membership


def test_weights_are_reproducible_and_sum_to_the_samples():
    weights = bootstrap.resampling_weights(7, 50, seed=1)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, bootstrap.resampling_weights(7, 50, seed=1))
    assert not np.array_equal(weights, bootstrap.resampling_weights(7, 50, seed=2))
    assert not np.array_equal(weights, bootstrap.resampling_weights(7, 50, seed=1, group="GBR"))


def drawn(genotypes: Genotypes, weights: np.ndarray) -> Genotypes:
    """The genotypes of one resample, samples repeated as often as they are drawn."""
    samples = np.repeat(np.arange(len(weights)), weights.astype(int))
    return Genotypes(genotypes.ds[:, samples], genotypes.hds[:, samples], None, genotypes.truth[:, samples])


def test_weighted_sums_equal_a_direct_resampling_of_genotypes():
    genotypes, counts = synthetic(80, 9, missing=0.05)
    weights = bootstrap.resampling_weights(9, 20, seed=4)
    sums = np.tensordot(weights, sample_statistics(genotypes, counts).sums, axes=1)
    for b, row in enumerate(weights):
        direct = sample_statistics(drawn(genotypes, row), counts).sums.sum(axis=0)
        for name, function in metrics.METRICS.items():
            np.testing.assert_allclose(function(sums[b]), function(direct), rtol=1e-9, err_msg=name)


def test_resampled_variant_r2_equals_a_direct_loop():
    genotypes, counts = synthetic(80, 25, missing=0.02)
    weights = bootstrap.resampling_weights(25, 10, seed=4)
    member = membership(counts)
    total, number = resampled_sums(genotypes.ds, genotypes.truth, member, weights)
    fast = metrics.ratio(total, number)
    for b, row in enumerate(weights):
        one = drawn(genotypes, row)
        per_site = site_r2(one.ds, one.truth)
        for k in range(len(STRATA)):
            inside = per_site[member[k]]
            inside = inside[np.isfinite(inside)]
            expected = inside.mean() if len(inside) else np.nan
            assert fast[b, k] == pytest.approx(expected, abs=2e-4, nan_ok=True)


def test_site_r2_agrees_with_numpy():
    genotypes, _ = synthetic(80, 25, missing=0.05)
    for ds, truth, value in zip(genotypes.ds, genotypes.truth, site_r2(genotypes.ds, genotypes.truth), strict=True):
        known = truth >= 0
        if np.ptp(truth[known]) == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(np.corrcoef(ds[known].astype(float), truth[known])[0, 1] ** 2, abs=1e-6)


def test_a_constant_dosage_scores_0_where_the_truth_varies():
    truth = np.array([[0, 1, 2, 0], [0, 0, 0, 0]], dtype=np.int8)
    ds = np.full((2, 4), 0.1, dtype=np.float32)
    assert site_r2(ds, truth)[0] == 0
    assert np.isnan(site_r2(ds, truth)[1])
    total, number = resampled_sums(ds, truth, np.ones((1, 2), dtype=bool), np.ones((3, 4)))
    assert (total == 0).all()
    assert (number == 1).all()


def test_interval_and_p_value_by_hand():
    resamples = np.linspace(0, 1, 101)[:, None]
    low, high = bootstrap.bootstrap_interval(resamples)
    assert low[0] == pytest.approx(0.025)
    assert high[0] == pytest.approx(0.975)
    assert bootstrap.p_value(np.full((99, 1), 0.3))[0] == pytest.approx(2 / 100)
    assert bootstrap.p_value(np.zeros((99, 1)))[0] == 1
    assert np.isnan(bootstrap.p_value(np.full((9, 1), np.nan))[0])


def test_an_interval_needs_half_of_its_resamples():
    resamples = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 1.0]])
    low, _ = bootstrap.bootstrap_interval(resamples)
    assert np.isfinite(low[0])
    assert np.isnan(low[1])
