"""Predicted against measured: how a claim about the losses is judged. The claims themselves are in `original_claims`.

A claim is a region in which a measure was said to lie. It is confirmed when the measure is surely inside and refuted
when it is surely outside. A difference in F1 that is surely smaller than MARGIN is equivalent, whatever its sign.
"Surely": after Holm's correction over the claims of the family, of one network in one setting.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_study.claim_types import Claim, Conjunction, Definition, NotTestable
from ragimpute.evaluation.loss_study.loss_table import KEYS, MethodTrainings
from ragimpute.evaluation.loss_study.original_claims import (
    DEFINITIONS,
    LETTERS,
    PRIMARY,
    SECONDARY,
    SIDE_BRANCH,
)
from ragimpute.evaluation.loss_study.significance import ALPHA, Measured, contrast, holm, p_region, smallest_detectable

MARGIN = 0.005  # of F1: a smaller difference does not matter
RAW, CALIBRATED = "raw", "calibrated"
SUFFIX = {RAW: "", CALIBRATED: "_calibrated"}  # of the measures
CONFIRMED, REFUTED = "confirmed", "refuted"
EQUIVALENT, UNDECIDED = "equivalent", "undecided"
HIGHER, LOWER = "higher", "lower"  # of a question, which predicts nothing
NOT_TESTABLE = "not testable"
NOT_RUN = "not run"
BY_DEFINITION = "by definition"
VERDICTS = (
    *(CONFIRMED, REFUTED, EQUIVALENT, UNDECIDED, HIGHER, LOWER),
    *(NOT_TESTABLE, NOT_RUN, BY_DEFINITION),
)
FAMILIES = {"primary": PRIMARY, "secondary": SECONDARY}
PLANNED_SEEDS = 10  # of the primary family

_TEXTS = ("family", "scores", "claim", "text", "original", "unit")
_PREDICTED = ("predicted", "predicted_low", "predicted_high")
_MEASURED = ("measured", "ci_low", "ci_high", "p_holm", "p_equivalent")
COLUMNS: dict[str, type] = {
    **KEYS,
    "n_seeds": int,
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys((*_PREDICTED, *_MEASURED), float),
    **dict.fromkeys(("verdict", "reason"), str),
}
POWER_COLUMNS: dict[str, type] = {
    **dict.fromkeys(("scores", "claim", "text"), str),
    **dict.fromkeys(("sd_seeds", "error", "detectable"), float),
}


def judge_claims(settings: Sequence[MethodTrainings]) -> pd.DataFrame:
    """The rows of claims.tsv (COLUMNS): every claim on every setting in which one of the losses A to E was trained.

    family: primary, secondary or definition. scores: raw, or calibrated for the claims about F1 alone, which are judged
    again after temperature; each of the four combinations is corrected on its own. p_holm, p_equivalent: corrected
    p-values of the side on which the measure lies, and of equivalence. n_seeds: seeds that have the measure.
    """
    rows: list[dict] = []
    for trained in settings:
        if set(trained.losses) & set(LETTERS):
            rows += [{**trained.keys(), **row} for row in _judge(trained)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _judge(trained: MethodTrainings) -> list[dict]:
    found: dict[tuple[str, str], dict] = {}
    for family, claims in FAMILIES.items():
        for scores in SUFFIX:
            alone = [claim for claim in claims if isinstance(claim, Claim) and (scores == RAW or claim.f1)]
            labels = {"family": family, "scores": scores}
            for row in _family(trained, alone, SUFFIX[scores]):
                name = row["claim"]
                found[scores, name] = labels | row
    conjunctions = [claim for claim in SECONDARY if isinstance(claim, Conjunction)]
    for claim in conjunctions:
        for scores in SUFFIX:
            keys = [(scores, part) for part in claim.parts]
            if all(key in found for key in keys):
                parts = [found[key] for key in keys]
                labels = {"family": "secondary", "scores": scores}
                found[scores, claim.name] = labels | _conjunction(claim, parts)
    definitions = [_definition_row(one) for one in DEFINITIONS]
    return [*found.values(), *definitions]


def _definition_row(one: Definition) -> dict:
    return {
        "family": "definition",
        "scores": RAW,
        "claim": one.name,
        "text": one.text,
        "original": one.original,
        "unit": "",
        "n_seeds": 0,
        "verdict": BY_DEFINITION,
        "reason": one.reason,
    }


def _family(trained: MethodTrainings, claims: Sequence[Claim], suffix: str) -> list[dict]:
    """The rows of one family, corrected together; claims that cannot be measured do not count in the correction."""
    rows = [_measure(trained, claim, suffix) for claim in claims]
    adjusted = holm([row["p"] for row in rows])
    equivalent = holm([row["p_equivalent"] for row in rows])
    for claim, row, p, p_equivalent in zip(claims, rows, adjusted, equivalent, strict=True):
        row["p_holm"] = p
        row["p_equivalent"] = p_equivalent
        verdict = _verdict(claim, row["inside"], p, p_equivalent)
        row.setdefault("verdict", verdict)
    return rows


def _verdict(claim: Claim, inside: bool, p: float, p_equivalent: float) -> str:
    if p_equivalent < ALPHA:
        return EQUIVALENT
    if p < ALPHA and claim.question:
        return HIGHER if inside else LOWER
    if p < ALPHA:
        return CONFIRMED if inside else REFUTED
    return UNDECIDED


def _measure(trained: MethodTrainings, claim: Claim, suffix: str) -> dict:
    """The row of one claim, before the correction; with a verdict where nothing can be measured."""
    row: dict = {"claim": claim.name, "text": claim.text, "original": claim.original, "unit": claim.unit}
    row |= {"predicted": claim.predicted, "predicted_low": claim.low, "predicted_high": claim.high}
    row |= {"n_seeds": 0, "p": np.nan, "p_equivalent": np.nan}
    row |= {"inside": False, "reason": ""}
    if claim.about_reconstruction and trained.architecture in SIDE_BRANCH:
        reason = SIDE_BRANCH[trained.architecture]
        return row | {"verdict": NOT_TESTABLE, "reason": reason}
    try:
        measured = claim.measure(trained, suffix)
    except KeyError as error:
        loss = error.args[0]
        return row | {"verdict": NOT_RUN, "reason": f"no training of {loss}"}
    except NotTestable as error:
        return row | {"verdict": NOT_TESTABLE, "reason": str(error)}
    has_value = np.isfinite(measured.values)
    n_seeds = int(has_value.sum())
    if not n_seeds:
        return row | {"verdict": NOT_RUN, "reason": "not measured in these trainings"}
    row["n_seeds"] = n_seeds
    return row | _test(claim, measured)


def _test(claim: Claim, measured: Measured) -> dict:
    """Measured value, interval and p-values of a claim that can be measured."""
    found = contrast(measured)
    low, high = claim.low, claim.high
    if claim.logarithmic:
        low = float(np.log(claim.low)) if claim.low > 0 else -np.inf
        high = float(np.log(claim.high))
    inside, p = p_region(found, low, high)
    shown = (found.mean, *found.interval())
    value, ci_low, ci_high = np.exp(shown) if claim.logarithmic else shown
    row: dict = {}
    row["measured"] = float(value)
    row["ci_low"] = float(ci_low)
    row["ci_high"] = float(ci_high)
    row["inside"] = inside
    row["p"] = p
    row["p_equivalent"] = found.p_equivalent(MARGIN) if claim.f1_difference else np.nan
    return row


def _conjunction(claim: Conjunction, parts: Sequence[dict]) -> dict:
    """The row of a claim that holds when all its parts do.

    The first of these that a part has: refuted, not testable, not run, equivalent, undecided; else confirmed.
    """
    verdicts = [part["verdict"] for part in parts]
    order = (REFUTED, NOT_TESTABLE, NOT_RUN, EQUIVALENT, UNDECIDED)
    joint = next((verdict for verdict in order if verdict in verdicts), CONFIRMED)
    reasons = [part["reason"] for part in parts if part["verdict"] == joint]
    row: dict = {"claim": claim.name, "text": claim.text, "original": claim.original, "unit": ""}
    row["n_seeds"] = min(part["n_seeds"] for part in parts)
    row["verdict"] = joint
    row["reason"] = reasons[0] if reasons else ""
    return row


def power(trained: MethodTrainings) -> pd.DataFrame:
    """The smallest difference in F1 that PLANNED_SEEDS seeds would find with 80 %, of each primary difference.

    Columns POWER_COLUMNS: sd_seeds, the standard deviation of the paired difference over seeds; error, the standard
    error with PLANNED_SEEDS seeds and these samples; detectable, at the first level of Holm's correction, ALPHA over
    the claims of the family. Empty where no difference has two seeds.
    """
    rows = []
    for scores, suffix in SUFFIX.items():
        family = [claim for claim in PRIMARY if scores == RAW or claim.f1]
        level = ALPHA / len(family)
        for claim in family:
            if not claim.f1_difference or _measure(trained, claim, suffix)["n_seeds"] < 2:
                continue
            measured = claim.measure(trained, suffix)
            found = contrast(measured, PLANNED_SEEDS)
            row: dict = {"scores": scores, "claim": claim.name, "text": claim.text}
            scatter = np.nanstd(measured.values, ddof=1)
            row["sd_seeds"] = float(scatter)
            row["error"] = found.error
            row["detectable"] = smallest_detectable(found.error, found.freedom, level)
            rows.append(row)
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))
