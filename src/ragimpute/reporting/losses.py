"""The loss study as a figure and as the report's tables."""

import numpy as np
import pandas as pd

from ragimpute.evaluation.claims import CLAIMS, LETTERS, PREDICTED_F1
from ragimpute.evaluation.diagnosis import verdict_of
from ragimpute.evaluation.intervals import ALPHA
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import ARCHITECTURE_COLOURS, INK, PAPER, SOFT

NOTHING = "Nothing to show: no loss was compared with no_recon."
STRATA = tuple(PREDICTED_F1)
SHOWN = {
    **{"f1_overall": "F1 overall", "f1_rare": "F1 rare", "f1_common": "F1 common", "r2_overall": "r²"},
    **{"r2_rare": "r² rare", "ece": "calibration error", "epochs_to_best": "epochs to best F1"},
    **{"loss_sd": "sd of loss", "loss_sd_normalised": "sd / weights", "f1_gap": "train − validation F1"},
    **{"recon_ratio": "recon / hap loss", "grad_cosine": "cosine", "focal_share_90": "sites with 90 % of gradient"},
}


def figure(study: pd.DataFrame, claims: pd.DataFrame) -> Spec:
    """Predicted and measured F1 of A to D, and paired differences to `no_recon` of all losses; a row per architecture.

    Args: rows of loss_study.tsv and of claims.tsv of one mask. A filled point of a difference is one that stays
    different from 0 after Holm's correction.
    """
    title = "Losses: predicted against measured"
    caption = (
        "F1 as predicted (diamonds) and as measured, and paired differences to no_recon. 95 % intervals over seeds and "
        "people. Filled: different from no_recon after Holm's correction."
    )
    compared = study[study["measure"].isin([f"f1_{stratum}" for stratum in STRATA])]
    if compared["value"].isna().all() or claims.empty:
        return chart.nothing(title, NOTHING)
    rows = []
    for architecture in sorted(set(claims["architecture"])):
        part = compared[compared["architecture"] == architecture]
        colour = ARCHITECTURE_COLOURS.get(architecture, SOFT)
        judged = claims[claims["architecture"] == architecture].set_index("claim")
        name = f"{architecture}, size {part['size'].iloc[0]}, {part['steps'].iloc[0]} steps"
        panels = [_levels(judged, stratum, colour) for stratum in STRATA]
        panels += [_differences(part[part["measure"] == f"f1_{stratum}"], stratum, colour) for stratum in STRATA]
        rows.append({"title": name, "hconcat": panels})
    return chart.figure(title, caption, {"vconcat": rows})


def _levels(judged: pd.DataFrame, stratum: str, colour: str) -> Spec:
    """Measured F1 with its interval and predicted F1 of each of A to D."""
    letters = [LETTERS[loss] for loss in PREDICTED_F1[stratum]]
    rows = judged.reindex([f"f1_{stratum}_{letter}" for letter in letters]).assign(loss=letters)
    axis: Spec = {"scale": {"zero": False}, "axis": {"tickCount": 3}}
    shown = chart.tooltips({"loss": "loss", "measured:Q": "measured", "predicted:Q": "predicted"})
    point = {"type": "point", "opacity": 1, "size": 60}
    layer = [
        *_interval(rows, "ci_low", "ci_high", colour, axis),
        {"mark": {**point, "filled": True, "color": colour}, "encoding": {"x": chart.number("measured", **axis)}},
        {"mark": {**point, "shape": "diamond", "color": INK}, "encoding": {"x": chart.number("predicted", **axis)}},
    ]
    columns = ["loss", "measured", "predicted", "ci_low", "ci_high"]
    return _panel(f"{stratum} F1", rows[columns], letters, shown, layer, 130)


def _differences(rows: pd.DataFrame, stratum: str, colour: str) -> Spec:
    """Difference in F1 to no_recon of every loss that was compared with it."""
    rows = rows[rows["difference"].notna()].sort_values("loss").assign(sure=lambda table: table["p_holm"] < ALPHA)
    axis: Spec = {"axis": {"tickCount": 3}}
    shown = chart.tooltips({"loss": "loss", "difference:Q": "difference", "p_holm:Q": "p (Holm)"})
    fill = {"condition": {"test": "datum.sure", "value": colour}, "value": PAPER}
    layer = [
        chart.note({"type": "rule"}, x=chart.at(0), **chart.WITHOUT_ROWS),
        *_interval(rows, "difference_low", "difference_high", colour, axis),
        {
            "mark": {"type": "point", "opacity": 1, "size": 60, "color": colour},
            "encoding": {"x": chart.number("difference", **axis), "fill": fill},
        },
    ]
    columns = ["loss", "difference", "difference_low", "difference_high", "sure", "p_holm"]
    return _panel(f"{stratum} F1 − no_recon", rows[columns], sorted(rows["loss"]), shown, layer, 170)


def _interval(rows: pd.DataFrame, low: str, high: str, colour: str, options: Spec) -> list[Spec]:
    """A layer with the intervals; none where there are none, as with a single seed."""
    if rows[low].isna().all():
        return []
    mark = {"type": "rule", "color": colour, "strokeWidth": 2.5, "opacity": 0.55}
    return [{"mark": mark, "encoding": {"x": chart.number(low, **options), "x2": {"field": high}}}]


def _panel(title: str, rows: pd.DataFrame, names: list[str], shown: list[Spec], layer: list[Spec], width: int) -> Spec:
    y = {"field": "loss", "type": "nominal", "sort": names, "title": None}
    return {
        "title": title,
        "width": width,
        "height": {"step": 18},
        "data": {"values": chart.records(rows)},
        "encoding": {"y": y, "tooltip": shown},
        "layer": layer,
    }


def tables(study: pd.DataFrame, claims: pd.DataFrame) -> list[dict]:
    """For each architecture of one mask: its claims with verdicts, and SHOWN of every loss, as text.

    Empty where nothing was compared.
    """
    out = []
    for architecture in sorted(set(claims["architecture"])):
        rows = study[study["architecture"] == architecture]
        judged = claims[claims["architecture"] == architecture].set_index("claim")
        first = judged.iloc[0]
        out.append(
            {
                "architecture": architecture,
                **{name: str(first[name]) for name in ("size", "steps", "n_seeds")},
                "n_people": str(rows["n_people"].max()),
                "claims": [_claim(judged.loc[claim.name]) for claim in CLAIMS],
                "counts": judged["verdict"].value_counts().to_dict(),
                "head": list(SHOWN.values()),
                "losses": [(loss, _loss(rows[rows["loss"] == loss])) for loss in _ranked(rows)],
            }
        )
    return out


def _ranked(rows: pd.DataFrame) -> list[str]:
    """Losses by overall F1, the best first; by name without truth."""
    f1 = rows[rows["measure"] == "f1_overall"].set_index("loss")["value"]
    return sorted(set(rows["loss"]), key=lambda loss: (-f1.get(loss, 0.0), loss))


def _claim(row: pd.Series) -> dict[str, str]:
    low, high = row["predicted_low"], row["predicted_high"]
    region = "" if np.isnan(low) else f"> {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"
    return {
        "text": row["text"],
        "region": region,
        "measured": text(row["measured"]) if region else "",
        "interval": interval(row["ci_low"], row["ci_high"]) if region else "",
        "verdict": row["verdict"],
    }


def _loss(rows: pd.DataFrame) -> list[dict[str, object]]:
    """The cells of one loss: the value, its interval or its difference to no_recon, and the range of its rank."""
    by_measure = rows.set_index("measure")
    cells: list[dict[str, object]] = []
    for name in SHOWN:
        if name not in by_measure.index:
            cells.append({"value": "NA", "below": "", "rank": "", "sure": False})
            continue
        row = by_measure.loc[name]
        has_difference = np.isfinite(row["difference_low"])
        below = (
            f"Δ {text(row['difference'])} {interval(row['difference_low'], row['difference_high'])}"
            if has_difference
            else interval(row["ci_low"], row["ci_high"])
        )
        rank = rank_range(row["rank_best"], row["rank_worst"])
        if name == "recon_ratio":
            below = verdict_of(by_measure["value"].to_dict()).outcome
        rank = f"rank {rank}" if rank else ""
        cells.append({"value": text(row["value"]), "below": below, "rank": rank, "sure": bool(row["p_holm"] < ALPHA)})
    return cells


def text(value: float) -> str:
    """Three significant digits below 1, one decimal above 10, with a real minus sign; NA where undefined."""
    if not np.isfinite(value):
        return "NA"
    digits = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
    return digits.replace("-", "−")


def rank_range(best: float, worst: float) -> str:
    """`3` or `3–5`, nothing where undefined."""
    if not np.isfinite(best):
        return ""
    return f"{best:.0f}" if best == worst else f"{best:.0f}–{worst:.0f}"


def interval(low: float, high: float) -> str:
    """`[low, high]`, nothing where undefined."""
    return f"[{text(low)}, {text(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
