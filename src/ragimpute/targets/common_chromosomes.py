"""Whether the targets have a chromosome of the panel, and what to say where the names differ."""

import os
from collections.abc import Collection

import pandas as pd

from ragimpute.errors import NoTypedSites
from ragimpute.panel.store import Sites

LISTED = 5  # names in a message


def require_common_chromosome(
    path: str | os.PathLike, chroms: Collection[str], sites: Sites, dropped: pd.DataFrame | None = None
) -> None:
    """Raise NoTypedSites when no chromosome of a file is one of the panel's; a file without records has none.

    `dropped`: the records of the file, none of which is used then.
    """
    of_panel = sites.chromosomes()
    if not chroms or set(chroms) & set(of_panel):
        return
    theirs, ours = _some(chroms), _some(of_panel)
    advice = rename_advice(path, chroms, of_panel)
    names = f"it has {theirs}, the panel has {ours}"
    raise NoTypedSites(f"{path}: no chromosome in common with the panel: {names}; {advice}", dropped)


def rename_advice(path: str | os.PathLike, ours: Collection[str], theirs: Collection[str]) -> str:
    """The command that gives the chromosomes of a file, `ours`, other names, which may be some of `theirs`."""
    [first, *_] = ours
    [other, *_] = theirs
    return (
        f"if they are the same, rename those of {path}: bcftools annotate --rename-chrs names.txt "
        f"--output renamed.vcf.gz {path}, where names.txt has a line for each, such as '{first} {other}'"
    )


def _some(names: Collection[str]) -> str:
    """The first of the names."""
    every_name = list(names)
    listed = ", ".join(every_name[:LISTED])
    return f"{listed}, ..." if len(every_name) > LISTED else listed
