"""The effective configuration: read, merged, resolved and checked, with nothing but Snakemake's own environment.

Files are read here again rather than taken from Snakemake, which merges mappings key by key: a user's panels, masks,
study, seeds and baselines must *replace* the example's, and relative paths must resolve from the file that names them.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from ragimpute.errors import InputError, suggestion
from ragimpute.study import row_problems
from ragimpute.training.loss_settings import loss_problems

REPLACED = ("panels", "masks", "study", "seeds", "baselines")
PANEL_FILES = ("reference", "targets", "truth", "genetic_map", "samples")
Problem = str


class ConfigError(InputError):
    """Everything that is wrong with the configuration, one problem a line."""

    def __init__(self, problems: Sequence[Problem], sources: Iterable[str]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"{count} in the configuration ({', '.join(sources)}):{lines}")


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice (the first one would be lost in silence)."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    loader.flatten_mapping(node)
    result: dict = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_file(path: Path) -> dict[str, Any]:
    """One configuration file with its relative paths resolved from its own folder.

    Raises ConfigError when it cannot be read, is not YAML, or is not a mapping.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            content = yaml.load(handle, Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"cannot be read: {error}"], [str(path)]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"not valid YAML: {' '.join(str(error).split())}"], [str(path)]) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(["expected keys such as `panels:` at the top level"], [str(path)])
    return resolve_paths(content, path.parent)


def resolve_paths(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A copy of `config` whose relative paths are absolute, taken from `folder`. Malformed parts stay as they are."""
    resolved = copy.deepcopy(dict(config))

    def absolute(value: Any) -> Any:
        if not isinstance(value, str) or not value:
            return value
        path = folder.absolute() / Path(value).expanduser()
        # resolve links of the folder only: the name that the user gave stays, and `..` goes
        return str(path.parent.resolve() / path.name)

    for panel in _mappings(resolved.get("panels")):
        for key in PANEL_FILES:
            if key in panel:
                panel[key] = absolute(panel[key])
        if isinstance(panel.get("targets"), dict) and "holdout" in panel["targets"]:
            panel["targets"]["holdout"] = absolute(panel["targets"]["holdout"])
    for mask in _mappings(resolved.get("masks")):
        if "sites" in mask and mask["sites"] != "targets":
            mask["sites"] = absolute(mask["sites"])
    return resolved


def _mappings(section: Any) -> list[dict]:
    return [entry for entry in section.values() if isinstance(entry, dict)] if isinstance(section, dict) else []


def merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `update` laid over it: the sections of REPLACED whole, losses by name, the others key by key."""
    result = copy.deepcopy(dict(base))
    for section, value in update.items():
        if section in REPLACED or not isinstance(value, Mapping) or not isinstance(result.get(section), dict):
            result[section] = copy.deepcopy(value)
        elif section == "losses":
            result[section].update(copy.deepcopy(dict(value)))
        else:
            result[section] = _deep_merge(result[section], value)
    return result


def _deep_merge(base: dict, update: Mapping[str, Any]) -> dict:
    for key, value in update.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        base[key] = _deep_merge(base[key], value) if both else copy.deepcopy(value)
    return base


def _typed(value: Any, nested: bool = False) -> Any:
    """Numbers and booleans inside a list or mapping of `--config`, where Snakemake leaves all scalars as text."""
    if isinstance(value, Mapping):
        return {key: _typed(child, True) for key, child in value.items()}
    if isinstance(value, list):
        return [_typed(child, True) for child in value]
    if not nested or not isinstance(value, str):
        return value
    read = yaml.safe_load(value)
    return read if isinstance(read, int | float | None) else value


def load_schema(root: Path) -> dict[str, Any]:
    """The closed schema of the repository at `root`."""
    with open(root / "workflow" / "schemas" / "config.schema.yaml", encoding="utf-8") as handle:
        return yaml.safe_load(handle)


def load_configuration(
    root: Path,
    configfiles: Sequence[str | Path] = (),
    overrides: Mapping[str, Any] | None = None,
    check_files: bool = True,
) -> dict[str, Any]:
    """The effective configuration: config.yaml of the repository at `root`, then `configfiles`, then `overrides`.

    Relative paths in `overrides` (`--config` of the command line) resolve from the working directory. All defaults are
    filled in and all paths absolute, so that the result depends on the files alone. With `check_files`, every file that
    it names must exist. Raises ConfigError with all problems at once.
    """
    default = root / "config.yaml"
    files = [Path(path).resolve() for path in configfiles]
    config = read_file(default)
    for path in files:
        config = merge(config, read_file(path))
    if overrides:
        config = merge(config, resolve_paths(_typed(overrides), Path.cwd()))
    sources = [str(path) for path in files or [default]] + (["--config"] if overrides else [])
    schema = load_schema(root)
    problems = schema_problems(config, schema)
    if not problems:
        config = fill_defaults(config, schema, schema)
        problems = reference_problems(config) + (file_problems(config) if check_files else [])
    if problems:
        raise ConfigError(problems, sources)
    return config


def dereference(node: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`node` with its `$ref` into `$defs` of `schema`, if any, laid under its own keys."""
    if "$ref" not in node:
        return dict(node)
    target = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in node.items() if key != "$ref"}}


def fill_defaults(value: Any, node: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """`value` with the defaults of schema `node` filled in, keys in the schema's order."""
    node = dereference(node, schema)
    if isinstance(value, list) and "items" in node:
        return [fill_defaults(item, node["items"], schema) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, child in node.get("properties", {}).items():
        child = dereference(child, schema)
        if key in value or "default" in child:
            result[key] = fill_defaults(value.get(key, copy.deepcopy(child.get("default"))), child, schema)
    names = [key for key in value if key not in result]
    extra = node.get("additionalProperties")
    result |= {
        key: fill_defaults(value[key], extra, schema) if isinstance(extra, dict) else value[key] for key in names
    }
    return result


# 1.0 is an integer to JSON Schema, but not to what reads the configuration, nor in a file's name
_Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Problem]:
    """Every way in which `config` breaks `schema`, in words, a misspelt key with the right one."""
    strange = _strange_keys(config)
    if strange:
        return strange
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    return [problem for error in errors for problem in _explain(error)]


def _strange_keys(value: Any, where: str = "") -> list[Problem]:
    """Keys that YAML read as something other than text (`on`, `no`, `1`)."""
    problems = []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if isinstance(value, dict) and not isinstance(key, str):
            problems.append(f"{where or 'top level'}: YAML reads the key {key!r} as a {type(key).__name__}; quote it")
        problems += _strange_keys(child, _join(where, key))
    return problems


def _join(where: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{where}[{key + 1}]"
    return f"{where}.{key}" if where else str(key)


def _explain(error: ValidationError) -> list[Problem]:
    where = ""
    for key in error.absolute_path:
        where = _join(where, key)
    if error.validator == "anyOf":
        # the branch of the value's own type says what is wrong with it
        branches = [child for child in error.context or [] if child.validator != "type"]
        if branches:
            return [problem for child in branches for problem in _explain(child)]
        return [f"{where}: {_shown(error.instance)} has none of the forms that docs/configuration.md gives"]
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [key for key in error.instance if key not in known]
        return [f"{_join(where, key)}: unknown key{suggestion(key, known)}" for key in unknown]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"{_join(where, key)}: missing" for key in missing if f"'{key}'" in error.message]
    if error.validator == "enum":
        known = [str(value) for value in error.validator_value]
        return [f"{where}: unknown value {_shown(error.instance)}{suggestion(str(error.instance), known)}"]
    if error.validator == "pattern":
        expected = error.schema.get("description", error.validator_value)
        return [f"{where or 'name'}: {_shown(error.instance)} is not allowed; expected: {expected}"]
    return [f"{where or 'top level'}: {error.message}"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def reference_problems(config: Mapping[str, Any]) -> list[Problem]:
    """Names that do not exist, entries given twice, masks that leave nothing to score, weights that do not fit."""
    problems = []
    panels, masks, losses = config["panels"], config["masks"], config["losses"]
    for name, mask in masks.items():
        where = f"masks.{name}"
        if mask["panel"] not in panels:
            problems.append(f"{where}.panel: no panel {mask['panel']!r}{suggestion(mask['panel'], list(panels))}")
        elif mask["sites"] == "targets" and isinstance(panels[mask["panel"]]["targets"], dict):
            problems.append(
                f"{where}.sites: held-out samples have every site, so that `targets` leaves nothing to score; "
                "give a list of sites or {fraction: F}"
            )
    for name, panel in panels.items():
        if panel["max_targets"] and isinstance(panel["targets"], dict):
            problems.append(f"panels.{name}.max_targets: the targets are held out; say how many in `holdout`")
    for name, loss in losses.items():
        problems += loss_problems(name, loss)
    for i, entry in enumerate(config["study"]):
        where = f"study[{i + 1}]"
        for key, known in (("mask", masks), ("loss", losses)):
            if entry[key] not in known:
                problems.append(f"{where}.{key}: no {key} {entry[key]!r}{suggestion(entry[key], list(known))}")
    problems += row_problems.problems(config)
    if not config["study"] and not config["baselines"]:
        problems.append("study, baselines: both are empty, so that there is nothing to run")
    return problems


def file_problems(config: Mapping[str, Any]) -> list[Problem]:
    """Files that the configuration names and that are not there."""
    named = [(f"panels.{name}.{key}", panel[key]) for name, panel in config["panels"].items() for key in PANEL_FILES]
    named += [
        (f"panels.{name}.targets.holdout", panel["targets"]["holdout"])
        for name, panel in config["panels"].items()
        if isinstance(panel["targets"], dict)
    ]
    named += [
        (f"masks.{name}.sites", mask["sites"]) for name, mask in config["masks"].items() if mask["sites"] != "targets"
    ]
    return [
        f"{where}: no such file {path} (a relative path is taken from the folder of the file that names it)"
        for where, path in named
        if isinstance(path, str) and not Path(path).is_file()
    ]
