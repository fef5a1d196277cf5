"""The chromosomes of a study's panels: with {chrom} in its files a panel has a file, and results, for each chromosome.

`part` names what results of one chromosome are filed under: `/chr20` in `results/panels/{panel}/chr20/..`; nothing
where a panel has a single reference file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import MARK, existing_chromosomes, list_chromosomes

SPLIT_FILES = ("reference", "targets", "truth", "genetic_map")  # of a panel: those that may have {chrom}
NOT_STUDIED = ("Y", "MT", "M", "XY")  # haploid for all, or of no fixed ploidy


def is_split(panel: Mapping[str, Any]) -> bool:
    """Whether a panel of the configuration has a reference file for each chromosome."""
    return MARK in panel["reference"]


def chromosomes(panel: Mapping[str, Any]) -> list[str]:
    """The chromosomes of a panel of the effective configuration, in their order; none where it has a single file."""
    return list_chromosomes(panel["chromosomes"]) if is_split(panel) else []


def parts(panel: Mapping[str, Any]) -> list[str]:
    """The part of each chromosome of a panel; a single empty one where its file is a single one."""
    return [f"/chr{name}" for name in chromosomes(panel)] or [""]


def autosomes(panel: Mapping[str, Any]) -> list[str]:
    """The parts that networks are trained on: all but X; the single empty one where the file is a single one."""
    return [part for part in parts(panel) if not _is_x(part)]


def chromosome_of(part: str) -> str:
    """The name of the chromosome of a part; `all` for the empty one."""
    return part.removeprefix("/chr") or "all"


def file_of(path: str, part: str) -> str:
    """The file that `path`, which may have {chrom}, stands for."""
    return path.replace(MARK, part.removeprefix("/chr"))


def of_part(entry: Mapping[str, Any], part: str) -> dict[str, Any]:
    """A panel or a mask of the configuration with the files of one part."""
    return {key: file_of(value, part) if _has_mark(value) else value for key, value in entry.items()}


def with_chromosomes(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """An effective configuration with every panel's `chromosomes` found, and what is wrong with them, a line each.

    The chromosomes are those that the panel lists, or else those whose reference file exists; null where the reference
    is a single file.
    """
    panels = {}
    problems = []
    for name, panel in config["panels"].items():
        try:
            found = _found(panel)
        except InputError as error:
            problems.append(f"panels.{name}: {error}")
            found = panel["chromosomes"]
        panels[name] = {**panel, "chromosomes": found}
    problems += _marks_without_meaning(config)
    return {**config, "panels": panels}, problems


def _found(panel: Mapping[str, Any]) -> str | None:
    listed = panel["chromosomes"]
    if not is_split(panel):
        if listed is not None:
            raise InputError(f"chromosomes {listed!r}: needs {MARK} in the name of the reference")
        return None
    if panel["region"] is not None:
        raise InputError(f"region {panel['region']!r}: a panel with {MARK} is read whole; say `chromosomes` instead")
    if listed is not None:
        names = list_chromosomes(listed)
    else:
        names = [name for name in existing_chromosomes(panel["reference"]) if name not in NOT_STUDIED]
    unstudied = [name for name in names if name in NOT_STUDIED]
    if unstudied:
        raise InputError(f"chromosomes: {', '.join(unstudied)} cannot be studied; `ragimpute impute` imputes Y and MT")
    if all(name == "X" for name in names):
        raise InputError("chromosomes: a study needs an autosome, on which networks are trained")
    return ",".join(names)


def _marks_without_meaning(config: Mapping[str, Any]) -> Iterator[str]:
    """A line for each file with {chrom} whose panel has a single reference file."""
    panels = config["panels"]
    for name, panel in panels.items():
        for key in SPLIT_FILES:
            if _has_mark(panel[key]) and not is_split(panel):
                yield f"panels.{name}.{key}: {MARK} must stand in the name of the reference, too"
    for name, mask in config["masks"].items():
        panel = panels.get(mask["panel"])
        if panel is not None and _has_mark(mask["sites"]) and not is_split(panel):
            yield f"masks.{name}.sites: {MARK} must stand in the name of the panel's reference, too"


def _is_x(part: str) -> bool:
    return part.removeprefix("/chr") == "X"


def _has_mark(path: object) -> bool:
    return isinstance(path, str) and MARK in Path(path).name
