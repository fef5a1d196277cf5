"""The report's figures for screens of three widths, each with the size that it will have, before it is drawn.

A figure is drawn at the layout's width and scaled by the browser to the width of its place: text stays readable, and
the place has its height from the beginning. The list of methods is HTML, so no figure has a legend of them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

from ragimpute.reporting.chart import HIDDEN, Spec

WIDTHS = {"narrow": 360, "middle": 700, "wide": 1080}  # pixels
AXIS, NAMES = 64, 230  # pixels left of a panel: of an axis of numbers, of an axis of methods
MARGIN = 36  # right of the last panel: an axis there, or half of a label
LEAST, MOST = 0.65, 1.6  # how much of its own width a panel of several may have
_SIZE = re.compile(r'<svg[^>]* viewBox="0 0 ([\d.]+) ([\d.]+)"')


def layouts(spec: Spec, hidden: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each of WIDTHS the body of the figure (no data, no configuration) and its size, without methods `hidden`."""
    found = {}
    drawn = body_keys(spec)
    values = spec["data"]["values"] if "data" in spec else []
    for name, width in WIDTHS.items():
        body = fitted({key: spec[key] for key in drawn}, width, values)
        body = _without_method_legends(body)
        if "params" in body and body["params"][0]["name"] == HIDDEN:
            body["params"] = [{"name": HIDDEN, "value": list(hidden)}, *body["params"][1:]]
        shared = {key: spec[key] for key in spec if key not in drawn}
        svg = vl_convert.vegalite_to_svg({**shared, **body})
        size = _SIZE.search(svg)
        assert size is not None
        drawn_width, height = (round(float(number)) for number in size.groups())
        found[name] = {"body": body, "width": drawn_width, "height": height}
    return found


def body_keys(spec: Spec) -> list[str]:
    """The keys that say what is drawn: all but the data and what all figures share."""
    return [key for key in spec if key not in ("$schema", "usermeta", "config", "data")]


def fitted(view: Spec, width: int, rows: Sequence[Mapping[str, Any]]) -> Spec:
    """`view` at most `width` pixels wide: what lies side by side goes below each other where it must."""
    if "vconcat" in view:
        return {**view, "vconcat": [fitted(part, width, rows) for part in view["vconcat"]]}
    for key in ("hconcat", "concat"):
        if key in view:
            rest = {name: value for name, value in view.items() if name not in ("hconcat", "concat", "columns")}
            most = view.get("columns", len(view[key]))
            return {**rest, **_side_by_side(view[key], most, width)}
    if "facet" in view:
        field = view["facet"]["column"]["field"]
        n = max(1, len({row[field] for row in rows if field in row}))
        spec = view["spec"]
        own = (width - AXIS * n - MARGIN) // n
        return {**view, "spec": {**spec, "width": min(own, round(MOST * spec["width"]))}}
    return {**view, "width": width - AXIS - MARGIN}


def _side_by_side(parts: Sequence[Spec], most: int, width: int) -> Spec:
    """Panels in at most `most` columns; the first of a row has the names of the rows, if any panel has them."""
    own = max(part["width"] for part in parts)
    first_y = parts[0].get("encoding", {}).get("y", {})
    is_named = first_y.get("field") == "name"
    left = NAMES if is_named else AXIS
    between = 24 if is_named else AXIS
    room = width - left - MARGIN + between
    columns = max(1, min(most, int(room // (LEAST * own + between))))
    each = min(room // columns - between, round(MOST * own))
    placed = []
    for i, part in enumerate(parts):
        part = {**part, "width": each}
        if is_named:
            axis = first_y["axis"] if i % columns == 0 else None
            part["encoding"] = {**part["encoding"], "y": {**part["encoding"]["y"], "axis": axis}}
        placed.append(part)
    return {"concat": placed, "columns": columns}


def _without_method_legends(body: Spec) -> Spec:
    """Where an encoding is by method, the page's list of methods stands for its legend."""

    def changed(value: dict) -> dict:
        is_method = value.get("field") == "name" and "legend" in value
        return {**value, "legend": None} if is_method else value

    found: Spec = json.loads(json.dumps(body), object_hook=changed)
    return found
