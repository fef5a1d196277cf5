"""Whether the targets have a chromosome of the panel, and what to say where the names differ."""

import os
from collections.abc import Collection

from ragimpute.errors import NoTypedSites
from ragimpute.panel.store import Sites

LISTED = 5  # names in a message


def require_common_chromosome(path: str | os.PathLike, chroms: Collection[str], sites: Sites) -> None:
    """Raise NoTypedSites when no chromosome of a file is one of the panel's; a file without records has none."""
    of_panel = sites.chromosomes()
    if not chroms or set(chroms) & set(of_panel):
        return
    theirs, ours = _some(chroms), _some(of_panel)
    hint = prefix_hint(chroms, set(of_panel))
    raise NoTypedSites(f"{path}: no chromosome in common with the panel: it has {theirs}, the panel has {ours}{hint}")


def prefix_hint(ours: Collection[str], panel: set[str]) -> str:
    """Advice when the names differ by the 'chr' prefix only; '' otherwise."""
    with_prefix = {f"chr{name}" for name in ours}
    without_prefix = {name.removeprefix("chr") for name in ours}
    if with_prefix & panel or without_prefix & panel:
        return "; they differ by the 'chr' prefix: rename one of them (bcftools annotate --rename-chrs)"
    return ""


def _some(names: Collection[str]) -> str:
    """The first of the names."""
    every_name = list(names)
    listed = ", ".join(every_name[:LISTED])
    return f"{listed}, ..." if len(every_name) > LISTED else listed
