"""How figures look: one style per method, the same in every figure, readable with any colour vision and in print."""

import itertools
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ragimpute.reporting.method_names import kind_of_training, main_methods, shown_names

# Okabe and Ito's palette: told apart with any colour vision, and in grey by the shapes and dashes
SOLID: tuple[int, ...] = (1, 0)
DOTTED, DASHED, DASH_DOTTED = (2, 2), (6, 3), (8, 3, 2, 3)
BASELINE_STYLES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "beagle": ("#000000", "circle", SOLID),
    "beagle_once": ("#000000", "triangle-down", DOTTED),
    "beagle_tuned": ("#555555", "square", DASHED),
    "minimac4": ("#cc79a7", "triangle-up", DASH_DOTTED),
    "li_stephens": ("#009e73", "diamond", DASHED),
    "copy_nearest": ("#56b4e9", "triangle-left", DASH_DOTTED),
    "frequency": ("#999999", "cross", DOTTED),
}
ARCHITECTURE_COLOURS = {"copy_rag": "#0072b2", "bert_rag": "#d55e00"}
OTHER_COLOURS = ("#e69f00", "#56b4e9", "#cc79a7")
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # of anything but methods
SHAPES = ("triangle-up", "square", "triangle-down", "diamond", "triangle-right", "cross", "triangle-left", "circle")
_OTHER_DASHES = ((8, 2, 2, 2, 2, 2), (10, 6), (2, 6))
DASHES: tuple[tuple[int, ...], ...] = (SOLID, DASHED, DASH_DOTTED, DOTTED, *_OTHER_DASHES)

INK, SOFT, FAINT, GRID, PAPER = "#222222", "#555555", "#999999", "#dddddd", "#ffffff"
# the same hues on a dark page, lighter where they would not be seen
ON_DARK = {
    **{"#000000": "#ffffff", INK: "#e8ebef", SOFT: "#b8bec6", FAINT: "#8b929a", GRID: "#343b44", PAPER: "#14171b"},
    **{"#009e73": "#2fd0a2", "#0072b2": "#56a8ea", "#d55e00": "#ff8b4a", "#cc79a7": "#e59cc4"},
}
# vl-convert brings this font along, so that text is as wide on every machine and an SVG has the same bytes
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_AXIS = {
    **{"gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT, "labelColor": SOFT, "titleColor": INK},
    **{"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260},
    **{"labelOverlap": "greedy", "labelSeparation": 6},
}
_LEGEND = {
    **{"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "labelLimit": 260, "orient": "bottom"},
    **{"columns": 3, "columnPadding": 48, "symbolSize": 60, "symbolStrokeWidth": 2, "title": None},
}
CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": PAPER,
    "aria": False,  # the page gives each figure one label; the values stand in tables
    "view": {"stroke": None},
    "axis": _AXIS,
    "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start"},
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "labelFontWeight": "bold"},
    "legend": _LEGEND,
    "text": {"color": SOFT, "fontSize": 11},
    "rule": {"color": SOFT},
}


@dataclass(frozen=True)
class Style:
    """Name, colour, shape and dash of one method."""

    name: str  # what a person calls it; no two methods share it
    main: bool  # a reader sees it at first

    colour: str
    shape: str  # a symbol of Vega
    dash: tuple[int, ...]  # pixels on, off, on ..
    selected: bool
    rank: tuple[int, str]  # order in legends: main methods, other baselines, other trained methods


def method_styles(summary: pd.DataFrame) -> dict[str, Style]:
    """The style of each method of a summary table (one mask), in the order of legends; the selected row is solid."""
    rows = list(summary.itertuples())
    kind_of = {row.method: kind_of_training(row.method, row.weights, row.loss) for row in rows}
    kinds = sorted({kind_of[row.method] for row in rows if row.architecture != "NA"})
    names = shown_names(summary)
    main = main_methods(summary)
    others = sorted(set(summary["architecture"]) - {"NA", *ARCHITECTURE_COLOURS})
    colours = ARCHITECTURE_COLOURS | dict(zip(others, itertools.cycle(OTHER_COLOURS), strict=False))
    styles = {}
    for row in rows:
        method = row.method
        is_main = method in main
        rank = (0, f"{main.index(method)}") if is_main else (1 if row.architecture == "NA" else 2, method)
        if row.architecture == "NA":
            colour, shape, dash = BASELINE_STYLES.get(method, (FAINT, "circle", DOTTED))
            styles[method] = Style(names[method], is_main, colour, shape, dash, False, rank)
            continue
        kind = kinds.index(kind_of[method])
        colour = colours[row.architecture]
        shape = SHAPES[kind % len(SHAPES)]
        selected = bool(row.selected)
        dash = SOLID if selected else DASHES[(kind + 1) % len(DASHES)]
        styles[method] = Style(names[method], is_main, colour, shape, dash, selected, rank)
    return dict(sorted(styles.items(), key=lambda item: item[1].rank))
