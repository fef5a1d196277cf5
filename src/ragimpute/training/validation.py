"""Scores during training, in evaluation mode: dosage r2 and F1 over the scored genotypes of a fold."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ragimpute.models.contract import FoldData
from ragimpute.training.device import autocast, to_device
from ragimpute.training.processes import ALONE, Processes

RARE_BELOW = 0.05
FIELDS = ("n", "x", "y", "xx", "yy", "xy", "shared", "called", "true")


@dataclass(frozen=True)
class SiteStrata:
    """What scoring needs to know of the S panel sites: the train-fold reference's minor allele and its frequency."""

    flipped: np.ndarray  # [S] bool, REF is the minor allele
    rare: np.ndarray  # [S] bool

    @classmethod
    def from_counts(cls, count: np.ndarray, number: np.ndarray) -> "SiteStrata":
        """From alternate-allele counts [S] and haplotype numbers [S]; a tie keeps ALT as the minor allele."""
        minor = np.minimum(count, number - count)
        return cls(2 * count > number, minor < RARE_BELOW * number)


def genotype_dosage(genotype_logits: Tensor) -> Tensor:
    """Alternate-allele dosage [B, L] in [0, 2] from the genotype head [B, L, 4]."""
    p = genotype_logits.float().softmax(dim=-1)
    return p[..., 1] + p[..., 2] + 2 * p[..., 3]


def dosage_sums(dosage: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The sums [9] named by FIELDS of minor-allele dosages [n] and true counts [n]; additive over blocks."""
    x, y = dosage.astype(np.float64), truth.astype(np.float64)
    call = np.clip(np.rint(x), 0, 2)
    moments = [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y]
    return np.array([*moments, np.minimum(call, y).sum(), call.sum(), y.sum()])


def r2_and_f1(sums: np.ndarray) -> tuple[float, float]:
    """Squared Pearson correlation and minor-allele F1 of sums [9]; NaN where undefined."""
    n, x, y, xx, yy, xy, shared, called, true = sums
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    defined = n > 1 and spread_x > 1e-11 * n * xx and spread_y > 1e-11 * n * yy
    r2 = (n * xy - x * y) ** 2 / (spread_x * spread_y) if defined else float("nan")
    return float(r2), float(2 * shared / (called + true)) if called + true > 0 else float("nan")


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
    sums = processes.sum(sums)
    scores = {}
    for suffix, total in (("", sums.sum(axis=0)), ("_rare", sums[0]), ("_common", sums[1])):
        scores[f"r2{suffix}"], scores[f"f1{suffix}"] = r2_and_f1(total)
    return scores


def evenly_spread_windows(total: int, wanted: int) -> np.ndarray:
    """`wanted` indices (0: all) spread evenly over range(total), the same on every call."""
    if wanted <= 0 or wanted >= total:
        return np.arange(total)
    return np.unique(np.linspace(0, total - 1, wanted).round().astype(np.int64))
