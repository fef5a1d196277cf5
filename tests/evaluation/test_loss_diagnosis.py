"""The verdict on the reconstruction term, what monitors say of a history, and the quick check."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.evaluation.loss_diagnosis import (
    MONITORS,
    batch_shares,
    monitor_means,
    quick_check_agrees,
    recon_verdict,
    verdict_of,
)


@pytest.mark.parametrize(
    ("recon", "hap", "outcome", "advice"),
    [
        (0.201, 0.2, "disturbs", "to 0.05"),
        (0.005, 0.004, "disturbs", "to 0.05"),  # small, but larger than what it competes with
        (0.0099, 0.0099, "saturated", "to 0"),
        (0.0099, 0.5, "saturated", "to 0"),
        (0.01, 0.5, "keep", "lower it slightly"),
        (0.2, 0.2, "keep", "lower it slightly"),
        (float("nan"), 0.5, "unknown", ""),
    ],
)
def test_verdict_and_recommendation_are_the_originals(recon, hap, outcome, advice):
    verdict = recon_verdict(recon, hap)
    assert verdict.outcome == outcome
    assert advice in verdict.advice


def test_batches_are_counted_on_both_sides_of_the_originals_bounds():
    # 1 and .1 themselves are neither
    assert batch_shares(np.array([2.0, 1.0, 0.5, 0.1, 0.09, 0.01, 0.2, 1.01])) == (0.25, 0.25)
    assert np.isnan(batch_shares(np.array([np.nan]))).all()


def test_a_term_without_weight_is_not_judged():
    watched = {"recon_mean": 0.5, "hap_mean": 0.05}
    assert verdict_of({**watched, "grad_recon_share": 0.0}).outcome == "off"
    assert verdict_of({**watched, "grad_recon_share": 0.2}).outcome == "disturbs"
    assert verdict_of({**watched, "grad_recon_share": float("nan")}).outcome == "disturbs"
    assert verdict_of({}).outcome == "unknown"


def history() -> pd.DataFrame:
    """Six steps in two epochs; the loss switches at step 3, back at step 5, and on again at step 6."""
    metrics = {
        "switched": [0, 0, 1, 1, 0, 1],
        "branch_jump": [8, 8, 9, 9, 10, 10],
        "loss_hap1": [0.2, 0.2, 0.1, 0.1, 0.1, 0.1],
        "loss_hap2": [0.2, 0.2, 0.1, 0.1, 0.1, 0.1],
        "loss_recon1": [0.4, 0.2, 0.0, 0.0, 0.2, 0.0],
        "loss_recon2": [0.2, 0.2, 0.0, 0.0, 0.4, 0.2],
        "recon_ratio": [1.5, 1, 0, 0, 3, 1],
    }
    watched = {"effective_gradient": {1: 0.1, 3: 1.0, 5: 0.3}, "grad_cosine": {1: -0.5, 3: -0.3, 5: 0.2}}
    rows = [(1, i + 1, 1 + i // 3, name, value) for name, values in metrics.items() for i, value in enumerate(values)]
    rows += [(1, step, 1 + (step - 1) // 3, name, v) for name, at in watched.items() for step, v in at.items()]
    rows += [(1, 0, 0, "weights_hash", 12345.0), (1, 3, 1, "val_f1", 0.5)]
    return pd.DataFrame(rows, columns=["seed", "step", "epoch", "metric", "value"])


def test_monitor_means_by_hand():
    found = monitor_means(history())
    assert set(found) == set(MONITORS)
    recon, hap = (0.3 + 0.2 + 0 + 0 + 0.3 + 0.1) / 6, 0.8 / 6
    assert found["recon_mean"] == pytest.approx(recon)
    assert found["hap_mean"] == pytest.approx(hap)
    assert found["ratio_of_means"] == pytest.approx(recon / hap)
    assert found["mean_of_ratios"] == pytest.approx(6.5 / 6)
    assert (found["share_dominates"], found["share_negligible"]) == (pytest.approx(2 / 6), pytest.approx(2 / 6))
    assert found["switched_share"] == pytest.approx(0.5)
    assert found["switches"] == 3
    assert found["branch_jump"] == pytest.approx((8 * 8 * 9 * 9 * 10 * 10) ** (1 / 6))  # of all steps
    assert found["effective_gradient"] == pytest.approx(0.2)  # step 3 had switched
    assert found["grad_cosine"] == pytest.approx(-0.2)
    assert np.isnan(found["focal_share_90"])  # not watched
    last = monitor_means(history(), last_epochs=1)
    assert last["mean_of_ratios"] == pytest.approx(4 / 3)
    assert last["grad_cosine"] == pytest.approx(0.2)


def test_reconstruction_after_a_switch_is_looked_at_ten_steps_later():
    values = [0.02] * 4 + [0.01] + [0.03] * 9 + [0.04] + [0.01] * 5  # 20 steps; at step 5 .01, at step 15 .04
    switched = [0] * 4 + [1] * 3 + [0] * 10 + [1] * 3  # on at steps 5 and 18; 28 is beyond the end
    rows = [(1, i + 1, 1, "switched", on) for i, on in enumerate(switched)]
    rows += [(1, i + 1, 1, name, value) for i, value in enumerate(values) for name in ("loss_recon1", "loss_recon2")]
    found = monitor_means(pd.DataFrame(rows, columns=["seed", "step", "epoch", "metric", "value"]))
    assert found["recon_after_switch"] == pytest.approx(4)
    assert found["switches"] == 3


def test_the_quick_check_is_compared_with_the_whole_training():
    """Reconstruction is above the haplotype loss in epochs 1 and 2; then it falls below .01, or stays."""
    for later, agrees in ((0.001, 0.0), (0.5, 1.0)):
        rows = []
        for step in range(1, 31):
            epoch = (step + 2) // 3
            recon = 0.06 if epoch <= 2 else later
            rows += [
                (1, step, epoch, f"loss_{name}{k}", v) for name, v in (("recon", recon), ("hap", 0.05)) for k in (1, 2)
            ]
        table = pd.DataFrame(rows, columns=["seed", "step", "epoch", "metric", "value"])
        assert quick_check_agrees(table) == agrees
    assert np.isnan(quick_check_agrees(table.iloc[:0]))


def test_an_empty_history_measures_nothing():
    found = monitor_means(history().iloc[:0])
    assert set(found) == set(MONITORS)
    assert np.isnan(list(found.values())).all()


def test_no_switch_has_no_time_after_it():
    table = history()
    table.loc[table["metric"] == "switched", "value"] = 0.0
    found = monitor_means(table)
    assert found["switches"] == 0
    assert np.isnan(found["recon_after_switch"])


TINY = "tests/studies/tiny.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["bert_rag", "copy_rag"])
def test_the_quick_check_trains_and_judges(architecture, pytestconfig):
    begin = time.monotonic()
    arguments = ["diagnose-loss", "recon_low", "--configfile", str(pytestconfig.rootpath / TINY)]
    options = ["--architecture", architecture, "--epochs", "1", "--steps", "4", "--json"]
    result = CliRunner().invoke(ragimpute, [*arguments, *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert -1 <= told["grad_cosine"] <= 1
    assert told["outcome"] == recon_verdict(told["recon_mean"], told["hap_mean"]).outcome
    assert told["advice"]
    assert time.monotonic() - begin < 120


def test_an_unknown_loss_is_named_with_a_suggestion(pytestconfig):
    arguments = ["diagnose-loss", "recon_lo", "--configfile", str(pytestconfig.rootpath / TINY)]
    result = CliRunner().invoke(ragimpute, arguments)
    assert result.exit_code == 1
    assert "did you mean 'recon_low'" in str(result.exception)
