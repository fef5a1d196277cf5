"""What pages of docs/ that are filled by a command share: tables, blocks, and the machine that ran a study."""

import json
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


def hardware_text(results: Path) -> str:
    """The cores, processor and GPUs of the machine that made `results`, from its provenance.json.

    Raises InputError when there is none.
    """
    path = results / "provenance.json"
    if not path.exists():
        raise InputError(f"{path}: no such file; it is written at the end of a study, and says which machine ran it")
    found = json.loads(path.read_text(encoding="utf-8"))["hardware"]
    return f"{found['cores']} cores, {found['processor']}, {', '.join(found['gpus']) or 'no GPU'}"
