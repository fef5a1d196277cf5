"""What a training's monitors say about its loss, and what to do about the reconstruction term."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SATURATED = 0.01  # a mean reconstruction loss below this has nothing left to teach; the threshold of loss A's switch
DOMINATES, NEGLIGIBLE = 1.0, 0.1  # of the ratio of the reconstruction to the haplotype loss of one batch
QUICK_EPOCHS = 2  # after so many a verdict was said to be the same as that over the whole training
AFTER_SWITCH = 10  # steps from a switch to where reconstruction is looked at again

# metrics of the history that are averaged over the steps that have them
WATCHED = (
    *("grad_classification", "grad_recon", "grad_cosine", "grad_recon_share", "grad_recon_cancels", "focal_share_90"),
    *("effective_gradient", "embedding_variance", "target_variance"),
)
WEIGHTED = ("grad_recon_share", "grad_recon_cancels", "effective_gradient")
RATIOS = ("hap_mean", "recon_mean", "ratio_of_means", "mean_of_ratios", "share_dominates", "share_negligible")
SWITCHES = ("switched_share", "switches", "branch_jump", "recon_after_switch")
MONITORS = (*RATIOS, *SWITCHES, *WATCHED)


@dataclass(frozen=True)
class ReconVerdict:
    """`outcome` (disturbs, saturated, keep, off or unknown) and the recommendation."""

    outcome: str
    advice: str


def recon_verdict(recon_mean: float, hap_mean: float) -> ReconVerdict:
    """Judge the reconstruction term by the means over a training of it and of the haplotype loss, both unweighted.

    The original's rule, the first that holds: mean reconstruction > mean haplotype loss; mean reconstruction < 0.01;
    else. NaN gives `unknown`.
    """
    if not np.isfinite(recon_mean) or not np.isfinite(hap_mean):
        return ReconVerdict("unknown", "the history has no reconstruction loss")
    if recon_mean > hap_mean:
        return ReconVerdict("disturbs", "it may disturb: lower the weight of reconstruction to 0.05")
    if recon_mean < SATURATED:
        return ReconVerdict("saturated", "it is saturated: set the weight of reconstruction to 0")
    return ReconVerdict("keep", "keep the weight of reconstruction or lower it slightly")


def batch_shares(ratios: np.ndarray) -> tuple[float, float]:
    """The shares of batches [n] whose ratio of reconstruction to haplotype loss is > 1 and < 0.1; NaN without any."""
    is_known = np.isfinite(ratios)
    known = ratios[is_known]
    if not len(known):
        return float("nan"), float("nan")
    dominates = known > DOMINATES
    is_negligible = known < NEGLIGIBLE
    return float(np.mean(dominates)), float(np.mean(is_negligible))


def verdict_of(measured: Mapping[str, float]) -> ReconVerdict:
    """The verdict on MONITORS of a training; `off` where reconstruction has no weight and is only watched."""
    if measured.get("grad_recon_share") == 0:
        return ReconVerdict("off", "the weight of reconstruction is 0; it is only watched")
    return recon_verdict(measured.get("recon_mean", np.nan), measured.get("hap_mean", np.nan))


def quick_check_agrees(history: pd.DataFrame) -> float:
    """1.0 when one seed's first two epochs give the verdict of its whole history, 0.0 else; NaN for no verdict."""
    is_early = history["epoch"] <= QUICK_EPOCHS
    first_epochs = history[is_early]
    early = verdict_of(monitor_means(first_epochs))
    whole = verdict_of(monitor_means(history))
    if whole.outcome == "unknown":
        return float("nan")
    return float(early.outcome == whole.outcome)


def by_step(history: pd.DataFrame) -> pd.DataFrame:
    """One seed's history with a row for each step > 0, in order, and a column for each metric that it has."""
    is_step = history["step"] > 0
    steps = history[is_step]
    wide = steps.pivot(index="step", columns="metric", values="value")
    return wide.sort_index()


def column(wide: pd.DataFrame, name: str) -> pd.Series:
    """The metric `name` of a table of `by_step`; NaN at all steps when the history lacks it."""
    if name in wide.columns:
        return wide[name]
    return pd.Series(np.nan, index=wide.index, dtype=float)


def reconstruction(wide: pd.DataFrame) -> pd.Series:
    """The reconstruction loss by step: the mean of its two haplotypes."""
    first = column(wide, "loss_recon1")
    second = column(wide, "loss_recon2")
    return (first + second) / 2


def _haplotype_loss(wide: pd.DataFrame) -> pd.Series:
    """The haplotype loss by step: the mean of its two haplotypes."""
    first = column(wide, "loss_hap1")
    second = column(wide, "loss_hap2")
    return (first + second) / 2


def _last_epochs_of(history: pd.DataFrame, number: int) -> pd.DataFrame:
    """The rows of the last `number` epochs."""
    epoch = history["epoch"]
    before = epoch.max() - number
    return history[epoch > before]


def monitor_means(history: pd.DataFrame, last_epochs: int | None = None) -> dict[str, float]:
    """MONITORS of one seed's history (of the last epochs only, when given); NaN for what it does not have.

    hap_mean, recon_mean: means over steps of the mean of the two haplotypes' losses. ratio_of_means: recon_mean over
    hap_mean. mean_of_ratios: mean over batches of the batch's own ratio. share_dominates, share_negligible: shares of
    batches with a ratio > 1 and < 0.1. switched_share: share of steps at which `after_switch` held. switches: how often
    the branch changed. branch_jump: geometric mean over steps of the total under `after_switch` over the total under
    the first weights, on the same batch. recon_after_switch: the factor by which reconstruction changed in the 10 steps
    after `after_switch` set in, geometric mean over such switches. The others: means over the steps that have them; of
    WEIGHTED, which involve the weights, over the steps at which `after_switch` did not hold.
    """
    if last_epochs is not None:
        history = _last_epochs_of(history, last_epochs)
    wide = by_step(history)
    hap = _haplotype_loss(wide)
    recon = reconstruction(wide)
    ratios = column(wide, "recon_ratio")
    known_ratios = ratios.to_numpy(dtype=float)
    dominates, negligible = batch_shares(known_ratios)
    hap_mean = float(hap.mean())
    recon_mean = float(recon.mean())
    out = {
        "hap_mean": hap_mean,
        "recon_mean": recon_mean,
        "ratio_of_means": recon_mean / hap_mean if hap_mean > 0 else float("nan"),
        "mean_of_ratios": float(ratios.mean()),
        "share_dominates": dominates,
        "share_negligible": negligible,
    }
    switched = column(wide, "switched").dropna()
    change = switched.diff()
    jump = column(wide, "branch_jump")
    is_change = change.abs() > 0
    n_changes = float(is_change.sum()) if len(switched) else float("nan")
    set_in = list(change.index[change > 0])  # steps
    out |= {
        "switched_share": float(switched.mean()),
        "switches": n_changes,
        "branch_jump": _geometric_mean(jump),
        "recon_after_switch": _geometric_mean(_later(recon, set_in)),
    }
    first_weights = column(wide, "switched") != 1
    for name in WATCHED:
        values = column(wide, name)
        if name in WEIGHTED:
            values = values[first_weights]
        out[name] = float(values.mean())
    return out


def _geometric_mean(values: pd.Series) -> float:
    """The geometric mean of the positive values; NaN without any."""
    positive = values[values > 0]
    if not len(positive):
        return float("nan")
    logarithms = np.log(positive)
    mean = logarithms.mean()
    return float(np.exp(mean))


def _later(recon: pd.Series, at: list[int]) -> pd.Series:
    """Reconstruction AFTER_SWITCH steps after each of the steps `at`, over that at the step itself."""
    pairs = [(recon.get(step + AFTER_SWITCH, np.nan), recon.loc[step]) for step in at]
    ratios = [later / now if now > 0 else np.nan for later, now in pairs]
    return pd.Series(ratios, dtype=float)
