"""Figures along the chromosomes: accuracy with what may explain it, and the painting of a few targets."""

import json
from collections.abc import Mapping

import pandas as pd

from ragimpute.evaluation.result_tables import ordered_chromosomes
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.method_names import FREQUENCY
from ragimpute.reporting.style import CATEGORIES, FAINT, INK, PAPER, Style

MEASURES = {"r2_overall": "r², all sites", "r2_rare": "r², rare sites", "r2_info": "estimated r²"}
ZOOM = "Drag to move, Ctrl and the wheel to zoom, double click to see all."
OTHERS = "others"
MOST_STACKED = 3  # chromosomes that are drawn below each other; more of them lie one after the other
BROKEN: Spec = {"detail": {"field": "chrom", "type": "nominal"}}  # no line goes on from one chromosome to the next
SHARED_X: Spec = {"scale": {"x": "shared"}}


def accuracy_along_region(rows: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 in windows; below, typed sites and recombination. Estimated r2 where there is no truth.

    Args: rows of along.tsv of one mask. The allele frequency alone is left out: it would press all others together.
    """
    title = "Accuracy along the chromosome"
    is_other = rows["method"] != FREQUENCY
    rows = rows[is_other] if is_other.any() else rows
    keys = ["method", "chrom", "start", "end", "cm_start", "cm_end", "n_typed", "n_sites"]
    of_windows = rows.groupby(keys)[list(MEASURES)]
    means = of_windows.mean().reset_index()
    measured = [name for name in MEASURES if means[name].notna().any()]
    shown = [name for name in measured if name != "r2_info"] or measured
    if not shown:
        return chart.nothing(title, "Nothing to show: no method gives a dosage that varies, or an estimate of r².")
    start = means["start"]
    end = means["end"]
    length = end - start + 1
    kb = length / 1000
    mb = (start + end) / 2e6
    typed_per_100_kb = means["n_typed"] / kb * 100
    cm_per_mb = (means["cm_end"] - means["cm_start"]) / kb * 1000
    chromosomes = ordered_chromosomes(means["chrom"])
    is_genome = len(chromosomes) > MOST_STACKED
    stretches = _one_after_the_other(means, chromosomes) if is_genome else {}
    offset = means["chrom"].map(lambda name: stretches[name][0] if is_genome else 0.0)
    means = means.assign(mb=mb + offset, typed=typed_per_100_kb, rate=cm_per_mb, offset=offset)
    columns = ["method", "chrom", "mb", "start", "end", "n_typed", "n_sites", "typed", "rate", "offset", *shown]
    width = kb.iloc[0]
    caption = (
        f"r² over all genotypes of windows of {width:,.0f} kb. Below: typed sites (bars) and recombination (line) of "
        f"each window. {ZOOM}"
    )
    body = chart.of_methods(means[columns], styles)
    if is_genome:
        body["vconcat"] = _panels(_genome_axis(stretches), "zoom", shown, styles)
        body |= {"spacing": 6, "resolve": SHARED_X}
    else:
        titled = len(chromosomes) > 1
        body["vconcat"] = [_chromosome(name, f"zoom_{i}", shown, styles, titled) for i, name in enumerate(chromosomes)]
    return chart.chart(title, caption, body, wide=True)


def _one_after_the_other(windows: pd.DataFrame, chromosomes: list[str]) -> dict[str, tuple[float, float]]:
    """For each chromosome what is added to its positions, and where its middle comes to lie, in Mb."""
    places = {}
    end_of_last = 0.0
    for name in chromosomes:
        here = windows[windows["chrom"] == name]
        first, last = here["start"].min() / 1e6, here["end"].max() / 1e6
        offset = end_of_last - first
        places[name] = (offset, (first + last) / 2 + offset)
        end_of_last = last + offset
    return places


def _genome_axis(stretches: Mapping[str, tuple[float, float]]) -> Spec:
    """The axis of chromosomes that lie one after the other, the name of each below its middle."""
    middles = [middle for _, middle in stretches.values()]
    names = json.dumps(list(stretches))
    label = f"{names}[indexof({json.dumps(middles)}, datum.value)]"
    axis = {"grid": False, "values": middles, "labelExpr": label, "labelOverlap": True, "ticks": False}
    return {"axis": axis, "title": "chromosome"}


def _chromosome(name: str, zoom: str, shown: list[str], styles: Mapping[str, Style], titled: bool) -> Spec:
    """The panels of one chromosome, which share its positions."""
    axis = {"axis": {"grid": False}, "title": f"position on chromosome {name} (Mb)"}
    panels = _panels(axis, zoom, shown, styles)
    title = {"title": f"chromosome {name}"} if titled else {}
    filtered = {"filter": f"datum.chrom === {json.dumps(name)}"}
    return {**title, "transform": [filtered], "vconcat": panels, "spacing": 6, "resolve": SHARED_X}


def _panels(axis: Spec, zoom: str, shown: list[str], styles: Mapping[str, Style]) -> list[Spec]:
    """A panel for each measure, and the landscape below them, whose x has `axis`."""
    x = chart.number_format("mb", scale={"zero": False, "nice": False}, axis={"labels": False, "ticks": False})
    window = {"method": "method", "chrom": "chromosome", "start": "from", "end": "to", "n_sites": "untyped sites"}
    panels: list[Spec] = []
    for measure in shown:
        label = MEASURES[measure]
        y = chart.number_format(measure, label, scale={"zero": False}, axis={"tickCount": 4})
        tooltips = chart.tooltips({**window, f"{measure}:Q": label})
        line, points = chart.lines(x, y, styles, tooltips)
        line["encoding"] |= BROKEN
        if not panels:
            points["params"] = [_zoom(zoom)]
        panels.append({"width": chart.WIDTH, "height": 120, "layer": [line, points]})
    panels.append(_landscape({**x, **axis}))
    return panels


def _zoom(name: str) -> Spec:
    """The reader moves and zooms along x; the bare wheel stays the page's."""
    select = {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey]"}
    return {"name": name, "select": select, "bind": "scales"}


def _landscape(x: Spec) -> Spec:
    """Typed sites per 100 kb and cM per Mb of the windows: the same for all methods."""
    shown = chart.tooltips({"start": "from", "end": "to", "n_typed": "typed sites", "rate:Q": "cM per Mb"})
    once = {"aggregate": [], "groupby": ["mb", "chrom", "start", "end", "n_typed", "typed", "rate", "offset"]}
    ends_mb = [{"calculate": f"datum.{end} / 1e6 + datum.offset", "as": f"{end}_mb"} for end in ("start", "end")]
    bar = {"type": "bar", "color": FAINT, "opacity": 0.6}
    from_start = {**x, "field": "start_mb"}
    typed_y = chart.number_format("typed", "typed / 100 kb", axis={"tickCount": 3})
    ends = {"x": from_start, "x2": {"field": "end_mb"}, "tooltip": shown, "y": typed_y, "y2": {"datum": 0}}
    typed = {"mark": bar, "encoding": ends}
    line = {"type": "line", "interpolate": "step", "color": INK, "strokeWidth": 1.3}
    rate_y = chart.number_format("rate", "cM / Mb", axis={"tickCount": 3, "grid": False})
    rate = {"mark": line, "encoding": {"x": x, "y": rate_y, **BROKEN}}
    view: Spec = {"width": chart.WIDTH, "height": 70, "transform": [once, *ends_mb], "layer": [typed, rate]}
    view["resolve"] = {"scale": {"y": "independent"}}
    return view


def painting_figure(pieces: pd.DataFrame) -> Spec:
    """Each target haplotype as a mosaic of reference haplotypes, coloured by population, or by haplotype if unknown.

    Args: rows of painting.tsv of one mask.
    """
    title = "Reference haplotypes that a few targets are copied from"
    if pieces.empty:
        return chart.nothing(title, "Nothing to show: no target was painted.")
    has_population = pieces["population"] != "NA"
    known = has_population.any()
    neighbour_haplotype = pieces["neighbour_haplotype"].astype(str)
    copied = pieces["neighbour"] + " (" + neighbour_haplotype + ")"
    group = pieces["population"] if known else copied
    lengths = pieces.groupby(group)["cm"].sum()
    longest_first = lengths.sort_values(ascending=False, kind="stable")
    most = list(longest_first.index[: len(CATEGORIES)])
    shown_group = group.where(group.isin(most), OTHERS)
    haplotype = pieces["haplotype"].astype(str)
    row = pieces["sample"] + " · " + haplotype
    from_mb = pieces["start"] / 1e6
    to_mb = pieces["end"] / 1e6
    rows = pieces.assign(copied=copied, group=shown_group, row=row, from_mb=from_mb, to_mb=to_mb)
    chrom = rows["chrom"].iloc[0]
    meaning = "its population" if known else "the reference haplotype"
    caption = (
        f"Each line: one haplotype of a target sample on chromosome {chrom}, cut into the fewest "
        "pieces of which each is of a reference haplotype that retrieval ranks among the four best all along it. "
        f"Colour: {meaning}. {ZOOM}"
    )
    has_others = (shown_group == OTHERS).any()
    names = [*most, OTHERS] if has_others else most
    colours = [*CATEGORIES[: len(most)], FAINT][: len(names)]
    columns = ["row", "copied", "population", "start", "end", "cm", "n_typed", "group", "from_mb", "to_mb"]
    data = {"values": chart.table_rows(rows[columns])}
    bar = {"type": "bar", "height": 15, "stroke": PAPER, "strokeWidth": 1, "clip": True}
    pieces_layer = {"mark": bar, "encoding": _painted(names, colours), "params": [_zoom("zoom")]}
    body = {"data": data, "width": chart.WIDTH, "height": {"step": 22}, "layer": [pieces_layer]}
    return chart.chart(title, caption, body, wide=True)


def _painted(names: list[str], colours: list[str]) -> Spec:
    """The encoding of the pieces of a painting: `names` of groups and their colours."""
    x = chart.number_format("from_mb", "position (Mb)", scale={"zero": False, "nice": False})
    y = {"field": "row", "type": "nominal", "title": None, "axis": {"grid": False, "ticks": False}}
    scale = {"domain": names, "range": colours}
    legend = {"symbolType": "square", "symbolOpacity": 1}
    colour = {"field": "group", "type": "nominal", "scale": scale, "legend": legend}
    titles = {"row": "target", "copied": "copied from", "population": "population"}
    titles |= {"start": "from", "end": "to", "cm:Q": "cM", "n_typed": "typed sites"}
    return {"x": x, "x2": {"field": "to_mb"}, "y": y, "color": colour, "tooltip": chart.tooltips(titles)}
