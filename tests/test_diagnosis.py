"""The verdict on the reconstruction term, what monitors say of a history, and the quick check."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.evaluation.diagnosis import monitor_means, recon_verdict, verdict_of


@pytest.mark.parametrize(
    ("ratio", "recon", "outcome", "advice"),
    [
        (1.01, 0.2, "dominates", "to 0.05"),
        (1.01, 0.001, "dominates", "to 0.05"),  # small, but larger than what it competes with
        (1.0, 0.0099, "saturated", "can go"),
        (0.05, 0.005, "saturated", "can go"),
        (0.099, 0.2, "negligible", "can go"),
        (0.1, 0.01, "balanced", "keep"),
        (1.0, 0.5, "balanced", "keep"),
        (float("nan"), 0.5, "unknown", ""),
    ],
)
def test_verdict_and_recommendation(ratio, recon, outcome, advice):
    verdict = recon_verdict(ratio, recon)
    assert verdict.outcome == outcome
    assert advice in verdict.advice


def test_a_term_without_weight_is_not_judged():
    watched = {"recon_ratio": 60.0, "loss_recon": 0.05}
    assert verdict_of({**watched, "grad_recon_share": 0.0}).outcome == "off"
    assert verdict_of({**watched, "grad_recon_share": 0.2}).outcome == "dominates"
    assert verdict_of({**watched, "grad_recon_share": float("nan")}).outcome == "dominates"
    assert verdict_of({}).outcome == "unknown"


def history() -> pd.DataFrame:
    """Six steps in two epochs; the loss switches at step 3, back at step 5, and on again at step 6."""
    metrics = {
        "switched": [0, 0, 1, 1, 0, 1],
        "loss_jump": [np.nan, 1.1, 9.0, 1.0, 0.125, 10.0],
        "loss_recon1": [0.4, 0.2, 0.0, 0.0, 0.2, 0.0],
        "loss_recon2": [0.2, 0.2, 0.0, 0.0, 0.4, 0.2],
        "recon_ratio": [3, 2, 1, 1, 2, 3],
    }
    watched = {"effective_gradient": {1: 0.1, 3: 1.0, 5: 0.3}, "grad_cosine": {1: -0.5, 3: -0.3, 5: 0.2}}
    rows = [(1, i + 1, 1 + i // 3, name, value) for name, values in metrics.items() for i, value in enumerate(values)]
    rows += [(1, step, 1 + (step - 1) // 3, name, v) for name, at in watched.items() for step, v in at.items()]
    rows += [(1, 0, 0, "weights_hash", 12345.0), (1, 3, 1, "val_f1", 0.5)]
    return pd.DataFrame(rows, columns=["seed", "step", "epoch", "metric", "value"])


def test_monitor_means_by_hand():
    found = monitor_means(history())
    assert found["recon_ratio"] == pytest.approx(2)
    assert found["loss_recon"] == pytest.approx((0.3 + 0.2 + 0 + 0 + 0.3 + 0.1) / 6)
    assert found["switched_share"] == pytest.approx(0.5)
    assert found["switches"] == 3
    assert found["switch_jump"] == pytest.approx((9 * 8 * 10) ** (1 / 3))  # the way back counts as its inverse
    assert found["effective_gradient"] == pytest.approx(0.2)  # step 3 had switched
    assert found["grad_cosine"] == pytest.approx(-0.2)
    assert np.isnan(found["focal_share_90"])  # not watched
    last = monitor_means(history(), last_epochs=1)
    assert last["recon_ratio"] == pytest.approx(2)
    assert last["grad_cosine"] == pytest.approx(0.2)


def test_no_switch_has_no_jump():
    table = history()
    table.loc[table["metric"] == "switched", "value"] = 0.0
    found = monitor_means(table)
    assert found["switches"] == 0
    assert np.isnan(found["switch_jump"])


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
    assert told["outcome"] == recon_verdict(told["recon_ratio"], told["loss_recon"]).outcome
    assert told["advice"]
    assert time.monotonic() - begin < 120


def test_an_unknown_loss_is_named_with_a_suggestion(pytestconfig):
    arguments = ["diagnose-loss", "recon_lo", "--configfile", str(pytestconfig.rootpath / TINY)]
    result = CliRunner().invoke(ragimpute, arguments)
    assert result.exit_code == 1
    assert "did you mean 'recon_low'" in str(result.exception)
