"""Training curves of all losses on common axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ragimpute.reporting.style import Style, empty, line

SWITCHED = "switched"  # per-step metric of a loss with a switch: 1 while `after_switch` holds
_ROWS = (("val_r2", "validation r²"), ("val_f1", "validation F1"), ("loss_normalised", "loss / sum of weights"))


def training(
    histories: Mapping[str, Sequence[pd.DataFrame]], architectures: Mapping[str, str], styles: Mapping[str, Style]
) -> Figure:
    """Validation r2, F1 and loss by step: a column per architecture, lines are losses (mean over seeds, per epoch).

    Args: histories, method -> history tables; architectures, method -> architecture. Steps at which a loss with a
    switch had switched are ticked along the top of the loss panel in its colour.
    """
    columns = sorted({architectures[method] for method in histories if method in architectures})
    figure = Figure(figsize=(4.2 * max(len(columns), 1) + 1.6, 7.2), layout="constrained")
    if not columns:
        return empty(figure, "Nothing to show: no training history was given.")
    grid = figure.subplots(3, len(columns), sharex="col", sharey="row", squeeze=False)
    handles: dict[str, Any] = {}
    for j, architecture in enumerate(columns):
        methods = [method for method in sorted(histories) if architectures.get(method) == architecture]
        for i, method in enumerate(methods):
            table = pd.concat(histories[method], ignore_index=True)
            style = dict(line(styles[method])) if method in styles else {}
            # within a column all have the architecture's colour: tell the losses apart by lightness too
            style |= {
                "color": _shade(styles[method].colour, i / max(len(methods), 2)) if method in styles else "#333333"
            }
            for axes, (metric, _) in zip(grid[:, j], _ROWS, strict=True):
                curve = _by_epoch(table, metric)
                if len(curve):
                    (drawn,) = axes.plot(curve["step"], curve["value"], label=method, **style)
                    handles.setdefault(method, drawn)
            _mark_switches(grid[2, j], table, style["color"], i)
        grid[0, j].set_title(architecture)
        grid[2, j].set_xlabel("step")
    for axes, (_, label) in zip(grid[:, 0], _ROWS, strict=True):
        axes.set_ylabel(label)
    _log_when_positive(grid[2])
    figure.legend(handles=list(handles.values()), labels=list(handles), loc="outside right upper")
    return figure


def _by_epoch(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = table[table["metric"] == metric]
    return rows.groupby("epoch").agg(step=("step", "max"), value=("value", "mean"))


def _mark_switches(axes, table: pd.DataFrame, colour: str, row: int) -> None:
    steps = table.loc[(table["metric"] == SWITCHED) & (table["value"] > 0), "step"].to_numpy()
    if len(steps):
        height = 0.985 - 0.03 * row
        axes.plot(
            steps, np.full(len(steps), height), "|", color=colour, markersize=7, transform=axes.get_xaxis_transform()
        )
        axes.annotate(
            "switched",
            (steps[0], height),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            color=colour,
            xytext=(0, -9),
            textcoords="offset points",
        )


def _log_when_positive(row) -> None:
    drawn = [curve for axes in row for curve in axes.get_lines()]
    values = np.concatenate([np.zeros(0), *(np.asarray(curve.get_ydata(), dtype=float) for curve in drawn)])
    if len(values) and np.nanmin(values) > 0:
        row[0].set_yscale("log")


def _shade(colour: str, share: float) -> tuple[float, float, float]:
    """`colour` moved up to 60 % towards a light grey."""
    from matplotlib.colors import to_rgb

    red, green, blue = (part + (0.82 - part) * 0.6 * share for part in to_rgb(colour))
    return (red, green, blue)
