"""What pages of docs/ that are filled by a command share: tables, blocks, and the machine's name."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragimpute.errors import InputError


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """`page` with each block of its name replaced. Raises InputError when the page has no place for one."""
    for name, content in blocks.items():
        pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        block = f"<!-- {name} -->\n{content}\n<!-- end -->"
        page, found = pattern.subn(block.replace("\\", r"\\"), page)
        if found != 1:
            raise InputError(f"the page should have one block <!-- {name} --> .. <!-- end -->, it has {found}")
    return page


def hardware() -> str:
    """The number of cores and the processor's name."""
    information = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", information.read_text()) if information.exists() else None
    return f"{os.cpu_count()} cores, {model.group(1) if model else platform.processor()}"


def gpus() -> str:
    """The names of the GPUs that PyTorch sees; `no GPU` without any."""
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or "no GPU"
