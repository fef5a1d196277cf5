"""Tables about a panel: a row for each site, in the panel's order (typed.tsv, frequencies.tsv), or each chromosome."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.store import Extents, Sites
from ragimpute.tables import Columns, read_table, write_table

SITE_COLUMNS: dict[str, type] = {"chrom": str, "pos": int, "ref": str, "alt": str}  # what names a site
EXTENT_COLUMNS: dict[str, type] = {"chrom": str, "first": int, "last": int}  # a chromosome's first and last position


def site_table(sites: Sites, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row for each of S sites: SITE_COLUMNS, then `columns`, each [S]."""
    identities = {name: getattr(sites, name) for name in SITE_COLUMNS}
    table = pd.DataFrame(identities)
    return table.assign(**columns)


def write_site_table(path: str | os.PathLike, sites: Sites, columns: Mapping[str, np.ndarray]) -> None:
    """Write `site_table` as TSV with a header line."""
    table = site_table(sites, columns)
    write_table(table, path)


def read_site_table(path: str | os.PathLike, sites: Sites, columns: Columns) -> pd.DataFrame:
    """Read SITE_COLUMNS and `columns` (name -> type) of a site table; further columns stay, as text.

    Raises InputError when the file is missing, lacks a column, has a value of the wrong type, or when its rows are not
    the panel's `sites`.
    """
    table = read_table(path, {**SITE_COLUMNS, **columns})
    if not _has_rows_of(table, sites):
        raise InputError(f"{path}: its rows are not the panel's {len(sites)} sites; make it again with this panel")
    return table


def write_extents(path: str | os.PathLike, extents: Extents) -> None:
    """Write a row of EXTENT_COLUMNS for each chromosome."""
    rows = [(chrom, first, last) for chrom, (first, last) in extents.items()]
    table = pd.DataFrame(rows, columns=list(EXTENT_COLUMNS))
    write_table(table, path)


def read_extents(path: str | os.PathLike) -> Extents:
    """Read what `write_extents` has written. Raises InputError when the file is unusable."""
    table = read_table(path, EXTENT_COLUMNS)
    positions = zip(table["first"].tolist(), table["last"].tolist(), strict=True)
    return dict(zip(table["chrom"].tolist(), positions, strict=True))


def _has_rows_of(table: pd.DataFrame, sites: Sites) -> bool:
    """Whether the rows of `table` are `sites`, in the same order."""
    if len(table) != len(sites):
        return False
    for name in SITE_COLUMNS:
        # texts stay objects: as numpy's text, a single long insertion would take its length at every site
        found = table[name].to_numpy()
        if not np.array_equal(found, getattr(sites, name)):
            return False
    return True
