"""The report's summary table of one mask, and that of its trainings: shown numbers beside what summary.tsv has."""

import io
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.evaluation import result_tables
from ragimpute.reporting import beagle_verdict
from ragimpute.reporting.study_tables import StudyTables

TRAINED = ("scratch", "fine_tuned")  # weights of networks that a study trains
JOINED = "\N{NO-BREAK SPACE}"  # no line ends there: the head of a narrow column has two lines, not five
HEADS = {
    **{"r2_overall": "r², all sites", "r2_rare": "r², rare", "r2_common": "r², common"},
    "r2_variant_rare": f"mean{JOINED}r²{JOINED}of rare{JOINED}sites",
    **{"f1_overall": "F1, all", "f1_rare": "F1, rare", "f1_common": "F1, common"},
}
# metrics of metrics.tsv that the summary shows besides those of summary.tsv, at all sites
AGREEMENT = {"concordance": "concordance", "nrd": "NRD", "iqs": "IQS"}
TRAINING_HEADS = {
    "epochs_to_best": "epochs to the best F1",
    "loss_sd": "sd of the loss at the end",
    "f1_gap": "F1, training − validation",
}


def was_trained(summary: pd.DataFrame) -> bool:
    """Whether the study trained a network, or only used weights that come with the package."""
    return bool(summary["weights"].isin(TRAINED).any())


def summary_table(rows: StudyTables) -> dict[str, Any]:
    """The summary, the best rare r2 first: shown numbers, and beside each the text that summary.tsv has."""
    summary = rows.summary
    text = result_tables.result_text(summary, result_tables.SUMMARY_COLUMNS)
    exact = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False).set_index("method")
    agreement = _agreement(rows.metrics)
    bold = {}
    for name in HEADS:
        metric, stratum = name.rsplit("_", 1)
        bold[name] = beagle_verdict.not_worse(rows.metrics, rows.comparisons, metric, stratum)
    lines = []
    for row in _best_first(summary):
        method = row["method"]
        cells = [_cell(row, name, exact.loc[method, name], method in bold[name]) for name in HEADS]
        for metric in AGREEMENT:
            value = agreement.get((method, metric), np.nan)
            cells.append({"value": f"{value:.6g}", "text": beagle_verdict.rounded(value), "sd": "", "bold": False})
        lines.append({"method": method, "selected": row["selected"], "n": row["n_seeds"], "cells": cells})
    header = [*HEADS.values(), *AGREEMENT.values()]
    several_seeds = bool((summary["n_seeds"] > 1).any())
    return {"header": header, "rows": lines, "tsv": text, "seeds": several_seeds}


def _agreement(metrics: pd.DataFrame) -> dict[tuple[str, str], float]:
    of_all = metrics[(metrics["population"] == "all") & (metrics["stratum"] == "overall")]
    wanted = of_all[of_all["metric"].isin(list(AGREEMENT))]
    means: dict[tuple[str, str], float] = wanted.groupby(["method", "metric"])["value"].mean().to_dict()
    return means


def _best_first(summary: pd.DataFrame) -> list[dict]:
    return summary.sort_values("r2_rare", ascending=False, kind="stable").to_dict("records")


def _cell(row: dict, name: str, exact: str, bold: bool) -> dict[str, Any]:
    sd = row.get(f"{name}_sd", np.nan)
    shown_sd = f"± {sd:.4f}" if np.isfinite(sd) else ""
    return {"value": exact, "text": beagle_verdict.rounded(row[name]), "sd": shown_sd, "bold": bold}


def training_table(summary: pd.DataFrame) -> dict[str, Any] | None:
    """How the trainings of the study went; None where none has a measure."""
    measured = summary[summary[list(TRAINING_HEADS)].notna().any(axis=1)]
    if measured.empty or not was_trained(summary):
        return None
    digits = {"epochs_to_best": 1}
    lines = [
        (row["method"], [beagle_verdict.rounded(row[name], digits.get(name, 4)) for name in TRAINING_HEADS])
        for row in _best_first(measured)
    ]
    return {"head": list(TRAINING_HEADS.values()), "rows": lines}
