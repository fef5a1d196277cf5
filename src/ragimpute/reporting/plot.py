"""All figures of all masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ragimpute.reporting import curves, figures, losses, style

FIGURES = ("r2_by_mac", "accuracy", "calibration", "estimated_r2", "differences", "training", "loss_study")


def plot_all(
    metrics: pd.DataFrame,
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    loss_study: pd.DataFrame,
    claims: pd.DataFrame,
    histories: Mapping[tuple[str, str], Sequence[pd.DataFrame]],
    folder: Path,
) -> None:
    """Write {figure}.{mask}.svg and .png for every figure of FIGURES and every mask of metrics.tsv."""
    with style.drawing():
        for mask in sorted(set(metrics["mask"])):
            measured, rows, compared = (t[t["mask"] == mask] for t in (metrics, summary, comparisons))
            styles = style.method_styles(rows)
            of_mask = {method: tables for (name, method), tables in histories.items() if name == mask}
            architectures = dict(zip(rows["method"], rows["architecture"], strict=True))
            drawn = {
                "r2_by_mac": figures.r2_by_mac(measured, styles),
                "accuracy": figures.accuracy(measured, styles),
                "calibration": figures.calibration(measured, styles),
                "estimated_r2": figures.estimated_r2(measured, styles),
                "differences": figures.differences(compared, styles),
                "training": curves.training(of_mask, architectures, styles),
                "loss_study": losses.figure(loss_study[loss_study["mask"] == mask], claims[claims["mask"] == mask]),
            }
            for name in FIGURES:
                for suffix in ("svg", "png"):
                    style.save(drawn[name], folder / f"{name}.{mask}.{suffix}")
