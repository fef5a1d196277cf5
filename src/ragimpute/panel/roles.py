"""The role of each sample, reference or target, and its fold: roles.tsv, and the files of samples that users give."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ragimpute.errors import InputError
from ragimpute.nouns import with_noun
from ragimpute.panel.store import Panel
from ragimpute.tables import read_table, write_table

logger = logging.getLogger(__name__)

COLUMNS = ["sample", "role", "fold", "population", "family"]
ABSENT = "NA"  # population or family unknown
COPIED = "copied"  # fold of reference samples of a training set that are neither trained on nor validated on
NO_FAMILY = ("0", ".")  # what PLINK and others write for a sample without a family
HEADER_NAMES = {
    "sample": {"sample", "#sample", "sample_id", "sampleid", "iid", "#iid", "id", "individual"},
    "population": {"population", "pop", "population_code"},
    "family": {"family", "family_id", "familyid", "fid", "#fid", "pedigree"},
}


def read_samples(path: str | os.PathLike) -> pd.DataFrame:
    """Read `sample population [family]` (tabs, or blanks in a file without tabs), with or without a header line.

    Returns strings indexed by sample: population, family ('NA' when absent). Raises InputError with file and line for
    a wrong number of columns or a repeated sample.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable samples table ({error})") from None
    separator = "\t" if any("\t" in line for line in lines) else None
    columns = ["sample", "population", "family"]
    rows: dict[str, tuple[str, str]] = {}
    may_be_header = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(separator)]
        header = _header_columns(fields) if may_be_header else None
        may_be_header = False
        if header is not None:
            columns = header
            continue
        row = dict(zip(columns, fields, strict=False))
        if len(fields) < 2 or not row.get("sample"):
            found = line.strip()[:80]
            raise InputError(f"{path}:{number}: expected 'sample population [family]', found {found!r}")
        sample = row["sample"]
        if sample in rows:
            raise InputError(f"{path}:{number}: sample {sample!r} occurs twice")
        population = row.get("population") or ABSENT
        family = row.get("family") or ABSENT
        if family in NO_FAMILY:
            family = ABSENT
        rows[sample] = (population, family)
    if not rows:
        raise InputError(f"{path}: the samples table is empty")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["population", "family"])


def read_names(path: str | os.PathLike) -> list[str]:
    """The names of samples in a file, one a line. Raises InputError when it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of names ({error})") from None
    names = [line.strip() for line in text.splitlines()]
    return [name for name in names if name]


def without_samples(panel: Panel, path: Path) -> Panel:
    """The panel without the samples that `path` names, one a line. Raises InputError if it names none, or all."""
    excluded = set(read_names(path))
    kept = [name for name in panel.samples if name not in excluded]
    n_samples = len(panel.samples)
    if not kept:
        raise InputError(f"{path}: it leaves out all {n_samples} samples of the panel")
    if len(kept) == n_samples:
        example = panel.samples[0]
        raise InputError(
            f"{path}: none of its {len(excluded)} names is in the panel (one name a line; the panel has {example}, ..)"
        )
    unknown = excluded.difference(panel.samples)
    if unknown:
        counted = with_noun(len(unknown), "name is", "names are")
        logger.warning("%s: %s not in the panel: %s%s", path, counted, min(unknown), ", .." if len(unknown) > 1 else "")
    n_excluded = n_samples - len(kept)
    logger.info("reference samples that are left out: %d of %d", n_excluded, n_samples)
    return panel.of_samples(kept)


def write_roles(roles: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write the table (COLUMNS) as TSV with a header line."""
    write_table(roles, path)


def read_roles(path: str | os.PathLike) -> pd.DataFrame:
    """Read a table written by `write_roles`; all columns are str, unknown populations and families 'NA'.

    Raises InputError when the file is missing, not a table, or lacks a column.
    """
    types = dict.fromkeys(COLUMNS, str)
    return read_table(path, types)


def reference_samples(roles: pd.DataFrame, fold: str | None = None) -> list[str]:
    """Names of the reference samples, of one fold (train or validation) or of both.

    Samples of fold copied count to fold train: what is copied from, counted and phased against is the same.
    """
    chosen = roles["role"] == "reference"
    if fold is not None:
        members = (fold, COPIED) if fold == "train" else (fold,)
        chosen &= roles["fold"].isin(members)
    return roles.loc[chosen, "sample"].tolist()


def target_samples(roles: pd.DataFrame) -> list[str]:
    """Names of the samples to impute."""
    is_target = roles["role"] == "target"
    names = roles.loc[is_target, "sample"]
    return names.tolist()


def _header_columns(fields: Sequence[str]) -> list[str] | None:
    """Our names of a header line's columns, or None when the line is not a header."""
    if not any(field.lower() in HEADER_NAMES["sample"] for field in fields):
        return None
    named: list[str] = []
    for field in fields:
        written = field.lower()
        match = next((name for name, known in HEADER_NAMES.items() if written in known), None)
        if match is None or match in named:
            match = f"({field})"
        named.append(match)
    return named
