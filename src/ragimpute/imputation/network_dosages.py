"""Impute the samples of a fold with a trained network."""

import numpy as np
import torch
from torch import nn

from ragimpute.models.contract import FoldData
from ragimpute.panel.folds import Fold
from ragimpute.training.device import autocast, to_device
from ragimpute.vcf.imputed import Imputed

# Samples at a time: many where windows are short, because bert_rag encodes equal sequences of a batch once.
LEAST_BATCH, BATCH_PLACES = 128, 65_536


@torch.no_grad()
def network_dosages(
    model: nn.Module,
    data: FoldData,
    fold: Fold,
    device: torch.device,
    batch_samples: int | None = None,
    amp: bool = True,
    temperature: float = 1.0,
) -> Imputed:
    """The imputed genotypes of all samples of `fold` at all panel sites.

    Genotype probabilities are the softmax of the genotype head's logits divided by `temperature`; haplotype dosages are
    its marginals. Memory is bounded by the result, [S, N, 3] float32.
    """
    n_sites, n_samples = len(fold.typed), fold.n_samples
    if batch_samples is None:
        window_length = len(data.batch(np.arange(1), 0).sites) if data.n_windows else 1
        batch_samples = max(LEAST_BATCH, BATCH_PLACES // window_length)
    hds = np.zeros((n_sites, n_samples, 2), dtype=np.float32)
    both = np.zeros((n_sites, n_samples), dtype=np.float32)
    model.to(device).eval()
    for window in range(data.n_windows):
        for start in range(0, n_samples, batch_samples):
            samples = np.arange(start, min(start + batch_samples, n_samples))
            batch = to_device(data.batch(samples, window), device)
            with autocast(device, amp):
                logits = model(batch.inputs).genotype_logits
            p = (logits.float() / temperature).softmax(dim=-1).cpu().numpy()  # [B, L, 4], class = 2 * h1 + h2
            real = batch.sites >= 0
            rows = np.ix_(batch.sites[real], samples)
            p = p[:, real].transpose(1, 0, 2)  # [L, B, 4]
            second, first, both_alt = p[..., 1], p[..., 2], p[..., 3]
            hds[rows] = np.stack((first + both_alt, second + both_alt), axis=-1)
            both[rows] = both_alt
    return Imputed.of_fold(fold, hds, both)
