"""Predicted against measured: what was said about the losses before anything had been measured, and what was found.

Each claim is a region in which a measure was said to lie. It is confirmed when the measure is surely inside, refuted
when it is surely outside, else undecided; "surely" after Holm's correction over all claims about one architecture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.evaluation.intervals import ALPHA, Measured, estimate, holm, p_region
from ragimpute.evaluation.loss_study import KEYS, Trained

A, B, C, D, CROSS_ENTROPY = "recon_switch", "recon_low", "no_recon", "recon_truth", "cross_entropy"
LETTERS = {A: "A", B: "B", C: "C", D: "D", CROSS_ENTROPY: "cross entropy"}
PREDICTED_F1 = {
    "overall": {A: 0.70, B: 0.72, C: 0.74, D: 0.73},
    "rare": {A: 0.65, B: 0.67, C: 0.69, D: 0.68},
}
F1_TOLERANCE = 0.01  # the smallest difference between two predicted values
INF = float("inf")

COLUMNS: dict[str, type] = {
    **KEYS,
    **{"n_seeds": int, "claim": str, "text": str, "unit": str},
    **dict.fromkeys(("predicted", "predicted_low", "predicted_high", "measured", "ci_low", "ci_high"), float),
    **{"p_holm": float, "verdict": str},
}
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"


@dataclass(frozen=True)
class Claim:
    """A measure that was predicted to lie in [low, high]; `predicted` is the value named, if any."""

    name: str
    text: str
    measure: Callable[[Trained], Measured]  # KeyError when the study lacks what it needs
    low: float
    high: float
    predicted: float = float("nan")
    unit: str = ""  # F1, share, ratio, cosine
    logarithmic: bool = False  # the measure is the logarithm of a ratio; the bounds are ratios


@dataclass(frozen=True)
class Conjunction:
    """A claim that holds when all its parts do, and fails when one of them does."""

    name: str
    text: str
    parts: tuple[str, ...]


def _value(loss: str, measure: str) -> Callable[[Trained], Measured]:
    return lambda study: study.losses[loss][measure]


def _difference(a: str, b: str, measure: str) -> Callable[[Trained], Measured]:
    return lambda study: study.losses[a][measure] - study.losses[b][measure]


def _log_ratio(a: str, b: str, measure: str) -> Callable[[Trained], Measured]:
    return lambda study: study.losses[a][measure].log() - study.losses[b][measure].log()


def _f1_claims() -> list[Claim | Conjunction]:
    claims: list[Claim | Conjunction] = []
    for stratum, predicted in PREDICTED_F1.items():
        measure = f"f1_{stratum}"
        for loss, value in predicted.items():
            claims.append(
                Claim(
                    f"{measure}_{LETTERS[loss]}",
                    f"{stratum} F1 of {LETTERS[loss]} is {value:.2f}",
                    _value(loss, measure),
                    value - F1_TOLERANCE,
                    value + F1_TOLERANCE,
                    value,
                    "F1",
                )
            )
        order = sorted(predicted, key=lambda loss: -predicted[loss])
        for i, better in enumerate(order):
            for worse in order[i + 1 :]:
                claims.append(
                    Claim(
                        f"{measure}_{LETTERS[better]}_over_{LETTERS[worse]}",
                        f"{LETTERS[better]} beats {LETTERS[worse]} in {stratum} F1",
                        _difference(better, worse, measure),
                        0.0,
                        INF,
                        predicted[better] - predicted[worse],
                        "F1",
                    )
                )
        claims.append(
            Conjunction(
                f"{measure}_best",
                f"C, without reconstruction, is the best of A to D in {stratum} F1",
                tuple(f"{measure}_C_over_{LETTERS[loss]}" for loss in (A, B, D)),
            )
        )
        claims.append(
            Conjunction(
                f"{measure}_order",
                f"the order in {stratum} F1 is C, D, B, A",
                (f"{measure}_C_over_D", f"{measure}_D_over_B", f"{measure}_B_over_A"),
            )
        )
        claims.append(
            Claim(
                f"{measure}_gamma",
                f"gamma 0 in place of 5 raises {stratum} F1 without reconstruction",
                _difference(CROSS_ENTROPY, C, measure),
                0.0,
                INF,
                unit="F1",
            )
        )
    return claims


CLAIMS: tuple[Claim | Conjunction, ...] = (
    *_f1_claims(),
    Claim(
        "unstable_raw",
        "A is unstable: its loss varies more than C's",
        _log_ratio(A, C, "loss_sd"),
        1.0,
        INF,
        unit="ratio",
        logarithmic=True,
    ),
    Claim(
        "unstable_normalised",
        "A is unstable even when its loss is divided by the sum of its weights",
        _log_ratio(A, C, "loss_sd_normalised"),
        1.0,
        INF,
        unit="ratio",
        logarithmic=True,
    ),
    Claim(
        "switch_jump",
        "A's total loss jumps tenfold at a switch",
        lambda study: study.losses[A]["switch_jump"].log(),
        8.0,
        12.5,
        10.0,
        "ratio",
        logarithmic=True,
    ),
    Claim(
        "focal_ignores",
        "gamma 5 ignores about 97 % of the masked sites (they carry under 10 % of C's gradient)",
        _value(C, "focal_share_90"),
        0.0,
        0.04,
        0.03,
        "share",
    ),
    Claim(
        "recon_share",
        "reconstruction takes 30 % of A's gradient at the embedding",
        _value(A, "grad_recon_share"),
        0.25,
        0.35,
        0.30,
        "share",
    ),
    Claim(
        "recon_cancels",
        "reconstruction cancels 30 % of A's classification gradient",
        _value(A, "grad_recon_cancels"),
        0.25,
        0.35,
        0.30,
        "share",
    ),
    Claim(
        "effective_gradient",
        "2.1 % of A's gradient is effective",
        _value(A, "effective_gradient"),
        0.016,
        0.026,
        0.021,
        "share",
    ),
    Claim(
        "times_28",
        "without reconstruction and with gamma 0 the effective gradient is 28 times A's",
        _log_ratio(CROSS_ENTROPY, A, "effective_gradient"),
        23.0,
        34.0,
        28.0,
        "ratio",
        logarithmic=True,
    ),
    *(
        Claim(
            f"opposed_{LETTERS[loss]}",
            f"in {LETTERS[loss]} reconstruction pulls against classification",
            _value(loss, "grad_cosine"),
            -1.0,
            0.0,
            unit="cosine",
        )
        for loss in (A, B, D)
    ),
)


def judge(studies: Sequence[Trained], claims: Sequence[Claim | Conjunction] = CLAIMS) -> pd.DataFrame:
    """The rows of claims.tsv (COLUMNS): every claim on every architecture that ran `no_recon`."""
    rows: list[dict] = []
    for study in studies:
        if C in study.losses:
            rows += [{**study.keys(), "n_seeds": len(study.seeds), **row} for row in _judge(study, claims)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _judge(study: Trained, claims: Sequence[Claim | Conjunction]) -> list[dict]:
    rows = {claim.name: _measure(study, claim) for claim in claims if isinstance(claim, Claim)}
    adjusted = holm([row["p"] for row in rows.values()])
    for row, p in zip(rows.values(), adjusted, strict=True):
        row["p_holm"] = p
        row["verdict"] = (CONFIRMED if row["inside"] else REFUTED) if p < ALPHA else UNDECIDED
    out = []
    for claim in claims:
        if isinstance(claim, Conjunction):
            verdicts = {rows[part]["verdict"] for part in claim.parts}
            joint = next((v for v in (REFUTED, UNDECIDED) if v in verdicts), CONFIRMED)
            rows[claim.name] = {"claim": claim.name, "text": claim.text, "unit": "", "verdict": joint}
        out.append(rows[claim.name])
    return out


def _measure(study: Trained, claim: Claim) -> dict:
    """The row of one claim, all NaN (and so undecided) where the study cannot measure it."""
    try:
        found = estimate(claim.measure(study))
    except KeyError:
        found = estimate(Measured(np.zeros(0)))
    bounds = (claim.low, claim.high)
    if claim.logarithmic:
        bounds = (float(np.log(claim.low)), float(np.log(claim.high)))
    inside, p = p_region(found, *bounds)
    shown = (found.mean, *found.interval())
    measured, low, high = np.exp(shown) if claim.logarithmic else shown
    return {
        **{"claim": claim.name, "text": claim.text, "unit": claim.unit, "predicted": claim.predicted},
        **{"predicted_low": claim.low, "predicted_high": claim.high},
        **{"measured": float(measured), "ci_low": float(low), "ci_high": float(high), "inside": inside, "p": p},
    }
