"""Where to compute, and making it repeatable."""

import os

import torch

from ragimpute.errors import InputError
from ragimpute.models.contract import Batch
from ragimpute.nouns import with_noun
from ragimpute.training.gpu import has_gpu


def choose_device(name: str, threads: int) -> torch.device:
    """The device called auto, cpu or cuda, with torch set to `threads` threads and deterministic algorithms.

    `auto` is a GPU where there is one (`has_gpu`) and this build of torch can use it. Raises InputError when cuda is
    asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU-only build"
        raise InputError(f"--device cuda: torch {torch.__version__} ({built}) sees no CUDA device; use --device auto")
    torch.set_num_threads(max(1, threads))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # a debugging aid that costs time at every operation
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_flush_denormal(True)
    use_cuda = name == "cuda" or (name == "auto" and has_gpu() and torch.cuda.is_available())
    return torch.device("cuda" if use_cuda else "cpu")


def describe(device: torch.device) -> str:
    """One line for the log: an environment made on a computer without GPU silently holds a CPU-only torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else with_noun(torch.get_num_threads(), "thread")
    return f"torch {torch.__version__} (CUDA {torch.version.cuda}), computing on {device.type} ({name})"


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on `device`."""
    if device.type == "cpu":
        return batch
    alleles = batch.alleles.to(device, non_blocking=True)
    scored = batch.scored.to(device, non_blocking=True)
    return Batch(batch.inputs.to(device), batch.sites, alleles, scored)


def autocast(device: torch.device, amp: bool) -> torch.autocast:
    """bfloat16 autocast on CUDA devices that have it; a no-op elsewhere."""
    enabled = amp and device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
