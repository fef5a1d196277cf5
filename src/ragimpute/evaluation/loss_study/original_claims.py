"""The original's claims about the losses, made measurable, and what of them is true by definition."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from ragimpute.evaluation.loss_study.claim_types import (
    INF,
    Claim,
    Conjunction,
    Definition,
    above_one,
    difference,
    f1_above,
    log_of,
    log_ratio,
    value_of,
    where_switched,
)

A, B, C, D, E = "recon_switch", "recon_low", "no_recon", "recon_truth", "contrastive"
CROSS_ENTROPY = "cross_entropy"  # C with gamma 0
LETTERS = {A: "A", B: "B", C: "C", D: "D", E: "E"}
GAMMA0 = {A: f"{A}_gamma0", C: CROSS_ENTROPY, D: f"{D}_gamma0"}
PREDICTED_F1 = {
    "overall": {A: 0.70, B: 0.72, C: 0.74, D: 0.73},
    "rare": {A: 0.65, B: 0.67, C: 0.69, D: 0.68},
}
F1_TOLERANCE = 0.01  # the smallest difference between two predicted values
POWER_OF_TEN = float(np.sqrt(10))  # "about .1" is nearer to .1 than to 1 or .01
# architectures on which nothing about reconstruction can be tested, with the reason
SIDE_BRANCH = {
    "copy_rag": "its haplotype logits do not read `after`, so that reconstruction acts on a side branch",
}


def _over(better: str, worse: str, stratum: str) -> Claim:
    values = PREDICTED_F1[stratum]
    first = LETTERS[better]
    second = LETTERS[worse]
    name = f"f1_{stratum}_{first}_over_{second}"
    text = f"{first} beats {second} in {stratum} F1"
    predicted = values[better] - values[worse]
    percent = {loss: f"{100 * value:.0f}" for loss, value in values.items()}
    words = f"{percent[better]} against {percent[worse]}"
    return f1_above(name, text, better, worse, stratum, predicted=predicted, original=words)


def _opposed(loss: str) -> Claim:
    letter = LETTERS[loss]
    text = f"in {letter} the gradients of classification and reconstruction at `after` oppose each other"
    cosine = value_of(loss, "grad_cosine")
    return Claim(f"opposed_{letter}", text, cosine, -1.0, 0.0, original="opposed", unit="cosine")


_OPPOSED_A = _opposed(A)
_RECON_SHARE = Claim(
    "recon_share",
    "reconstruction has 30 % of A's gradient at `after`",
    value_of(A, "grad_recon_share"),
    0.25,
    0.35,
    0.30,
    "30 %",
    "share",
)
_MENDED = f1_above(
    "f1_overall_mended",
    "C with gamma 2.5 beats A with gamma 5 in overall F1",
    f"{C}_gamma2p5",
    A,
    "overall",
    original="28 times the effective gradient, a significant gain",
)
_C_IS_BETTER = (_over(C, A, "overall"), _over(C, B, "overall"), _over(C, D, "overall"))
PRIMARY: tuple[Claim, ...] = (*_C_IS_BETTER, _OPPOSED_A, _RECON_SHARE, _MENDED)


def _f1_claims() -> list[Claim | Conjunction]:
    """Levels, pairs and orders of F1."""
    claims: list[Claim | Conjunction] = []
    primary = {claim.name for claim in PRIMARY}
    for stratum, predicted in PREDICTED_F1.items():
        measure = f"f1_{stratum}"
        for loss, value in predicted.items():
            letter = LETTERS[loss]
            text = f"{stratum} F1 of {letter} is {value:.2f}"
            bounds = (value - F1_TOLERANCE, value + F1_TOLERANCE)
            words = f"{100 * value:.0f} %"
            name = f"{measure}_{letter}"
            level = Claim(name, text, value_of(loss, measure), *bounds, value, words, "F1", f1=True)
            claims.append(replace(level, about_reconstruction=loss != C))
        order = sorted(predicted, key=lambda loss: -predicted[loss])
        pairs = [_over(better, worse, stratum) for better, worse in combinations(order, 2)]
        claims += [claim for claim in pairs if claim.name not in primary]
        parts = tuple(f"{measure}_{pair}" for pair in ("C_over_D", "D_over_B", "B_over_A"))
        text = f"the order in {stratum} F1 is C, D, B, A"
        claims.append(Conjunction(f"{measure}_order", text, parts, "C > D > B > A"))
        text = f"C, without reconstruction, is the best of A to D in {stratum} F1"
        best = tuple(f"{measure}_C_over_{LETTERS[loss]}" for loss in (A, B, D))
        claims.append(Conjunction(f"{measure}_best", text, best))
    name, text = "f1_overall_B_over_D", "B beats D in overall F1"
    claims.append(f1_above(name, text, B, D, "overall", original="recommended: C, B, D, A"))
    recommended = ("f1_overall_C_over_B", "f1_overall_B_over_D", "f1_overall_D_over_A")
    text = "the recommended order C, B, D, A is that of overall F1"
    order_of_all = Conjunction("f1_overall_recommended", text, recommended, "C, B, D, A")
    claims.append(order_of_all)
    return claims


def _gamma_claims() -> list[Claim]:
    """A lower gamma for each loss; and the questions about E."""
    claims = []
    for stratum in PREDICTED_F1:
        for loss, letter in LETTERS.items():
            name = f"f1_{stratum}_gamma2p5_{letter}"
            text = f"gamma 2.5 in place of 5 raises {stratum} F1 of {letter}"
            lower = f"{loss}_gamma2p5"
            original = "60 % of the examples in place of 3 %"
            claims.append(f1_above(name, text, lower, loss, stratum, original=original, about_reconstruction=False))
        for loss, without in GAMMA0.items():
            letter = LETTERS[loss]
            name = f"f1_{stratum}_gamma0_{letter}"
            text = f"gamma 0 in place of 5 raises {stratum} F1 of {letter}"
            original = "not claimed: 2.5 was proposed"
            claims.append(f1_above(name, text, without, loss, stratum, original=original, about_reconstruction=False))
        name = f"f1_{stratum}_E_and_C"
        text = f"{stratum} F1 of E minus that of C"
        original = "nothing was predicted"
        claims.append(f1_above(name, text, E, C, stratum, question=True, original=original))
        name = f"f1_{stratum}_D_and_detached"
        text = f"{stratum} F1 of D minus that of D with its target detached"
        detached = f"{D}_detached"
        original = "D lets the gradient through both sides"
        claims.append(f1_above(name, text, D, detached, stratum, question=True, original=original))
    return claims


def _course_claims() -> list[Claim | Conjunction]:
    """Convergence and stability."""
    claims: list[Claim | Conjunction] = []
    speeds = {
        "steps_to_level": "90 % of C's best validation F1",
        "steps_to_best99": "99 % of its own best validation F1",
    }
    words = "A slow, B and D medium, C fast"
    for measure, what in speeds.items():
        pairs = ((A, B), (A, D), (B, C), (D, C), (A, C))
        for slow, fast in pairs:
            slow_letter, fast_letter = LETTERS[slow], LETTERS[fast]
            name = f"{measure}_{slow_letter}_over_{fast_letter}"
            text = f"{slow_letter} takes more steps than {fast_letter} to {what}"
            claim = above_one(name, text, slow, fast, measure, words)
            claims.append(claim)
        parts = tuple(f"{measure}_{LETTERS[slow]}_over_{LETTERS[fast]}" for slow, fast in pairs)
        text = f"A is slow, B and D are medium, C is fast to {what}"
        claims.append(Conjunction(f"{measure}_order", text, parts, words))
    name = "recon_helps_convergence"
    text = "with reconstruction (B) fewer steps are needed than without (C) to 90 % of C's best validation F1"
    ratio = log_ratio(B, C, "steps_to_level")
    words = "it may help convergence"
    claims.append(Claim(name, text, ratio, 0.0, 1.0, original=words, unit="ratio", logarithmic=True))
    steadiness = {"loss_sd": "", "loss_sd_normalised": ", divided by the sum of its weights,"}
    for measure, how in steadiness.items():
        for rough, smooth in ((A, B), (B, D), (D, C), (A, C)):
            rough_letter, smooth_letter = LETTERS[rough], LETTERS[smooth]
            name = f"{measure}_{rough_letter}_over_{smooth_letter}"
            text = f"the loss of {rough_letter}{how} varies more than that of {smooth_letter} in the last epochs"
            claim = above_one(name, text, rough, smooth, measure, "stability C > D > B > A")
            claims.append(claim)
        parts = tuple(f"{measure}_{pair}" for pair in ("A_over_B", "B_over_D", "D_over_C"))
        text = f"the order in stability is C, D, B, A (sd of the loss{how.rstrip(',')})"
        claims.append(Conjunction(f"{measure}_order", text, parts, "C > D > B > A"))
    return claims


def _reconstruction_claims() -> list[Claim]:
    """What reconstruction was said to do in the course of a training."""
    claims = []
    for when, value in {"start": 1.0, "middle": 0.1, "end": 0.01}.items():
        text = f"A's reconstruction loss is about {value:g} at the {when} of a training"
        bounds = (value / POWER_OF_TEN, value * POWER_OF_TEN)
        measure = log_of(A, f"recon_{when}")
        words = "1, then .1, then .01"
        claims.append(Claim(f"recon_{when}", text, measure, *bounds, value, words, "loss", logarithmic=True))

    text = "A's switch almost never fires: in under 1 % of the steps"
    measure = value_of(A, "switched_share")
    words = "the switch almost never fires"
    claims.append(Claim("switch_never", text, measure, -INF, 0.01, 0.0, words, "share"))

    text = "after a switch of A reconstruction rises again within 10 steps"
    measure = where_switched(A, "recon_after_switch", logarithmic=True)
    words = "recon rises again"
    claims.append(Claim("recon_rises", text, measure, 1.0, INF, original=words, unit="ratio", logarithmic=True))

    text = "A oscillates: where it switches at all, its branch changes more than twice"
    measure = where_switched(A, "switches")
    claims.append(Claim("oscillates", text, measure, 2.0, INF, original="A oscillates", unit="switches"))

    text = "A's total loss is tenfold on the other branch of the switch, on the same batch"
    measure = log_of(A, "branch_jump")
    words = "a learning rate tenfold"
    claims.append(Claim("branch_jump", text, measure, 8.0, 12.5, 10.0, words, "ratio", logarithmic=True))

    text = "alleles are less separable in `after` of A than of C: a linear probe has a lower r2"
    measure = difference(C, A, "probe_r2")
    claims.append(Claim("separable", text, measure, 0.0, INF, original="less separable", unit="r2"))

    text = "reconstruction regularises: train - validation F1 is smaller in A than in C"
    measure = difference(C, A, "f1_gap")
    claims.append(Claim("regularises", text, measure, 0.0, INF, original="it may regularise", unit="F1 gap"))

    for loss in (A, B, D):
        letter = LETTERS[loss]
        text = f"the verdict on {letter}'s reconstruction after two epochs is that over the whole training"
        measure = value_of(loss, "quick_check_agrees")
        words, unit = "the same after 1 or 2 epochs", "share of seeds"
        claims.append(Claim(f"quick_check_{letter}", text, measure, 0.9, INF, original=words, unit=unit))
    return claims


def _gradient_claims() -> list[Claim]:
    """Opposed gradients, and how much of the gradient was said to be left."""
    opposed = [_opposed(B), _opposed(D)]
    text = "reconstruction cancels 30 % of A's classification gradient"
    measure = value_of(A, "grad_recon_cancels")
    cancels = Claim("recon_cancels", text, measure, 0.25, 0.35, 0.30, "cancels 30 %", "share")
    text = "gamma 5 ignores 97 % of the examples: 90 % of C's gradient norm is on 4 % of the scored places or less"
    measure = value_of(C, "focal_share_90")
    ignores = Claim("focal_ignores", text, measure, 0.0, 0.04, 0.03, "97 %", "share", about_reconstruction=False)
    text = "gamma 2.5 uses 60 % of the examples: 90 % of C's gradient norm is on 50 to 70 % of the scored places"
    measure = value_of(f"{C}_gamma2p5", "focal_share_90")
    uses = Claim("focal_uses", text, measure, 0.5, 0.7, 0.6, "60 %", "share", about_reconstruction=False)
    text = "2.1 % of A's gradient is effective"
    original = "3 % x 70 % = 2.1 %"
    measure = value_of(A, "effective_gradient")
    effective = Claim("effective_gradient", text, measure, 0.016, 0.026, 0.021, original, "share")
    text = "C with gamma 2.5 has 28 times the effective gradient of A with gamma 5"
    original = "60 / 2.1 = 28 times"
    measure = log_ratio(f"{C}_gamma2p5", A, "effective_gradient")
    times = Claim("times_28", text, measure, 23.0, 34.0, 28.0, original, "ratio", logarithmic=True)
    return [*opposed, cancels, ignores, uses, effective, times]


SECONDARY: tuple[Claim | Conjunction, ...] = (
    *_f1_claims(),
    *_gamma_claims(),
    *_course_claims(),
    *_reconstruction_claims(),
    *_gradient_claims(),
)

_WEIGHTS = "the sums of the weights"
_PRODUCT = "a product of the original's own numbers; the measured share is a claim of its own"
_RULE = "a rule, applied to every training in the table of monitors"
_OF_WEIGHTS = (
    Definition("weights_A", "A's weights: haplotypes 40 %, genotype 30 %, reconstruction 30 %", "40/30/30", _WEIGHTS),
    Definition("weights_A_after", "A's weights after the switch: 60 %, 40 %, 0", "60/40/0", _WEIGHTS),
    Definition("weights_sum", "the sum of A's weights goes from 1 to 10 at the switch", "tenfold", _WEIGHTS),
)
_OF_NUMBERS = (
    Definition("product", "3 % of the examples times 70 % of the weights is 2.1 %", "2.1 %", _PRODUCT),
    Definition("quotient", "60 % of the examples over 2.1 % is 28 times", "28 times", _PRODUCT),
)
_OF_SCHEMES = Definition(
    "schemes", "schemes 1 and 5B are C, 2 and 5A are B, 3 is D, 4 is E", "five schemes", "the same weights"
)
_RULES = (
    Definition("rule_disturbs", "mean recon above mean hap: lower its weight to .05", "may disturb", _RULE),
    Definition("rule_saturated", "mean recon below .01: saturated, remove it", "< .01", _RULE),
    Definition("rule_keep", "else: keep its weight or lower it slightly", "else", _RULE),
    Definition("rule_batch", "in a batch, a ratio above 1 dominates and one below .1 is negligible", "1 and .1", _RULE),
)
DEFINITIONS: tuple[Definition, ...] = (*_OF_WEIGHTS, *_OF_NUMBERS, _OF_SCHEMES, *_RULES)
