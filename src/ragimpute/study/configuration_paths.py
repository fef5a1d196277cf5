"""The paths in a configuration: which keys hold them, where they resolve from, and the variable that may begin one."""

import copy
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ragimpute.errors import InputError
from ragimpute.study.chromosomes import file_of, parts

PANEL_FILES = ("reference", "targets", "truth", "genetic_map", "samples")
# The environment variables that a path may begin with, and what to read where their files are missing.
VARIABLES = {"RAGIMPUTE_DATA": "docs/arrays.md lists the files of that folder, and how to get them"}
WITH_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(:-(?P<default>[^}]*))?\}(?P<rest>.*)")


def resolve_paths(
    config: Mapping[str, Any], folder: Path, from_variable: dict[str, str] | None = None
) -> dict[str, Any]:
    """A copy of `config` whose relative paths are absolute, taken from `folder`. Malformed parts stay as they are.

    `${RAGIMPUTE_DATA}` or `${RAGIMPUTE_DATA:-DEFAULT}` at the beginning of a path stands for that environment variable,
    taken from the working directory where it is relative; the default stands for it where it is not set, taken from
    `folder`. Each such path is added to `from_variable` with the variable's name. Raises InputError for another
    variable, and for one that has no value and no default.
    """
    resolved = copy.deepcopy(dict(config))
    found = {} if from_variable is None else from_variable
    for entry, key in _path_keys(resolved):
        entry[key] = _absolute(entry[key], folder, found)
    return resolved


def _path_keys(config: Mapping[str, Any]) -> Iterator[tuple[dict, str]]:
    """Each mapping of `config` that may hold a path, and the path's key in it."""
    for panel in _mappings(config.get("panels")):
        for key in PANEL_FILES:
            if key in panel:
                yield panel, key
        if isinstance(panel.get("targets"), dict) and "holdout" in panel["targets"]:
            yield panel["targets"], "holdout"
    for mask in _mappings(config.get("masks")):
        if "sites" in mask and mask["sites"] != "targets":
            yield mask, "sites"


def _mappings(section: Any) -> list[dict]:
    if not isinstance(section, dict):
        return []
    return [entry for entry in section.values() if isinstance(entry, dict)]


def _absolute(value: Any, folder: Path, from_variable: dict[str, str]) -> Any:
    """`value` as an absolute path; what is no text, or empty, as it is."""
    if not isinstance(value, str) or not value:
        return value
    found = WITH_VARIABLE.fullmatch(value)
    named = _expanded(found) if found else Path(value).expanduser()
    path = folder.absolute() / named
    # resolve links of the folder only: the name that the user gave stays, and `..` goes
    folder_of_path = path.parent.resolve()
    resolved = str(folder_of_path / path.name)
    if found:
        from_variable[resolved] = found["name"]
    return resolved


def _expanded(found: re.Match) -> Path:
    """The path that begins with a variable, the variable's value put in."""
    name = found["name"]
    default = found["default"]
    rest = found["rest"].lstrip("/")
    if name not in VARIABLES:
        known = ", ".join(f"${{{known}}}" for known in VARIABLES)
        raise InputError(f"{found.string}: no path can begin with ${{{name}}}; known is {known}")
    if value := os.environ.get(name):
        folder = Path(value).expanduser()
        return folder.absolute() / rest
    if default is None:
        advice = VARIABLES[name]
        raise InputError(f"{found.string}: the environment variable {name} is not set; {advice}")
    return Path(default) / rest


def named_files(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The key and the path of each file that the panels and masks of an effective configuration name.

    A path with {chrom} stands for the files of all chromosomes of its panel.
    """
    for name, panel in config["panels"].items():
        for key in PANEL_FILES:
            if isinstance(panel[key], str):
                for path in _each_chromosome(panel[key], panel):
                    yield f"panels.{name}.{key}", path
        held_out = panel["targets"]["holdout"] if isinstance(panel["targets"], Mapping) else None
        if isinstance(held_out, str):
            yield f"panels.{name}.targets.holdout", held_out
    for name, mask in config["masks"].items():
        sites = mask["sites"]
        if isinstance(sites, str) and sites != "targets":
            for path in _each_chromosome(sites, config["panels"][mask["panel"]]):
                yield f"masks.{name}.sites", path


def _each_chromosome(path: str, panel: Mapping[str, Any]) -> list[str]:
    """The files that `path` stands for, each once."""
    files = [file_of(path, part) for part in parts(panel)]
    return list(dict.fromkeys(files))


def missing_files(config: Mapping[str, Any], from_variable: Mapping[str, str]) -> list[str]:
    """One line for each file that an effective configuration names and that is not there.

    `from_variable` is what `resolve_paths` has filled: the paths that began with a variable.
    """
    lines = []
    for where, path in named_files(config):
        if not Path(path).is_file():
            explanation = _explanation(from_variable.get(path))
            lines.append(f"{where}: no such file {path} ({explanation})")
    return lines


def _explanation(variable: str | None) -> str:
    if variable is None:
        return "a relative path is taken from the folder of the file that names it"
    value = os.environ.get(variable)
    state = f"is {value}" if value else "is not set, so that the default folder is read"
    return f"the environment variable {variable} {state}; {VARIABLES[variable]}"
