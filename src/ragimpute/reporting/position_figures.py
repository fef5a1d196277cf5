"""Figures along the chromosomes: accuracy with what may explain it, and the painting of a few targets."""

import json
from collections.abc import Mapping

import pandas as pd

from ragimpute.evaluation.result_tables import ordered_chromosomes
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import CATEGORIES, FAINT, INK, PAPER, Style

MEASURES = {"r2_overall": "r², all sites", "r2_rare": "r², rare sites", "r2_info": "estimated r²"}
ZOOM = "Drag to move, Ctrl and the wheel to zoom, double click to see all."
OTHERS = "others"


def accuracy_along_region(rows: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 in windows; below, typed sites and recombination. Estimated r2 where there is no truth.

    Args: rows of along.tsv of one mask.
    """
    title = "Accuracy along the chromosome"
    keys = ["method", "chrom", "start", "end", "cm_start", "cm_end", "n_typed", "n_sites"]
    means = rows.groupby(keys)[list(MEASURES)].mean().reset_index()
    measured = [name for name in MEASURES if means[name].notna().any()]
    shown = [name for name in measured if name != "r2_info"] or measured
    if not shown:
        return chart.nothing(title, "Nothing to show: no method gives a dosage that varies, or an estimate of r².")
    kb = (means["end"] - means["start"] + 1) / 1000
    means = means.assign(
        mb=(means["start"] + means["end"]) / 2e6,
        typed=means["n_typed"] / kb * 100,
        rate=(means["cm_end"] - means["cm_start"]) / kb * 1000,
    )
    columns = ["method", "chrom", "mb", "start", "end", "n_typed", "n_sites", "typed", "rate", *shown]
    chromosomes = ordered_chromosomes(means["chrom"])
    width = (int(means["end"].iloc[0]) - int(means["start"].iloc[0]) + 1) / 1000
    caption = (
        f"r² over all genotypes of windows of {width:,.0f} kb. Below: typed sites (bars) and recombination (line) of "
        f"each window. {ZOOM}"
    )
    body = {
        **chart.of_methods(means[columns], styles),
        "vconcat": [
            _chromosome(name, f"zoom_{i}", shown, styles, len(chromosomes) > 1) for i, name in enumerate(chromosomes)
        ],
    }
    return chart.chart(title, caption, body, wide=True)


def _chromosome(name: str, zoom: str, shown: list[str], styles: Mapping[str, Style], titled: bool) -> Spec:
    """The panels of one chromosome, which share its positions."""
    x = chart.number_format("mb", scale={"zero": False, "nice": False}, axis={"labels": False, "ticks": False})
    window = {"method": "method", "start": "from", "end": "to", "n_sites": "untyped sites"}
    panels: list[Spec] = []
    for measure in shown:
        y = chart.number_format(measure, MEASURES[measure], scale={"zero": False}, axis={"tickCount": 4})
        line, points = chart.lines(x, y, styles, chart.tooltips({**window, f"{measure}:Q": MEASURES[measure]}))
        zooming = {} if panels else {"params": [_zoom(zoom)]}
        panels.append({"width": chart.WIDTH, "height": 120, "layer": [line, {**points, **zooming}]})
    panels.append(_landscape({**x, "axis": {"grid": False}, "title": f"position on chromosome {name} (Mb)"}))
    title = {"title": f"chromosome {name}"} if titled else {}
    filtered = {"transform": [{"filter": f"datum.chrom === {json.dumps(name)}"}]}
    return {**title, **filtered, "vconcat": panels, "spacing": 6, "resolve": {"scale": {"x": "shared"}}}


def _zoom(name: str) -> Spec:
    """The reader moves and zooms along x; the bare wheel stays the page's."""
    select = {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey]"}
    return {"name": name, "select": select, "bind": "scales"}


def _landscape(x: Spec) -> Spec:
    """Typed sites per 100 kb and cM per Mb of the windows: the same for all methods."""
    shown = chart.tooltips({"start": "from", "end": "to", "n_typed": "typed sites", "rate:Q": "cM per Mb"})
    once: list[Spec] = [
        {"aggregate": [], "groupby": ["mb", "start", "end", "n_typed", "typed", "rate"]},
        *({"calculate": f"datum.{end} / 1e6", "as": f"{end}_mb"} for end in ("start", "end")),
    ]
    typed: Spec = {"mark": {"type": "bar", "color": FAINT, "opacity": 0.6}}
    typed["encoding"] = {
        **{"x": {**x, "field": "start_mb"}, "x2": {"field": "end_mb"}, "tooltip": shown},
        **{"y": chart.number_format("typed", "typed / 100 kb", axis={"tickCount": 3}), "y2": {"datum": 0}},
    }
    rate = {"mark": {"type": "line", "interpolate": "step", "color": INK, "strokeWidth": 1.3}}
    rate["encoding"] = {"x": x, "y": chart.number_format("rate", "cM / Mb", axis={"tickCount": 3, "grid": False})}
    view = {"width": chart.WIDTH, "height": 70, "transform": once, "layer": [typed, rate]}
    return {**view, "resolve": {"scale": {"y": "independent"}}}


def painting_figure(pieces: pd.DataFrame) -> Spec:
    """Each target haplotype as a mosaic of reference haplotypes, coloured by population, or by haplotype if unknown.

    Args: rows of painting.tsv of one mask.
    """
    title = "Reference haplotypes that a few targets are copied from"
    if pieces.empty:
        return chart.nothing(title, "Nothing to show: no target was painted.")
    known = (pieces["population"] != "NA").any()
    copied = pieces["neighbour"] + " (" + pieces["neighbour_haplotype"].astype(str) + ")"
    group = pieces["population"] if known else copied
    most = list(pieces.groupby(group)["cm"].sum().sort_values(ascending=False, kind="stable").index[: len(CATEGORIES)])
    rows = pieces.assign(
        copied=copied,
        group=group.where(group.isin(most), OTHERS),
        row=pieces["sample"] + " · " + pieces["haplotype"].astype(str),
        from_mb=pieces["start"] / 1e6,
        to_mb=pieces["end"] / 1e6,
    )
    caption = (
        f"Each line: one haplotype of a target sample on chromosome {rows['chrom'].iloc[0]}, cut into the fewest "
        "pieces of which each is of a reference haplotype that retrieval ranks among the four best all along it. "
        f"Colour: {'its population' if known else 'the reference haplotype'}. {ZOOM}"
    )
    names = [*most, *([OTHERS] if (rows["group"] == OTHERS).any() else [])]
    colours = [*CATEGORIES[: len(most)], FAINT][: len(names)]
    legend = {"symbolType": "square", "symbolOpacity": 1}
    encoding = {
        "x": chart.number_format("from_mb", "position (Mb)", scale={"zero": False, "nice": False}),
        "x2": {"field": "to_mb"},
        "y": {"field": "row", "type": "nominal", "title": None, "axis": {"grid": False, "ticks": False}},
        "color": {
            **{"field": "group", "type": "nominal", "scale": {"domain": names, "range": colours}, "legend": legend}
        },
        "tooltip": chart.tooltips(
            {
                **{"row": "target", "copied": "copied from", "population": "population"},
                **{"start": "from", "end": "to", "cm:Q": "cM", "n_typed": "typed sites"},
            }
        ),
    }
    columns = ["row", "copied", "population", "start", "end", "cm", "n_typed", "group", "from_mb", "to_mb"]
    bars = {"mark": {"type": "bar", "height": 15, "stroke": PAPER, "strokeWidth": 1, "clip": True}}
    layer = [{**bars, "encoding": encoding, "params": [_zoom("zoom")]}]
    view = {"width": chart.WIDTH, "height": {"step": 22}, "layer": layer}
    return chart.chart(title, caption, {"data": {"values": chart.table_rows(rows[columns])}, **view}, wide=True)
