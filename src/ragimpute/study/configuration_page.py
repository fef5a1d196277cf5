"""docs/configuration.md, made from the schema: `python -m ragimpute.study.configuration_page`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ragimpute.study.configuration import REPLACED, dereference, load_schema

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "configuration.md"
HEADER = """# Configuration

<!-- Made from workflow/schemas/config.schema.yaml by `python -m ragimpute.study.configuration_page`. -->

`config.yaml` holds the default study, on the example. Write a file of your own for your data and give it with
`make report CONFIG=mine.yaml` or `snakemake --cores all --configfile mine.yaml`:

```yaml
panels:
  mine:
    reference: panel.vcf.gz # relative paths are taken from the folder of this file
    targets: array.vcf.gz
masks:
  array: {panel: mine, sites: targets}
study:
  - {mask: array, architecture: copy_rag, loss: cross_entropy}
```

- Your {replaced} *replace* those of `config.yaml`;
  your `losses` are added to its losses; every other key is laid over its own.
- `NAME` stands for a name of your choice: a letter, then letters, digits or underscores.
- `ragimpute config --configfile mine.yaml` checks the file and prints what it means, all defaults filled in. A run
  writes the same to `results/config.yaml`.
- A misspelt key is an error that suggests the right one, and all problems are reported at once.
- Which cores, memory and queues are used is no part of it: see `profiles/`.
- A file whose name is `targets` is written `./targets` under `sites`.
"""


def page(schema: Mapping[str, Any]) -> str:
    """The whole page, in Markdown."""
    replaced = ", ".join(f"`{name}`" for name in REPLACED)
    parts = [HEADER.replace("{replaced}", replaced)]
    for name, node in schema["properties"].items():
        node = dereference(node, schema)
        rows = list(_rows(node, name, schema))
        meaning = node["description"]
        parts.append(f"\n## {name}\n\n{meaning}\n")
        if len(rows) == 1:
            default = _default(node, " Default: ")
            parts.append(f"\nType: {_type(node, schema)}.{default}\n")
            continue
        parts.append("\n| key | type | default | meaning |\n|---|---|---|---|\n")
        for path, kind, default, text in rows[1:]:
            parts.append(f"| `{path}` | {kind} | {default} | {text} |\n")
    return "".join(parts)


def _rows(node: Mapping[str, Any], path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Path, type, default and meaning of `node` and of everything under it."""
    node = dereference(node, schema)
    if "description" in node:
        default = _default(node, "") or "required"
        yield path, _type(node, schema), default, node["description"]
    for branch in node.get("anyOf", []):
        for key, child in branch.get("properties", {}).items():
            yield from _rows(child, f"{path}.{key}", schema)
    for key, child in node.get("properties", {}).items():
        yield from _rows(child, f"{path}.{key}", schema)
    if isinstance(node.get("additionalProperties"), dict):
        yield from _rows(node["additionalProperties"], f"{path}.NAME", schema)
    if isinstance(node.get("items"), dict):
        yield from _rows(node["items"], f"{path}[]", schema)


def _type(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    node = dereference(node, schema)
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(_type(branch, schema) for branch in node["anyOf"])
    kinds: list[str] = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if kinds == ["object"] and set(node.get("required", [])) == set(node.get("properties", {})) != set():
        keys = ", ".join(f"{key}: .." for key in node["properties"])
        return f"`{{{keys}}}`"
    names = {"object": "mapping", "string": "text", "integer": "whole number"}
    names["boolean"] = "true or false"
    if "array" in kinds:
        items = _type(node["items"], schema)
        names["array"] = f"list of {items}"
    in_words = " or ".join(names.get(kind, kind) for kind in kinds)
    return in_words + _bounds(node)


def _bounds(node: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {node[key]}" for key, sign in signs.items() if key in node]
    listed = " and ".join(bounds)
    return f" {listed}" if bounds else ""


def _default(node: Mapping[str, Any], prefix: str) -> str:
    """The default after `prefix`; nothing when there is none."""
    if "default" not in node:
        return ""
    default = node["default"]
    return "as below" if default == {} else f"{prefix}`{json.dumps(default)}`"


if __name__ == "__main__":
    schema = load_schema(ROOT)
    PAGE.write_text(page(schema), encoding="utf-8")
