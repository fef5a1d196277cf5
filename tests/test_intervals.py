"""Intervals over seeds and people, tests against a region, Holm's correction."""

import numpy as np
import pytest
from scipy import stats

from ragimpute.evaluation.intervals import Estimate, Measured, estimate, holm, p_region

VALUES = np.array([0.71, 0.69, 0.74, 0.70, 0.73])


def test_without_people_it_is_the_t_test_over_seeds():
    found = estimate(Measured(VALUES))
    library = stats.ttest_1samp(VALUES, 0.70)
    interval = library.confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high))
    assert 2 * found.p_above(0.70) == pytest.approx(library.pvalue)
    assert estimate(Measured(VALUES - 0.70)).p_differs() == pytest.approx(library.pvalue)


def test_people_widen_the_interval_by_their_own_variance():
    generator = np.random.default_rng(1)
    shift = generator.normal(0, 0.03, size=400)  # the same people are drawn for every seed
    found = estimate(Measured(VALUES, VALUES[:, None] + shift, n_people=41))
    seeds, people = VALUES.var(ddof=1) / 5, shift.var(ddof=1)
    assert found.error == pytest.approx(np.sqrt(seeds + people))
    assert found.freedom == pytest.approx((seeds + people) ** 2 / (seeds**2 / 4 + people**2 / 40))
    assert 4 < found.freedom < 44


def test_intervals_cover_the_truth_under_the_model_they_assume():
    """Crossed effects of 5 seeds and 40 people: about 95 % of the intervals hold the true mean."""
    generator = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        seeds, people = generator.normal(0, 1, size=(5, 1)), generator.normal(0, 3, size=(1, 40))
        cells = 2 + seeds + people + generator.normal(0, 1, size=(5, 40))
        weights = generator.multinomial(40, np.full(40, 1 / 40), size=200) / 40
        low, high = estimate(Measured(cells.mean(axis=1), cells @ weights.T, 40)).interval()
        covered.append(low <= 2 <= high)
    assert 0.92 <= np.mean(covered) <= 0.985


def test_a_difference_is_paired():
    noise = np.random.default_rng(2).normal(0, 0.1, size=(5, 50))
    a, b = Measured(VALUES, VALUES[:, None] + noise, 40), Measured(VALUES - 0.02, VALUES[:, None] - 0.02 + noise, 40)
    found = estimate(a - b)
    assert found.mean == pytest.approx(0.02)
    assert found.error == pytest.approx(0, abs=1e-12)  # what both share is gone


def test_one_seed_has_no_interval_and_undefined_seeds_are_left_out():
    found = estimate(Measured(np.array([0.7])))
    assert found.mean == 0.7
    assert np.isnan(found.interval()).all()
    assert np.isnan(found.p_differs())
    some = np.array([*VALUES, np.nan])
    assert estimate(Measured(some)).interval() == pytest.approx(estimate(Measured(VALUES)).interval())


def test_one_person_tells_nothing_of_other_people():
    found = estimate(Measured(VALUES, np.repeat(VALUES[:, None], 9, axis=1), n_people=1))
    assert found.mean == pytest.approx(VALUES.mean())
    assert np.isnan(found.interval()).all()


def test_logarithm_of_a_ratio():
    ratio = Measured(np.array([2.0, 8.0])).log() - Measured(np.array([1.0, 2.0])).log()
    assert np.exp(estimate(ratio).mean) == pytest.approx(np.sqrt(8))  # geometric mean of 2 and 4
    assert np.isnan(Measured(np.array([0.0])).log().values[0])


def test_holm_by_hand():
    # sorted .01 .03 .04: 3 x .01, then 2 x .03, then the maximum of .06 and .04
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, np.nan, 0.04])[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert np.isnan(holm([np.nan])).all()


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
