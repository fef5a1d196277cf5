"""The figure of `ragimpute explain`: the haplotypes that a person's two haplotypes copy around one site."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ragimpute.reporting.style import ARCHITECTURE_COLOURS

if TYPE_CHECKING:
    from ragimpute.explain import Explanation

SHOWN = 20  # neighbours of each haplotype
COLOURS = {0: "#999999", 1: ARCHITECTURE_COLOURS["bert_rag"]}  # REF and ALT
LABELS = {0: "carries REF", 1: "carries ALT"}


def figure(explanation: "Explanation") -> Figure:
    """For each haplotype the heaviest neighbours: the stretch that they share with it (cM), and their weight."""
    out = Figure(figsize=(9, 8), layout="constrained")
    grid = out.subplots(2, 2, width_ratios=[3, 1], sharey="row", squeeze=False)
    flank = dict(zip(("left", "right"), explanation.flank_cm, strict=True))
    for hap, (shared, weights) in enumerate(grid, start=1):
        rows = explanation.neighbours[explanation.neighbours["haplotype"] == hap].head(SHOWN)
        y = np.arange(len(rows))
        middle = np.array([flank[name] for name in rows["flank"]])
        start, stop = middle - rows["left_cm"].to_numpy(), middle + rows["right_cm"].to_numpy()
        colours = [COLOURS[allele] for allele in rows["allele"]]
        shared.barh(y, stop - start, left=start, color=colours, height=0.7)
        shared.plot(middle, y, "|", color="#000000", markersize=7)
        shared.axvline(explanation.cm, color="#000000", linewidth=0.9)
        shared.set_yticks(y, [f"{row.neighbour} ({row.neighbour_haplotype})" for row in rows.itertuples()], fontsize=7)
        shared.set_ylim(len(rows) - 0.4, -0.6)
        shared.set_title(f"haplotype {hap}: dosage {explanation.dosages[hap - 1]:.3f}", loc="left")
        weights.barh(y, rows["weight"], color=colours, height=0.7)
    grid[1, 0].set_xlabel("position (cM); ticks: the typed site of the retrieval; line: the site")
    grid[1, 1].set_xlabel("weight")
    handles = [Patch(color=COLOURS[allele], label=label) for allele, label in LABELS.items()]
    out.suptitle(f"{explanation.sample} at {explanation.site}", x=0.01, ha="left")
    out.legend(handles=handles, loc="outside upper right", ncols=2)
    return out
