"""The training losses: pure functions of logits, embeddings, truth and a mask.

A loss of the study is an entry of the config (`LossSpec`): a weight for each term and the focal gamma. A *new* term is
one function decorated with `extra_term("name")` and one config entry that gives its weight under `terms`
(docs/add_a_loss.md).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ragimpute.errors import InputError
from ragimpute.models.outputs import Batch, ImputationOutputs

WEIGHTS = ("hap", "genotype", "recon")
RECON_TARGETS = ("before", "truth", "truth_detached")
SPECIFIED = (*WEIGHTS, "gamma", "recon_target", "switch_threshold", "after_switch", "temperature", "terms")


@dataclass(frozen=True)
class Weights:
    """`hap` counts for each of the two haplotypes, `recon` for each of the two reconstructions."""

    hap: float
    genotype: float
    recon: float

    def vector(self) -> tuple[float, float, float, float, float]:
        """In the order hap1, hap2, genotype, recon1, recon2."""
        return self.hap, self.hap, self.genotype, self.recon, self.recon


@dataclass(frozen=True)
class LossSpec:
    """One loss of the config."""

    weights: Weights
    gamma: float = 0.0
    recon_target: str = "before"  # one of RECON_TARGETS
    switch_threshold: float | None = None
    after_switch: Weights | None = None
    extra: Mapping[str, float] = field(default_factory=dict)  # name of an extra term -> weight
    temperature: float = 0.1

    @property
    def min_samples(self) -> int:
        """The smallest batch that the loss makes sense with: InfoNCE needs enough other samples as negatives."""
        return 8 if self.extra.get("contrastive", 0.0) > 0 else 1

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str = "loss") -> "LossSpec":
        """Read a config entry; raises InputError for unknown keys, negative weights and half a switch."""
        terms = config.get("terms") or {}
        if strange := sorted(set(terms) - set(EXTRA_TERMS)):
            known = ", ".join(EXTRA_TERMS)
            raise InputError(f"losses.{name}.terms: no term {', '.join(strange)} in losses.py; known are {known}")
        unknown = sorted(set(config) - set(SPECIFIED) - set(EXTRA_TERMS))
        if unknown:
            known = ", ".join((*SPECIFIED, *EXTRA_TERMS))
            raise InputError(f"losses.{name}: unknown key {', '.join(unknown)}; known are {known}")
        if (config.get("switch_threshold") is None) != (config.get("after_switch") is None):
            raise InputError(f"losses.{name}: switch_threshold and after_switch need each other; give both or neither")
        config = {key: value for key, value in config.items() if value is not None}
        if config.get("recon_target", "before") not in RECON_TARGETS:
            known = ", ".join(RECON_TARGETS)
            raise InputError(f"losses.{name}: recon_target is {config['recon_target']!r}, expected one of {known}")
        after = config.get("after_switch")
        spec = cls(
            weights=_weights(config, name),
            gamma=float(config.get("gamma", 0.0)),
            recon_target=config.get("recon_target", "before"),
            switch_threshold=None if after is None else float(config["switch_threshold"]),
            after_switch=None if after is None else _weights(after, f"{name}.after_switch"),
            extra={
                term: float(weight) for term, weight in ({**config, **terms}).items() if term in EXTRA_TERMS and weight
            },
            temperature=float(config.get("temperature", 0.1)),
        )
        if spec.gamma < 0 or spec.temperature <= 0 or any(weight < 0 for weight in spec.extra.values()):
            raise InputError(f"losses.{name}: gamma and weights must be >= 0 and temperature > 0")
        return spec


def _weights(config: Mapping[str, Any], name: str) -> Weights:
    weights = Weights(*(float(config.get(key) or 0.0) for key in WEIGHTS))
    if min(weights.vector()) < 0 or weights.hap + weights.genotype == 0:
        raise InputError(f"losses.{name}: weights must be >= 0, and hap or genotype above 0")
    return weights


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
    branch_jump: (
        Tensor | None
    )  # the total with the weights after the switch over that with the first ones, on this batch


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` over the true elements of `mask` (same shape); 0 when there is none."""
    weight = mask.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp(min=1)


def focal_loss(logits: Tensor, target: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """Focal loss, the mean of -(1 - p)^gamma log p over masked elements (Lin et al. 2017, eq. 4, alpha = 1).

    logits [..., C], target [...] int64, mask [...] bool. p is the softmax probability of the target class; gamma 0 is
    the cross entropy.
    """
    log_p = torch.log_softmax(logits.float(), dim=-1).gather(-1, target[..., None])[..., 0]
    if gamma == 0:
        return masked_mean(-log_p, mask)
    # 1 - p from log p without cancellation; the clamp keeps the power's gradient finite where p rounds to 1
    rest = -torch.expm1(log_p)
    return masked_mean(-rest.clamp(min=1e-12).pow(gamma) * log_p, mask)


def reconstruction_loss(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of embeddings a, b [..., D] over the masked positions [...]."""
    return masked_mean((a.float() - b.float()).square().mean(dim=-1), mask)


def info_nce(after1: Tensor, after2: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """InfoNCE between the two haplotypes of each sample (van den Oord et al. 2018), mean over 2B anchors.

    after1, after2 [B, L, D], mask [B, 2, L]. A haplotype's vector is the mean of `after` over its masked sites,
    L2-normalised; its positive is the sample's other haplotype, its negatives all haplotypes of other samples.
    Haplotypes of samples without a masked site take no part.
    """
    after = torch.stack((after1, after2), dim=1).float()
    weight = mask.to(after.dtype)[..., None]
    mean = (after * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1)
    z = functional.normalize(mean, dim=-1).flatten(0, 1)  # [2B, D], the two of a sample side by side
    present = mask.any(dim=2).all(dim=1).repeat_interleave(2)
    similarity = z @ z.T / temperature
    identity = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(identity | ~present[None, :], -math.inf)
    similarity = torch.where(present[:, None], similarity, torch.zeros_like(similarity))  # no NaN in unused rows
    other = torch.arange(len(z), device=z.device) ^ 1
    return masked_mean(functional.cross_entropy(similarity, other, reduction="none"), present)


ExtraTerm = Callable[[LossSpec, ImputationOutputs, Batch], Tensor]
EXTRA_TERMS: dict[str, ExtraTerm] = {}


def extra_term(name: str) -> Callable[[ExtraTerm], ExtraTerm]:
    """Register a term that a config entry switches on by giving its weight under `terms.name`."""

    def register(term: ExtraTerm) -> ExtraTerm:
        EXTRA_TERMS[name] = term
        return term

    return register


@extra_term("contrastive")
def contrastive(spec: LossSpec, outputs: ImputationOutputs, batch: Batch) -> Tensor:
    """The `contrastive` term of loss E."""
    return info_nce(outputs.after1, outputs.after2, batch.scored, spec.temperature)


def active_weights(spec: LossSpec, recon1: Tensor, recon2: Tensor) -> tuple[Tensor, bool | Tensor]:
    """The weights [5] of this batch (order hap1, hap2, genotype, recon1, recon2) and whether the switch is on.

    `spec.weights` hold while *both* reconstruction losses are above the threshold, `after_switch` otherwise. Judged
    on this batch alone, never latched.
    """
    before = recon1.new_tensor(spec.weights.vector())
    if spec.after_switch is None or spec.switch_threshold is None:
        return before, False
    switched = ~((recon1.detach() > spec.switch_threshold) & (recon2.detach() > spec.switch_threshold))
    return torch.where(switched, before.new_tensor(spec.after_switch.vector()), before), switched


def compute(
    spec: LossSpec, outputs: ImputationOutputs, batch: Batch, truth_embeddings: tuple[Tensor, Tensor] | None = None
) -> LossTerms:
    """All terms of `spec` on one batch.

    Haplotype and reconstruction terms average over `batch.scored` of their haplotype, the genotype term over sites
    where both are scored. The gradient of reconstruction goes through both sides, except with recon_target
    `truth_detached`. The targets `truth` and `truth_detached` need `truth_embeddings` [B, L, D].
    """
    first, second = batch.scored[:, 0], batch.scored[:, 1]
    alleles = batch.alleles
    hap1 = focal_loss(outputs.hap1_logits, alleles[:, 0], first, spec.gamma)
    hap2 = focal_loss(outputs.hap2_logits, alleles[:, 1], second, spec.gamma)
    genotype = focal_loss(outputs.genotype_logits, 2 * alleles[:, 0] + alleles[:, 1], first & second, spec.gamma)
    target1, target2 = reconstruction_targets(spec, outputs, truth_embeddings)
    recon1 = reconstruction_loss(target1, outputs.after1, first)
    recon2 = reconstruction_loss(target2, outputs.after2, second)

    weights, switched = active_weights(spec, recon1, recon2)
    classification = weights[0] * hap1 + weights[1] * hap2 + weights[2] * genotype
    total, weight_sum = classification, weights.sum()
    reconstruction = weights[3] * recon1 + weights[4] * recon2
    # a term of weight 0 in both branches is only watched: left out of the graph, it costs no backward pass
    if spec.weights.recon > 0 or (spec.after_switch is not None and spec.after_switch.recon > 0):
        total = total + reconstruction
    extra = {name: EXTRA_TERMS[name](spec, outputs, batch) for name in spec.extra}
    for name, term in extra.items():
        total, weight_sum = total + spec.extra[name] * term, weight_sum + spec.extra[name]
    plain = torch.stack((hap1, hap2, genotype, recon1, recon2)).detach()
    return LossTerms(
        hap1,
        hap2,
        genotype,
        recon1,
        recon2,
        extra,
        total,
        total / weight_sum,
        switched,
        classification,
        reconstruction,
        target1,
        target2,
        branch_jump(spec, plain),
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
    return (first.detach(), second.detach()) if spec.recon_target == "truth_detached" else (first, second)


def branch_jump(spec: LossSpec, terms: Tensor) -> Tensor | None:
    """How many times the total grows when the switch sets in, on one batch; None for a loss without a switch.

    terms [5]: the unweighted hap1, hap2, genotype, recon1, recon2. Extra terms are left out.
    """
    if spec.after_switch is None:
        return None
    first, after = (terms.new_tensor(weights.vector()) @ terms for weights in (spec.weights, spec.after_switch))
    return after / first
