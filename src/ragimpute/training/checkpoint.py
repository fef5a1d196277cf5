"""Checkpoints for an exact resume; read without executing code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from ragimpute import artefacts

VERSION = 2


def save_checkpoint(path: str | os.PathLike, signature: str, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, tuples and dicts of them) atomically."""
    with artefacts.atomic_path(path) as temporary:
        torch.save({"version": VERSION, "signature": signature, "state": state}, temporary)


def load_checkpoint(path: str | os.PathLike, signature: str) -> dict[str, Any] | None:
    """The state saved for the same `signature`; None when there is none, or it is damaged or of another training."""
    if not Path(path).exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError):
        return None  # cut off while being copied, say: train from the start
    if not isinstance(content, dict) or content.get("version") != VERSION or content.get("signature") != signature:
        return None
    return content["state"]


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's generators that training draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Undo `random_state`."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
