"""The figure of `ragimpute explain`: the haplotypes that a sample's two haplotypes copy around one site."""

from typing import TYPE_CHECKING

import pandas as pd

from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import ARCHITECTURE_COLOURS, FAINT, INK

if TYPE_CHECKING:
    from ragimpute.imputation.explanation import Explanation

SHOWN = 20  # neighbours of each haplotype
CARRIES = {0: "carries REF", 1: "carries ALT"}
COLOURS = [FAINT, ARCHITECTURE_COLOURS["bert_rag"]]


def copying_figure(explanation: "Explanation") -> Spec:
    """For each haplotype the heaviest neighbours: the stretch that they share with it (cM), and their weight."""
    title = f"{explanation.sample} at {explanation.site}"
    flank = dict(zip(("left", "right"), explanation.flank_cm, strict=True))
    panels = []
    for hap, dosage in enumerate(explanation.dosages, start=1):
        rows = explanation.neighbours[explanation.neighbours["haplotype"] == hap].head(SHOWN)
        middle = rows["flank"].map(flank)
        rows = rows.assign(
            row=[f"{i}. {row.neighbour} ({row.neighbour_haplotype})" for i, row in enumerate(rows.itertuples(), 1)],
            carries=rows["allele"].map(CARRIES),
            middle=middle,
            start=middle - rows["left_cm"],
            stop=middle + rows["right_cm"],
        )
        panels.append(_haplotype(rows, f"haplotype {hap}: dosage {dosage:.3f}", explanation.cm))
    caption = "Ticks: the typed site of the retrieval; line: the site."
    return chart.chart(title, caption, {"title": title, "vconcat": panels})


def _haplotype(rows: pd.DataFrame, title: str, cm: float) -> Spec:
    names = list(rows["row"])
    bar = {"type": "bar", "height": {"band": 0.7}}
    y = {"field": "row", "type": "nominal", "sort": names, "title": None, "axis": {"labelFontSize": 10}}
    colour = {"field": "carries", "type": "nominal", "scale": {"domain": list(CARRIES.values()), "range": COLOURS}}
    x = {"scale": {"zero": False, "nice": False}}
    at = "position (cM); ticks: the typed site of the retrieval; line: the site"
    shared = [
        {
            "mark": bar,
            "encoding": {"x": chart.number_format("start", at, **x), "x2": {"field": "stop"}, "color": colour},
        },
        {
            "mark": {"type": "tick", "color": INK, "thickness": 2},
            "encoding": {"x": chart.number_format("middle", at, **x)},
        },
        chart.note({"type": "rule", "color": INK}, x=chart.at(cm), y=None),
    ]
    weight = {
        "x": chart.number_format("weight", "weight", axis={"tickCount": 3}),
        "y": {**y, "axis": None},
        "color": colour,
    }
    view = {"height": {"step": 13}}
    return {
        "data": {"values": chart.table_rows(rows)},
        "hconcat": [
            {**view, "title": title, "width": 460, "encoding": {"y": y}, "layer": shared},
            {**view, "width": 150, "mark": bar, "encoding": weight},
        ],
    }
