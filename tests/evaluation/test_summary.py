import numpy as np
import pandas as pd
import pytest

from ragimpute.evaluation import result_tables
from ragimpute.evaluation.summary import summary_table, training_measures
from ragimpute.reporting.terminal import print_summary, print_table

CONTRACT_COLUMNS = [
    "panel",
    "mask",
    "method",
    "architecture",
    "loss",
    "weights",
    "selected",
    "n_seeds",
    "r2_overall",
    "r2_rare",
    "r2_common",
    "r2_variant_rare",
    "f1_overall",
    "f1_rare",
    "f1_common",
    "r2_overall_sd",
    "r2_rare_sd",
    "r2_common_sd",
    "r2_variant_rare_sd",
    "f1_overall_sd",
    "f1_rare_sd",
    "f1_common_sd",
    "epochs_to_best",
    "loss_sd",
    "f1_gap",
]


def measured(method: str, seed: int, value: float) -> pd.DataFrame:
    architecture, _, loss = method.partition(".")
    names = (architecture, loss, "scratch") if loss else ("NA", "NA", "NA")
    rows = [
        ("example", "omni", method, *names, seed, population, stratum, metric, value, np.nan, np.nan, 1, 1, "all")
        for stratum in ("overall", "rare", "common")
        for metric in ("r2", "f1", "r2_variant")
        for population in ("all", "GBR")
    ]
    return pd.DataFrame(rows, columns=list(result_tables.METRIC_COLUMNS))


def history(seed: int, val_f1: list[float], val_r2: list[float]) -> pd.DataFrame:
    rows = []
    for epoch, (f1, r2) in enumerate(zip(val_f1, val_r2, strict=True), start=1):
        rows += [(seed, 10 * epoch + i, epoch, "loss", epoch + i) for i in range(2)]
        rows += [(seed, 10 * epoch + 1, epoch, "val_f1", f1), (seed, 10 * epoch + 1, epoch, "val_r2", r2)]
        rows += [(seed, 10 * epoch + 1, epoch, "train_f1", f1 + 0.1 * epoch)]
    return pd.DataFrame(rows, columns=list(result_tables.HISTORY_COLUMNS))


def test_training_measures_by_hand():
    (one,) = training_measures(history(1, [0.5, 0.7, 0.7, 0.6], [0.1, 0.2, 0.3, 0.2]))
    assert one["epochs_to_best"] == 2  # the first of the two best
    assert one["f1_gap"] == pytest.approx(0.2)
    assert one["val_r2"] == pytest.approx(0.3)
    assert one["loss_sd"] == pytest.approx(np.std([2, 3, 3, 4, 4, 5], ddof=1))  # epochs 2 to 4


def test_columns_means_and_standard_deviations():
    metrics = pd.concat([measured("beagle", 0, 0.5), *(measured("copy_rag.a", s, v) for s, v in ((1, 0.6), (2, 0.8)))])
    table = summary_table(metrics, {("omni", "copy_rag.a"): [history(1, [0.5], [0.4]), history(2, [0.5], [0.4])]})
    assert list(table.columns) == CONTRACT_COLUMNS
    baseline, trained = table.iloc[0], table.iloc[1]
    assert (baseline.method, baseline.architecture, baseline.n_seeds) == ("beagle", "NA", 1)
    assert np.isnan(baseline.r2_rare_sd)
    assert np.isnan(baseline.epochs_to_best)
    assert trained.n_seeds == 2
    assert trained.r2_rare == pytest.approx(0.7)
    assert trained.r2_rare_sd == pytest.approx(np.std([0.6, 0.8], ddof=1))


def test_the_validation_samples_select_not_the_targets():
    metrics = pd.concat([measured("copy_rag.a", 1, 0.9), measured("copy_rag.b", 1, 0.1), measured("beagle", 0, 0.99)])
    histories = {("omni", "copy_rag.a"): [history(1, [0.9], [0.3])], ("omni", "copy_rag.b"): [history(1, [0.1], [0.4])]}
    table = summary_table(metrics, histories)
    assert table.loc[table.selected, "method"].tolist() == ["copy_rag.b"]


def test_a_calibrated_method_has_no_training_of_its_own_and_is_not_selected():
    metrics = pd.concat([measured("copy_rag.a", 1, 0.5), measured("copy_rag.a.calibrated", 1, 0.9)])
    table = summary_table(metrics, {("omni", "copy_rag.a"): [history(1, [0.5], [0.4])]}).set_index("method")
    assert table["selected"].to_dict() == {"copy_rag.a": True, "copy_rag.a.calibrated": False}
    calibrated = table.loc["copy_rag.a.calibrated"]
    assert calibrated.r2_overall == pytest.approx(0.9)
    assert calibrated[["epochs_to_best", "loss_sd", "f1_gap"]].isna().all()


def test_nothing_is_selected_without_a_history():
    assert not summary_table(measured("copy_rag.a", 1, 0.9), {}).selected.any()


def test_the_printed_table_is_plain_in_a_log(capsys):
    print_summary(summary_table(pd.concat([measured("beagle", 0, 0.5), measured("copy_rag.a", 1, 0.75)]), {}))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "copy_rag.a" in printed
    assert "0.7500" in printed


def test_on_a_terminal_a_table_has_lines_and_names_keep_their_brackets(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table("[red]title", ("name", "n"), [("a[bold]b", "1")], bold=[0])
    printed = capsys.readouterr().out
    assert "│" in printed
    assert "[red]title" in printed
    assert "a[bold]b" in printed
