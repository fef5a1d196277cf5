"""One training shared by several processes, as torchrun starts them: one for each GPU, on one machine or on many.

Each computes its share of a step's samples. Outputs and truth are gathered, so that a loss stays a pure function of the
whole step; gradients are summed, so that all processes take the same step with the same weights.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from ragimpute.models.contract import Batch, ImputationOutputs


@dataclass(frozen=True)
class Processes:
    """This process among `size`; alone, every method gives back what it gets."""

    rank: int
    size: int
    device: torch.device

    def share(self, samples: np.ndarray) -> np.ndarray:
        """What this process computes of `samples` [B]."""
        return samples[self.rank :: self.size]

    def gather(self, tensor: Tensor) -> Tensor:
        """[B, ...] of all processes from the [B / size, ...] of each; gradients flow to this process's part alone."""
        if self.size == 1:
            return tensor
        sent = tensor.detach().contiguous()
        sent = sent.byte() if sent.dtype == torch.bool else sent
        parts = [torch.empty_like(sent) for _ in range(self.size)]
        distributed.all_gather(parts, sent)
        own = [tensor if rank == self.rank else part.to(tensor.dtype) for rank, part in enumerate(parts)]
        return torch.cat(own)

    def gather_outputs(self, outputs: ImputationOutputs) -> ImputationOutputs:
        return ImputationOutputs(*(self.gather(getattr(outputs, item.name)) for item in fields(outputs)))

    def gather_truth(self, batch: Batch) -> Batch:
        """The batch with the truth of all processes' samples, and the inputs of this one's only."""
        return Batch(batch.inputs, batch.sites, self.gather(batch.alleles), self.gather(batch.scored))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """The gradient of the whole step, in each process."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.size == 1 or not gradients:
            return
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(joined)
        for gradient, part in zip(gradients, joined.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of float64 `values`."""
        if self.size == 1:
            return values
        total = torch.from_numpy(values).to(self.device)
        distributed.all_reduce(total)
        return total.cpu().numpy()

    def any(self, flag: bool) -> bool:
        """Whether the flag of one process is set, or of several."""
        return bool(self.sum(np.array([float(flag)]))[0])

    def each(self, value: Any) -> list[Any]:
        """The `value` of every process, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def meet(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Processes(0, 1, torch.device("cpu"))


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Meet the other processes that torchrun has started; without torchrun there are none.

    Process R of a machine computes on its R-th GPU.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()
