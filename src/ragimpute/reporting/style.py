"""How figures look: one style per method, the same in every figure, and files that are the same bytes each time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ragimpute.artefacts import atomic_path

# Okabe and Ito's palette: told apart with any colour vision, and in grey by the markers and dashes
BASELINE_STYLES: dict[str, tuple[str, str, str]] = {
    "beagle": ("#000000", "o", "-"),
    "beagle_tuned": ("#555555", "s", "--"),
    "minimac4": ("#CC79A7", "^", "-."),
    "li_stephens": ("#009E73", "D", "--"),
    "frequency": ("#999999", "x", ":"),
}
ARCHITECTURE_COLOURS = {"copy_rag": "#0072B2", "bert_rag": "#D55E00"}
OTHER_COLOURS = ("#E69F00", "#56B4E9", "#F0E442")
# on a dark page: the same hues, lighter where they would not be seen
ON_DARK = {
    **{"#000000": "#ffffff", "#555555": "#b8bec6", "#999999": "#8b929a", "#777777": "#9aa1a9"},
    **{"#009E73": "#2fd0a2", "#0072B2": "#56a8ea", "#D55E00": "#ff8b4a"},
}
# of losses within one architecture
LOSS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#999999")
MARKERS = ("P", "X", "v", "<", ">", "h", "*", "p", "d")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (5, 5)), (0, (1, 3)))

_RC: dict[Any, Any] = {
    "svg.hashsalt": "ragimpute",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}


@dataclass(frozen=True)
class Style:
    """Colour, marker and line of one method."""

    colour: str
    marker: str
    dash: Any
    width: float
    alpha: float
    selected: bool
    rank: tuple[int, str]  # order in legends: selected, baselines, other trained methods


def method_styles(summary: pd.DataFrame) -> dict[str, Style]:
    """The style of each method of a summary table (one mask); the selected row stands out."""
    losses = sorted(set(summary.loc[summary["architecture"] != "NA", "loss"]))
    others = sorted(set(summary["architecture"]) - {"NA", *ARCHITECTURE_COLOURS})
    colours = ARCHITECTURE_COLOURS | {name: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, name in enumerate(others)}
    styles = {}
    for row in summary.itertuples():
        if row.architecture == "NA":
            colour, marker, dash = BASELINE_STYLES.get(row.method, ("#777777", ".", ":"))
            styles[row.method] = Style(colour, marker, dash, 1.4, 1.0, False, (1, row.method))
            continue
        i = losses.index(row.loss)
        selected = bool(row.selected)
        width, alpha, order = (2.6, 1.0, 0) if selected else (0.9, 0.75, 2)
        marker, dash = MARKERS[i % len(MARKERS)], "-" if selected else DASHES[i % len(DASHES)]
        styles[row.method] = Style(colours[row.architecture], marker, dash, width, alpha, selected, (order, row.method))
    return dict(sorted(styles.items(), key=lambda item: item[1].rank))


def line(style: Style) -> dict[str, Any]:
    """Keyword arguments of Axes.plot."""
    return {
        "color": style.colour,
        "marker": style.marker,
        "linestyle": style.dash,
        "linewidth": style.width,
        "alpha": style.alpha,
        "markersize": 6 if style.selected else 4,
        "zorder": 4 if style.selected else 3,
    }


@contextmanager
def drawing() -> Iterator[None]:
    """Our settings, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        mpl.rcParams.update(_RC)
        yield


def empty(figure: Figure, message: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure.clear()
    figure.text(0.5, 0.5, message, ha="center", va="center", color="#444444", wrap=True)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write `path`, an SVG or PNG, without date or program version."""
    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None, "Creator": None}
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
