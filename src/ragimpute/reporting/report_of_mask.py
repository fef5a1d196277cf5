"""What the report says about one mask: facts, verdict, tables and figures, as plain values for the template."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.reporting import (
    FIGURES,
    beagle_verdict,
    figure_layout,
    loss_figures,
    method_names,
    reader_sentence,
    report_summary,
    report_tables,
    style,
)
from ragimpute.reporting.chart import HIDDEN
from ragimpute.reporting.study_tables import StudyTables

# figures with a section of their own, in the order of the page
SECTIONS = ("populations", "along", "calibration", "estimated_r2", "estimates", "painting")
OF_TRAININGS = ("training", "monitors", "loss_study")  # likewise, where a network was trained


def mask_context(mask: str, rows: StudyTables, figures: Path) -> dict[str, Any]:
    """Everything that the template shows of one mask. Raises InputError when a figure is missing.

    Args: rows, the tables' rows of the mask; figures, the folder that `ragimpute plot` wrote.
    """
    metrics, summary = rows.metrics, rows.summary
    styles = style.method_styles(summary)
    leading = method_names.leading_method(summary)
    trained = report_summary.was_trained(summary)
    hidden = [method for method, one in styles.items() if not one.main]
    drawn = {}
    for name in FIGURES:  # trainings are shown to be compared, all of them
        at_first = [] if name in OF_TRAININGS else hidden
        drawn[name] = _figure(figures / f"{name}.{mask}.json", at_first)
    scored = bool(summary["r2_overall"].notna().any())
    first = "r2_by_mac" if scored else "estimates"
    context: dict[str, Any] = {"name": mask, "id": f"mask-{mask}", "panel": summary["panel"].iloc[0]}
    context["sentence"] = reader_sentence.first_sentence(metrics, leading)
    context["leading"] = leading
    context["is_selected"] = bool(styles[leading].selected)
    context["facts"] = _facts(metrics, rows.along)
    context["verdict"] = beagle_verdict.compare_with_beagle(summary, rows.comparisons, metrics, "It")
    context["scored"] = scored
    context["trained"] = trained
    context["first"] = first
    context["sections"] = [name for name in SECTIONS if name != first and not drawn[name]["empty"]]
    context["styles"] = styles
    context["n_hidden"] = len(hidden)
    context["summary"] = report_summary.summary_table(rows)
    context["trainings"] = report_summary.training_table(summary)
    context["bins"] = report_tables.bin_tables(metrics, styles)
    context["filters"] = report_tables.filter_tables(metrics, styles, leading)
    context["populations"] = report_tables.population_table(metrics, styles)
    context["estimated"] = report_tables.estimated_table(metrics, styles)
    context["losses"] = loss_figures.loss_tables(rows.loss_study, rows.claims) if trained else []
    context["figures"] = drawn
    return context


def _facts(metrics: pd.DataFrame, along: pd.DataFrame) -> list[tuple[str, str]]:
    """What was imputed, from what: names and numbers."""

    def value(metric: str) -> float:
        found = metrics.loc[(metrics["metric"] == metric) & (metrics["population"] == "all"), "value"]
        return float(found.iloc[0]) if len(found) else np.nan

    overall = metrics[(metrics["stratum"] == "overall") & metrics["metric"].isin(["r2", "r2_info"])]
    windows = along.drop_duplicates(["chrom", "start"])
    numbers = [
        ("samples scored", value("n_samples")),
        ("reference haplotypes", value("reference_haplotypes")),
        ("typed sites", float(windows["n_typed"].sum())),
        ("untyped sites that vary in the reference", float(overall["n_sites"].max())),
    ]
    regions = [
        f"{chrom}:{rows['start'].min():,}–{rows['end'].max():,}" for chrom, rows in windows.groupby("chrom", sort=False)
    ]
    place = [("region", regions[0])] if len(regions) == 1 else [("chromosomes", str(len(regions)))]
    return place + [(name, f"{number:,.0f}") for name, number in numbers if np.isfinite(number)]


def _figure(path: Path, hidden: Sequence[str]) -> dict[str, Any]:
    """A figure with title and caption, laid out for the widths of screens, at first without the methods `hidden`."""
    if not path.is_file():
        raise InputError(f"{path}: no such figure; run `ragimpute plot` with --out-dir {path.parent}")
    spec = json.loads(path.read_text(encoding="utf-8"))
    found = {"name": path.stem, **spec["usermeta"]}
    if found["empty"]:
        return found
    found["sizes"] = {}
    drawn = figure_layout.body_keys(spec)
    bodies = {"saved": {key: spec[key] for key in drawn}}
    for name, layout in figure_layout.layouts(spec, hidden).items():
        bodies[name] = layout["body"]
        found["sizes"][name] = (layout["width"], layout["height"])
    shared = {key: value for key, value in spec.items() if key not in drawn and key != "usermeta"}
    found["spec"] = {"shared": shared, "bodies": bodies}
    by_method = any(one["name"] == HIDDEN for one in spec.get("params", []))
    found["methods"] = {row["method"] for row in spec["data"]["values"]} if by_method else set()
    return found
