"""The training losses: pure functions of logits, embeddings, truth and a mask.

A loss of the study is an entry of the configuration (`loss_settings.LossSpec`): a weight for each term and the focal
gamma. A *new* term is one function in extra_terms.py and one entry that gives its weight (docs/add_a_loss.md).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ragimpute.models.contract import Batch, ImputationOutputs
from ragimpute.training.extra_terms import EXTRA_TERMS
from ragimpute.training.loss_settings import LossSpec


@dataclass(frozen=True)
class LossTerms:
    """Every term (scalars, unweighted), their weighted sum, and the branch that gave the weights."""

    hap1: Tensor
    hap2: Tensor
    genotype: Tensor
    recon1: Tensor
    recon2: Tensor
    extra: dict[str, Tensor]
    total: Tensor
    normalised: Tensor  # total over the sum of the active weights: comparable between branches and losses
    switched: bool | Tensor  # whether `after_switch` was active; a scalar bool tensor when the spec has a switch
    classification: Tensor  # the weighted hap and genotype part of `total`
    reconstruction: Tensor  # the weighted reconstruction part of `total`
    target1: Tensor  # [B, L, D], what reconstruction compares `after1` with
    target2: Tensor  # [B, L, D]
    # the total with the weights after the switch over that with the first ones, on this batch; None without a switch
    branch_jump: Tensor | None


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` over the true elements of `mask` (same shape); 0 when there is none."""
    weight = mask.to(values.dtype)
    total = (values * weight).sum()
    number = weight.sum().clamp(min=1)
    return total / number


def focal_loss(logits: Tensor, target: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """Focal loss, the mean of -(1 - p)^gamma log p over masked elements (Lin et al. 2017, eq. 4, alpha = 1).

    logits [..., C], target [...] int64, mask [...] bool. p is the softmax probability of the target class; gamma 0 is
    the cross entropy.
    """
    log_softmax = torch.log_softmax(logits.float(), dim=-1)
    log_p = log_softmax.gather(-1, target[..., None])[..., 0]
    if gamma == 0:
        return masked_mean(-log_p, mask)
    # 1 - p from log p without cancellation; the clamp keeps the power's gradient finite where p rounds to 1
    rest = -torch.expm1(log_p)
    focus = rest.clamp(min=1e-12).pow(gamma)
    return masked_mean(-focus * log_p, mask)


def reconstruction_loss(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of embeddings a, b [..., D] over the masked positions [...]."""
    difference = a.float() - b.float()
    of_places = difference.square().mean(dim=-1)
    return masked_mean(of_places, mask)


def info_nce(after1: Tensor, after2: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """InfoNCE between the two haplotypes of each sample (van den Oord et al. 2018), mean over 2B anchors.

    after1, after2 [B, L, D], mask [B, 2, L]. A haplotype's vector is the mean of `after` over its masked sites,
    L2-normalised; its positive is the sample's other haplotype, its negatives all haplotypes of other samples.
    Haplotypes of samples without a masked site take no part.
    """
    after = torch.stack((after1, after2), dim=1).float()
    weight = mask.to(after.dtype)[..., None]
    n_masked = weight.sum(dim=2).clamp(min=1)
    mean = (after * weight).sum(dim=2) / n_masked
    z = functional.normalize(mean, dim=-1).flatten(0, 1)  # [2B, D], the two of a sample side by side
    present = mask.any(dim=2).all(dim=1).repeat_interleave(2)
    similarity = z @ z.T / temperature
    identity = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(identity | ~present[None, :], -math.inf)
    similarity = torch.where(present[:, None], similarity, torch.zeros_like(similarity))  # no NaN in unused rows
    other = torch.arange(len(z), device=z.device) ^ 1
    per_anchor = functional.cross_entropy(similarity, other, reduction="none")
    return masked_mean(per_anchor, present)


def active_weights(spec: LossSpec, recon1: Tensor, recon2: Tensor) -> tuple[Tensor, bool | Tensor]:
    """The weights [5] of this batch (order hap1, hap2, genotype, recon1, recon2) and whether the switch is on.

    `spec.weights` hold while *both* reconstruction losses are above the threshold, `after_switch` otherwise. Judged
    on this batch alone, never latched.
    """
    before = recon1.new_tensor(spec.weights.vector())
    if spec.after_switch is None or spec.switch_threshold is None:
        return before, False
    first_above = recon1.detach() > spec.switch_threshold
    second_above = recon2.detach() > spec.switch_threshold
    switched = ~(first_above & second_above)
    after = before.new_tensor(spec.after_switch.vector())
    active = torch.where(switched, after, before)
    return active, switched


def compute(
    spec: LossSpec, outputs: ImputationOutputs, batch: Batch, truth_embeddings: tuple[Tensor, Tensor] | None = None
) -> LossTerms:
    """All terms of `spec` on one batch.

    Haplotype and reconstruction terms average over `batch.scored` of their haplotype, the genotype term over sites
    where both are scored. The gradient of reconstruction goes through both sides, except with recon_target
    `truth_detached`. The targets `truth` and `truth_detached` need `truth_embeddings` [B, L, D].
    """
    first, second = batch.scored.unbind(1)
    alleles1, alleles2 = batch.alleles.unbind(1)
    hap1 = focal_loss(outputs.hap1_logits, alleles1, first, spec.gamma)
    hap2 = focal_loss(outputs.hap2_logits, alleles2, second, spec.gamma)
    genotypes = 2 * alleles1 + alleles2
    both = first & second
    genotype = focal_loss(outputs.genotype_logits, genotypes, both, spec.gamma)
    target1, target2 = reconstruction_targets(spec, outputs, truth_embeddings)
    recon1 = reconstruction_loss(target1, outputs.after1, first)
    recon2 = reconstruction_loss(target2, outputs.after2, second)

    weights, switched = active_weights(spec, recon1, recon2)
    classification = weights[0] * hap1 + weights[1] * hap2 + weights[2] * genotype
    total = classification
    weight_sum = weights.sum()
    reconstruction = weights[3] * recon1 + weights[4] * recon2
    # a term of weight 0 in both branches is only watched: left out of the graph, it costs no backward pass
    if spec.weights.recon > 0 or (spec.after_switch is not None and spec.after_switch.recon > 0):
        total = total + reconstruction
    extra = {name: EXTRA_TERMS[name](spec, outputs, batch) for name in spec.extra}
    for name, term in extra.items():
        weight = spec.extra[name]
        total = total + weight * term
        weight_sum = weight_sum + weight
    normalised = total / weight_sum
    unweighted = torch.stack((hap1, hap2, genotype, recon1, recon2)).detach()
    jump = branch_jump(spec, unweighted)
    return LossTerms(
        hap1=hap1,
        hap2=hap2,
        genotype=genotype,
        recon1=recon1,
        recon2=recon2,
        extra=extra,
        total=total,
        normalised=normalised,
        switched=switched,
        classification=classification,
        reconstruction=reconstruction,
        target1=target1,
        target2=target2,
        branch_jump=jump,
    )


def reconstruction_targets(
    spec: LossSpec, outputs: ImputationOutputs, truth_embeddings: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """What `after1` and `after2` are compared with, each [B, L, D].

    Raises ValueError when the true alleles' embeddings are needed and missing.
    """
    if spec.recon_target == "before":
        return outputs.before1, outputs.before2
    if truth_embeddings is None:
        raise ValueError(f"recon_target {spec.recon_target} needs the embeddings of the true alleles")
    first, second = truth_embeddings
    if spec.recon_target == "truth_detached":
        return first.detach(), second.detach()
    return first, second


def branch_jump(spec: LossSpec, terms: Tensor) -> Tensor | None:
    """How many times the total grows when the switch sets in, on one batch; None for a loss without a switch.

    terms [5]: the unweighted hap1, hap2, genotype, recon1, recon2. Extra terms are left out.
    """
    if spec.after_switch is None:
        return None
    weights_before = terms.new_tensor(spec.weights.vector())
    weights_after = terms.new_tensor(spec.after_switch.vector())
    before = weights_before @ terms
    after = weights_after @ terms
    return after / before
