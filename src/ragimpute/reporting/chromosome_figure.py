"""Accuracy by chromosome of the main methods: a figure, of a panel that has a file for each."""

from collections.abc import Mapping

import pandas as pd

from ragimpute.evaluation.result_tables import ordered_chromosomes
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.method_names import FREQUENCY
from ragimpute.reporting.style import Style

TITLE = "Accuracy by chromosome"
STRATA = {"overall": "all sites", "rare": "rare sites"}
# metric -> its name; the second where there is no truth
MEASURES = {"r2": "r²", "r2_info": "estimated r²"}


def compared_methods(styles: Mapping[str, Style]) -> list[str]:
    """The main methods that know something of the sample, in the order of the legends.

    r2 of the allele frequency alone is so far below that it would press all others into a few pixels.
    """
    return [name for name, style in styles.items() if style.main and name != FREQUENCY]


def values_by_chromosome(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> pd.DataFrame:
    """Rows metric, chrom, method, stratum, value, low, high, n_sites of the main methods, averaged over seeds.

    metrics: the rows of metrics.tsv that are of one chromosome each. Empty for fewer than two chromosomes, and where
    nothing is known of them. Only r2 is kept where there is truth, only the estimate where there is none.
    """
    chosen = metrics["method"].isin(compared_methods(styles)) & metrics["stratum"].isin(list(STRATA))
    rows = metrics[chosen & (metrics["population"] == "all") & metrics["value"].notna()]
    if metrics["chrom"].nunique() < 2:
        rows = rows[:0]
    measured = [name for name in MEASURES if (rows["metric"] == name).any()]
    rows = rows[rows["metric"].isin(measured[:1])]
    keys = ["metric", "chrom", "method", "stratum"]
    means = rows.groupby(keys)[["value", "ci_low", "ci_high", "n_sites"]].mean()
    return means.reset_index().rename(columns={"ci_low": "low", "ci_high": "high"})


def chromosome_figure(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 at all and at rare sites of each chromosome, with intervals; metrics as for `values_by_chromosome`."""
    rows = values_by_chromosome(metrics, styles)
    if rows.empty:
        return chart.nothing(TITLE, "Nothing to show: one chromosome, or a panel in one file.")
    label = MEASURES[rows["metric"].iloc[0]]
    shown_styles = {name: styles[name] for name in compared_methods(styles)}
    panels = [_panel(stratum, f"{label}, {sites}", rows, shown_styles) for stratum, sites in STRATA.items()]
    caption = (
        f"{label} of the main methods over all genotypes of a chromosome, with 95 % intervals over target samples. "
        "Differences between methods are paired, and surer than the intervals show."
    )
    body = {**chart.of_methods(rows.drop(columns="metric"), shown_styles), "vconcat": panels}
    return chart.chart(TITLE, caption, body, wide=True)


def _panel(stratum: str, label: str, rows: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """The methods beside each other at each chromosome."""
    places = {"field": "chrom", "type": "ordinal", "sort": ordered_chromosomes(rows["chrom"]), "title": "chromosome"}
    x = {**places, "axis": {"labelAngle": 0, "labelOverlap": False, "grid": True}}
    names = [style.name for style in styles.values()]
    beside = {"xOffset": {"field": "name", "type": "nominal", "sort": names}}
    y = chart.number_format("value", label, scale={"zero": False}, axis={"tickCount": 5})
    shown = chart.tooltips(
        {
            **{"method": "method", "chrom": "chromosome", "value:Q": label, "low:Q": "95 % from", "high:Q": "to"},
            "n_sites": "sites",
        }
    )
    colour = chart.method_encoding(styles, "color")
    interval = {"x": x, **beside, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **colour}
    point = {"x": x, **beside, "y": y, **chart.method_encoding(styles, "color", "shape"), "tooltip": shown}
    layers = [
        {"mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.55}, "encoding": interval},
        {"mark": {"type": "point", "filled": True, "opacity": 1, "size": 30}, "encoding": point},
    ]
    view = {"width": chart.WIDTH, "height": 170, "transform": [{"filter": f"datum.stratum === '{stratum}'"}]}
    return {**view, "layer": layers}
