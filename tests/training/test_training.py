"""The trainer: paired, repeatable, resumable, and able to learn."""

import os
import signal
from dataclasses import astuple, replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from ragimpute.errors import InputError
from ragimpute.models import architecture, segments
from ragimpute.training import checkpoint
from ragimpute.training.device import choose_device
from ragimpute.training.history import History
from ragimpute.training.loop import Interrupted
from ragimpute.training.schedule import Schedule, learning_rate
from ragimpute.training.settings import TrainingSettings
from ragimpute.training.validation import validate
from training_data import CPU, LOSSES, fold_of, small_network, small_trainer, windows_of


@pytest.fixture(autouse=True)
def _repeatable():
    choose_device("cpu", 1)


def hashes(history: History) -> list[tuple]:
    return [row for row in history.rows if row[2].endswith("_hash")]


def same_weights(a, b) -> bool:
    return a.weights.keys() == b.weights.keys() and all(np.array_equal(a.weights[k], b.weights[k]) for k in a.weights)


def test_all_losses_of_a_seed_share_weights_and_batches_and_differ_in_result(tiny_panel, tiny_typed):
    trained = {name: small_trainer(tiny_panel, tiny_typed, loss).run() for name, loss in LOSSES.items()}
    shared = hashes(trained["A"].history)
    assert [row[2] for row in shared] == ["weights_hash", "batch_hash", "batch_hash", "batch_hash"]
    for name, result in trained.items():
        assert hashes(result.history) == shared, name
        assert name == "A" or not same_weights(result, trained["A"])
    other = small_trainer(tiny_panel, tiny_typed, LOSSES["A"], seed=2).run()
    assert not {row[3] for row in hashes(other.history)} & {row[3] for row in shared}


def test_recon_loss_is_in_the_history_with_its_branch_and_monitors(tiny_panel, tiny_typed):
    rows = small_trainer(tiny_panel, tiny_typed, LOSSES["A"]).run().history.rows
    per_step = {metric for step, _, metric, _ in rows if step == 1}
    assert per_step >= {"loss", "loss_hap1", "loss_hap2", "loss_genotype", "loss_recon1", "loss_recon2"}
    assert per_step >= {"loss_normalised", "recon_ratio", "switched", "branch_jump", "grad_cosine", "focal_share_90"}
    per_epoch = {metric for step, epoch, metric, _ in rows if (step, epoch) == (4, 1)}
    assert per_epoch >= {f"{fold}_{m}" for fold in ("val", "train") for m in ("f1", "f1_rare", "f1_common", "r2")}
    assert not [metric for _, _, metric, _ in rows if "time" in metric or "second" in metric]


def test_the_jump_of_the_loss_is_seen_at_each_step(tiny_panel, tiny_typed):
    """From the terms that the history has of the same step: both branches on one batch."""
    found = {}
    for step, _, metric, value in small_trainer(tiny_panel, tiny_typed, LOSSES["A"]).run().history.rows:
        found.setdefault(metric, {})[step] = value
    assert sorted(found["branch_jump"]) == list(range(1, 13))
    for step, jump in found["branch_jump"].items():
        hap = found["loss_hap1"][step] + found["loss_hap2"][step]
        recon = found["loss_recon1"][step] + found["loss_recon2"][step]
        genotype = found["loss_genotype"][step]
        assert jump == pytest.approx((3 * hap + 4 * genotype) / (0.2 * hap + 0.3 * genotype + 0.15 * recon), rel=1e-5)
    rows = small_trainer(tiny_panel, tiny_typed, LOSSES["B"], epochs=1).run().history.rows
    assert "branch_jump" not in {row[2] for row in rows}


@pytest.mark.parametrize("stop_at", [3, 4, 9])  # inside an epoch, at an epoch's end, later
def test_resume_gives_the_same_bytes_as_an_unbroken_run(tiny_panel, tiny_typed, tmp_path, stop_at):
    whole = small_trainer(tiny_panel, tiny_typed, LOSSES["B"]).run()
    path = tmp_path / "seed1.checkpoint"

    def terminate(step: int) -> None:
        if step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    broken = small_trainer(tiny_panel, tiny_typed, LOSSES["B"], checkpoint_path=path, on_step=terminate)
    with pytest.raises(Interrupted, match=f"step {stop_at}"):
        broken.run()
    torch.manual_seed(99)  # another process would be in another state
    lines: list[str] = []
    again = small_trainer(tiny_panel, tiny_typed, LOSSES["B"], checkpoint_path=path, log=lines.append)
    resumed = again.run()
    assert f"after step {stop_at}" in lines[0]
    assert same_weights(resumed, whole)
    for name, result in (("whole", whole), ("resumed", resumed)):
        result.history.write(tmp_path / name)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_resumed(tmp_path):
    path = tmp_path / "c"
    checkpoint.save_checkpoint(path, "this", {"step": 3})
    assert checkpoint.load_checkpoint(path, "this") == {"step": 3}
    assert checkpoint.load_checkpoint(path, "other") is None
    path.write_bytes(path.read_bytes()[:100])
    assert checkpoint.load_checkpoint(path, "this") is None
    assert checkpoint.load_checkpoint(tmp_path / "absent", "this") is None


def test_batches_made_ahead_are_those_made_in_turn(tiny_panel, tiny_typed):
    source = small_trainer(tiny_panel, tiny_typed, LOSSES["C"]).source
    in_turn, ahead = (list(source.steps(2, 9, ahead)) for ahead in (False, True))
    assert len(ahead) == 7
    for (samples, batch), (others, other) in zip(in_turn, ahead, strict=True):
        assert np.array_equal(samples, others)
        assert torch.equal(batch.alleles, other.alleles)
        pairs = zip(astuple(batch.inputs), astuple(other.inputs), strict=True)
        assert all(torch.equal(one, another) for one, another in pairs)


def test_an_error_in_a_batch_made_ahead_is_raised_where_it_is_taken(tiny_panel, tiny_typed):
    source = small_trainer(tiny_panel, tiny_typed, LOSSES["C"]).source

    class Broken:
        n_samples, n_windows = source.folds[0].n_samples, source.folds[0].n_windows

        def batch(self, samples, window):
            raise InputError("this fold is broken")

    with pytest.raises(InputError, match="broken"):
        next(replace(source, folds=[Broken()]).steps(0, 2, ahead=True))


def test_validation_does_not_move_training(tiny_panel, tiny_typed):
    """The random stream of dropout is the same with one window evaluated as with all of them."""
    few = small_trainer(tiny_panel, tiny_typed, LOSSES["C"], evaluation_windows=1, monitor_every=0)
    all_of_them = small_trainer(tiny_panel, tiny_typed, LOSSES["C"], evaluation_windows=0)
    losses = [[row for row in trainer.run().history.rows if row[2] == "loss"] for trainer in (few, all_of_them)]
    assert losses[0] == losses[1]


def test_a_tiny_net_overfits_a_tiny_panel(tiny_panel, tiny_typed):
    trainer = small_trainer(
        tiny_panel,
        tiny_typed,
        LOSSES["cross_entropy"],
        model=small_network(dropout=0.0),
        epochs=2,
        steps_per_epoch=200,
        batch_samples=16,
        learning_rate=1e-2,
        weight_decay=0.0,
        monitor_every=0,
    )
    history = trainer.run().history.rows
    losses = [value for _, _, metric, value in history if metric == "loss"]
    scores = {metric: value for _, epoch, metric, value in history if epoch == 2}
    assert np.mean(losses[-20:]) < 0.3 * losses[0]
    assert scores["train_r2"] > 0.85
    assert scores["train_f1"] > 0.9


def test_best_epoch_is_what_is_kept_and_patience_ends_training(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSSES["C"], epochs=50, patience=2, learning_rate=3e-2)
    result = trainer.run()
    values = {epoch: value for _, epoch, metric, value in result.history.rows if metric == "val_r2"}
    assert result.best_epoch == max(values, key=values.get)
    assert result.best_value == max(values.values())
    assert max(values) == result.best_epoch + 2 < 50
    model = small_network()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in result.weights.items()})
    data = trainer.validation
    scores = validate(model, data, trainer.strata, np.arange(data.n_samples), np.arange(data.n_windows), CPU)
    assert scores["r2"] == pytest.approx(result.best_value, rel=1e-6)


def test_weights_taken_as_they_are_need_no_training_samples(tiny_panel, tiny_typed):
    result = small_trainer(tiny_panel, tiny_typed, LOSSES["cross_entropy"], epochs=0, folds=[]).run()
    with_samples = small_trainer(tiny_panel, tiny_typed, LOSSES["cross_entropy"], epochs=0).run()
    initial = small_network().state_dict()
    assert all(np.array_equal(result.weights[name], initial[name].numpy()) for name in initial)
    scores = [row for row in with_samples.history.rows if not row[2].startswith("train_")]
    assert repr(result.history.rows) == repr(scores)  # nan where a stratum is empty
    assert {"val_r2", "val_f1", "weights_hash"} <= {row[2] for row in scores}


def test_contrastive_needs_eight_samples(tiny_panel, tiny_typed):
    with pytest.raises(InputError, match="at least 8 samples"):
        small_trainer(tiny_panel, tiny_typed, LOSSES["E"], batch_samples=7)


def test_a_diverging_loss_is_an_error(tiny_panel, tiny_typed):
    model = small_network()
    torch.nn.init.constant_(model.haplotype_head.bias, float("nan"))
    with pytest.raises(InputError, match="not finite at step 1"):
        small_trainer(tiny_panel, tiny_typed, LOSSES["C"], model=model).run()


def test_a_pass_shows_every_window_to_every_sample(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"))  # 18 samples, 3 windows
    schedule = Schedule([data, data], batch_samples=8, seed=5)
    steps = [schedule.step(i) for i in range(2 * 3 * 3)]
    met = {(step.fold, step.window, sample) for step in steps for sample in step.samples.tolist()}
    assert len(met) == 2 * 3 * 18
    assert all(len(set(step.samples.tolist())) == 8 for step in steps)
    later = schedule.step(40)
    fresh = Schedule([data, data], batch_samples=8, seed=5).step(40)
    assert (later.fold, later.window, later.samples.tolist()) == (fresh.fold, fresh.window, fresh.samples.tolist())


def test_a_panel_that_is_typed_everywhere_leaves_nothing_to_train_on(tiny_panel):
    copy_rag = architecture("copy_rag")
    fold = fold_of(tiny_panel, np.ones(len(tiny_panel.sites), dtype=bool), "train")
    data = copy_rag.fold_data("small", fold, segments(copy_rag, "small", fold, 1))
    with pytest.raises(InputError, match="every site of the panel is typed"):
        Schedule([data], batch_samples=8, seed=5)


def test_learning_rate_rises_then_falls_to_zero():
    rates = [learning_rate(step, 100, 2.0, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == rates[10] == 2.0
    assert rates[55] == pytest.approx(1.0)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[-1] < 0.001


def test_history_is_a_long_table(tmp_path):
    history = History(7)
    history.add(1, 1, {"loss": 0.125, "weights_hash": float(2**47 + 1), "val_f1_rare": float("nan")})
    history.write(tmp_path / "h.tsv")
    assert (tmp_path / "h.tsv").read_text().splitlines() == [
        "seed\tstep\tepoch\tmetric\tvalue",
        "7\t1\t1\tloss\t0.125",
        f"7\t1\t1\tweights_hash\t{2**47 + 1}",
        "7\t1\t1\tval_f1_rare\tnan",
    ]


def test_settings_refuse_misspelt_keys_and_nulls_mean_the_default():
    settings = TrainingSettings.from_config({"epochs": None, "patience": 3}, {"epochs": 4})
    assert (settings.epochs, settings.patience) == (4, 3)
    with pytest.raises(InputError, match="epoch"):
        TrainingSettings.from_config({"epoch": 3}, {})
    with pytest.raises(InputError, match="epochs is -1"):
        TrainingSettings.from_config({"epochs": -1}, {})


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_asking_for_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="sees no CUDA device"):
        choose_device("cuda", 1)
