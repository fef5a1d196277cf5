"""One temperature for a trained network, fitted on the validation samples.

A network's genotype logits divided by T > 0 keep their order; only how certain they are changes. T minimises the mean
negative log likelihood of the validation genotypes (Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern
Neural Networks", section 4.2: temperature scaling). The genotype is unordered: REF/REF, heterozygous or ALT/ALT, with
the two phased heterozygous classes summed, because validation samples may be phased otherwise than the truth.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from ragimpute.models.contract import FoldData
from ragimpute.models.pretrained import TEMPERATURE
from ragimpute.training.device import autocast, to_device
from ragimpute.training.loop import TrainedNetwork, Trainer
from ragimpute.training.scores import evenly_spread_windows

LEAST = 1 / 20
MOST = 20.0
GRID = 13  # temperatures tried first, evenly spread in log T: the likelihood may have more than one minimum
TOLERANCE = 1e-6  # of log T
DIGITS = 6  # significant ones of T that are kept
GENOTYPES = 300_000  # about so many are enough, of SAMPLES samples at most and WINDOWS windows at least
SAMPLES, WINDOWS = 64, 16


@dataclass(frozen=True)
class Fitted:
    """A temperature, and the mean negative log likelihood in nats of a validation genotype without and with it."""

    temperature: float
    before: float
    after: float


def fit_trained(trainer: Trainer, trained: TrainedNetwork) -> Fitted | None:
    """The temperature of the weights that `trainer` kept, on its validation fold; also added to the history.

    The history gets the metrics `temperature`, `val_nll` and `val_nll_calibrated` at its last step. None, and nothing
    in the history, where no validation genotype is scored. Leaves the kept weights in the trainer's model.
    """
    model = trainer.load_kept(trained)
    logits, counts = validation_logits(model, trainer.validation, trainer.device, trainer.settings.amp)
    if not len(counts):
        return None
    found = fit(logits, counts)
    step, epoch, _, _ = trained.history.rows[-1]
    metrics = {TEMPERATURE: found.temperature, "val_nll": found.before, "val_nll_calibrated": found.after}
    trained.history.add(step, epoch, metrics)
    return found


@torch.no_grad()
def validation_logits(
    model: nn.Module, data: FoldData, device: torch.device, amp: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Scored genotypes of `data`: logits [n, 4] float32 (class = 2 h1 + h2) and true ALT counts [n] int8.

    A genotype counts where both haplotypes are scored. Samples and windows are spread evenly where there are too many
    of them, the same on every call. Draws no random numbers and leaves the model's mode as it was.
    """
    was_training = model.training
    model.eval()
    samples = evenly_spread_windows(data.n_samples, SAMPLES)
    length = len(data.batch(samples[:1], 0).sites)
    genotypes_of_window = len(samples) * length
    enough = max(WINDOWS, GENOTYPES // genotypes_of_window)
    windows = evenly_spread_windows(data.n_windows, enough)
    logits = []
    counts = []
    for window in windows:
        batch = to_device(data.batch(samples, int(window)), device)
        with autocast(device, amp):
            outputs = model(batch.inputs)
        scored = batch.scored.all(dim=1)
        scored_logits = outputs.genotype_logits[scored].float()
        scored_counts = batch.alleles.sum(dim=1)[scored]
        logits.append(scored_logits.cpu().numpy())
        counts.append(scored_counts.cpu().numpy().astype(np.int8))
    model.train(was_training)
    return np.concatenate(logits), np.concatenate(counts)


def fit(logits: np.ndarray, counts: np.ndarray) -> Fitted:
    """The temperature in [LEAST, MOST] with the least `negative_log_likelihood`, to DIGITS significant digits.

    logits [n, 4], n > 0, and counts [n] are those of `validation_logits`. The same input gives the same result: a grid
    in log T, then Brent's bounded search between the best grid point's neighbours.
    """
    own, by_class = _own_and_all(logits, counts)
    grid = np.linspace(math.log(LEAST), math.log(MOST), GRID)
    tried = [_mean_nll(own, by_class, math.exp(log_t)) for log_t in grid]
    best = int(np.argmin(tried))
    before = max(best - 1, 0)
    after = min(best + 1, GRID - 1)
    bounds = grid[before], grid[after]
    found = minimize_scalar(
        lambda log_t: _mean_nll(own, by_class, math.exp(log_t)),
        bounds=bounds,
        method="bounded",
        options={"xatol": TOLERANCE},
    )
    exact = math.exp(found.x)
    temperature = float(f"{exact:.{DIGITS}g}")
    without = _mean_nll(own, by_class, 1.0)
    with_it = _mean_nll(own, by_class, temperature)
    return Fitted(temperature, without, with_it)


def negative_log_likelihood(logits: np.ndarray, counts: np.ndarray, temperature: float) -> float:
    """Mean of -log p(unordered genotype) in nats, p the softmax of logits [n, 4] / temperature; counts [n] of ALT."""
    own, by_class = _own_and_all(logits, counts)
    return _mean_nll(own, by_class, temperature)


def _own_and_all(logits: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `_mean_nll` takes: the logits [2, n] of the true genotype's classes and those of all classes [4, n].

    Both are relative to the largest logit of the genotype. A homozygous genotype has one class: its second logit is
    minus infinity.
    """
    largest = logits.max(axis=1, keepdims=True)
    relative = np.ascontiguousarray((logits - largest).T, dtype=np.float64)
    none, one, other_one, two = relative
    is_het = counts == 1
    first = np.where(counts == 0, none, np.where(is_het, one, two))
    second = np.where(is_het, other_one, -np.inf)
    return np.stack([first, second]), relative


def _mean_nll(own: np.ndarray, by_class: np.ndarray, temperature: float) -> float:
    total = np.exp(by_class / temperature).sum(axis=0)  # at least 1
    first, second = own
    truth = np.logaddexp(first / temperature, second / temperature)
    return float(np.mean(np.log(total) - truth))
