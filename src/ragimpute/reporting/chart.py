"""Vega-Lite specifications as plain dictionaries: what all figures share, and their files.

One specification makes all three: the interactive figure of the report, the SVG and the PNG. vl-convert draws without a
browser, and brings fonts and the JavaScript for the report: 0.9 MB, where Plotly's is 4.5 MB and draws with a browser.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vl_convert

from ragimpute.artefacts import atomic_path
from ragimpute.reporting.style import CONFIG, SOFT, SOLID, Style

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SUFFIXES = ("json", "svg", "png")
WIDTH = 660  # pixels of a figure that is as wide as its page
PIXELS_PER_POINT = 2  # of a PNG
# Methods that the reader of the report has switched off: a parameter of every figure that shows methods.
HIDDEN = "hidden"
WITHOUT_ROWS: Spec = {"y": None, "color": {"value": SOFT}, "tooltip": None}  # encodings of a note across all rows


def chart(title: str, caption: str, body: Mapping[str, Any], wide: bool = False) -> Spec:
    """A whole figure; title and caption travel with it to the report (`usermeta`).

    The report gives a `wide` one, of which nothing lies beside anything else, the width of the page.
    """
    for_report = {"title": title, "caption": caption, "empty": False, "wide": wide}
    return {"$schema": SCHEMA, "usermeta": for_report, "config": CONFIG, **body}


def nothing(title: str, message: str) -> Spec:
    """A figure that says why it shows nothing."""
    mark = {"type": "text", "text": message, "fontSize": 13}
    body = {"width": WIDTH, "height": 60, "data": {"values": [{}]}, "mark": mark}
    spec = chart(title, message, body)
    spec["usermeta"]["empty"] = True
    return spec


def of_methods(rows: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """Data and parameter of a figure whose `rows` have a column method; the reader can switch each of them off.

    Columns `selected` and `name` are added. Methods without a style are left out.
    """
    rows = rows[rows["method"].isin(list(styles))]
    is_selected = {name: style.selected for name, style in styles.items()}
    names = {method: style.name for method, style in styles.items()}
    rows = rows.assign(selected=rows["method"].map(is_selected), name=rows["method"].map(names))
    data = {"values": table_rows(rows)}
    hidden = {"name": HIDDEN, "value": []}
    shown = {"filter": f"indexof({HIDDEN}, datum.method) < 0"}
    return {"data": data, "params": [hidden], "transform": [shown]}


def method_encoding(styles: Mapping[str, Style], *channels: str) -> Spec:
    """Encodings of `channels` (color, shape, strokeDash) by method, with one legend for all of them."""
    ranges: dict[str, list[Any]] = {}
    ranges["color"] = [style.colour for style in styles.values()]
    ranges["shape"] = [style.shape for style in styles.values()]
    ranges["strokeDash"] = [list(style.dash) for style in styles.values()]
    names = [style.name for style in styles.values()]
    encoding = {}
    for channel in channels:
        scale = {"domain": names, "range": ranges[channel]}
        legend = {"symbolOpacity": 1, "symbolDash": list(SOLID)}
        encoding[channel] = {"field": "name", "type": "nominal", "scale": scale, "legend": legend}
    return encoding


def without_legend(styles: Mapping[str, Style], channel: str) -> Spec:
    """The encoding of one channel by method, where the legend is elsewhere."""
    encoding = method_encoding(styles, channel)
    encoding[channel]["legend"] = None
    return encoding


def lines(x: Spec, y: Spec, styles: Mapping[str, Style], shown: list[Spec]) -> list[Spec]:
    """Layers: a line of each method with points, the selected one thicker; `shown`: tooltips of the points."""
    width = {"condition": {"test": "datum.selected", "value": 3}, "value": 1.4}
    line = {"x": x, "y": y, **method_encoding(styles, "color", "strokeDash"), "strokeWidth": width}
    point = {"x": x, "y": y, **method_encoding(styles, "color", "shape"), "tooltip": shown}
    mark = {"type": "point", "filled": True, "opacity": 1, "size": 40}
    return [{"mark": "line", "encoding": line}, {"mark": mark, "encoding": point}]


def note(mark: Spec, **encoding: Spec | None) -> Spec:
    """A layer that belongs to the axes and not to the data: drawn once."""
    return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}


def at(value: float) -> Spec:
    """A place on a quantitative axis."""
    return {"datum": value, "type": "quantitative"}


def number_format(field: str, title: str | None = None, **options: Any) -> Spec:
    """A quantitative channel; `options` go to it as they are."""
    return {"field": field, "type": "quantitative", "title": title, **options}


def tooltips(titles: Mapping[str, str]) -> list[Spec]:
    """What hovering shows: field -> title. `field:Q` is a number, shown to four decimals.

    A method is shown by the name that a person reads, and by its name in tables and files.
    """
    out: list[Spec] = []
    named = {"name": "method", "method": "in the tables"} if "method" in titles else {}
    for field, title in {**named, **titles, **named}.items():
        name, _, kind = field.partition(":")
        form = {"type": "quantitative", "format": ".4~f"} if kind else {"type": "nominal"}
        out.append({"field": name, "title": title, **form})
    return out


def table_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON values: six significant digits, undefined numbers left out."""
    out = []
    for row in rows.to_dict("records"):
        values = {name: _json(cell) for name, cell in row.items()}
        out.append({name: value for name, value in values.items() if value is not None})
    return out


def _json(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return str(value)


def dots(
    rows: pd.DataFrame, styles: Mapping[str, Style], columns: int, reach: float, centre: float | None = None
) -> Spec:
    """A body: values with intervals, a line of methods each, side by side in panels, `columns` to a row.

    Points, as bars from 0 would hide what differs. Each panel zooms on `centre` +- `reach` (by default the panel's best
    value); a method far behind would press all others into a few pixels, so its value is named at the edge instead.
    `rows` has the columns panel, method, value, low, high; panels stand in the order of their first rows.
    """
    rows = rows[rows["value"].notna()]
    names = dict.fromkeys(rows["panel"])
    parts = []
    panels = []
    for i, name in enumerate(names):
        part = rows[rows["panel"] == name]
        middle = float(part["value"].max()) if centre is None else centre
        lowest = middle - reach
        is_near = part["value"] >= lowest
        parts.append(part.assign(far=~is_near))
        domain = _domain(part[is_near], centre)
        is_first_of_row = i % columns == 0
        panel = _panel(name, domain, styles, is_first_of_row, centre)
        panels.append(panel)
    body = of_methods(pd.concat(parts, ignore_index=True), styles)
    body["concat"] = panels
    body["columns"] = columns
    body["resolve"] = {"scale": {"y": "shared"}}
    return body


def _domain(rows: pd.DataFrame, centre: float | None) -> list[float]:
    """The ends of an axis that holds the values and intervals of the rows, and `centre`, if any."""
    low = rows[["value", "low"]].min().min()
    high = rows[["value", "high"]].max().max()
    if centre is not None:
        low = min(low, centre)
        high = max(high, centre)
    margin = max(0.08 * (high - low), 0.002)
    return [low - margin, high + margin]


def _panel(name: str, domain: list[float], styles: Mapping[str, Style], named: bool, centre: float | None) -> Spec:
    """One panel of `dots`; `named` gives it the methods' names."""
    limits = [float(f"{bound:.6g}") for bound in domain]
    axis = {"labelFontSize": 12, "ticks": False, "domain": False} if named else None
    names = [style.name for style in styles.values()]
    y = {"field": "name", "type": "nominal", "sort": names, "axis": axis, "title": None}
    x = number_format("value", scale={"domain": limits, "zero": False, "nice": False}, axis={"tickCount": 4})
    colour = without_legend(styles, "color")
    shown = tooltips({"method": "method", "value:Q": name, "low:Q": "95 % from", "high:Q": "to"})
    layers = [*_near(x, styles), _far()]
    if centre is not None:
        line = note({"type": "rule", "color": SOFT}, x=at(centre), **WITHOUT_ROWS)
        layers = [line, *layers]
    filtered = {"filter": f"datum.panel === {json.dumps(name)}"}
    view: Spec = {"transform": [filtered], "title": name, "width": 190, "height": {"step": 19}}
    view["encoding"] = {"y": y, **colour, "tooltip": shown}
    view["layer"] = layers
    return view


def _near(x: Spec, styles: Mapping[str, Style]) -> list[Spec]:
    """Layers: the intervals and the points of the methods that are not far behind."""
    near = {"filter": "!datum.far"}
    interval = {"type": "rule", "strokeWidth": 2.5, "opacity": 0.55, "clip": True}
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    point = {"type": "point", "filled": True, "opacity": 1}
    shape = without_legend(styles, "shape")
    size = {"condition": {"test": "datum.selected", "value": 110}, "value": 55}
    intervals = {"transform": [near], "mark": interval, "encoding": ends}
    points = {"transform": [near], "mark": point, "encoding": {"x": x, **shape, "size": size}}
    return [intervals, points]


def _far() -> Spec:
    """A layer: the values, in words, of the methods that are far behind."""
    label = {"calculate": "'← ' + format(datum.value, '.3f')", "as": "label"}
    mark = {"type": "text", "align": "left", "color": SOFT}
    encoding = {"x": {"value": 4}, "text": {"field": "label"}, "color": {"value": SOFT}}
    return {"transform": [{"filter": "datum.far"}, label], "mark": mark, "encoding": encoding}


def save_figure(spec: Spec, path: Path) -> None:
    """Write the figure to `path`: its specification (.json), an SVG or a PNG; the same figure gives the same bytes.

    Raises ValueError for another suffix, and when Vega cannot draw the figure.
    """
    if path.suffix == ".json":
        text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
        content = text.encode()
    elif path.suffix == ".svg":
        svg = vl_convert.vegalite_to_svg(spec)
        content = _numbered(svg).encode()
    elif path.suffix == ".png":
        content = vl_convert.vegalite_to_png(spec, scale=PIXELS_PER_POINT)
    else:
        suffixes = ", ".join(SUFFIXES)
        raise ValueError(f"{path}: a figure is written as {suffixes}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _numbered(svg: str) -> str:
    """Clip paths numbered from 1: Vega numbers them through all figures of a process."""
    pattern = re.compile(r'(?<=id=")clip\d+(?=")|(?<=url\(#)clip\d+(?=\))')
    own_names = dict.fromkeys(pattern.findall(svg))
    names = {name: f"clip{i}" for i, name in enumerate(own_names, start=1)}
    return pattern.sub(lambda found: names[found.group()], svg)
