"""Watching the losses at work: gradients where the losses meet, and how the focal loss spreads its gradient."""

import torch
from torch import Tensor

from ragimpute.models.contract import Batch, ImputationOutputs
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import LossTerms


def recon_ratio(terms: LossTerms) -> Tensor:
    """Reconstruction loss over haplotype loss, each the mean of its two haplotypes, unweighted."""
    reconstruction = terms.recon1 + terms.recon2
    haplotypes = terms.hap1 + terms.hap2
    return reconstruction / haplotypes.clamp(min=1e-12)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of two gradients of equal shape; NaN when one of them is zero."""
    product = (a * b).sum()
    return product / (a.norm() * b.norm())


def gradient_share(norms: Tensor, share: float = 0.9) -> Tensor:
    """The smallest part of the elements [n] >= 0 whose sum is `share` of the whole sum, over n; NaN when all are 0."""
    largest_first = norms.sort(descending=True).values
    cumulative = largest_first.cumsum(0)
    if len(norms) == 0 or cumulative[-1] <= 0:
        return norms.new_tensor(float("nan"))
    enough = share * cumulative[-1]
    n_below = (cumulative < enough).sum()
    return (n_below + 1) / len(norms)


def variance(embeddings: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
    """Variance over the scored places of two haplotypes' embeddings [B, L, D], mean of the widths; NaN without a place.

    Near zero when an embedding has collapsed, large when one runs away.
    """
    places = torch.stack(embeddings, dim=1)[batch.scored].float()
    if not len(places):
        return places.new_tensor(float("nan"))
    of_widths = places.var(dim=0, unbiased=False)
    return of_widths.mean()


def gradient_monitors(spec: LossSpec, terms: LossTerms, outputs: ImputationOutputs, batch: Batch) -> dict[str, Tensor]:
    """Scalars about the gradients at `after` (taken through the heads only, so they cost little).

    grad_classification, grad_recon: norms of the gradients of the classification part (weighted as it is active) and
    of the plain reconstruction losses; grad_cosine: their cosine. With the active weight, grad_recon_share is what
    reconstruction has of the sum of both norms, and grad_recon_cancels what it takes away of the classification's
    gradient, along that gradient (negative where it helps). focal_share_90: the share of scored places that
    carries 90 % of the gradient norm of the haplotype logits. effective_gradient: that share times the part of the
    weights that classification has. embedding_variance: the `variance` of `after`; target_variance: that of what
    reconstruction compares it with, 0 for `before`.
    """
    after = [outputs.after1, outputs.after2]
    logits = [outputs.hap1_logits, outputs.hap2_logits]
    gradients = torch.autograd.grad(terms.classification, after + logits, retain_graph=True, allow_unused=True)
    recon = torch.autograd.grad(terms.recon1 + terms.recon2, after, retain_graph=True)
    classification = _joined(gradients[:2], after)
    norms = [gradient.float().norm(dim=-1) for gradient in _filled(gradients[2:], logits)]  # [B, L] each
    places = torch.stack(norms, dim=1)[batch.scored]
    share = gradient_share(places)
    weights = spec.weights
    if spec.after_switch is not None and bool(terms.switched):
        weights = spec.after_switch
    vector = weights.vector()
    reconstruction = _joined(recon, after)
    weighted = weights.recon * reconstruction
    both_norms = weighted.norm() + classification.norm()
    along = weighted @ classification
    weight_of_classification = sum(vector[:3]) / sum(vector)
    of_embedding = variance((outputs.after1, outputs.after2), batch)
    of_target = variance((terms.target1, terms.target2), batch)
    found: dict[str, Tensor] = {}
    found["grad_classification"] = classification.norm()
    found["grad_recon"] = reconstruction.norm()
    found["grad_cosine"] = cosine(classification, reconstruction)
    found["grad_recon_share"] = weighted.norm() / both_norms
    found["grad_recon_cancels"] = -along / (classification @ classification)
    found["focal_share_90"] = share
    found["effective_gradient"] = share * weight_of_classification
    found["embedding_variance"] = of_embedding.detach()
    found["target_variance"] = of_target.detach()
    return found


def _filled(gradients: tuple[Tensor | None, ...], like: list[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, like, strict=True)]


def _joined(gradients: tuple[Tensor | None, ...], like: list[Tensor]) -> Tensor:
    filled = _filled(gradients, like)
    flat = [gradient.float().flatten() for gradient in filled]
    return torch.cat(flat)
