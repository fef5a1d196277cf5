"""Which samples are the reference (train or validation) and which are the targets; families stay together."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.roles import ABSENT, COLUMNS, read_names
from ragimpute.panel.store import Panel
from ragimpute.vcf.source import read_header

logger = logging.getLogger(__name__)

MIN_VALIDATION, MIN_TRAIN = 2, 2


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

    Either `targets`, the samples of another VCF, or `holdout`, a fraction or a list of the panel's own samples, which
    become targets and leave the reference. A seeded validation fold of the reference samples serves to select models.
    Samples of one family (`samples`, from `read_samples`) are never split between target, train and validation.

    Raises InputError when a target is also in the panel, when families straddle the panel and the targets, when a
    name is unknown, when too few samples are left to train on, or the panel has haploid samples.
    """
    panel.refuse_haploid("a study")
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
    validation = _draw_validation(reference, family, validation_fraction, rng)
    folds = {name: "validation" if name in validation else "train" for name in reference}
    rows = [(name, "reference", folds[name]) for name in reference]
    rows += [(name, "target", "targets") for name in target_names]
    roles = pd.DataFrame(rows, columns=COLUMNS[:3])
    for column in ("population", "family"):
        known = table[column].to_dict()
        roles[column] = [known.get(name, ABSENT) for name in roles["sample"]]
    if len(table) and not roles["sample"].isin(table.index).any():
        raise InputError("the samples table names none of the samples in the panel or the targets")
    return roles


def _draw_validation(
    reference: Sequence[str], family: dict[str, str], fraction: float, rng: np.random.Generator
) -> set[str]:
    """Names of the reference samples of the validation fold, families whole; the others must be enough to train on."""
    if len(reference) < MIN_TRAIN + MIN_VALIDATION:
        raise InputError(
            f"{len(reference)} reference samples are left; at least {MIN_TRAIN + MIN_VALIDATION} are needed to train "
            "and validate"
        )
    wanted = max(MIN_VALIDATION, round(fraction * len(reference)))
    validation = set(_draw_families(reference, family, wanted, rng))
    if len(reference) - len(validation) < MIN_TRAIN:
        raise InputError("the validation fold would take (nearly) all reference samples: one family holds most of them")
    train_families = {family[name] for name in reference if name not in validation}
    if len(train_families) < 2:
        raise InputError("all samples left to train on are of one family: none of them could be imputed from another")
    return validation


def read_target_names(path: str | os.PathLike, most: int | None = None) -> list[str]:
    """The samples of a VCF, at most `most` of them (None: all), evenly spread over the file.

    Raises InputError when the file is unreadable or has no samples.
    """
    names = read_header(path).samples
    if not names:
        raise InputError(f"{path}: the file has no samples")
    chosen = evenly_spread(names, most)
    if len(chosen) < len(names):
        logger.info("%s: %d of %d samples are imputed (--max-targets)", path, len(chosen), len(names))
    return chosen


def parse_holdout(text: str) -> float | list[str]:
    """What `--holdout` means: a fraction, or the names in an existing file. Raises InputError otherwise."""
    if Path(text).is_file():
        return read_names(text)
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--holdout {text}: neither an existing file nor a fraction") from None


def evenly_spread(names: Sequence[str], most: int | None) -> list[str]:
    """At most `most` (None: all) of `names`, evenly spread over their order, the first and the last among them."""
    if most is None or most >= len(names):
        return list(names)
    places = np.linspace(0, len(names) - 1, most).round().astype(int)
    return [names[i] for i in places]


def _families(samples: Sequence[str], table: pd.DataFrame) -> dict[str, str]:
    """The family of each sample; samples without one are a family of their own (a name no family can have)."""
    known = {} if table.empty else table["family"].to_dict()
    families = {}
    for name in samples:
        family = known.get(name, ABSENT)
        families[name] = f"\n{name}" if family == ABSENT else family
    return families


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
        sizes = [len(group) for group in left]
        drawn.update(left[sizes.index(min(sizes))])
    return [name for name in names if name in drawn]


def _other_samples(panel: Panel, targets: Sequence[str], family: dict[str, str], table: pd.DataFrame) -> list[str]:
    ours = set(panel.samples)
    leaked = [name for name in targets if name in ours]
    if leaked:
        more = ", ..." if len(leaked) > 5 else ""
        raise InputError(
            f"{len(leaked)} targets are also in the reference panel, so their accuracy would be that of a look-up: "
            f"{', '.join(leaked[:5])}{more}; remove them from one of the two files, or "
            "hold them out of the panel (targets: {holdout: FILE})"
        )
    target_families = _families(targets, table).values()
    shared = sorted(set(target_families) & set(family.values()))
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
    inside = {family[name] for name in listed}
    outside = {family[name] for name in panel.samples if name not in listed}
    split = sorted(inside & outside)
    if split:
        raise InputError(f"the hold-out list splits families: {', '.join(split[:5])}; list all their members, or none")
    return [name for name in panel.samples if name in listed]
