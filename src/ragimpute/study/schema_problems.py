"""What breaks the schema of the configuration, in words: a misspelt key with the right one."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from ragimpute.errors import suggestion


# 1.0 is an integer to JSON Schema, but not to what reads the configuration, nor in a file's name
def _is_integer(_: object, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Every way in which `config` breaks `schema`, in words, a misspelt key with the right one."""
    strange = _strange_keys(config)
    if strange:
        return strange
    errors = _Validator(schema).iter_errors(config)
    problems = []
    for error in sorted(errors, key=lambda error: list(map(str, error.path))):
        problems += _explain(error)
    return problems


def _strange_keys(value: Any, where: str = "") -> list[str]:
    """Keys that YAML read as something other than text (`on`, `no`, `1`)."""
    problems = []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if isinstance(value, dict) and not isinstance(key, str):
            kind = type(key).__name__
            place = where or "top level"
            problems.append(f"{place}: YAML reads the key {key!r} as a {kind}; quote it")
        problems += _strange_keys(child, _join(where, key))
    return problems


def _join(where: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{where}[{key + 1}]"
    return f"{where}.{key}" if where else str(key)


def _explain(error: ValidationError) -> list[str]:
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
        hint = suggestion(str(error.instance), known)
        return [f"{where}: unknown value {_shown(error.instance)}{hint}"]
    if error.validator == "pattern":
        expected = error.schema.get("description", error.validator_value)
        place = where or "name"
        return [f"{place}: {_shown(error.instance)} is not allowed; expected: {expected}"]
    place = where or "top level"
    return [f"{place}: {error.message}"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
