"""What the report says about one mask: facts, verdict, tables and figures, as plain values for the template."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.strata import STRATA
from ragimpute.reporting import FIGURES, beagle_verdict, chromosome_figure, loss_figures, style
from ragimpute.reporting.study_tables import StudyTables

SECTIONS = (  # figures with a section of their own, in the order of the page
    *("populations", "along", "calibration", "estimated_r2", "estimates", "painting", "training", "monitors"),
    "loss_study",
)
LEFT_OUT = "r² at typed sites, each left out in turn (plain Li-Stephens, the same for all methods)"
# metric -> title of its table by allele-count bin
BIN_TABLES = {"r2": "r²", "f1": "F1", "r2_variant": "r² per variant", "r2_info": "estimated r²", "r2_loo": LEFT_OUT}


def mask_context(mask: str, rows: StudyTables, figures: Path, sizes: dict[str, str]) -> dict:
    """Everything that the template shows of one mask. Raises InputError when a figure is missing.

    Args: rows, the tables' rows of the mask; figures, the folder that `ragimpute plot` wrote; sizes, architecture ->
    size.
    """
    metrics, summary = rows.metrics, rows.summary
    drawn = {name: _figure(figures / f"{name}.{mask}.json") for name in FIGURES}
    scored = bool(summary["r2_overall"].notna().any())
    first = "r2_by_mac" if scored else "estimates"
    context: dict = {"name": mask, "id": f"mask-{mask}", "panel": summary["panel"].iloc[0]}
    context["facts"] = _facts(metrics, rows.along)
    context["verdict"] = beagle_verdict.compare_with_beagle(summary, rows.comparisons, metrics)
    context["scored"] = scored
    context["first"] = first
    context["sections"] = [name for name in SECTIONS if name != first and not drawn[name]["empty"]]
    styles = style.method_styles(summary)
    context["styles"] = styles
    context["chromosomes"] = chromosome_figure.chromosome_table(rows.chromosomes, rows.along, styles)
    context["summary"] = _summary(rows, sizes)
    context["bins"] = _bins(metrics, summary)
    context["populations"] = _populations(metrics)
    context["info"] = _info(metrics)
    context["losses"] = loss_figures.loss_tables(rows.loss_study, rows.claims)
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


def _summary(rows: StudyTables, sizes: dict[str, str]) -> dict:
    """The summary table, the best rare r2 first: shown numbers, and beside each the text that summary.tsv has."""
    text = result_tables.result_text(rows.summary, result_tables.SUMMARY_COLUMNS)
    exact = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False).set_index("method")
    columns = (*result_tables.SUMMARY_METRICS, *result_tables.TRAINING_MEASURES)
    bold = {}
    for name in result_tables.SUMMARY_METRICS:
        metric, stratum = name.rsplit("_", 1)
        bold[name] = beagle_verdict.not_worse(rows.metrics, rows.comparisons, metric, stratum)
    lines = []
    for row in rows.summary.sort_values("r2_rare", ascending=False, kind="stable").to_dict("records"):
        method = row["method"]
        cells = [_summary_cell(row, name, exact.loc[method, name], method in bold.get(name, ())) for name in columns]
        size = sizes.get(row["architecture"], "")
        lines.append({"method": method, "selected": row["selected"], "size": size, "n": row["n_seeds"], "cells": cells})
    header = [name.replace("_", " ").replace("r2", "r²").replace("f1", "F1") for name in columns]
    return {"header": header, "columns": columns, "rows": lines, "tsv": text}


def _summary_cell(row: dict, name: str, exact: str, bold: bool) -> dict:
    digits = 1 if name == "epochs_to_best" else 4
    sd = row.get(f"{name}_sd", np.nan)
    shown_sd = f"± {sd:.4f}" if np.isfinite(sd) else ""
    return {"value": exact, "text": beagle_verdict.rounded(row[name], digits), "sd": shown_sd, "bold": bold}


def _bins(metrics: pd.DataFrame, summary: pd.DataFrame) -> list[dict]:
    """Per metric: a table of methods by strata, with the numbers of sites and true minor alleles."""
    of_all_samples = metrics[metrics["population"] == "all"]
    minor_alleles = of_all_samples[of_all_samples["metric"] == "truth_minor_alleles"]
    n_alleles = minor_alleles.groupby("stratum")["value"].first()
    methods = summary.sort_values("r2_rare", ascending=False, kind="stable")["method"].tolist()
    found = []
    for metric, title in BIN_TABLES.items():
        rows = of_all_samples[of_all_samples["metric"] == metric]
        means = rows.groupby(["method", "stratum"])[["value", "ci_low", "ci_high"]].mean()
        if not means["value"].notna().any():
            continue
        n_sites = rows.groupby("stratum")["n_sites"].first()
        strata = [name for name in STRATA if n_sites.get(name, 0) > 0]
        head = [_bin_head(name, n_sites[name], n_alleles.get(name)) for name in strata]
        body = [(method, [_with_interval(means, method, name) for name in strata]) for method in methods]
        found.append({"title": title, "head": head, "rows": body, "open": metric == "r2"})
    return found


def _bin_head(stratum: str, n_sites: int, n_alleles: float | None) -> dict[str, str]:
    name = stratum.replace("mac_", "MAC ").replace("_plus", "+").replace("_", "–")
    return {"name": name, "sites": f"{n_sites:,}", "alleles": "" if n_alleles is None else f"{n_alleles:,.0f}"}


def _with_interval(means: pd.DataFrame, method: str, stratum: str) -> dict[str, str]:
    if (method, stratum) not in means.index:
        return {"text": "NA", "interval": ""}
    value, low, high = means.loc[(method, stratum)]
    interval = ""
    if np.isfinite(low) and np.isfinite(high):
        interval = f"{beagle_verdict.rounded(low)} to {beagle_verdict.rounded(high)}"
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
