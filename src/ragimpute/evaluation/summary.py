"""summary.tsv: one row per panel, mask and method, values averaged over seeds, with the training's own measures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute import tables
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.result_tables import ALL

LAST_EPOCHS = 3  # `loss_sd`: standard deviation of the per-step loss over this many last epochs
SELECTION_METRIC = "val_r2"  # of the validation samples of the panel; the targets choose nothing

# column -> metric and stratum
_PLACES = {name: tuple(name.rsplit("_", 1)) for name in result_tables.SUMMARY_METRICS}
Histories = Mapping[tuple[str, str], Sequence[pd.DataFrame]]  # (mask, method) -> a table for each seed
_KEYS = ("panel", "mask", "method", "architecture", "loss", "weights")


def summarise_metrics(metrics: Path, histories: Histories, out: Path) -> pd.DataFrame:
    """The step `summarise`: write summary.tsv to `out` from metrics.tsv, and return the table."""
    measured = tables.read_table(metrics, result_tables.METRIC_COLUMNS)
    table = summary_table(measured, histories)
    result_tables.write_result_table(table, result_tables.SUMMARY_COLUMNS, out)
    return table


def summary_table(measured: pd.DataFrame, histories: Histories) -> pd.DataFrame:
    """The summary of metrics.tsv rows.

    Args: measured, rows of metrics.tsv; histories: (mask, method) -> history tables (columns of history.tsv). A method
    without a history, such as a calibrated one, which shares its training with the raw one, has no measures of training
    and is never selected.
    Returns a table with `result_tables.SUMMARY_COLUMNS`. Standard deviations are over seeds (n - 1), NaN with one seed.
    """
    of_genome = result_tables.of_genome(measured)
    is_of_all = of_genome["population"] == ALL
    of_all_samples = of_genome[is_of_all]
    rows = []
    for key, group in of_all_samples.groupby(list(_KEYS), sort=True):
        row: dict = dict(zip(_KEYS, key, strict=True))
        seeds = group["seed"]
        row["n_seeds"] = seeds.nunique()
        for name, (metric, stratum) in _PLACES.items():
            same_metric = group["metric"] == metric
            same_stratum = group["stratum"] == stratum
            same = same_metric & same_stratum
            values = group.loc[same, "value"]
            row[name] = values.mean()
            row[f"{name}_sd"] = values.std(ddof=1)
        trainings = []
        for table in histories.get((row["mask"], row["method"]), ()):
            trainings += training_measures(table)
        for name in (*result_tables.TRAINING_MEASURES, SELECTION_METRIC):
            values = [training[name] for training in trainings if np.isfinite(training[name])]
            row[name] = float(np.mean(values)) if values else np.nan
        rows.append(row)
    numbers = [name for name, kind in result_tables.SUMMARY_COLUMNS.items() if kind is float]
    table = pd.DataFrame(rows, columns=[*_KEYS, "n_seeds", *numbers, SELECTION_METRIC])
    columns = list(result_tables.SUMMARY_COLUMNS)
    return select(table)[columns]


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Add `selected`: per panel and mask the trained row with the best validation metric (ties: first by name)."""
    chosen = np.zeros(len(table), dtype=bool)
    is_trained = table["architecture"] != "NA"
    is_measured = table[SELECTION_METRIC].notna()
    candidates = table[is_trained & is_measured]
    for _, group in candidates.groupby(["panel", "mask"]):
        ranked = group.sort_values([SELECTION_METRIC, "method"], ascending=[False, True])
        best = ranked.index[0]
        place = table.index.get_loc(best)
        chosen[place] = True
    return table.assign(selected=chosen)


def training_measures(history: pd.DataFrame) -> list[dict[str, float]]:
    """Measures of each seed's training in a history table (long: seed step epoch metric value).

    val_r2: the best value reached. epochs_to_best: epoch of the best val_f1 (the first on a tie). loss_sd and
    loss_sd_normalised: standard deviation (n - 1) of the per-step loss over the last LAST_EPOCHS epochs, as it is and
    over the sum of its weights (a tenfold weight is no instability). f1_gap: train_f1 - val_f1 at the epoch of
    the best val_f1, positive when the network has learnt its training samples by heart.
    """
    measures = []
    for _, rows in history.groupby("seed", sort=True):
        val_r2 = _by_epoch(rows, SELECTION_METRIC)
        val_f1 = _by_epoch(rows, "val_f1")
        train_f1 = _by_epoch(rows, "train_f1")
        found = {SELECTION_METRIC: val_r2.max(), "epochs_to_best": np.nan, "f1_gap": np.nan}
        if val_f1.notna().any():
            best = val_f1.idxmax()
            found["epochs_to_best"] = best
            found["f1_gap"] = train_f1.get(best, np.nan) - val_f1[best]
        found["loss_sd"] = _sd_of_last_epochs(rows, "loss")
        found["loss_sd_normalised"] = _sd_of_last_epochs(rows, "loss_normalised")
        measures.append({name: float(value) for name, value in found.items()})
    return measures


def _by_epoch(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The last value of `metric` in each epoch; empty when it was never measured."""
    is_metric = rows["metric"] == metric
    measured = rows[is_metric]
    by_epoch = measured.groupby("epoch")
    return by_epoch["value"].last()


def _sd_of_last_epochs(rows: pd.DataFrame, metric: str) -> float:
    is_metric = rows["metric"] == metric
    values = rows[is_metric]
    epoch = values["epoch"]
    epochs = np.sort(epoch.unique())
    last = epochs[-LAST_EPOCHS:]
    is_last = epoch.isin(last)
    return values.loc[is_last, "value"].std(ddof=1)
