"""How much a verb prints, for readers or for programs: the options --quiet and --json."""

import json
import logging
import math
from typing import Any

import click


def _set_level(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    logging.getLogger("ragimpute").setLevel(logging.WARNING if value else logging.NOTSET)
    return value


def quiet_option(text: str):
    """--quiet: progress is not logged, and as `text` says."""
    return click.option("--quiet", is_flag=True, callback=_set_level, help=text)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def print_json(value: Any) -> None:
    """Print JSON to standard output; what is undefined is null, as JSON has no NaN."""
    defined = _defined(value)
    text = json.dumps(defined, indent=1, ensure_ascii=False, allow_nan=False)
    click.echo(text)


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
