"""Networks whose first weights depend on a seed alone."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def build_seeded(make: Callable[[], Network], seed: int) -> Network:
    """The network that `make` gives when torch's CPU generator starts from `seed`.

    Afterwards that generator is as it was. Generators of GPUs are not touched: torch.manual_seed would set them too.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return make()
