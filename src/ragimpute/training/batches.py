"""The batches of successive steps, made ahead of the step that takes them while a GPU computes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ragimpute.models.contract import Batch, FoldData
from ragimpute.training.processes import Processes
from ragimpute.training.schedule import Schedule


@dataclass(frozen=True)
class BatchSource:
    """Which batch each step takes; the same whether or not they are made ahead."""

    folds: Sequence[FoldData]
    schedule: Schedule
    processes: Processes
    device: torch.device

    def make(self, number: int) -> tuple[np.ndarray, Batch]:
        """The samples [B] of step `number` that this process computes, and their batch in the computer's memory."""
        step = self.schedule.step(number)
        samples = self.processes.share(step.samples)
        batch = self.folds[step.fold].batch(samples, step.window)
        return samples, pinned(batch) if self.device.type == "cuda" else batch

    def steps(self, start: int, stop: int, ahead: bool) -> Iterator[tuple[np.ndarray, Batch]]:
        """What `make` gives for the steps start .. stop - 1; `ahead`: the next one is made while this one is used.

        By a thread, since segments may be gigabytes that no further process should hold; a processor that computes
        itself would only share its cores with it.
        """
        if not ahead:
            yield from map(self.make, range(start, stop))
            return
        with ThreadPoolExecutor(1, "batches") as thread:
            coming = thread.submit(self.make, start)
            for number in range(start + 1, stop + 1):
                current = coming.result()
                if number < stop:
                    coming = thread.submit(self.make, number)
                yield current


def pinned(batch: Batch) -> Batch:
    """The batch in page-locked memory, from where a GPU takes it without the processor."""

    def pin(tensor: Tensor) -> Tensor:
        return tensor.contiguous().pin_memory()  # a broadcast tensor cannot be pinned

    return replace(batch, inputs=batch.inputs.each(pin), alleles=pin(batch.alleles), scored=pin(batch.scored))
