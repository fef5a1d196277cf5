"""Training curves: what a history says by epoch, and of validation samples by evaluation, averaged over seeds."""

import pandas as pd

from ragimpute.evaluation.summary import Histories

EVALUATED = ("val_r2", "val_f1")  # measured every few steps; an epoch may hold several evaluations
METRICS = (*EVALUATED, "loss_normalised", "switched", "grad_cosine", "recon_ratio", "grad_recon_share")
COLUMNS: dict[str, type] = {
    **dict.fromkeys(("mask", "method", "metric"), str),
    **dict.fromkeys(("epoch", "first_step", "last_step", "n_seeds"), int),
    "value": float,
}


def training_curves(histories: Histories) -> pd.DataFrame:
    """One row (COLUMNS) per epoch and metric of METRICS, of all histories by (mask, method), a table for each seed.

    Of EVALUATED there is a row for each evaluation. `value` is the mean over the epoch's steps and the seeds; of
    `switched`, the share of steps at which a loss with a switch had switched. first_step and last_step are those of the
    epoch that have the metric.
    """
    parts = []
    for (mask, method), of_seeds in sorted(histories.items()):
        steps = pd.concat(of_seeds, ignore_index=True)
        is_shown = steps["metric"].isin(METRICS)
        known = steps[is_shown & steps["value"].notna()]
        is_evaluated = known["metric"].isin(EVALUATED)
        evaluation = known["step"].where(is_evaluated, 0)
        labelled = known.assign(evaluation=evaluation)
        groups = labelled.groupby(["metric", "epoch", "evaluation"])
        columns = {}
        columns["first_step"] = groups["step"].min()
        columns["last_step"] = groups["step"].max()
        columns["n_seeds"] = groups["seed"].nunique()
        columns["value"] = groups["value"].mean()
        rows = pd.DataFrame(columns).reset_index()
        parts.append(rows.assign(mask=mask, method=method))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    curves = pd.concat(parts, ignore_index=True)
    return curves[list(COLUMNS)]
