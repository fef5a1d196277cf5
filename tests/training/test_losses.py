"""Each loss against numbers worked by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from ragimpute.errors import InputError
from ragimpute.models.contract import Batch, ImputationOutputs, NetworkInputs
from ragimpute.training.extra_terms import EXTRA_TERMS, extra_term
from ragimpute.training.loss_settings import LossSpec, loss_problems
from ragimpute.training.losses import (
    active_weights,
    compute,
    focal_loss,
    info_nce,
    reconstruction_loss,
)

A = {
    "hap": 0.2,
    "genotype": 0.3,
    "recon": 0.15,
    "gamma": 5,
    "switch_threshold": 0.01,
    "after_switch": {"hap": 3, "genotype": 4, "recon": 0},
}
B = {"hap": 0.25, "genotype": 0.4, "recon": 0.05, "gamma": 5}
C = {"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 5}
D = {**B, "recon_target": "truth"}
CROSS_ENTROPY = {**C, "gamma": 0}
E = {"hap": 0.3, "genotype": 0.3, "recon": 0, "gamma": 5, "contrastive": 0.1, "temperature": 0.1}


def example(samples: int = 8, sites: int = 3, width: int = 4, gap: float = 0.5, seed: int = 0):
    """Random logits and embeddings; `after` is `before` + gap everywhere, so both recon losses are gap^2."""
    g = torch.Generator().manual_seed(seed)
    hap = [torch.randn(samples, sites, 2, generator=g, requires_grad=True) for _ in range(2)]
    genotype = torch.randn(samples, sites, 4, generator=g, requires_grad=True)
    before = [torch.randn(samples, sites, width, generator=g, requires_grad=True) for _ in range(2)]
    after = [(x.detach() + gap).requires_grad_() for x in before]
    alleles = torch.randint(0, 2, (samples, 2, sites), generator=g)
    scored = torch.rand(samples, 2, sites, generator=g) < 0.7
    scored[:, :, 0] = True
    outputs = ImputationOutputs(hap[0], hap[1], genotype, before[0], before[1], after[0], after[1])
    return outputs, Batch(NetworkInputs(), torch.arange(sites).numpy(), alleles, scored)


def test_focal_loss_by_hand():
    logits = torch.log(torch.tensor([[[0.9, 0.1], [0.4, 0.6]]]))  # p of the target: .9 and .4, a third is masked
    logits = torch.cat((logits, torch.tensor([[[50.0, -50.0]]])), dim=1)
    target, mask = torch.tensor([[0, 0, 1]]), torch.tensor([[True, True, False]])
    by_hand = -((0.1**5) * math.log(0.9) + (0.6**5) * math.log(0.4)) / 2
    assert focal_loss(logits, target, mask, 5.0).item() == pytest.approx(by_hand, rel=1e-5)


def test_gamma_zero_is_cross_entropy():
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    target = torch.arange(15).reshape(3, 5) % 4
    ours = focal_loss(logits, target, torch.ones(3, 5, dtype=torch.bool), 0.0)
    assert ours.item() == pytest.approx(functional.cross_entropy(logits.flatten(0, 1), target.flatten()).item())


def test_focal_gradient_is_finite_where_p_rounds_to_one():
    logits = torch.tensor([[[200.0, -200.0]]], requires_grad=True)
    for gamma in (0.0, 0.5, 5.0):
        focal_loss(logits, torch.tensor([[0]]), torch.tensor([[True]]), gamma).backward()
        assert torch.isfinite(logits.grad).all()


def test_nothing_scored_gives_zero():
    assert focal_loss(torch.randn(2, 3, 2), torch.zeros(2, 3).long(), torch.zeros(2, 3).bool(), 5.0).item() == 0


def test_reconstruction_loss_by_hand():
    a = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [9.0, 9.0]]])
    b = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]])
    # site 0: (1 + 4) / 2, site 1: (4 + 0) / 2, site 2 masked
    assert reconstruction_loss(a, b, torch.tensor([[True, True, False]])).item() == pytest.approx((2.5 + 2.0) / 2)


@pytest.mark.parametrize(("config", "weights"), [(A, (0.2, 0.2, 0.3, 0.15, 0.15)), (B, (0.25, 0.25, 0.4, 0.05, 0.05))])
def test_total_is_the_weighted_sum(config, weights):
    outputs, batch = example(gap=0.5)
    terms = compute(LossSpec.from_config(config), outputs, batch)
    assert terms.recon1.item() == pytest.approx(0.25, rel=1e-5)
    values = [x.item() for x in (terms.hap1, terms.hap2, terms.genotype, terms.recon1, terms.recon2)]
    expected = sum(w * v for w, v in zip(weights, values, strict=True))
    assert terms.total.item() == pytest.approx(expected, rel=1e-5)
    assert terms.normalised.item() == pytest.approx(expected / sum(weights), rel=1e-5)


@pytest.mark.parametrize("config", [C, CROSS_ENTROPY])
def test_no_recon_watches_the_reconstruction_and_does_not_train_it(config):
    outputs, batch = example()
    terms = compute(LossSpec.from_config(config), outputs, batch)
    expected = 0.3 * terms.hap1 + 0.3 * terms.hap2 + 0.4 * terms.genotype
    assert terms.total.item() == pytest.approx(expected.item(), rel=1e-6)
    terms.total.backward()
    assert terms.recon1.item() > 0
    assert outputs.before1.grad is None
    assert outputs.after1.grad is None


@pytest.mark.parametrize(
    ("recon", "switched"),
    [((0.02, 0.02), False), ((0.0101, 0.0101), False), ((0.01, 0.02), True), ((0.02, 0.005), True), ((0, 0), True)],
)
def test_switch_needs_both_losses_above_the_threshold(recon, switched):
    weights, is_switched = active_weights(LossSpec.from_config(A), *(torch.tensor(x) for x in recon))
    expected = [3.0, 3.0, 4.0, 0.0, 0.0] if switched else [0.2, 0.2, 0.3, 0.15, 0.15]
    assert bool(is_switched) is switched
    assert weights.tolist() == pytest.approx(expected)


def test_switch_makes_the_total_jump_tenfold_and_is_not_latched():
    spec = LossSpec.from_config(A)
    totals = []
    for gap in (0.1001, 0.0999, 0.1001):  # recon losses just above, just below, again above .01
        outputs, batch = example(gap=gap)
        terms = compute(spec, outputs, batch)
        totals.append((bool(terms.switched), terms.total.item(), terms.hap1.item(), terms.genotype.item()))
    assert [switched for switched, *_ in totals] == [False, True, False]
    outputs, batch = example(gap=0.0999)
    same = compute(LossSpec.from_config({"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 5}), outputs, batch)
    # 3 3 4 is ten times C's .3 .3 .4; the normalised loss does not see the factor
    after = compute(spec, outputs, batch)
    assert after.total.item() == pytest.approx(10 * same.total.item(), rel=1e-5)
    assert after.normalised.item() == pytest.approx(same.normalised.item(), rel=1e-5)


def test_the_jump_compares_both_branches_on_one_batch():
    """Gap .5: both reconstruction losses are .25, so that the first branch is active; the jump is seen before it."""
    outputs, batch = example(gap=0.5)
    terms = compute(LossSpec.from_config(A), outputs, batch)
    hap, genotype = (terms.hap1 + terms.hap2).item(), terms.genotype.item()
    assert not bool(terms.switched)
    by_hand = (3 * hap + 4 * genotype) / (0.2 * hap + 0.3 * genotype + 0.15 * (0.25 + 0.25))
    assert terms.branch_jump.item() == pytest.approx(by_hand, rel=1e-5)
    assert not terms.branch_jump.requires_grad
    switched_outputs, _ = example(gap=0.05)  # the same logits, the other branch active
    switched = compute(LossSpec.from_config(A), switched_outputs, batch)
    assert bool(switched.switched)
    by_hand = (3 * hap + 4 * genotype) / (0.2 * hap + 0.3 * genotype + 0.15 * (0.0025 + 0.0025))
    assert switched.branch_jump.item() == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize("config", [B, C, D, CROSS_ENTROPY, E])
def test_a_loss_without_a_switch_has_no_jump(config):
    outputs, batch = example()
    assert compute(LossSpec.from_config(config), outputs, batch, (outputs.before1, outputs.before2)).branch_jump is None


@pytest.mark.parametrize("config", [A, B])
def test_recon_gradient_goes_through_both_sides(config):
    outputs, batch = example(gap=0.5)
    compute(LossSpec.from_config(config), outputs, batch).total.backward()
    for before, after in ((outputs.before1, outputs.after1), (outputs.before2, outputs.after2)):
        assert before.grad.abs().sum() > 0
        torch.testing.assert_close(before.grad, -after.grad)


@pytest.mark.parametrize(("target", "detached"), [("truth", False), ("truth_detached", True)])
def test_recon_truth_compares_with_the_labels_and_its_gradient_goes_through_both_sides_or_one(target, detached):
    outputs, batch = example()
    table = torch.nn.Embedding(2, 4)
    truth = tuple(table(batch.alleles[:, i]) for i in range(2))
    spec = LossSpec.from_config({**D, "recon_target": target})
    terms = compute(spec, outputs, batch, truth)
    expected = reconstruction_loss(truth[0], outputs.after1, batch.scored[:, 0])
    assert terms.recon1.item() == pytest.approx(expected.item())
    assert torch.equal(terms.target1, truth[0])
    assert torch.equal(terms.target2, truth[1])
    terms.total.backward()
    assert outputs.before1.grad is None
    assert outputs.after1.grad.abs().sum() > 0
    if detached:
        assert table.weight.grad is None
    else:  # what pulls `after` one way pulls the table's rows the other way
        pulled = (outputs.after1.grad + outputs.after2.grad).sum(dim=(0, 1))
        torch.testing.assert_close(table.weight.grad.sum(dim=0), -pulled)
    with pytest.raises(ValueError, match="true alleles"):
        compute(spec, outputs, batch)


def test_info_nce_against_a_direct_loop():
    outputs, batch = example(samples=5, sites=6)
    scored = batch.scored.clone()
    scored[4] = False  # nothing to compare in the last sample
    ours = info_nce(outputs.after1, outputs.after2, scored, 0.1).item()
    vectors = {}
    for sample in range(4):
        for haplotype, after in enumerate((outputs.after1, outputs.after2)):
            mean = after[sample][scored[sample, haplotype]].mean(dim=0)
            vectors[sample, haplotype] = mean / mean.norm()
    losses = []
    for (sample, haplotype), z in vectors.items():
        positive = math.exp((z @ vectors[sample, 1 - haplotype]).item() / 0.1)
        negatives = sum(math.exp((z @ v).item() / 0.1) for (other, _), v in vectors.items() if other != sample)
        losses.append(-math.log(positive / (positive + negatives)))
    assert ours == pytest.approx(sum(losses) / 8, rel=1e-4)


def test_contrastive_adds_a_tenth_of_info_nce():
    outputs, batch = example()
    spec = LossSpec.from_config(E)
    terms = compute(spec, outputs, batch)
    nce = info_nce(outputs.after1, outputs.after2, batch.scored, 0.1)
    expected = 0.3 * (terms.hap1 + terms.hap2 + terms.genotype) + 0.1 * nce
    assert terms.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert terms.normalised.item() == pytest.approx(expected.item(), rel=1e-5)  # weights sum to 1
    assert spec.min_samples == 8


def test_genotype_counts_where_both_haplotypes_are_scored():
    outputs, batch = example(samples=1, sites=2)
    scored = torch.tensor([[[True, True], [True, False]]])
    batch = replace(batch, scored=scored)
    terms = compute(LossSpec.from_config(CROSS_ENTROPY), outputs, batch)
    target = 2 * batch.alleles[0, 0, 0] + batch.alleles[0, 1, 0]
    by_hand = functional.cross_entropy(outputs.genotype_logits[0, :1], target[None])
    assert terms.genotype.item() == pytest.approx(by_hand.item())


def test_a_new_loss_is_one_function_and_one_entry():
    @extra_term("confidence")
    def confidence(spec, outputs, batch):
        return outputs.genotype_logits.square().mean()

    try:
        outputs, batch = example()
        terms = compute(LossSpec.from_config({**C, "confidence": 2.0}), outputs, batch)
        plain = compute(LossSpec.from_config(C), outputs, batch)
        added = 2 * outputs.genotype_logits.square().mean()
        assert terms.total.item() == pytest.approx((plain.total + added).item(), rel=1e-6)
    finally:
        del EXTRA_TERMS["confidence"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hapl": 1, "genotype": 1}, "losses.mine.hapl: unknown key; did you mean 'hap'"),
        ({"hap": -1, "genotype": 1}, "losses.mine.hap: -1 must be a number of at least 0"),
        ({"hap": "1", "genotype": 1}, "losses.mine.hap: '1' must be a number"),
        ({"hap": 0, "genotype": 0, "recon": 1}, "above 0"),
        ({"hap": 1, "temperature": 0}, "losses.mine.temperature: 0 must be a number above 0"),
        ({"hap": 1, "terms": {"contrastive": -1}}, "losses.mine.terms.contrastive: -1 must be"),
        (
            {"hap": 1, "switch_threshold": 0.01, "after_switch": {"hap": 0}},
            "losses.mine.after_switch: hap or genotype must be above 0",
        ),
        (
            {"hap": 1, "switch_threshold": 0.01, "after_switch": {"hap": 1, "gamma": 2}},
            "losses.mine.after_switch.gamma: unknown key",
        ),
        ({"hap": 1, "genotype": 1, "switch_threshold": 0.01}, "need each other"),
        ({"hap": 1, "genotype": 1, "recon_target": "after"}, "recon_target"),
        ({"hap": 1, "genotype": 1, "gamma": -1}, "gamma"),
    ],
)
def test_bad_entries_are_refused_by_name(config, message):
    with pytest.raises(InputError, match=message) as error:
        LossSpec.from_config(config, "mine")
    assert "losses.mine" in str(error.value)


def test_all_problems_of_an_entry_are_told_at_once():
    problems = loss_problems("mine", {"hap": -1, "genotype": 1, "gamma": -2, "recon_target": "befor", "recn": 1})
    assert problems == [
        "losses.mine.recn: unknown key; did you mean 'recon'?",
        "losses.mine.hap: -1 must be a number of at least 0",
        "losses.mine.gamma: -2 must be a number of at least 0",
        "losses.mine.recon_target: unknown value 'befor'; did you mean 'before'?",
    ]
    assert loss_problems("mine", {"hap": 1, "recon": None, "after_switch": None}) == []
