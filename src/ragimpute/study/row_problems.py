"""What is wrong with the rows of a configuration's study, beyond names that do not exist."""

from collections.abc import Mapping
from typing import Any

from ragimpute.models import pretrained

Row = Mapping[str, Any]


def problems(config: Mapping[str, Any]) -> list[str]:
    """One line for each problem of a row of the effective configuration's study: its place, what is wrong, the mend."""
    found = []
    rows = config["study"]
    first: dict[tuple, int] = {}  # of each training
    for i, row in enumerate(rows):
        where = f"study[{i + 1}]"
        found += [f"{where}.weights: {problem}" for problem in _weights_problems(config, row)]
        found += [f"{where}.{problem}" for problem in _name_problems(config, row)]
        k = first.setdefault(_training(row), i)
        if k != i and (problem := _repetition(rows[k], row)):
            in_words = problem.format(first=f"study[{k + 1}]")
            found.append(f"{where}{in_words}")
    return found


def _training(row: Row) -> tuple:
    """What the models of a row are filed under."""
    name = row["name"] or row["loss"]
    return row["mask"], row["architecture"], name, row["weights"]


def _weights_problems(config: Mapping[str, Any], row: Row) -> list[str]:
    """Why the weights that a row starts from cannot be used for it."""
    if row["weights"] == "scratch":
        return []
    architecture = row["architecture"]
    if architecture != pretrained.ARCHITECTURE:
        return [f"there are no pretrained weights of {architecture}; use scratch, or {pretrained.ARCHITECTURE}"]
    found = []
    if row["weights"] == "pretrained" and row["loss"] != pretrained.LOSS:
        found.append(f"the pretrained weights were trained with the loss {pretrained.LOSS}; name that one")
    size = config["training"][architecture]["size"]
    if size != pretrained.SIZE:
        found.append(f"the pretrained weights are of size {pretrained.SIZE}, training asks for {size}")
    return found


def _name_problems(config: Mapping[str, Any], row: Row) -> list[str]:
    """Why a row's `learning_rate` and `name` cannot stand as they are."""
    name = row["name"]
    rate = row["learning_rate"]
    found = []
    if rate is not None and name is None:
        example = f"{row['loss']}_rate"
        found.append(
            f"learning_rate: needs `name`, which stands for the loss in the results' names; add e.g. name: {example}"
        )
    if name is not None and rate is None:
        found.append(
            "name: without `learning_rate` the row is the training of its loss under another name; give a "
            "learning_rate, or leave name out"
        )
    if name in config["losses"]:
        found.append(f"name: {name!r} is the name of a loss, so that the results' names would mislead; choose another")
    if rate is not None and row["weights"] == "pretrained":
        found.append("learning_rate: pretrained weights are taken as they are; use weights: fine_tuned to train them")
    return found


def _repetition(first: Row, row: Row) -> str:
    """What is wrong with two rows of one training; in the text, {first} stands for the place of the first.

    Nothing, where they differ in `calibrate` alone: they are one training with one raw and one calibrated result.
    """
    differ = {key for key, value in row.items() if first[key] != value}
    if not differ:
        return ": the same as {first}"
    name = row["name"]
    if name is not None and differ & {"loss", "learning_rate"}:
        return f".name: {name!r} names {{first}}, which has another loss or learning_rate; choose another name"
    if "seeds" in differ:
        return ".seeds: {first} is the same training with other seeds; give all in one row"
    return ""
