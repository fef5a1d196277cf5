"""The kinds of claims about the losses (Claim, Conjunction, Definition), and the measures that claims are made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation.loss_study.loss_table import MethodTrainings
from ragimpute.evaluation.loss_study.significance import Measured

INF = float("inf")

# (setting, end of the measure's name) -> values; KeyError, with the name of the loss, when the setting lacks it, and
# NotTestable when its trainings give no occasion to measure it
Measure = Callable[[MethodTrainings, str], Measured]


class NotTestable(Exception):
    """What a claim is about did not happen in the trainings; the message says what."""


@dataclass(frozen=True)
class Claim:
    """A measure that was predicted to lie in [low, high]; `predicted` is the value named, if any.

    original: the original's own words or numbers. f1: about F1 alone, and so judged again after temperature;
    f1_difference: about a difference in F1, which may be equivalent. question: nothing was predicted.
    """

    name: str
    text: str
    measure: Measure
    low: float
    high: float
    predicted: float = float("nan")
    original: str = ""
    unit: str = ""  # F1, share, ratio, cosine, steps, r2
    logarithmic: bool = False  # the measure is the logarithm of a ratio; the bounds are ratios
    f1: bool = False
    f1_difference: bool = False
    question: bool = False
    about_reconstruction: bool = True


@dataclass(frozen=True)
class Conjunction:
    """A claim that holds when all its parts do, and fails when one of them does."""

    name: str
    text: str
    parts: tuple[str, ...]
    original: str = ""


@dataclass(frozen=True)
class Definition:
    """A claim of the original that arithmetic settles, or a rule that is applied and not tested."""

    name: str
    text: str
    original: str
    reason: str


def value_of(loss: str, measure: str) -> Measure:
    """A measure of one loss."""
    return lambda trained, suffix: trained.losses[loss][measure + suffix]


def log_of(loss: str, measure: str) -> Measure:
    """The logarithm of a measure of one loss."""
    return lambda trained, suffix: trained.losses[loss][measure + suffix].log()


def difference(a: str, b: str, measure: str) -> Measure:
    """A measure of `a` minus that of `b`, paired by seed."""
    return lambda trained, suffix: trained.losses[a][measure + suffix] - trained.losses[b][measure + suffix]


def log_ratio(a: str, b: str, measure: str) -> Measure:
    """The logarithm of the ratio of a measure of `a` to that of `b`, paired by seed."""
    return lambda trained, suffix: log_of(a, measure)(trained, suffix) - log_of(b, measure)(trained, suffix)


def where_switched(loss: str, measure: str, logarithmic: bool = False) -> Measure:
    """A measure of the seeds in which the loss ever switched, NaN for the others; NotTestable where none did."""

    def measured(trained: MethodTrainings, suffix: str) -> Measured:
        share = trained.losses[loss]["switched_share"]
        if (share.values == 0).all():
            raise NotTestable(f"{loss} never switched")
        found = log_of(loss, measure)(trained, "") if logarithmic else trained.losses[loss][measure]
        values = np.where(share.values > 0, found.values, np.nan)
        return Measured(values, found.seeds)

    return measured


def f1_above(name: str, text: str, a: str, b: str, stratum: str, **others) -> Claim:
    """`a` is above `b` in F1."""
    measure = difference(a, b, f"f1_{stratum}")
    return Claim(name, text, measure, 0.0, INF, unit="F1", f1=True, f1_difference=True, **others)


def above_one(name: str, text: str, a: str, b: str, measure: str, original: str) -> Claim:
    """The ratio of a measure of `a` to that of `b` is above 1."""
    ratio = log_ratio(a, b, measure)
    return Claim(name, text, ratio, 1.0, INF, original=original, unit="ratio", logarithmic=True)
