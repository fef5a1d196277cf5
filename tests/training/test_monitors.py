"""Monitors and training scores against hand-worked values."""

import numpy as np
import pytest
import torch

from ragimpute.models.contract import Batch, ImputationOutputs
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import compute
from ragimpute.training.monitors import cosine, gradient_monitors, gradient_share, variance
from ragimpute.training.scores import SiteStrata, dosage_sums, evenly_spread_windows, r2_and_f1
from ragimpute.training.validation import genotype_dosage


def test_opposite_gradients_have_cosine_minus_one():
    a = torch.tensor([1.0, -2.0, 3.0])
    assert cosine(a, -5 * a).item() == pytest.approx(-1.0)
    assert cosine(a, 2 * a).item() == pytest.approx(1.0)
    assert torch.isnan(cosine(a, torch.zeros(3)))


def test_share_of_the_elements_that_carry_the_gradient():
    # 8 + 1.5 of 10 reach 90 % with two of five elements
    assert gradient_share(torch.tensor([0.1, 8.0, 0.2, 1.5, 0.2])).item() == pytest.approx(2 / 5)
    assert gradient_share(torch.ones(10)).item() == pytest.approx(0.9)
    assert torch.isnan(gradient_share(torch.zeros(3)))


def test_gradients_at_after_of_an_analytic_example():
    """logit of ALT = after and truth REF, so classification pushes `after` down; `before` lies above."""
    after = torch.zeros(1, 1, 1, requires_grad=True)
    after2 = torch.zeros(1, 1, 1, requires_grad=True)
    before = torch.full((1, 1, 1), 2.0)
    hap1, hap2 = (torch.cat((torch.zeros(1, 1, 1), x), dim=-1) for x in (after, after2))
    genotype = torch.zeros(1, 1, 4)
    outputs = ImputationOutputs(hap1, hap2, genotype, before, before, after, after2)
    alleles, scored = torch.zeros(1, 2, 1, dtype=torch.int64), torch.ones(1, 2, 1, dtype=torch.bool)
    batch = Batch({}, np.array([0]), alleles, scored)
    spec = LossSpec.from_config({"hap": 0.25, "genotype": 0.4, "recon": 0.05, "gamma": 0})
    watched = gradient_monitors(spec, compute(spec, outputs, batch), outputs, batch)
    # d(.25 * CE)/d after = .25 * p(ALT) = .125 in each haplotype; d(recon)/d after = 2 (0 - 2) = -4 in each
    assert watched["grad_classification"].item() == pytest.approx(0.125 * 2**0.5)
    assert watched["grad_recon"].item() == pytest.approx(4 * 2**0.5)
    assert watched["grad_cosine"].item() == pytest.approx(-1.0)
    # with its weight .05 reconstruction pulls with .2 in each haplotype, straight against .125
    assert watched["grad_recon_share"].item() == pytest.approx(0.2 / (0.2 + 0.125))
    assert watched["grad_recon_cancels"].item() == pytest.approx(0.2 / 0.125)
    assert watched["focal_share_90"].item() == pytest.approx(1.0)
    assert watched["effective_gradient"].item() == pytest.approx(0.9)  # classification has .9 of the weights
    assert watched["embedding_variance"].item() == watched["target_variance"].item() == 0  # one value in all places


def test_variance_is_over_scored_places_and_the_mean_of_the_widths():
    first = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [50.0, 50.0]]])  # [B, L, D] of the first haplotype
    second = torch.tensor([[[5.0, 6.0], [90.0, 90.0], [70.0, 70.0]]])
    scored = torch.tensor([[[True, True, False], [True, False, False]]])
    batch = Batch({}, np.arange(3), torch.zeros(1, 2, 3, dtype=torch.int64), scored)
    # first width 1 3 5: variance 8 / 3; second 0 0 6: 8
    assert variance((first, second), batch).item() == pytest.approx((8 / 3 + 8) / 2)
    nothing = Batch({}, batch.sites, batch.alleles, torch.zeros_like(scored))
    assert torch.isnan(variance((first, second), nothing))


def test_the_two_variances_are_of_after_and_of_the_target():
    """`after` is 0 and 2 in the two haplotypes, the true alleles' embeddings 0 and 6."""
    after = torch.tensor([[[0.0]]], requires_grad=True), torch.tensor([[[2.0]]], requires_grad=True)
    hap1, hap2 = (torch.cat((torch.zeros(1, 1, 1), x), dim=-1) for x in after)
    before = torch.ones(1, 1, 1)
    outputs = ImputationOutputs(hap1, hap2, torch.zeros(1, 1, 4), before, before, *after)
    batch = Batch({}, np.array([0]), torch.zeros(1, 2, 1, dtype=torch.int64), torch.ones(1, 2, 1, dtype=torch.bool))
    for target, expected in (("before", 0), ("truth", 9), ("truth_detached", 9)):
        spec = LossSpec.from_config({"hap": 0.25, "genotype": 0.4, "recon": 0.05, "recon_target": target})
        terms = compute(spec, outputs, batch, (torch.zeros(1, 1, 1), torch.full((1, 1, 1), 6.0)))
        watched = gradient_monitors(spec, terms, outputs, batch)
        assert watched["embedding_variance"].item() == pytest.approx(1)
        assert watched["target_variance"].item() == pytest.approx(expected)


def test_after_the_switch_reconstruction_has_no_share():
    """`before` and `after` are equal, so that loss A has switched to 3 3 4 0 0."""
    after = torch.zeros(1, 2, 1, 1, requires_grad=True)
    first, second = after.unbind(1)
    hap1, hap2 = (torch.cat((torch.zeros(1, 1, 1), x), dim=-1) for x in (first, second))
    embedding = torch.zeros(1, 1, 1)
    outputs = ImputationOutputs(hap1, hap2, torch.zeros(1, 1, 4), embedding, embedding, first, second)
    alleles, scored = torch.zeros(1, 2, 1, dtype=torch.int64), torch.ones(1, 2, 1, dtype=torch.bool)
    batch = Batch({}, np.array([0]), alleles, scored)
    after_switch = {"hap": 3, "genotype": 4}
    spec = LossSpec.from_config(
        {"hap": 0.2, "genotype": 0.3, "recon": 0.15, "switch_threshold": 0.01, "after_switch": after_switch}
    )
    watched = gradient_monitors(spec, compute(spec, outputs, batch), outputs, batch)
    assert watched["grad_classification"].item() == pytest.approx(3 * 0.5 * 2**0.5)
    assert watched["grad_recon_share"].item() == watched["grad_recon_cancels"].item() == 0
    assert watched["effective_gradient"].item() == pytest.approx(1.0)


def test_r2_and_f1_by_hand_and_additive():
    dosage, truth = np.array([0.1, 1.2, 1.9, 0.4, 0.9]), np.array([0, 1, 2, 1, 0])
    sums = dosage_sums(dosage, truth)
    r2, f1 = r2_and_f1(sums)
    assert r2 == pytest.approx(np.corrcoef(dosage, truth)[0, 1] ** 2)
    # calls 0 1 2 0 1: shared 0 + 1 + 2 + 0 + 0 = 3, called 4, true 4
    assert f1 == pytest.approx(2 * 3 / 8)
    assert np.allclose(sums, dosage_sums(dosage[:2], truth[:2]) + dosage_sums(dosage[2:], truth[2:]))


def test_undefined_scores_are_nan():
    r2, f1 = r2_and_f1(dosage_sums(np.full(4, 0.2), np.zeros(4)))
    assert np.isnan(r2)
    assert np.isnan(f1)


def test_dosage_of_the_four_classes():
    logits = torch.log(torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]))
    assert genotype_dosage(logits).item() == pytest.approx(0.2 + 0.3 + 2 * 0.4)


def test_strata_turn_to_the_minor_allele():
    strata = SiteStrata.from_counts(np.array([1, 20, 10, 5]), np.full(4, 20))
    assert strata.flipped.tolist() == [False, True, False, False]
    assert strata.rare.tolist() == [False, True, False, False]
    assert SiteStrata.from_counts(np.array([4, 5]), np.array([100, 100])).rare.tolist() == [True, False]


def test_spread_is_even_and_fixed():
    assert evenly_spread_windows(10, 0).tolist() == list(range(10))
    assert evenly_spread_windows(10, 3).tolist() == [0, 4, 9]
