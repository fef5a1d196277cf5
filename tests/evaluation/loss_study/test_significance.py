"""Intervals over seeds and samples, tests against a region, equivalence, power, Holm's correction."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from ragimpute.evaluation.loss_study.significance import (
    Estimate,
    Measured,
    contrast,
    holm,
    jackknife_variance,
    p_region,
    smallest_detectable,
)

VALUES = np.array([0.71, 0.69, 0.74, 0.70, 0.73])
SEEDS = (1, 2, 3, 4, 5)


def test_without_samples_it_is_the_t_test_over_seeds():
    found = contrast(Measured(VALUES, SEEDS))
    library = stats.ttest_1samp(VALUES, 0.70)
    interval = library.confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high))
    assert 2 * found.p_above(0.70) == pytest.approx(library.pvalue)
    assert contrast(Measured(VALUES - 0.70, SEEDS)).p_differs() == pytest.approx(library.pvalue)


def test_the_jackknife_of_a_mean_is_its_variance():
    """Groups of one: the jackknife's variance of a mean is s^2 / n (Wolter 2007, section 4.2)."""
    sample = np.random.default_rng(3).normal(size=30)
    without = (sample.sum() - sample) / 29
    assert jackknife_variance(without, sample.mean()) == pytest.approx(sample.var(ddof=1) / 30)


def test_samples_widen_the_interval_by_their_own_variance():
    shift = np.random.default_rng(1).normal(0, 0.003, size=20)  # the same groups for every seed
    shift -= shift.mean()
    found = contrast(Measured(VALUES, SEEDS, VALUES[:, None] + shift))
    seeds, samples = VALUES.var(ddof=1) / 5, 19 / 20 * (shift**2).sum()
    assert found.error == pytest.approx(np.sqrt(seeds + samples))
    assert found.freedom == pytest.approx((seeds + samples) ** 2 / (seeds**2 / 4 + samples**2 / 19))
    assert 4 < found.freedom < 23


def test_intervals_cover_the_truth_under_the_model_they_assume():
    """Crossed effects of 5 seeds and 203 samples in 20 groups: about 95 % of the intervals hold the true mean."""
    generator = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        seeds, samples = generator.normal(0, 1, size=(5, 1)), generator.normal(0, 12, size=(1, 203))
        cells = 2 + seeds + samples + generator.normal(0, 1, size=(5, 203))
        without = np.stack([np.delete(cells, np.s_[group::20], axis=1).mean(axis=1) for group in range(20)], axis=1)
        low, high = contrast(Measured(cells.mean(axis=1), SEEDS, without)).interval()
        covered.append(low <= 2 <= high)
    assert 0.92 <= np.mean(covered) <= 0.985


def test_a_difference_is_paired_by_seed_and_by_group():
    noise = np.random.default_rng(2).normal(0, 0.1, size=(5, 20))
    a = Measured(VALUES, SEEDS, VALUES[:, None] + noise)
    order = [4, 2, 0]  # the other has fewer seeds, in another order
    b = Measured(VALUES[order] - 0.02, (5, 3, 1), (VALUES[:, None] - 0.02 + noise)[order])
    difference = a - b
    assert difference.seeds == (1, 3, 5)
    found = contrast(difference)
    assert found.mean == pytest.approx(0.02)
    assert found.error == pytest.approx(0, abs=1e-12)  # what both share is gone


def test_one_seed_has_no_interval_and_undefined_seeds_are_left_out():
    found = contrast(Measured(np.array([0.7]), (1,)))
    assert found.mean == 0.7
    assert np.isnan(found.interval()).all()
    assert np.isnan(found.p_differs())
    assert np.isnan(found.p_equivalent(0.005))
    some = Measured(np.array([*VALUES, np.nan]), (*SEEDS, 6))
    assert contrast(some).interval() == pytest.approx(contrast(Measured(VALUES, SEEDS)).interval())


def test_one_group_tells_nothing_of_other_samples():
    found = contrast(Measured(VALUES, SEEDS, VALUES[:, None]))
    assert found.mean == pytest.approx(VALUES.mean())
    assert np.isnan(found.interval()).all()


def test_logarithm_of_a_ratio():
    ratio = Measured(np.array([2.0, 8.0]), (1, 2)).log() - Measured(np.array([1.0, 2.0]), (1, 2)).log()
    assert np.exp(contrast(ratio).mean) == pytest.approx(np.sqrt(8))  # geometric mean of 2 and 4
    assert np.isnan(Measured(np.array([0.0]), (1,)).log().values[0])


def test_holm_by_hand():
    # sorted .01 .03 .04: 3 x .01, then 2 x .03, then the maximum of .06 and .04
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, np.nan, 0.04])[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert np.isnan(holm([np.nan])).all()


def test_equivalence_is_the_two_one_sided_tests_of_statsmodels():
    for values, margin in (([0.001, -0.002, 0.003, 0.0005], 0.005), ([0.004, 0.007, 0.001, 0.006], 0.005)):
        library, *_ = DescrStatsW(values).ttost_mean(-margin, margin)
        found = contrast(Measured(np.array(values), (1, 2, 3, 4)))
        assert found.p_equivalent(margin) == pytest.approx(library)


def test_the_smallest_detectable_difference_is_that_of_statsmodels():
    """Of ten differences with a standard deviation of .01, at the first level of Holm's six."""
    effect = TTestPower().solve_power(nobs=10, alpha=0.05 / 6, power=0.8, alternative="two-sided")
    assert smallest_detectable(0.01 / np.sqrt(10), 9, 0.05 / 6) == pytest.approx(effect * 0.01, rel=1e-4)
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert smallest_detectable(1.0, np.inf, 0.05) == pytest.approx(normal)
    assert smallest_detectable(0.0, 9, 0.05) == 0
    assert np.isnan(smallest_detectable(np.nan, np.nan, 0.05))


def test_more_seeds_shrink_their_own_part_of_the_error_alone():
    shift = np.array([0.01, -0.01])
    measured = Measured(VALUES, SEEDS, VALUES[:, None] + shift)
    samples = 0.5 * (shift**2).sum()
    assert contrast(measured, 10).error ** 2 == pytest.approx(VALUES.var(ddof=1) / 10 + samples)


def test_a_region_is_left_or_entered_surely_or_not():
    found = Estimate(0.5, 0.1, 10)
    inside, p = p_region(found, 0.0, 1.0)
    assert inside
    assert p == pytest.approx(2 * stats.t.sf(5, 10))
    inside, p = p_region(found, 0.7, 0.8)
    assert not inside
    assert p == pytest.approx(2 * stats.t.sf(2, 10))
    inside, p = p_region(found, 0.0, np.inf)
    assert inside
    assert p == pytest.approx(2 * stats.t.sf(5, 10))
    assert p_region(found, 0.49, 0.51)[1] == pytest.approx(
        1.0 if 2 * stats.t.sf(0.1, 10) > 1 else 2 * stats.t.sf(0.1, 10)
    )
    assert np.isnan(p_region(Estimate(0.5, np.nan, np.nan), 0, 1)[1])
    assert p_region(Estimate(0.5, 0.0, np.inf), 0, 1) == (True, 0.0)
    assert p_region(Estimate(1.5, 0.0, np.inf), 0, 1) == (False, 0.0)
