"""The loss study as a figure and as the report's tables."""

from typing import Any

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_diagnosis import verdict_of
from ragimpute.evaluation.loss_study.judged_claims import CALIBRATED, FAMILIES, NOT_RUN, RAW, SUFFIX
from ragimpute.evaluation.loss_study.original_claims import LETTERS, PREDICTED_F1
from ragimpute.evaluation.loss_study.significance import ALPHA
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import ARCHITECTURE_COLOURS, INK, PAPER, SOFT

NOTHING = "Nothing to show: no loss was compared with no_recon."
STRATA = tuple(PREDICTED_F1)
SETTING = ["architecture", "size", "steps", "n_samples"]  # what distinguishes the settings of one mask
SCORES = (RAW, CALIBRATED)
# within the row of a loss, raw scores stand above calibrated ones
APART: Spec = {"field": "scores", "type": "nominal", "sort": list(SCORES), "title": None}
SHOWN = {
    **{"f1_overall": "F1 overall", "f1_overall_calibrated": "recalibrated", "f1_rare": "F1 rare"},
    **{"f1_rare_calibrated": "recalibrated", "f1_common": "F1 common", "r2_overall": "r²"},
    **{"r2_overall_calibrated": "recalibrated", "r2_rare": "r² rare", "r2_rare_calibrated": "recalibrated"},
    **{"ece": "calibration error", "ece_calibrated": "recalibrated"},
    **{"epochs_to_best": "epochs to best F1", "steps_to_best99": "steps to 99 % of it", "loss_sd": "sd of loss"},
    **{"loss_sd_normalised": "sd / weights", "f1_gap": "train − validation F1", "ratio_of_means": "recon / hap loss"},
    **{"grad_cosine": "cosine", "focal_share_90": "sites with 90 % of gradient"},
}


def loss_figure(study: pd.DataFrame, claims: pd.DataFrame) -> Spec:
    """Predicted and measured F1 of A to D, and paired differences to `no_recon` of all losses; a row per setting.

    Args: rows of loss_study.tsv and of claims.tsv of one mask. A filled point of a difference is one that stays
    different from 0 after Holm's correction.
    """
    title = "Losses: predicted against measured"
    caption = (
        "F1 as predicted (diamonds) and as measured, raw (circles) and after temperature (squares), and paired "
        "differences to no_recon. 95 % intervals over seeds and samples. Filled: different from no_recon after Holm's "
        "correction."
    )
    compared = study[study["measure"].isin(_measures(STRATA))]
    if compared["value"].isna().all() or claims.empty:
        return chart.nothing(title, NOTHING)
    judged = set(claims[SETTING].itertuples(index=False, name=None))
    rows = []
    for key, part in compared.groupby(SETTING, sort=True):
        if key in judged:
            architecture, size, steps, _ = key
            colour = ARCHITECTURE_COLOURS.get(architecture, SOFT)
            panels = [_levels(part, stratum, colour) for stratum in STRATA]
            panels += [_differences(part, stratum, colour) for stratum in STRATA]
            heading = f"{architecture}, size {size}, {steps} steps"
            rows.append({"title": heading, "hconcat": panels})
    return chart.chart(title, caption, {"vconcat": rows})


def _measures(strata: tuple[str, ...]) -> dict[str, str]:
    """Measure -> raw or calibrated, of F1 in `strata`."""
    return {f"f1_{stratum}{SUFFIX[scores]}": scores for stratum in strata for scores in SCORES}


def _of_stratum(rows: pd.DataFrame, stratum: str) -> pd.DataFrame:
    """The rows of F1 in a stratum that have a value, with a column scores."""
    scores = rows["measure"].map(_measures((stratum,)))
    has_value = scores.notna() & rows["value"].notna()
    return rows.assign(scores=scores)[has_value]


def _levels(part: pd.DataFrame, stratum: str, colour: str) -> Spec:
    """Measured F1 with its interval and predicted F1 of each of A to D."""
    predicted = PREDICTED_F1[stratum]
    rows = _of_stratum(part, stratum)
    losses = rows[rows["loss"].isin(predicted)]["loss"]
    rows = rows.loc[losses.index]
    rows = rows.assign(predicted=losses.map(predicted), loss=losses.map(LETTERS))
    axis: Spec = {"scale": {"zero": False}, "axis": {"tickCount": 3}}
    shown = chart.tooltips({"loss": "loss", "scores": "scores", "value:Q": "measured", "predicted:Q": "predicted"})
    point = {"type": "point", "opacity": 1, "size": 45, "filled": True, "color": colour}
    diamond = {"type": "point", "opacity": 1, "size": 60, "shape": "diamond", "color": INK}
    value_x = chart.number_format("value", **axis)
    predicted_x = chart.number_format("predicted", **axis)
    measured = {"mark": point, "encoding": {"x": value_x, "shape": _shape(), "yOffset": APART}}
    as_predicted = {"mark": diamond, "encoding": {"x": predicted_x}}
    layer = [*_interval(rows, "ci_low", "ci_high", colour, axis), measured, as_predicted]
    columns = ["loss", "scores", "value", "predicted", "ci_low", "ci_high"]
    letters = [LETTERS[loss] for loss in predicted]
    return _panel(f"{stratum} F1", rows[columns], letters, shown, layer, 130)


def _differences(part: pd.DataFrame, stratum: str, colour: str) -> Spec:
    """Difference in F1 to no_recon of every loss that was compared with it."""
    rows = _of_stratum(part, stratum)
    rows = rows[rows["difference"].notna()].sort_values("loss")
    rows = rows.assign(sure=rows["p_holm"] < ALPHA)
    axis: Spec = {"axis": {"tickCount": 3}}
    shown = chart.tooltips({"loss": "loss", "scores": "scores", "difference:Q": "difference", "p_holm:Q": "p (Holm)"})
    fill = {"condition": {"test": "datum.sure", "value": colour}, "value": PAPER}
    point = {"type": "point", "opacity": 1, "size": 45, "color": colour}
    x = chart.number_format("difference", **axis)
    difference = {"mark": point, "encoding": {"x": x, "fill": fill, "shape": _shape(), "yOffset": APART}}
    none = chart.note({"type": "rule"}, x=chart.at(0), **chart.WITHOUT_ROWS)
    layer = [none, *_interval(rows, "difference_low", "difference_high", colour, axis), difference]
    columns = ["loss", "scores", "difference", "difference_low", "difference_high", "sure", "p_holm"]
    losses = sorted(set(rows["loss"]))
    return _panel(f"{stratum} F1 − no_recon", rows[columns], losses, shown, layer, 170)


def _shape() -> Spec:
    scale = {"domain": list(SCORES), "range": ["circle", "square"]}
    return {"field": "scores", "type": "nominal", "scale": scale, "legend": None}


def _interval(rows: pd.DataFrame, low: str, high: str, colour: str, options: Spec) -> list[Spec]:
    """A layer with the intervals; none where there are none, as with a single seed."""
    if rows[low].isna().all():
        return []
    mark = {"type": "rule", "color": colour, "strokeWidth": 2, "opacity": 0.55}
    x = chart.number_format(low, **options)
    encoding = {"x": x, "x2": {"field": high}, "yOffset": APART}
    return [{"mark": mark, "encoding": encoding}]


def _panel(title: str, rows: pd.DataFrame, names: list[str], shown: list[Spec], layer: list[Spec], width: int) -> Spec:
    y = {"field": "loss", "type": "nominal", "sort": names, "title": None}
    panel: Spec = {"title": title, "width": width, "height": {"step": 30, "for": "position"}}
    panel["data"] = {"values": chart.table_rows(rows)}
    panel["encoding"] = {"y": y, "tooltip": shown}
    panel["layer"] = layer
    return panel


def loss_tables(study: pd.DataFrame, claims: pd.DataFrame) -> list[dict]:
    """For each setting of one mask: its claims that can be judged, with verdicts, and SHOWN of every loss, as text.

    Empty where nothing was compared.
    """
    out = []
    of_setting = dict(iter(study.groupby(SETTING)))
    for key, judged in claims.groupby(SETTING, sort=True):
        rows = of_setting[key]
        is_tested = (judged["family"] != "definition") & (judged["verdict"] != NOT_RUN)
        tested = judged[is_tested]
        counts = tested["verdict"].value_counts()
        table: dict[str, Any] = dict(zip(SETTING, map(str, key), strict=True))
        table["n_seeds"] = str(rows["n_seeds"].max())
        table["claims"] = claim_rows(tested)
        table["counts"] = counts.to_dict()
        table["head"] = list(SHOWN.values())
        table["losses"] = []
        for loss in ranked(rows):
            cells = _loss(rows[rows["loss"] == loss])
            table["losses"].append((loss, cells))
        out.append(table)
    return out


def ranked(rows: pd.DataFrame) -> list[str]:
    """Losses of rows of loss_study.tsv by overall F1, the best first; by name without truth."""
    of_f1 = rows[rows["measure"] == "f1_overall"]
    f1 = of_f1.set_index("loss")["value"]
    return sorted(set(rows["loss"]), key=lambda loss: (-np.nan_to_num(f1.get(loss, 0.0)), loss))


def claim_rows(judged: pd.DataFrame) -> list[dict[str, str]]:
    """The claims of one setting as text, in the order of their lists: family, text, original, region, and for raw and
    calibrated the measured value, the interval and the verdict (empty where there is none).
    """
    found = {(row["scores"], row["claim"]): row for row in judged.to_dict("records")}
    out = []
    for family, claims in FAMILIES.items():
        for claim in claims:
            raw = found.get((RAW, claim.name))
            if raw is None:
                continue
            cells = {"family": family, "text": claim.text, "original": claim.original, "region": region(raw)}
            for scores in SCORES:
                row = found.get((scores, claim.name))
                measured = interval = verdict = ""
                if row is not None:
                    measured = "" if np.isnan(row["measured"]) else claim_text(row["measured"])
                    interval = interval_text(row["ci_low"], row["ci_high"])
                    verdict = row["verdict"]
                cells[f"measured_{scores}"] = measured
                cells[f"interval_{scores}"] = interval
                cells[f"verdict_{scores}"] = verdict
            cells["reason"] = raw["reason"]
            out.append(cells)
    return out


def region(row: dict) -> str:
    """Where a claim says that its measure lies; nothing for a claim that joins others."""
    low = row["predicted_low"]
    high = row["predicted_high"]
    if np.isnan(low):
        return ""
    if np.isinf(high):
        return f"> {low:g}"
    if np.isinf(low):
        return f"< {high:g}"
    text = f"{low:.3g} to {high:.3g}"
    return text.replace("-", "−")


def _loss(rows: pd.DataFrame) -> list[dict[str, object]]:
    """The cells of one loss: the value, its interval or its difference to no_recon, and the range of its rank."""
    by_measure = rows.set_index("measure")
    cells: list[dict[str, object]] = []
    for name in SHOWN:
        if name not in by_measure.index:
            cells.append({"value": "NA", "below": "", "rank": "", "sure": False})
            continue
        row = by_measure.loc[name]
        below = _below(row)
        if name == "ratio_of_means":
            values = by_measure["value"].to_dict()
            below = verdict_of(values).outcome
        place = rank_range(row["rank_best"], row["rank_worst"])
        rank = f"rank {place}" if place else ""
        is_sure = bool(row["p_holm"] < ALPHA)
        value = claim_text(row["value"])
        cells.append({"value": value, "below": below, "rank": rank, "sure": is_sure})
    return cells


def _below(row: pd.Series) -> str:
    """The interval of a value or, where it was compared with no_recon, the difference and its interval."""
    if not np.isfinite(row["difference_low"]):
        return interval_text(row["ci_low"], row["ci_high"])
    difference = claim_text(row["difference"])
    interval = interval_text(row["difference_low"], row["difference_high"])
    return f"Δ {difference} {interval}"


def claim_text(value: float) -> str:
    """Three significant digits below 1, one decimal above 10, with a real minus sign; NA where undefined."""
    if not np.isfinite(value):
        return "NA"
    size = abs(value)
    form = ".1f" if size >= 10 else ".2f" if size >= 1 else ".3g"
    text = f"{value:{form}}"
    return text.replace("-", "−")


def rank_range(best: float, worst: float) -> str:
    """`3` or `3–5`, nothing where undefined."""
    if not np.isfinite(best):
        return ""
    if best == worst:
        return f"{best:.0f}"
    return f"{best:.0f}–{worst:.0f}"


def interval_text(low: float, high: float) -> str:
    """`[low, high]`, nothing where undefined."""
    if not np.isfinite(low) or not np.isfinite(high):
        return ""
    return f"[{claim_text(low)}, {claim_text(high)}]"
