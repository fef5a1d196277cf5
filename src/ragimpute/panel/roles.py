"""Who is reference, validation and target: one table of samples, families kept on one side."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.store import Panel

logger = logging.getLogger(__name__)

COLUMNS = ["sample", "role", "fold", "population", "family"]
ABSENT = "NA"  # population or family unknown
MIN_VALIDATION, MIN_TRAIN = 2, 2
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
    first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(separator)]
        if first and (named := _header_columns(fields)):
            columns, first = named, False
            continue
        first = False
        row = dict(zip(columns, fields, strict=False))
        if len(fields) < 2 or not row.get("sample"):
            raise InputError(f"{path}:{number}: expected 'sample population [family]', found {line.strip()[:80]!r}")
        if row["sample"] in rows:
            raise InputError(f"{path}:{number}: sample {row['sample']!r} occurs twice")
        values = (row.get("population") or ABSENT, row.get("family") or ABSENT)
        rows[row["sample"]] = (values[0], ABSENT if values[1] in ("0", ".") else values[1])
    if not rows:
        raise InputError(f"{path}: the samples table is empty")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["population", "family"])


def read_names(path: str | os.PathLike) -> list[str]:
    """The names of samples in a file, one a line. Raises InputError when it cannot be read."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of names ({error})") from None
    return [line.strip() for line in lines if line.strip()]


def assign_roles(
    panel: Panel,
    rng: np.random.Generator,
    *,
    targets: Sequence[str] | None = None,
    holdout: float | Sequence[str] | None = None,
    samples: pd.DataFrame | None = None,
    validation_fraction: float = 0.1,
) -> pd.DataFrame:
    """Assign every sample a role and a fold; one row per sample (COLUMNS), reference samples first, in panel order.

    Either `targets`, the samples of another VCF, or `holdout`, a fraction or a list of the panel's own samples who
    become targets and leave the reference. A seeded validation fold of the reference samples serves to select models.
    Samples of one family (`samples`, from `read_samples`) are never split between target, train and validation.

    Raises InputError when a target is also in the panel, when families straddle the panel and the targets, when a
    name is unknown, or when too few samples are left to train on.
    """
    if (targets is None) == (holdout is None):
        raise InputError("give either a VCF of targets or a hold-out, not both")
    if not 0 < validation_fraction < 1:
        raise InputError(f"the validation fraction {validation_fraction} must lie between 0 and 1")
    table = samples if samples is not None else pd.DataFrame(columns=["population", "family"], dtype=str)
    family = _families(panel.samples, table)
    if holdout is None:
        assert targets is not None
        target_names = _other_samples(panel, targets, family, table)
    elif isinstance(holdout, float | int):
        if not 0 < holdout < 1:
            raise InputError(f"the hold-out fraction {holdout} must lie between 0 and 1")
        wanted = max(1, round(float(holdout) * len(panel.samples)))
        target_names = _draw_families(panel.samples, family, wanted, rng)
    else:
        target_names = _listed_samples(panel, holdout, family)
    held_out = set(target_names)
    reference = [name for name in panel.samples if name not in held_out]
    if len(reference) < MIN_TRAIN + MIN_VALIDATION:
        raise InputError(
            f"{len(reference)} reference samples are left; at least {MIN_TRAIN + MIN_VALIDATION} are needed to train "
            "and validate"
        )
    wanted = max(MIN_VALIDATION, round(validation_fraction * len(reference)))
    validation = set(_draw_families(reference, family, wanted, rng))
    if len(reference) - len(validation) < MIN_TRAIN:
        raise InputError("the validation fold would take (nearly) all reference samples: one family holds most of them")
    if len({family[name] for name in reference if name not in validation}) < 2:
        raise InputError("all samples left to train on are of one family: nobody would have anyone to copy from")
    rows = [(name, "reference", "validation" if name in validation else "train") for name in reference]
    rows += [(name, "target", "targets") for name in target_names]
    roles = pd.DataFrame(rows, columns=COLUMNS[:3])
    for column in ("population", "family"):
        known = table[column].to_dict()
        roles[column] = [known.get(name, ABSENT) for name in roles["sample"]]
    if len(table) and not roles["sample"].isin(table.index).any():
        raise InputError("the samples table names none of the samples in the panel or the targets")
    return roles


def evenly_spread(names: Sequence[str], most: int | None) -> list[str]:
    """At most `most` (None: all) of `names`, evenly spread over their order, the first and the last among them."""
    if most is None or most >= len(names):
        return list(names)
    return [names[i] for i in np.linspace(0, len(names) - 1, most).round().astype(int)]


def write_roles(roles: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write the table as TSV with a header line."""
    with artefacts.atomic_path(path) as temporary:
        roles.to_csv(temporary, sep="\t", index=False)


def read_roles(path: str | os.PathLike) -> pd.DataFrame:
    """Read a table written by `write_roles`; all columns are str, unknown populations and families 'NA'."""
    try:
        roles = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a roles table ({error})") from None
    if list(roles.columns) != COLUMNS:
        raise InputError(f"{path}: not a roles table; its columns must be {' '.join(COLUMNS)}")
    return roles


def reference_samples(roles: pd.DataFrame, fold: str | None = None) -> list[str]:
    """Names of the reference samples, of one fold (train or validation) or of both."""
    chosen = roles["role"] == "reference"
    if fold is not None:
        chosen &= roles["fold"] == fold
    return roles.loc[chosen, "sample"].tolist()


def target_samples(roles: pd.DataFrame) -> list[str]:
    """Names of the samples to impute."""
    return roles.loc[roles["role"] == "target", "sample"].tolist()


def _header_columns(fields: Sequence[str]) -> list[str] | None:
    """Our names of a header line's columns, or None when the line is not a header."""
    if not any(field.lower() in HEADER_NAMES["sample"] for field in fields):
        return None
    named = []
    for field in fields:
        match = next((name for name, known in HEADER_NAMES.items() if field.lower() in known), f"({field})")
        named.append(f"({field})" if match in named else match)
    return named


def _families(samples: Sequence[str], table: pd.DataFrame) -> dict[str, str]:
    """The family of each sample; samples without one are a family of their own (a name no family can have)."""
    known = {} if table.empty else table["family"].to_dict()
    return {name: f"\n{name}" if known.get(name, ABSENT) == ABSENT else known[name] for name in samples}


def _draw_families(names: Sequence[str], family: dict[str, str], wanted: int, rng: np.random.Generator) -> list[str]:
    """Whole families in random order until `wanted` samples are drawn, passing over those that no longer fit.

    When no family fits exactly, the smallest one left completes the draw. Names in the order given.
    """
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(family[name], []).append(name)
    groups = list(members.values())
    shuffled = [groups[i] for i in rng.permutation(len(groups))]
    drawn: set[str] = set()
    left = []
    for group in shuffled:
        if len(drawn) + len(group) <= wanted:
            drawn.update(group)
        else:
            left.append(group)
    if len(drawn) < wanted and left:
        drawn.update(left[int(np.argmin([len(group) for group in left]))])
    return [name for name in names if name in drawn]


def _other_samples(panel: Panel, targets: Sequence[str], family: dict[str, str], table: pd.DataFrame) -> list[str]:
    ours = set(panel.samples)
    leaked = [name for name in targets if name in ours]
    if leaked:
        raise InputError(
            f"{len(leaked)} targets are also in the reference panel, so their accuracy would be that of a look-up: "
            f"{', '.join(leaked[:5])}{', ...' if len(leaked) > 5 else ''}; remove them from one of the two files, or "
            "hold them out of the panel (targets: {holdout: FILE})"
        )
    shared = sorted(set(_families(targets, table).values()) & set(family.values()))
    if shared:
        raise InputError(
            f"families have members among both the targets and the reference panel: {', '.join(shared[:5])}; remove "
            "the relatives from one of the two files"
        )
    return list(targets)


def _listed_samples(panel: Panel, names: Sequence[str], family: dict[str, str]) -> list[str]:
    listed = set(names)
    unknown = sorted(listed - set(panel.samples))
    if unknown:
        raise InputError(f"held-out samples are not in the panel: {', '.join(unknown[:5])} ({len(unknown)} in all)")
    if not listed:
        raise InputError("the list of held-out samples is empty")
    split = sorted({family[name] for name in listed} & {family[name] for name in panel.samples if name not in listed})
    if split:
        raise InputError(f"the hold-out list splits families: {', '.join(split[:5])}; list all their members, or none")
    return [name for name in panel.samples if name in listed]
