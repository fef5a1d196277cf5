import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, cohen_kappa_score, f1_score, precision_score, recall_score

from evaluation_data import synthetic, truth_as_result
from ragimpute.evaluation import metrics
from ragimpute.evaluation.r2_per_variant import site_r2
from ragimpute.evaluation.sample_statistics import (
    FIELDS,
    Genotypes,
    genotype_probabilities,
    hard_calls,
    sample_statistics,
    sample_sums,
)
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership

RARE = ReferenceCounts(np.array([10]), np.array([600]))


def one_site(ds, truth, hds=None, gp=None) -> np.ndarray:
    """Sums over the samples of a single rare site, stratum overall."""
    ds = np.array([ds], dtype=np.float32)
    hds = np.repeat(ds[:, :, None] / 2, 2, axis=2) if hds is None else np.array([hds], dtype=np.float32)
    genotypes = Genotypes(ds, hds, None if gp is None else np.array([gp]), np.array([truth], dtype=np.int8))
    return sample_statistics(genotypes, RARE).sums[:, 0].sum(axis=0)


def test_the_implied_r2_is_that_of_genotypes_drawn_from_their_probabilities():
    """Also where they are not those of two independent haplotypes."""
    generator = np.random.default_rng(1)
    gp = generator.dirichlet([2.0, 0.3, 0.6], size=(20_000, 3)).astype(np.float32)
    ds = gp[..., 1] + 2 * gp[..., 2]
    drawn = (generator.random((20_000, 3, 1)) > gp.cumsum(axis=2)).sum(axis=2)
    counts = ReferenceCounts(np.full(20_000, 30), np.full(20_000, 100))
    hds = np.repeat(ds[..., None] / 2, 2, axis=2)
    sums, unknown = (sample_sums(Genotypes(ds, hds, gp, truth.astype(np.int8)), counts) for truth in (drawn, 0 * drawn))
    implied = metrics.implied_r2(unknown)[:, STRATA.index("overall")]
    np.testing.assert_allclose(implied, metrics.r2(sums)[:, STRATA.index("overall")], atol=0.01)
    assert (implied < 0.9).all()


def test_r2_by_hand():
    # x = 0 1 2, y = 0 0 2: cov = 2, var x = 2, var y = 8/3 -> 4 / (16/3) = .75
    assert metrics.r2(one_site([0, 1, 2], [0, 0, 2])) == pytest.approx(0.75, abs=1e-12)


def test_f1_precision_and_recall_by_hand():
    # calls 0 1 2 1, truth 1 1 1 0: TP = 0 + 1 + 1 + 0 = 2, called 4, true 3
    sums = one_site([0.4, 0.6, 1.9, 1.0], [1, 1, 1, 0])
    assert metrics.precision(sums) == pytest.approx(2 / 4)
    assert metrics.recall(sums) == pytest.approx(2 / 3)
    assert metrics.f1(sums) == pytest.approx(4 / 7)


def test_concordance_and_nrd_by_hand():
    # right: 0/0, 1/1, 2/2; wrong: one. NRD leaves out the one 0/0: 1 / 3
    sums = one_site([0, 1, 2, 1], [0, 1, 2, 2])
    assert metrics.concordance(sums) == pytest.approx(0.75)
    assert metrics.nrd(sums) == pytest.approx(1 / 3)


def test_iqs_by_hand():
    # two samples, truth 0 and 2; P(true) = .8 and .6 -> Po = .7; mean P = (.5, .15, .35), truth (.5, 0, .5): Pc = .425
    sums = one_site([0.3, 1.4], [0, 2], gp=[[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    assert metrics.iqs(sums) == pytest.approx((0.7 - 0.425) / (1 - 0.425), abs=1e-12)


def test_brier_by_hand():
    # (.2^2 + .1^2 + .1^2) = .06 and (.2^2 + .2^2 + .4^2) = .24: mean .15
    sums = one_site([0.3, 1.4], [0, 2], gp=[[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    assert metrics.brier(sums) == pytest.approx(0.15, abs=1e-12)


def test_dosage_ratio_and_counts_by_hand():
    sums = one_site([0.5, 1, 0, 2], [1, 1, 0, -1])
    assert metrics.dosage_ratio(sums) == pytest.approx(0.75)
    assert metrics.truth_minor_alleles(sums) == 2
    assert metrics.missing_truth(sums) == 1
    assert metrics.field(sums, "n") == 3


def test_ece_by_hand():
    # a het with haplotype dosages .6 and .2: P(h1 | het) = .48 / (.48 + .08) = 6/7; a hom-ref with .5 and .5
    hds = [[0.6, 0.2], [0.5, 0.5]]
    genotypes = Genotypes(np.array([[0.8, 1.0]]), np.array([hds]), None, np.array([[1, 0]], dtype=np.int8))
    calibration = sample_statistics(genotypes, RARE).calibration[:, 0].sum(axis=0)
    # quantile edges put .2, the two .5 and .6 into bins of their own
    assert metrics.ece(calibration) == pytest.approx((abs(0.2 - 1 / 7) + 1.0 + abs(0.6 - 6 / 7)) / 4, abs=1e-12)


def test_a_calibrated_method_has_no_calibration_error():
    generator = np.random.default_rng(5)
    hds = generator.random((2000, 100, 2))
    truth = (generator.random(hds.shape) < hds).sum(axis=2).astype(np.int8)
    counts = ReferenceCounts(np.full(2000, 10), np.full(2000, 600))
    calibration = sample_statistics(Genotypes(hds.sum(axis=2), hds, None, truth), counts).calibration[:, 0]
    assert metrics.ece(calibration.sum(axis=0)) < 0.003


def test_undefined_is_nan():
    sums = one_site([0, 0, 0], [0, 0, 0])
    for name in ("r2", "f1", "precision", "recall", "nrd", "dosage_ratio"):
        assert np.isnan(metrics.METRICS[name](sums)), name
    assert metrics.f1(one_site([0, 0], [0, 1])) == 0  # called nobody, but there was somebody to find
    assert np.isnan(metrics.r2(np.zeros(len(FIELDS))))


def test_the_truth_as_a_result_is_perfect_in_every_stratum():
    genotypes, counts = synthetic()
    statistics = sample_statistics(truth_as_result(genotypes.truth), counts)
    sums = statistics.sums.sum(axis=0)
    filled = metrics.truth_minor_alleles(sums) > 0
    assert filled[[STRATA.index(name) for name in ("overall", "rare", "common", "mac_201_plus")]].all()
    for name in ("r2", "f1", "precision", "recall", "concordance", "iqs", "dosage_ratio"):
        assert metrics.METRICS[name](sums)[filled] == pytest.approx(1, abs=1e-12), name
    assert metrics.brier(sums)[filled] == pytest.approx(0, abs=1e-12)


def test_frequency_alone_scores_almost_nothing_at_rare_sites():
    genotypes, counts = synthetic(3000, 60)
    ds = np.repeat((2 * counts.ac / counts.an)[:, None], 60, axis=1)
    flat = Genotypes(ds, np.repeat(ds[:, :, None] / 2, 2, axis=2), None, genotypes.truth)
    assert metrics.r2(sample_statistics(flat, counts).sums.sum(axis=0))[STRATA.index("rare")] < 0.05
    per_site = site_r2(ds, genotypes.truth)
    assert np.nanmax(per_site) == 0


def test_agreement_with_sklearn_and_numpy():
    genotypes, counts = synthetic(600, 40, missing=0.03)
    sums = sample_statistics(genotypes, counts).sums.sum(axis=0)
    minor = genotypes.oriented(counts.flipped)
    for k, member in enumerate(membership(counts)):
        known = (minor.truth >= 0) & member[:, None]
        y, x = minor.truth[known].astype(int), minor.ds[known].astype(float)
        call = hard_calls(x)
        if y.min() == y.max() or STRATA[k] == "mac_0":
            continue
        assert metrics.r2(sums[k]) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, abs=1e-6)
        # allele counts as two yes/no questions each: at least one, two
        asked, told = (np.concatenate([v >= 1, v >= 2]) for v in (y, call))
        assert metrics.f1(sums[k]) == pytest.approx(f1_score(asked, told), abs=1e-6)
        assert metrics.precision(sums[k]) == pytest.approx(precision_score(asked, told, zero_division=0), abs=1e-6)
        assert metrics.recall(sums[k]) == pytest.approx(recall_score(asked, told), abs=1e-6)
        p = genotype_probabilities(minor)[known]
        whole = sum(brier_score_loss(y == g, p[:, g]) for g in range(3))
        assert metrics.brier(sums[k]) == pytest.approx(whole, abs=1e-6)


def test_iqs_of_hard_calls_is_cohens_kappa():
    genotypes, counts = synthetic(600, 40)
    call = hard_calls(genotypes.ds)
    hard = Genotypes(genotypes.ds, genotypes.hds, (call[:, :, None] == np.arange(3)).astype(float), genotypes.truth)
    sums = sample_statistics(hard, counts).sums.sum(axis=0)[0]
    minor, inside = hard.oriented(counts.flipped), membership(counts)[0]
    kappa = cohen_kappa_score(minor.truth[inside].reshape(-1), minor.gp[inside].argmax(axis=2).reshape(-1))
    assert metrics.iqs(sums) == pytest.approx(kappa, abs=1e-6)


def values(genotypes: Genotypes, counts: ReferenceCounts) -> np.ndarray:
    statistics = sample_statistics(genotypes, counts)
    sums = statistics.sums.sum(axis=0)
    rows = [function(sums) for function in (metrics.METRICS | metrics.COUNTS).values()]
    return np.stack([*rows, metrics.ece(statistics.calibration.sum(axis=0))])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.1]))
def test_order_of_samples_and_sites_is_no_matter(seed, missing):
    genotypes, counts = synthetic(60, 8, seed=seed, missing=missing)
    generator = np.random.default_rng(seed)
    sites, samples = generator.permutation(60), generator.permutation(8)
    g = genotypes.take(sites)
    shuffled = Genotypes(g.ds[:, samples], g.hds[:, samples], None, g.truth[:, samples])
    moved = values(shuffled, ReferenceCounts(counts.ac[sites], counts.an[sites]))
    np.testing.assert_allclose(moved, values(genotypes, counts), rtol=1e-9, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_swapping_ref_and_alt_is_no_matter(seed):
    genotypes, counts = synthetic(60, 8, seed=seed)
    # monomorphic sites have no minor allele in the reference: which of the two is absent does change with the swap
    swapped = ReferenceCounts(counts.an - counts.ac, counts.an)  # an is odd: no ties, which would keep ALT
    other = genotypes.oriented(np.ones(60, dtype=bool))
    np.testing.assert_allclose(values(other, swapped), values(genotypes, counts), rtol=1e-5, atol=1e-5)


def test_dosages_half_way_round_alike_for_both_alleles():
    ds = np.array([[0.5, 1.5, 0.49, 1.51]])
    assert hard_calls(ds).tolist() == [[0, 2, 0, 2]]
    assert (2 - hard_calls(2 - ds)).tolist() == hard_calls(ds).tolist()
