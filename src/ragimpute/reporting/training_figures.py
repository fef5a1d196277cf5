"""Training curves and monitors of all losses: a column for each architecture, lines are methods, means over seeds."""

from collections.abc import Mapping

import pandas as pd

from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import Style

UNTRAINED = "Nothing to show: no network was trained."
SWITCHED = "switched"
LOGARITHMIC = ("loss_normalised", "recon_ratio")
COLUMN = 320  # pixels of an architecture's panels
STEPS = {"nice": False, "zero": True}


def training_figure(curves: pd.DataFrame, architectures: Mapping[str, str], styles: Mapping[str, Style]) -> Spec:
    """Validation r2, F1 and the loss by step, and where a loss with a switch had switched.

    Args: curves, rows of curves.tsv of one mask; architectures, method -> architecture.
    """
    caption = (
        "Validation samples of the panel. Bars at the foot: where a loss with a switch had switched, darker where it "
        "had at more of the steps."
    )
    measures = {"val_r2": "validation r²", "val_f1": "validation F1", "loss_normalised": "loss / weights"}
    return _by_step("Training curves", caption, curves, architectures, styles, measures)


def monitor_figure(curves: pd.DataFrame, architectures: Mapping[str, str], styles: Mapping[str, Style]) -> Spec:
    """Gradient cosine, the ratio of reconstruction to haplotype loss, and reconstruction's share of the gradient."""
    caption = (
        "Cosine below 0: reconstruction pulls against classification. Ratio: reconstruction loss / haplotype loss, "
        "unweighted. Gradient share: what reconstruction has of it at the embedding, by its weight."
    )
    measures = {"grad_cosine": "cosine", "recon_ratio": "recon / hap", "grad_recon_share": "gradient share"}
    return _by_step("Reconstruction against classification", caption, curves, architectures, styles, measures)


def _by_step(
    title: str,
    caption: str,
    curves: pd.DataFrame,
    architectures: Mapping[str, str],
    styles: Mapping[str, Style],
    measures: Mapping[str, str],
) -> Spec:
    """A row of panels for each of `measures` (metric -> label), and one for the switches if there are any."""
    architecture = curves["method"].map(dict(architectures))
    rows = curves.assign(architecture=architecture).dropna(subset="architecture")
    had_switched = (rows["metric"] == SWITCHED) & (rows["value"] > 0)
    rows = rows[rows["metric"].isin(measures) | had_switched]
    metrics = set(rows["metric"])
    methods = set(rows["method"])
    found = [metric for metric in measures if metric in metrics]
    if not found:
        return chart.nothing(title, UNTRAINED)
    trained = {method: style for method, style in styles.items() if method in methods}
    last = SWITCHED if SWITCHED in metrics else found[-1]
    panels = [_lines(rows, metric, measures[metric], trained, metric == last) for metric in found]
    if last == SWITCHED:
        panels.append(_switches(trained))
    for panel in panels[1:]:
        column = panel["facet"]["column"]
        column["header"] = {"labels": False}
    body = chart.of_methods(rows, trained)
    body["vconcat"] = panels
    body["spacing"] = 8
    return chart.chart(title, caption, body)


def _row(metric: str, view: Spec) -> Spec:
    """`view` of the rows of `metric`, once for each architecture, on steps of its own."""
    filtered = {"filter": f"datum.metric === '{metric}'"}
    column = {"field": "architecture", "type": "nominal", "title": None}
    row: Spec = {"transform": [filtered], "facet": {"column": column}}
    row["spec"] = {"width": COLUMN, **view}
    row["resolve"] = {"scale": {"x": "independent"}}
    return row


def _lines(rows: pd.DataFrame, metric: str, label: str, styles: Mapping[str, Style], last: bool) -> Spec:
    values = rows.loc[rows["metric"] == metric, "value"]
    logarithmic = metric in LOGARITHMIC and values.min() > 0
    scale = {"type": "log"} if logarithmic else {"zero": False}
    title = "step" if last else None
    x = chart.number_format("last_step", title, scale=STEPS)
    y = chart.number_format("value", label, scale=scale, axis={"tickCount": 4})
    shown = chart.tooltips({"method": "method", "last_step": "step", "value:Q": label, "n_seeds": "seeds"})
    layer = chart.lines(x, y, styles, shown)
    return _row(metric, {"height": 130, "layer": layer})


def _switches(styles: Mapping[str, Style]) -> Spec:
    x = chart.number_format("first_step", "step", scale=STEPS)
    y = {"field": "name", "type": "nominal", "title": SWITCHED, "axis": {"labels": False, "ticks": False}}
    colour = chart.method_encoding(styles, "color")
    opacity = chart.number_format("value", scale={"domain": [0, 1], "range": [0, 1]}, legend=None)
    shown = chart.tooltips({"method": "method", "epoch": "epoch", "value:Q": "share of steps switched"})
    encoding = {"x": x, "x2": {"field": "last_step"}, "y": y, **colour, "opacity": opacity, "tooltip": shown}
    bar = {"type": "bar", "size": 8}
    return _row(SWITCHED, {"height": {"step": 12}, "mark": bar, "encoding": encoding})
