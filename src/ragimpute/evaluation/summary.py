"""summary.tsv: one row per panel, mask and method, values averaged over seeds, with the training's own measures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ragimpute.evaluation import result_tables
from ragimpute.evaluation.scorer import ALL

LAST_EPOCHS = 3  # `loss_sd`: standard deviation of the per-step loss over this many last epochs
SELECTION_METRIC = "val_r2"  # of the validation samples of the panel; the targets choose nothing

_PLACES = {
    **{f"r2_{stratum}": ("r2", stratum) for stratum in ("overall", "rare", "common")},
    "r2_variant_rare": ("r2_variant", "rare"),
    **{f"f1_{stratum}": ("f1", stratum) for stratum in ("overall", "rare", "common")},
}
_KEYS = ("panel", "mask", "method", "architecture", "loss", "weights")


def summary_table(measured: pd.DataFrame, histories: Mapping[tuple[str, str], Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """The summary of metrics.tsv rows.

    Args: measured, rows of metrics.tsv; histories: (mask, method) -> history tables (columns of history.tsv). A method
    without a history, such as a calibrated one, which shares its training with the raw one, has no measures of training
    and is never selected.
    Returns a table with `tables.SUMMARY_COLUMNS`. Standard deviations are over seeds (n - 1), NaN with one seed.
    """
    everyone = measured[measured["population"] == ALL]
    rows = []
    for key, group in everyone.groupby(list(_KEYS), sort=True):
        row: dict = dict(zip(_KEYS, key, strict=True))
        row["n_seeds"] = group["seed"].nunique()
        for name, (metric, stratum) in _PLACES.items():
            values = group.loc[(group["metric"] == metric) & (group["stratum"] == stratum), "value"]
            row[name], row[f"{name}_sd"] = values.mean(), values.std(ddof=1)
        tables_of_row = histories.get((row["mask"], row["method"]), ())
        trained = [one for table in tables_of_row for one in training_measures(table)]
        for name in ("epochs_to_best", "loss_sd", "f1_gap", SELECTION_METRIC):
            found = [one[name] for one in trained if np.isfinite(one[name])]
            row[name] = float(np.mean(found)) if found else np.nan
        rows.append(row)
    table = pd.DataFrame(rows, columns=[*_KEYS, "n_seeds", *_sorted_columns(), SELECTION_METRIC])
    return select(table)[list(result_tables.SUMMARY_COLUMNS)]


def _sorted_columns() -> list[str]:
    return [name for name, kind in result_tables.SUMMARY_COLUMNS.items() if kind is float]


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Add `selected`: per panel and mask the trained row with the best validation metric (ties: first by name)."""
    chosen = np.zeros(len(table), dtype=bool)
    candidates = table[(table["architecture"] != "NA") & table[SELECTION_METRIC].notna()]
    for _, group in candidates.groupby(["panel", "mask"]):
        best = group.sort_values([SELECTION_METRIC, "method"], ascending=[False, True]).index[0]
        chosen[table.index.get_loc(best)] = True
    return table.assign(selected=chosen)


def training_measures(history: pd.DataFrame) -> list[dict[str, float]]:
    """Measures of each seed's training in a history table (long: seed step epoch metric value).

    val_r2: the best value reached. epochs_to_best: epoch of the best val_f1 (the first on a tie). loss_sd and
    loss_sd_normalised: standard deviation (n - 1) of the per-step loss over the last LAST_EPOCHS epochs, as it is and
    over the sum of its weights (a tenfold weight is no instability). f1_gap: train_f1 - val_f1 at the epoch of
    the best val_f1, positive when the network has learnt its training samples by heart.
    """
    out = []
    for _, rows in history.groupby("seed", sort=True):
        by_metric = dict(iter(rows.groupby("metric")))
        epochs = {
            name: by_metric[name].groupby("epoch")["value"].last() if name in by_metric else pd.Series(dtype=float)
            for name in ("val_f1", "train_f1", SELECTION_METRIC)
        }
        val_f1 = epochs["val_f1"].dropna()
        best = val_f1.idxmax() if len(val_f1) else None
        gap = epochs["train_f1"].get(best, np.nan) - val_f1[best] if best is not None else np.nan
        measures = {
            SELECTION_METRIC: epochs[SELECTION_METRIC].max(),
            "epochs_to_best": np.nan if best is None else float(best),
            "f1_gap": gap,
        }
        for name, metric in (("loss_sd", "loss"), ("loss_sd_normalised", "loss_normalised")):
            loss = by_metric.get(metric, history.iloc[:0])
            last = np.sort(loss["epoch"].unique())[-LAST_EPOCHS:]
            measures[name] = loss.loc[loss["epoch"].isin(last), "value"].std(ddof=1)
        out.append({name: float(value) for name, value in measures.items()})
    return out
