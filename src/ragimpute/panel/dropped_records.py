"""The records that a prepared panel was made without, in its file: what is not used of a panel is known from it."""

import os
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.panel.store import KIND, Sites
from ragimpute.vcf.source import Region, records

DROPPED_COLUMNS = ["chrom", "pos", "id", "ref", "alt", "reason"]
RECORD = dict.fromkeys(DROPPED_COLUMNS, str)  # as columns of a table
PREFIX = "dropped_"  # of the arrays


def unused_sites(sites: Sites, reason: str) -> pd.DataFrame:
    """Rows of a table of dropped records (DROPPED_COLUMNS) for `sites`."""
    columns = {name: getattr(sites, name) for name in DROPPED_COLUMNS if name != "reason"}
    table = pd.DataFrame(columns)
    return table.assign(reason=reason)


def unused_records(
    path: str | os.PathLike,
    reason: str,
    region: Region | None = None,
    known: Collection[str] = (),
    holds: Callable[[str, int], bool] | None = None,
) -> pd.DataFrame:
    """Rows for the records of a VCF or BCF, those of `region` and at places (CHROM, POS) that `holds` is true of.

    `known`: names of chromosomes that are used for others of the file.
    """
    rows = []
    for record in records(path, region, samples=[], known=known):
        if holds is None or holds(record.CHROM, record.POS):
            alts = ",".join(record.ALT) or "."
            rows.append((record.CHROM, record.POS, record.ID or ".", record.REF, alts, reason))
    return pd.DataFrame(rows, columns=DROPPED_COLUMNS)


def as_arrays(dropped: pd.DataFrame) -> dict[str, np.ndarray]:
    """Records, DROPPED_COLUMNS, as arrays of a panel's file: pos int64, the others text. No arrays without records."""
    if dropped.empty:
        return {}
    texts = {name: dropped[name].tolist() for name in DROPPED_COLUMNS if name != "pos"}
    arrays = {PREFIX + name: artefacts.encode_strings(text) for name, text in texts.items()}
    arrays[f"{PREFIX}pos"] = dropped["pos"].to_numpy(dtype=np.int64)
    return arrays


def dropped_of(path: str | os.PathLike) -> pd.DataFrame:
    """The records that the panel in a file was made without; none where the file does not say."""
    artefact, _ = artefacts.load_without(path, KIND, "alleles")
    arrays = artefact.arrays
    if f"{PREFIX}pos" not in arrays:
        return pd.DataFrame(columns=DROPPED_COLUMNS).astype({"pos": np.int64})
    columns = {name: artefacts.decode_strings(arrays[PREFIX + name]) for name in DROPPED_COLUMNS if name != "pos"}
    table = pd.DataFrame({**columns, "pos": arrays[f"{PREFIX}pos"]})
    return table[DROPPED_COLUMNS]
