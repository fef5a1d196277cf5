"""The report: one self-contained HTML file, made of the result tables and the figures."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ragimpute import __version__
from ragimpute.artefacts import atomic_path
from ragimpute.check import findings
from ragimpute.errors import InputError
from ragimpute.evaluation import tables
from ragimpute.evaluation.strata import STRATA
from ragimpute.provenance import versions
from ragimpute.reporting import losses, verdict
from ragimpute.reporting.plot import FIGURES

TITLES = {
    "r2_by_mac": "Accuracy by reference allele count",
    "accuracy": "Overall, rare and common sites",
    "differences": "Paired differences from Beagle",
    "calibration": "Calibration of haplotype dosages",
    "estimated_r2": "Estimated against true r²",
    "training": "Training curves",
    "loss_study": "Losses: predicted against measured, and differences to no_recon",
}
CAPTIONS = {
    "r2_by_mac": "Squared correlation of dosage and truth over all genotypes of a bin. Bands: 95 % intervals.",
    "accuracy": "r² and minor-allele F1 with 95 % intervals. Methods far behind are named at the edge.",
    "differences": "Method minus Beagle at its defaults, same people and resamples; right of 0 is better than Beagle.",
    "calibration": "Dosages in (.02, .98), ten bins of equal mass. On the diagonal a dosage means what it says.",
    "estimated_r2": "Mean true r² per variant in ten bins of the file's own INFO R2.",
    "training": "Validation people of the panel. Ticks: steps at which a loss with a switch had switched.",
    "loss_study": "95 % intervals over seeds and people. Filled: different from no_recon after Holm's correction.",
}

LEFT_OUT = "r² at typed sites, each left out in turn (plain Li-Stephens, the same for all methods)"


@dataclass(frozen=True)
class Inputs:
    """What the report is made from."""

    summary: pd.DataFrame
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    loss_study: pd.DataFrame
    claims: pd.DataFrame
    figures: Path
    config: Path
    checks: Sequence[tuple[str, Path]] = field(default_factory=tuple)
    dropped: Sequence[tuple[str, Path]] = field(default_factory=tuple)
    benchmarks: Path | None = None
    provenance: Path | None = None


def write_report(inputs: Inputs, out: Path) -> None:
    """Write the report to `out`. Raises InputError when a figure or the configuration cannot be read."""
    environment = Environment(
        loader=PackageLoader("ragimpute", "reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html.jinja").render(context(inputs))
    with atomic_path(out) as temporary:
        temporary.write_text(html, encoding="utf-8")


def context(inputs: Inputs) -> dict:
    """Everything that the template shows, as plain values."""
    try:
        text = inputs.config.read_text(encoding="utf-8")
        config = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{inputs.config}: not readable YAML ({error})") from None
    masks = sorted(set(inputs.metrics["mask"]))
    return {
        "version": __version__,
        "date": date.today().isoformat(),
        "masks": [_mask(inputs, mask, config) for mask in masks],
        "sizes": architecture_sizes(config, inputs.summary),
        "checks": [(name, _findings(path)) for name, path in inputs.checks],
        "dropped": [(name, _drop_counts(path)) for name, path in inputs.dropped],
        "benchmarks": benchmark_rows(inputs.benchmarks) if inputs.benchmarks else [],
        "config": text,
        "provenance": _provenance(inputs.provenance),
        "losses": config.get("losses", {}),
        "seeds": sorted(set(inputs.metrics.loc[inputs.metrics["architecture"] != "NA", "seed"])),
    }


def architecture_sizes(config: dict, summary: pd.DataFrame) -> dict[str, str]:
    """Architecture -> size, of those that were trained; "unknown" where the configuration does not say."""
    training = config.get("training") or {}
    trained = sorted(set(summary["architecture"]) - {"NA"})
    return {name: str((training.get(name) or {}).get("size", "unknown")) for name in trained}


def _mask(inputs: Inputs, mask: str, config: dict) -> dict:
    metrics, summary, comparisons = (t[t["mask"] == mask] for t in (inputs.metrics, inputs.summary, inputs.comparisons))
    return {
        "name": mask,
        "id": verdict.anchor(mask),
        "panel": summary["panel"].iloc[0],
        "facts": _facts(metrics),
        "verdict": verdict.verdict(summary, comparisons, metrics),
        "scored": bool(summary["r2_overall"].notna().any()),
        "summary": _summary(summary, metrics, architecture_sizes(config, summary)),
        "summary_tsv": _tsv(summary, tables.SUMMARY_COLUMNS),
        "bins": _bins(metrics, summary),
        "populations": _populations(metrics),
        "info": _info(metrics),
        "losses": losses.tables(
            inputs.loss_study[inputs.loss_study["mask"] == mask], inputs.claims[inputs.claims["mask"] == mask]
        ),
        "figures": [_figure(inputs.figures, name, mask) for name in FIGURES],
    }


def _facts(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    def value(metric: str) -> float:
        found = metrics.loc[(metrics["metric"] == metric) & (metrics["population"] == "all"), "value"]
        return float(found.iloc[0]) if len(found) else np.nan

    overall = metrics[(metrics["stratum"] == "overall") & metrics["metric"].isin(["r2", "r2_info"])]
    facts = [("people scored", value("n_people")), ("reference haplotypes", value("reference_haplotypes"))]
    facts += [
        ("untyped sites scored", float(overall["n_sites"].max())),
        ("genotypes", float(overall["n_genotypes"].max())),
    ]
    facts.append(("minor alleles in the truth", value("truth_minor_alleles")))
    return [(name, f"{number:,.0f}") for name, number in facts if np.isfinite(number)]


def _summary(summary: pd.DataFrame, metrics: pd.DataFrame, sizes: dict[str, str]) -> dict:
    bold = {}
    for name in tables.SUMMARY_METRICS:
        metric, stratum = name.rsplit("_", 1)
        bold[name] = verdict.not_worse(metrics, metric, stratum)
    extra = ("epochs_to_best", "loss_sd", "f1_gap")
    rows = []
    for row in summary.sort_values("r2_rare", ascending=False, kind="stable").to_dict("records"):
        cells = []
        for name in (*tables.SUMMARY_METRICS, *extra):
            digits = 1 if name == "epochs_to_best" else 4
            spread = row.get(f"{name}_sd", np.nan)
            cells.append(
                {
                    "value": "" if pd.isna(row[name]) else repr(float(row[name])),
                    "text": verdict.number(row[name], digits),
                    "sd": f"± {spread:.4f}" if np.isfinite(spread) else "",
                    "bold": row["method"] in bold.get(name, set()),
                }
            )
        size = sizes.get(row["architecture"], "")
        rows.append(
            {"method": row["method"], "selected": row["selected"], "size": size, "n": row["n_seeds"], "cells": cells}
        )
    header = [
        name.replace("_", " ").replace("r2", "r²").replace("f1", "F1") for name in (*tables.SUMMARY_METRICS, *extra)
    ]
    return {"header": header, "rows": rows}


def _tsv(table: pd.DataFrame, columns: dict[str, type]) -> str:
    shown = table[list(columns)].assign(selected=table["selected"].map({True: "true", False: "false"}))
    return shown.to_csv(sep="\t", index=False, na_rep="NA", float_format="%.6g", lineterminator="\n")


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
    interval = f"{verdict.number(low)} to {verdict.number(high)}" if np.isfinite(low) and np.isfinite(high) else ""
    return {"text": verdict.number(value), "interval": interval}


def _populations(metrics: pd.DataFrame) -> dict | None:
    rows = metrics[(metrics["population"] != "all") & (metrics["metric"] == "r2") & (metrics["stratum"] == "rare")]
    if rows.empty:
        return None
    means = rows.groupby(["method", "population"])["value"].mean().unstack()
    body = [(method, [verdict.number(value) for value in values]) for method, values in means.iterrows()]
    return {"head": list(means.columns), "rows": body}


def _info(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    rows = metrics[(metrics["metric"] == "r2_info_correlation") & (metrics["population"] == "all")]
    return [(name, verdict.number(value)) for name, value in rows.groupby("method")["value"].mean().items()]


def _figure(folder: Path, name: str, mask: str) -> dict[str, str]:
    path = folder / f"{name}.{mask}.svg"
    if not path.is_file():
        raise InputError(f"{path}: no such figure; run `ragimpute plot` with --out-dir {folder}")
    source = base64.b64encode(path.read_bytes()).decode()
    return {
        "name": name,
        "title": TITLES[name],
        "caption": CAPTIONS[name],
        "source": f"data:image/svg+xml;base64,{source}",
    }


def _drop_counts(path: Path) -> list[tuple[str, int]]:
    """Reasons and how many records each dropped, most frequent first."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if "reason" not in table.columns:
        raise InputError(f"{path}: line 1: column 'reason' is missing")
    counts = table["reason"].value_counts()
    return sorted(((str(reason), int(count)) for reason, count in counts.items()), key=lambda pair: (-pair[1], pair[0]))


def _findings(path: Path) -> list[dict]:
    """The rows of an input check: level, file, code, message."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in findings.COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"{path}: line 1: column {missing[0]!r} is missing")
    return table.to_dict("records")


def benchmark_rows(folder: Path) -> list[tuple[str, int, str, str]]:
    """(rule, jobs, total seconds, largest memory in MB) from Snakemake's benchmark files below `folder`, longest first.

    The first folder or file name below `folder` is the rule; files that are not benchmarks are passed over.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted([*folder.rglob("*.tsv"), *folder.rglob("*.txt")]):
        table = pd.read_csv(path, sep="\t")
        if not {"s", "max_rss"} <= set(table.columns):
            continue
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv").removesuffix(".txt")
        memory = pd.to_numeric(table["max_rss"], errors="coerce").max()
        found.setdefault(rule, []).append((float(pd.to_numeric(table["s"], errors="coerce").sum()), float(memory)))
    rows = [
        (rule, len(jobs), sum(s for s, _ in jobs), np.nanmax([0.0, *(m for _, m in jobs)]))
        for rule, jobs in found.items()
    ]
    return [(rule, n, f"{s:.1f}", f"{m:.0f}") for rule, n, s, m in sorted(rows, key=lambda row: (-row[2], row[0]))]


def _provenance(path: Path | None) -> dict:
    """The record of the run; without one, the versions that the report itself is written with."""
    return json.loads(path.read_text(encoding="utf-8")) if path else {"versions": versions()}
