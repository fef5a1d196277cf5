"""The figure of `ragimpute explain`: the haplotypes that a sample's two haplotypes copy around some sites."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import ARCHITECTURE_COLOURS, FAINT, INK

if TYPE_CHECKING:
    from ragimpute.imputation.explanation import Explanation

CARRIES = {0: "carries REF", 1: "carries ALT"}
COLOURS = [FAINT, ARCHITECTURE_COLOURS["bert_rag"]]


def copying_figure(explanations: "Sequence[Explanation]") -> Spec:
    """For each site and haplotype all neighbours: the stretch that they share with it (cM), and their weight."""
    sites = [explanation.site for explanation in explanations]
    title = f"{explanations[0].sample} at {', '.join(sites)}"
    panels = [panel for explanation in explanations for panel in _site(explanation, named=len(sites) > 1)]
    caption = "Ticks: the typed site of the retrieval; line: the site."
    body = {"title": title, "vconcat": panels}
    return chart.chart(title, caption, body)


def _site(explanation: "Explanation", named: bool) -> list[Spec]:
    """The haplotypes of one site, which is `named` in their titles."""
    flank = dict(zip(("left", "right"), explanation.flank_cm, strict=True))
    panels = []
    for hap, dosage in enumerate(explanation.dosages, start=1):
        of_haplotype = explanation.neighbours["haplotype"] == hap
        rows = explanation.neighbours[of_haplotype]
        middle = rows["flank"].map(flank)
        start = middle - rows["left_cm"]
        stop = middle + rows["right_cm"]
        carries = rows["allele"].map(CARRIES)
        names = [f"{i}. {row.neighbour} ({row.neighbour_haplotype})" for i, row in enumerate(rows.itertuples(), 1)]
        rows = rows.assign(row=names, carries=carries, middle=middle, start=start, stop=stop)
        where = f"{explanation.site}, " if named else ""
        panels.append(_haplotype(rows, f"{where}haplotype {hap}: dosage {dosage:.3f}", explanation.cm))
    return panels


def _haplotype(rows: pd.DataFrame, title: str, cm: float) -> Spec:
    names = list(rows["row"])
    bar = {"type": "bar", "height": {"band": 0.7}}
    y = {
        "field": "row",
        "type": "nominal",
        "sort": names,
        "title": None,
        "axis": {"labelFontSize": 10, "labelOverlap": False, "labelLimit": 0},
    }
    by_allele = {"domain": list(CARRIES.values()), "range": COLOURS}
    colour = {"field": "carries", "type": "nominal", "scale": by_allele}
    x = {"scale": {"zero": False, "nice": False}}
    at = "position (cM); ticks: the typed site of the retrieval; line: the site"
    start = chart.number_format("start", at, **x)
    middle = chart.number_format("middle", at, **x)
    tick = {"type": "tick", "color": INK, "thickness": 2}
    shared = {"mark": bar, "encoding": {"x": start, "x2": {"field": "stop"}, "color": colour}}
    retrieved_at = {"mark": tick, "encoding": {"x": middle}}
    site = chart.note({"type": "rule", "color": INK}, x=chart.at(cm), y=None)
    layer = [shared, retrieved_at, site]
    weight = chart.number_format("weight", "weight", axis={"tickCount": 3})
    unnamed = {**y, "axis": None}
    height = {"step": 13}
    stretches = {"height": height, "title": title, "width": 460, "encoding": {"y": y}, "layer": layer}
    weights = {"height": height, "width": 150, "mark": bar, "encoding": {"x": weight, "y": unnamed, "color": colour}}
    data = {"values": chart.table_rows(rows)}
    return {"data": data, "hconcat": [stretches, weights]}
