"""Whether this machine has a GPU that a network could use. No torch: the workflow asks before any job starts."""

import os
from pathlib import Path

DEVICES = Path(os.sep, "dev")
# Windows lends its GPU to Linux through this file; there is no device file then
WSL_DRIVER = Path(os.sep, "usr", "lib", "wsl", "lib", "libcuda.so.1")


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is here, and CUDA_VISIBLE_DEVICES does not hide all of them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return False
    return any(DEVICES.glob("nvidia[0-9]*")) or WSL_DRIVER.exists()
