"""Scores during training, in evaluation mode: dosage r2 and F1 over the scored genotypes of a fold."""

import numpy as np
import torch
from torch import Tensor, nn

from ragimpute.models.contract import FoldData
from ragimpute.training.device import autocast, to_device
from ragimpute.training.processes import ALONE, Processes
from ragimpute.training.scores import FIELDS, SiteStrata, dosage_sums, scores_of


def genotype_dosage(genotype_logits: Tensor) -> Tensor:
    """Alternate-allele dosage [B, L] in [0, 2] from the genotype head [B, L, 4]."""
    p = genotype_logits.float().softmax(dim=-1)
    return p[..., 1] + p[..., 2] + 2 * p[..., 3]


@torch.no_grad()
def validate(
    model: nn.Module,
    data: FoldData,
    strata: SiteStrata,
    samples: np.ndarray,
    windows: np.ndarray,
    device: torch.device,
    amp: bool = True,
    batch_samples: int = 64,
    processes: Processes = ALONE,
) -> dict[str, float]:
    """r2, r2_rare, r2_common, f1, f1_rare, f1_common of `samples` at `windows`, pooled over genotypes.

    A genotype counts where both haplotypes are scored. Draws no random numbers and leaves the model's mode as it was.
    """
    was_training = model.training
    model.eval()
    samples = processes.share(samples)
    sums = np.zeros((2, len(FIELDS)))  # rare, common
    for window in windows:
        for start in range(0, len(samples), batch_samples):
            batch = to_device(data.batch(samples[start : start + batch_samples], int(window)), device)
            with autocast(device, amp):
                outputs = model(batch.inputs)
            dosage = genotype_dosage(outputs.genotype_logits).cpu().numpy()
            truth = batch.alleles.sum(dim=1).cpu().numpy()
            scored = batch.scored.all(dim=1).cpu().numpy()
            flip = strata.flipped[batch.sites][None, :]
            dosage, truth = np.where(flip, 2 - dosage, dosage), np.where(flip, 2 - truth, truth)
            for row, members in enumerate((strata.rare[batch.sites], ~strata.rare[batch.sites])):
                chosen = scored & members[None, :]
                sums[row] += dosage_sums(dosage[chosen], truth[chosen])
    model.train(was_training)
    return scores_of(processes.sum(sums))
