"""The loss study as a figure and as the report's tables."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ragimpute.evaluation.claims import CLAIMS, LETTERS, PREDICTED_F1
from ragimpute.evaluation.diagnosis import verdict_of
from ragimpute.evaluation.intervals import ALPHA
from ragimpute.reporting.style import ARCHITECTURE_COLOURS, empty

NOTHING = "Nothing to show: no loss was compared with no_recon."
STRATA = tuple(PREDICTED_F1)
SHOWN = {
    **{"f1_overall": "F1 overall", "f1_rare": "F1 rare", "f1_common": "F1 common", "r2_overall": "r²"},
    **{"r2_rare": "r² rare", "ece": "calibration error", "epochs_to_best": "epochs to best F1"},
    **{"loss_sd": "sd of loss", "loss_sd_normalised": "sd / weights", "f1_gap": "train − validation F1"},
    **{"recon_ratio": "recon / hap loss", "grad_cosine": "cosine", "focal_share_90": "sites with 90 % of gradient"},
}


def figure(study: pd.DataFrame, claims: pd.DataFrame) -> Figure:
    """Predicted and measured F1 of A to D, and paired differences to `no_recon` of all losses; a row per architecture.

    Args: rows of loss_study.tsv and of claims.tsv of one mask. A filled point of a difference is one that stays
    different from 0 after Holm's correction.
    """
    architectures = sorted(set(study["architecture"]))
    compared = study[study["measure"].isin([f"f1_{stratum}" for stratum in STRATA])]
    if compared["value"].isna().all() or claims.empty:
        return empty(Figure(figsize=(9, 2), layout="constrained"), NOTHING)
    n_losses = compared["loss"].nunique()
    drawn = Figure(figsize=(12.5, (1.4 + 0.24 * max(n_losses, 5)) * len(architectures)), layout="constrained")
    grid = drawn.subplots(len(architectures), 4, squeeze=False, width_ratios=(1, 1, 1.25, 1.25))
    for row, architecture in zip(grid, architectures, strict=True):
        rows = compared[compared["architecture"] == architecture]
        size, steps = rows["size"].iloc[0], rows["steps"].iloc[0]
        colour = ARCHITECTURE_COLOURS.get(architecture, "#333333")
        judged = claims[claims["architecture"] == architecture].set_index("claim")
        for axes, stratum in zip(row[:2], STRATA, strict=True):
            _levels(axes, judged, stratum, colour)
        for axes, stratum in zip(row[2:], STRATA, strict=True):
            _differences(axes, rows[rows["measure"] == f"f1_{stratum}"], colour)
            axes.set_title(f"{stratum} F1 − no_recon")
        row[0].set_ylabel(f"{architecture}\nsize {size}, {steps} steps")
        row[3].set_yticklabels([])
    return drawn


def _levels(axes, judged: pd.DataFrame, stratum: str, colour: str) -> None:
    letters = [LETTERS[loss] for loss in PREDICTED_F1[stratum]]
    rows = judged.reindex([f"f1_{stratum}_{letter}" for letter in letters])
    y = np.arange(len(letters))[::-1]
    axes.hlines(y, rows["ci_low"], rows["ci_high"], color=colour, linewidth=2, alpha=0.6)
    axes.plot(rows["measured"], y, "o", color=colour, label="measured")
    axes.plot(rows["predicted"], y, "D", markerfacecolor="none", color="#000000", label="predicted")
    axes.set_yticks(y, letters)
    axes.set(title=f"{stratum} F1", ylim=(-0.6, len(letters) - 0.4))
    axes.legend(loc="best")


def _differences(axes, rows: pd.DataFrame, colour: str) -> None:
    rows = rows[rows["difference"].notna()].sort_values("loss").reset_index(drop=True)
    y = np.arange(len(rows))[::-1]
    axes.axvline(0, color="#000000", linewidth=1)
    axes.hlines(y, rows["difference_low"], rows["difference_high"], color=colour, linewidth=2, alpha=0.6)
    sure = (rows["p_holm"] < ALPHA).to_numpy()
    axes.plot(rows["difference"][sure], y[sure], "o", color=colour)
    axes.plot(rows["difference"][~sure], y[~sure], "o", color=colour, markerfacecolor="#ffffff")
    axes.set_yticks(y, rows["loss"])
    axes.set_ylim(-0.7, len(rows) - 0.3)


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
