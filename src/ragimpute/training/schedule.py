"""Which samples and window each step takes: a function of the seed and the step's number, and of nothing else.

So the order is the same for all losses of one seed, is not moved by validation, and needs no state to resume.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.errors import InputError
from ragimpute.models.contract import FoldData

SCHEDULE_STREAM = 1  # separates this use of the seed from the others


@dataclass(frozen=True)
class Step:
    fold: int  # index of the training fold (the study's mask first, then random masks)
    window: int
    samples: np.ndarray  # [B] int64, distinct


class Schedule:
    """Passes over all windows of all training folds; in each pass every window meets every sample once, shuffled.

    Raises InputError when there is no window.
    """

    def __init__(self, folds: Sequence[FoldData], batch_samples: int, seed: int) -> None:
        if folds and not any(fold.n_windows for fold in folds):
            raise InputError("every site of the panel is typed: there is nothing to impute, and nothing to train on")
        self._n_samples = [fold.n_samples for fold in folds]
        self._windows: list[tuple[int, int]] = []  # fold, window
        self._length = 0  # steps in a pass
        for number, fold in enumerate(folds):
            self._windows += [(number, window) for window in range(fold.n_windows)]
            n_batches = math.ceil(fold.n_samples / batch_samples)
            self._length += n_batches * fold.n_windows
        self._batch_samples = batch_samples
        self._seed = seed
        self._pass = -1
        self._steps: list[Step] = []

    def step(self, number: int) -> Step:
        """The step `number` (from 0)."""
        which, place = divmod(number, self._length)
        if which != self._pass:
            self._steps = self._shuffled(which)
            self._pass = which
        return self._steps[place]

    def _shuffled(self, which: int) -> list[Step]:
        generator = np.random.default_rng([SCHEDULE_STREAM, self._seed, which])
        steps = []
        for fold, window in self._windows:
            order = generator.permutation(self._n_samples[fold])
            size = min(self._batch_samples, len(order))
            # the last batch of a window is filled up from the front of the order: still distinct samples
            n_batches = math.ceil(len(order) / size)
            filled = np.resize(order, n_batches * size)
            steps += [Step(fold, window, samples) for samples in filled.reshape(-1, size)]
        shuffled = generator.permutation(len(steps))
        return [steps[i] for i in shuffled]


def learning_rate(step: int, total: int, peak: float, warmup: float) -> float:
    """Linear warm-up over the first `warmup` share of `total` steps, then half a cosine down to zero."""
    rising = max(1, round(warmup * total))
    if step < rising:
        return peak * (step + 1) / rising
    angle = math.pi * (step - rising) / max(1, total - rising)
    return peak * 0.5 * (1 + math.cos(angle))
