"""Allele counts of the reference samples; targets are never counted."""

import os

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.roles import reference_samples
from ragimpute.panel.store import Panel, Sites

COLUMNS = ["chrom", "pos", "ref", "alt", "ac", "an", "train_ac", "train_an"]


def count_alleles(panel: Panel, roles: pd.DataFrame) -> pd.DataFrame:
    """Alternate allele count and number of alleles at each site (COLUMNS), by scikit-allel.

    `ac`, `an` count all reference samples, `train_ac`, `train_an` those outside the validation fold.
    """
    import allel

    table = pd.DataFrame({name: getattr(panel.sites, name) for name in COLUMNS[:4]})
    for prefix, fold in (("", None), ("train_", "train")):
        samples = panel.of_samples(reference_samples(roles, fold))
        counts = allel.HaplotypeArray(samples.alleles[:].view(np.int8)).count_alleles(max_allele=1)
        table[f"{prefix}ac"] = np.asarray(counts[:, 1], dtype=np.int64)
        table[f"{prefix}an"] = np.asarray(counts.sum(axis=1), dtype=np.int64)
    return table


def write_frequencies(table: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write the table as TSV with a header line."""
    with artefacts.atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)


def read_frequencies(path: str | os.PathLike, sites: Sites) -> pd.DataFrame:
    """Read a table written by `write_frequencies`. Raises InputError when its rows are not the panel's sites."""
    try:
        table = pd.read_csv(path, sep="\t", dtype={"chrom": str, "ref": str, "alt": str}, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table of allele counts ({error})") from None
    if list(table.columns) != COLUMNS:
        raise InputError(f"{path}: not a table of allele counts; its columns must be {' '.join(COLUMNS)}")
    if len(table) != len(sites) or not all(
        np.array_equal(table[name].to_numpy(), getattr(sites, name)) for name in COLUMNS[:4]
    ):
        raise InputError(f"{path}: its rows are not the panel's {len(sites)} sites; make it again with this panel")
    return table
