"""What a training's monitors say about its loss, and what to do about the reconstruction term."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SATURATED = 0.01  # a reconstruction loss below this has nothing left to teach; the threshold of loss A's switch
DOMINATES, NEGLIGIBLE = 1.0, 0.1  # of the ratio of the reconstruction to the haplotype loss
MONITORS = (
    *("recon_ratio", "loss_recon", "grad_cosine", "grad_recon_share", "grad_recon_cancels", "focal_share_90"),
    *("effective_gradient", "embedding_variance", "switched_share", "switches", "switch_jump"),
)
WEIGHTED = ("grad_recon_share", "grad_recon_cancels", "effective_gradient")


@dataclass(frozen=True)
class ReconVerdict:
    """`outcome` (dominates, saturated, negligible, balanced, off or unknown) and the recommendation."""

    outcome: str
    advice: str


def recon_verdict(ratio: float, recon: float) -> ReconVerdict:
    """Judge the reconstruction term by its ratio to the haplotype loss and by its own size, both unweighted.

    The first that holds: ratio > 1, recon < 0.01, ratio < 0.1. NaN gives `unknown`.
    """
    if not np.isfinite(ratio) or not np.isfinite(recon):
        return ReconVerdict("unknown", "no reconstruction loss was seen")
    if ratio > DOMINATES:
        return ReconVerdict("dominates", "lower the weight of reconstruction to 0.05")
    if recon < SATURATED:
        return ReconVerdict("saturated", "reconstruction can go: set its weight to 0")
    if ratio < NEGLIGIBLE:
        return ReconVerdict("negligible", "reconstruction can go: set its weight to 0")
    return ReconVerdict("balanced", "keep the weight of reconstruction")


def verdict_of(measured: Mapping[str, float]) -> ReconVerdict:
    """The verdict on MONITORS of a training; `off` where reconstruction has no weight and is only watched."""
    if measured.get("grad_recon_share") == 0:
        return ReconVerdict("off", "the weight of reconstruction is 0; it is only watched")
    return recon_verdict(measured.get("recon_ratio", np.nan), measured.get("loss_recon", np.nan))


def monitor_means(history: pd.DataFrame, last_epochs: int | None = None) -> dict[str, float]:
    """MONITORS of one seed's history, means over the steps that have them (of the last epochs only, when given).

    What involves the weights (grad_recon_share, grad_recon_cancels, effective_gradient) is taken before a switch.
    loss_recon: mean of the two reconstruction losses. switched_share: share of steps at which `after_switch` held.
    switches: how often the branch changed. switch_jump: geometric mean of the factor by which the total loss changed
    when `after_switch` set in, or the inverse when it ended; NaN without a switch.
    """
    steps = history[history["step"] > 0]
    if last_epochs is not None:
        steps = steps[steps["epoch"] > steps["epoch"].max() - last_epochs]
    wide = steps.pivot(index="step", columns="metric", values="value").sort_index()
    wide = wide.reindex(columns=sorted({*wide.columns, *MONITORS, "loss_recon1", "loss_recon2", "loss_jump"}))
    out = {name: float(wide[name].mean()) for name in MONITORS}
    out["loss_recon"] = float((wide["loss_recon1"] + wide["loss_recon2"]).mean() / 2)
    if "switched" in wide.columns:
        for name in WEIGHTED:
            out[name] = float(wide.loc[wide["switched"] != 1, name].mean())
        switched = wide["switched"].dropna()
        change = switched.diff()
        jumps = (np.log(wide["loss_jump"]) * change)[change.abs() > 0].dropna()
        out["switched_share"] = float(switched.mean())
        out["switches"] = float((change.abs() > 0).sum())
        out["switch_jump"] = float(np.exp(jumps.mean())) if len(jumps) else np.nan
    return out
