"""The effective configuration: read, merged, resolved and checked, with nothing but Snakemake's own environment.

Files are read here again rather than taken from Snakemake, which merges mappings key by key: a user's panels, masks,
study, seeds and baselines must *replace* the example's, and relative paths must resolve from the file that names them.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ragimpute.errors import InputError, suggestion
from ragimpute.nouns import with_noun
from ragimpute.study import row_problems
from ragimpute.study.chromosomes import with_chromosomes
from ragimpute.study.configuration_paths import missing_files, resolve_paths
from ragimpute.study.schema_problems import schema_problems
from ragimpute.training.loss_settings import loss_problems

REPLACED = ("panels", "masks", "study", "seeds", "baselines")
Problem = str


class ConfigError(InputError):
    """Everything that is wrong with the configuration, one problem a line."""

    def __init__(self, problems: Sequence[Problem], sources: Iterable[str]) -> None:
        self.problems = list(problems)
        count = with_noun(len(problems), "problem")
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


def read_file(path: Path, from_variable: dict[str, str] | None = None) -> dict[str, Any]:
    """One configuration file with its relative paths resolved from its own folder.

    `from_variable` is as for `resolve_paths`. Raises ConfigError when the file cannot be read, is not YAML, is not a
    mapping, or names a variable that has no value.
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
    try:
        return resolve_paths(content, path.parent, from_variable)
    except InputError as error:
        raise ConfigError([str(error)], [str(path)]) from None


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


def configuration_text(config: Mapping[str, Any]) -> str:
    """`config` as YAML, keys in their order."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


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
    from_variable: dict[str, str] = {}
    config = read_file(default)
    for path in files:
        config = merge(config, read_file(path, from_variable))
    if overrides:
        config = merge(config, resolve_paths(_typed(overrides), Path.cwd(), from_variable))
    sources = [str(path) for path in files or [default]] + (["--config"] if overrides else [])
    schema = load_schema(root)
    problems = schema_problems(config, schema)
    if not problems:
        config = fill_defaults(config, schema, schema)
        problems = reference_problems(config)
    if not problems:
        config, problems = with_chromosomes(config)
    if not problems and check_files:
        problems = missing_files(config, from_variable)
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
            given = value[key] if key in value else copy.deepcopy(child["default"])
            result[key] = fill_defaults(given, child, schema)
    named = node.get("additionalProperties")
    for key, given in value.items():
        if key not in result:
            result[key] = fill_defaults(given, named, schema) if isinstance(named, dict) else given
    return result


def reference_problems(config: Mapping[str, Any]) -> list[Problem]:
    """Names that do not exist, entries given twice, masks that leave nothing to score, weights that do not fit."""
    problems = [*_mask_problems(config), *_panel_problems(config)]
    for name, loss in config["losses"].items():
        problems += loss_problems(name, loss)
    for i, row in enumerate(config["study"]):
        for key, known in (("mask", config["masks"]), ("loss", config["losses"])):
            if row[key] not in known:
                problems.append(f"study[{i + 1}].{key}: no {key} {row[key]!r}{suggestion(row[key], list(known))}")
    problems += row_problems.problems(config)
    if not config["study"] and not config["baselines"]:
        problems.append("study, baselines: both are empty, so that there is nothing to run")
    return problems


def _mask_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    panels = config["panels"]
    for name, mask in config["masks"].items():
        panel = mask["panel"]
        if panel not in panels:
            yield f"masks.{name}.panel: no panel {panel!r}{suggestion(panel, list(panels))}"
        elif mask["sites"] == "targets" and isinstance(panels[panel]["targets"], dict):
            yield (
                f"masks.{name}.sites: held-out samples have every site, so that `targets` leaves nothing to score; "
                "give a list of sites or {fraction: F}"
            )


def _panel_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    for name, panel in config["panels"].items():
        if panel["max_targets"] and isinstance(panel["targets"], dict):
            yield f"panels.{name}.max_targets: the targets are held out; say how many in `holdout`"
