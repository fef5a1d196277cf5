"""What the report says about one mask: facts, verdict, tables and figures, as plain values for the template."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.strata import STRATA
from ragimpute.reporting import FIGURES, beagle_verdict, loss_figures, style
from ragimpute.reporting.study_tables import StudyTables

SECTIONS = (  # figures with a section of their own, in the order of the page
    *("populations", "along", "calibration", "estimated_r2", "estimates", "painting", "training", "monitors"),
    "loss_study",
)
LEFT_OUT = "r² at typed sites, each left out in turn (plain Li-Stephens, the same for all methods)"
EXTRA = ("epochs_to_best", "loss_sd", "f1_gap")  # columns of the summary beside the scores


def mask_context(mask: str, rows: StudyTables, figures: Path, sizes: dict[str, str]) -> dict:
    """Everything that the template shows of one mask. Raises InputError when a figure is missing.

    Args: rows, the tables' rows of the mask; figures, the folder that `ragimpute plot` wrote; sizes, architecture ->
    size.
    """
    metrics, summary = rows.metrics, rows.summary
    drawn = {name: _figure(figures / f"{name}.{mask}.json") for name in FIGURES}
    scored = bool(summary["r2_overall"].notna().any())
    first = "r2_by_mac" if scored else "estimates"
    return {
        "name": mask,
        "id": f"mask-{mask}",
        "panel": summary["panel"].iloc[0],
        "facts": _facts(metrics, rows.along),
        "verdict": beagle_verdict.compare_with_beagle(summary, rows.comparisons, metrics),
        "scored": scored,
        "first": first,
        "sections": [name for name in SECTIONS if name != first and not drawn[name]["empty"]],
        "styles": style.method_styles(summary),
        "summary": _summary(rows, sizes),
        "bins": _bins(metrics, summary),
        "populations": _populations(metrics),
        "info": _info(metrics),
        "losses": loss_figures.loss_tables(rows.loss_study, rows.claims),
        "figures": drawn,
    }


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


def _summary(rows: StudyTables, sizes: dict[str, str]) -> dict:
    """The summary table, the best rare r2 first: shown numbers, and beside each the text that summary.tsv has."""
    text = result_tables.result_text(rows.summary, result_tables.SUMMARY_COLUMNS)
    exact = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False).set_index("method")
    bold = {
        name: beagle_verdict.not_worse(rows.metrics, rows.comparisons, *name.rsplit("_", 1))
        for name in result_tables.SUMMARY_METRICS
    }
    lines = []
    for row in rows.summary.sort_values("r2_rare", ascending=False, kind="stable").to_dict("records"):
        method = row["method"]
        cells = [
            {
                "value": exact.loc[method, name],
                "text": beagle_verdict.rounded(row[name], 1 if name == "epochs_to_best" else 4),
                "sd": f"± {row[f'{name}_sd']:.4f}" if np.isfinite(row.get(f"{name}_sd", np.nan)) else "",
                "bold": method in bold.get(name, set()),
            }
            for name in (*result_tables.SUMMARY_METRICS, *EXTRA)
        ]
        size = sizes.get(row["architecture"], "")
        lines.append({"method": method, "selected": row["selected"], "size": size, "n": row["n_seeds"], "cells": cells})
    columns = (*result_tables.SUMMARY_METRICS, *EXTRA)
    header = [name.replace("_", " ").replace("r2", "r²").replace("f1", "F1") for name in columns]
    return {"header": header, "columns": columns, "rows": lines, "tsv": text}


def _bins(metrics: pd.DataFrame, summary: pd.DataFrame) -> list[dict]:
    """Per metric: a table of methods by strata, with the numbers of sites and true minor alleles."""
    everyone = metrics[metrics["population"] == "all"]
    counts = everyone[everyone["metric"] == "truth_minor_alleles"].groupby("stratum")[["value", "n_sites"]].first()
    methods = summary.sort_values("r2_rare", ascending=False, kind="stable")["method"].tolist()
    out = []
    for metric, title in (
        ("r2", "r²"),
        ("f1", "F1"),
        ("r2_variant", "r² per variant"),
        ("r2_info", "estimated r²"),
        ("r2_loo", LEFT_OUT),
    ):
        rows = everyone[everyone["metric"] == metric]
        means = rows.groupby(["method", "stratum"])[["value", "ci_low", "ci_high"]].mean()
        sites = rows.groupby("stratum")["n_sites"].first()
        strata = [name for name in STRATA if sites.get(name, 0) > 0]
        if means["value"].notna().any():
            head = [
                {
                    "name": name.replace("mac_", "MAC ").replace("_plus", "+").replace("_", "–"),
                    "sites": f"{sites[name]:,}",
                    "alleles": f"{counts['value'].get(name, np.nan):,.0f}" if name in counts.index else "",
                }
                for name in strata
            ]
            body = [(method, [_with_interval(means, method, name) for name in strata]) for method in methods]
            out.append({"title": title, "head": head, "rows": body, "open": metric == "r2"})
    return out


def _with_interval(means: pd.DataFrame, method: str, stratum: str) -> dict[str, str]:
    if (method, stratum) not in means.index:
        return {"text": "NA", "interval": ""}
    value, low, high = means.loc[(method, stratum)]
    interval = (
        f"{beagle_verdict.rounded(low)} to {beagle_verdict.rounded(high)}"
        if np.isfinite(low) and np.isfinite(high)
        else ""
    )
    return {"text": beagle_verdict.rounded(value), "interval": interval}


def _populations(metrics: pd.DataFrame) -> dict | None:
    rows = metrics[(metrics["population"] != "all") & (metrics["metric"] == "r2") & (metrics["stratum"] == "rare")]
    if rows.empty:
        return None
    means = rows.groupby(["method", "population"])["value"].mean().unstack()
    body = [(method, [beagle_verdict.rounded(value) for value in values]) for method, values in means.iterrows()]
    return {"head": list(means.columns), "rows": body}


def _info(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    rows = metrics[(metrics["metric"] == "r2_info_correlation") & (metrics["population"] == "all")]
    return [(name, beagle_verdict.rounded(value)) for name, value in rows.groupby("method")["value"].mean().items()]


def _figure(path: Path) -> dict:
    """The specification of a figure, with the title and the caption that it brings along."""
    if not path.is_file():
        raise InputError(f"{path}: no such figure; run `ragimpute plot` with --out-dir {path.parent}")
    spec = json.loads(path.read_text(encoding="utf-8"))
    return {"name": path.stem, "spec": spec, **spec["usermeta"]}
