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
    rows = curves.assign(architecture=curves["method"].map(dict(architectures))).dropna(subset="architecture")
    rows = rows[rows["metric"].isin(measures) | ((rows["metric"] == SWITCHED) & (rows["value"] > 0))]
    found = [metric for metric in measures if metric in set(rows["metric"])]
    if not found:
        return chart.nothing(title, UNTRAINED)
    trained = {method: style for method, style in styles.items() if method in set(rows["method"])}
    last = SWITCHED if SWITCHED in set(rows["metric"]) else found[-1]
    panels = [_lines(rows, metric, measures[metric], trained, metric == last) for metric in found]
    if last == SWITCHED:
        panels.append(_switches(trained))
    for panel in panels[1:]:
        panel["facet"]["column"]["header"] = {"labels": False}
    body = {**chart.of_methods(rows, trained), "vconcat": panels, "spacing": 8}
    return chart.chart(title, caption, body)


def _row(metric: str, view: Spec) -> Spec:
    """`view` of the rows of `metric`, once for each architecture, on steps of its own."""
    return {
        "transform": [{"filter": f"datum.metric === '{metric}'"}],
        "facet": {"column": {"field": "architecture", "type": "nominal", "title": None}},
        "spec": {"width": COLUMN, **view},
        "resolve": {"scale": {"x": "independent"}},
    }


def _lines(rows: pd.DataFrame, metric: str, label: str, styles: Mapping[str, Style], last: bool) -> Spec:
    logarithmic = metric in LOGARITHMIC and rows.loc[rows["metric"] == metric, "value"].min() > 0
    x = chart.number_format("last_step", "step" if last else None, scale=STEPS)
    y = chart.number_format(
        "value", label, scale={"type": "log"} if logarithmic else {"zero": False}, axis={"tickCount": 4}
    )
    shown = chart.tooltips({"method": "method", "last_step": "step", "value:Q": label, "n_seeds": "seeds"})
    return _row(metric, {"height": 130, "layer": chart.lines(x, y, styles, shown)})


def _switches(styles: Mapping[str, Style]) -> Spec:
    encoding = {
        "x": chart.number_format("first_step", "step", scale=STEPS),
        "x2": {"field": "last_step"},
        "y": {"field": "method", "type": "nominal", "title": SWITCHED, "axis": {"labels": False, "ticks": False}},
        **chart.method_encoding(styles, "color"),
        "opacity": chart.number_format("value", scale={"domain": [0, 1], "range": [0, 1]}, legend=None),
        "tooltip": chart.tooltips({"method": "method", "epoch": "epoch", "value:Q": "share of steps switched"}),
    }
    return _row(SWITCHED, {"height": {"step": 12}, "mark": {"type": "bar", "size": 8}, "encoding": encoding})
