"""What the pages of docs/ that a command fills have in common: tables, blocks, and the machine that ran a study."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ragimpute.errors import InputError


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---"] * len(head)
    joined = [" | ".join(cells) for cells in (head, rule, *rows)]
    return "\n".join(f"| {line} |" for line in joined)


def fill_blocks(page: Path, text: str, blocks: Mapping[str, str]) -> str:
    """The `text` of `page` with each block of its name replaced.

    Raises InputError, which names the page, when it has no place for a block, or more than one.
    """
    for name, content in blocks.items():
        pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        block = f"<!-- {name} -->\n{content}\n<!-- end -->"
        literal = block.replace("\\", r"\\")
        text, found = pattern.subn(literal, text)
        if found != 1:
            raise InputError(f"{page}: it should have one block <!-- {name} --> .. <!-- end -->, and has {found}")
    return text


def hardware_text(results: Path) -> str:
    """The cores, processor and GPUs of the machine that made `results`, from its provenance.json.

    Raises InputError when there is no such file, or when it does not name the machine.
    """
    path = results / "provenance.json"
    if not path.exists():
        raise InputError(f"{path}: no such file; run the study to its end, which writes it")
    try:
        provenance = json.loads(path.read_text(encoding="utf-8"))
        machine = provenance["hardware"]
        cores, processor, gpus = machine["cores"], machine["processor"], machine["gpus"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: it does not name the machine of the run ({error}); run the study again") from None
    named_gpus = ", ".join(gpus) or "no GPU"
    return f"{cores} cores, {processor}, {named_gpus}"
