"""How separable the alleles are in `after`: the r2 of a linear probe on the kept weights of a training.

The probe (Alain & Bengio 2017, "Understanding intermediate layers using linear classifier probes") is a least-squares
regression of the true allele on `after`, fitted on training samples and scored on validation samples. It needs neither
the network's heads nor its calibration.
"""

import numpy as np
import torch
from torch import nn

from ragimpute.models.contract import FoldData
from ragimpute.training.device import autocast, to_device
from ragimpute.training.loop import TrainedNetwork, Trainer
from ragimpute.training.scores import evenly_spread_windows

SAMPLES, WINDOWS = 32, 24  # of each fold, evenly spread
RIDGE = 1e-6  # of the mean square of an input: keeps collapsed embeddings from a singular system


def probe_trained(trainer: Trainer, trained: TrainedNetwork) -> float:
    """The probe's r2 with the weights that `trainer` kept, also added to the history's last step as `probe_r2`.

    NaN, and nothing in the history, without a training fold or without scored genotypes. Leaves the kept weights in the
    trainer's model.
    """
    model = trainer.load_kept(trained)
    if not trainer.folds:
        return float("nan")
    amp = trainer.settings.amp
    training_fold = trainer.folds[0]
    fitted_on = probe_examples(model, training_fold, trainer.device, amp)
    scored_on = probe_examples(model, trainer.validation, trainer.device, amp)
    if not len(fitted_on[1]) or not len(scored_on[1]):
        return float("nan")
    found = probe_r2(fitted_on, scored_on)
    step, epoch, _, _ = trained.history.rows[-1]
    trained.history.add(step, epoch, {"probe_r2": found})
    return found


@torch.no_grad()
def probe_examples(
    model: nn.Module, data: FoldData, device: torch.device, amp: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """`after` [n, 2, D] float64 and true alleles [n, 2] of genotypes whose haplotypes are both scored.

    Draws no random numbers and leaves the model's mode as it was.
    """
    was_training = model.training
    model.eval()
    samples = evenly_spread_windows(data.n_samples, SAMPLES)
    embeddings = []
    alleles = []
    for window in evenly_spread_windows(data.n_windows, WINDOWS):
        batch = to_device(data.batch(samples, int(window)), device)
        with autocast(device, amp):
            outputs = model(batch.inputs)
        scored = batch.scored.all(dim=1)
        after = torch.stack((outputs.after1, outputs.after2), dim=2)  # [B, L, 2, D]
        scored_after = after[scored].double()
        scored_alleles = batch.alleles.permute(0, 2, 1)[scored]
        embeddings.append(scored_after.cpu().numpy())
        alleles.append(scored_alleles.cpu().numpy())
    model.train(was_training)
    return np.concatenate(embeddings), np.concatenate(alleles)


def probe_r2(fitted_on: tuple[np.ndarray, np.ndarray], scored_on: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared correlation of the probe's genotypes with the truth; 0 when they are constant.

    The probe is fitted on the one set and scored on the other, each as `probe_examples` returns it. A genotype is the
    sum of the probe over its two haplotypes, so that the phase of the truth does not matter.
    """
    embeddings, alleles = fitted_on
    width = embeddings.shape[-1]
    x = embeddings.reshape(-1, width)
    y = alleles.reshape(-1).astype(np.float64)
    centre = x.mean(axis=0)
    middle = y.mean()
    x = x - centre
    square = x.T @ x
    mean_square = np.trace(square) / width
    least = np.finfo(float).tiny
    ridge = RIDGE * max(mean_square, least)
    regularised = square + ridge * np.eye(width)
    weights = np.linalg.solve(regularised, x.T @ (y - middle))
    embeddings, alleles = scored_on
    of_haplotypes = (embeddings - centre) @ weights
    found = of_haplotypes.sum(axis=1)
    truth = alleles.sum(axis=1)
    if found.std() == 0 or truth.std() == 0:
        return 0.0
    correlations = np.corrcoef(found, truth)
    return float(correlations[0, 1] ** 2)
