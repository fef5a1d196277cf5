"""Site tables: TSV files with one row for each site of a panel, in the panel's order (typed.tsv, frequencies.tsv)."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.store import Sites
from ragimpute.tables import Columns, read_table, write_table

SITE_COLUMNS: dict[str, type] = {"chrom": str, "pos": int, "ref": str, "alt": str}  # what names a site


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
