"""Training by several processes: the steps of one process, shared; resumable; the same losses."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from ragimpute.errors import InputError
from ragimpute.training.device import choose_device
from ragimpute.training.loop import Interrupted
from ragimpute.training.processes import Processes, joined_processes
from training_data import CPU, LOSSES, small_network, small_trainer

SIZE, STOP_AFTER = 2, 5
PAIRED = ("A", "D", "E")  # a switch that all must take together, a second pass, a term across samples
WATCHED = ("loss", "grad_norm", "switched", "val_r2", "val_f1_rare", "train_r2")

Result = tuple[dict[str, np.ndarray], list[tuple]]  # weights and rows of the history


def trained(panel, typed, name: str, dropout: float, **options) -> Result:
    trainer = small_trainer(panel, typed, LOSSES[name], model=small_network(1, dropout), **options)
    result = trainer.run()
    return result.weights, result.history.rows


def stopped_and_resumed(panel, typed, checkpoint: Path, processes: Processes) -> Result:
    """The signal comes to the last process alone."""
    options = {"checkpoint_path": checkpoint, "processes": processes}
    broken = small_trainer(panel, typed, LOSSES["B"], model=small_network(1, 0.1), **options)

    def signal(step: int) -> None:
        broken._stop = step == STOP_AFTER and processes.rank == SIZE - 1

    broken.on_step = signal
    with pytest.raises(Interrupted):
        broken.run()
    return trained(panel, typed, "B", 0.1, **options)


def process(rank: int, port: int, folder: Path, panel, typed) -> None:
    """One of SIZE processes; leaves what it got from each training in `folder`."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(SIZE)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    choose_device("cpu", 1)
    with joined_processes(CPU) as processes:
        found = {name: trained(panel, typed, name, 0.0, processes=processes) for name in PAIRED}
        found["unbroken"] = trained(panel, typed, "B", 0.1, processes=processes)
        found["resumed"] = stopped_and_resumed(panel, typed, folder / "checkpoint", processes)
    torch.save(found, folder / str(rank))


@pytest.fixture(scope="module")
def shared(tmp_path_factory, tiny_panel, tiny_typed) -> list[dict[str, Result]]:
    """What each process got."""
    folder = tmp_path_factory.mktemp("shared")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(process, (port, folder, tiny_panel, tiny_typed), nprocs=SIZE)
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(SIZE)]


def metrics(rows: list[tuple], name: str) -> np.ndarray:
    return np.array([value for _, _, metric, value in rows if metric == name])


def test_all_processes_have_the_same_weights(shared):
    first, *others = shared
    for other in others:
        for name, (weights, _) in first.items():
            assert all(np.array_equal(weights[key], other[name][0][key]) for key in weights), name


@pytest.mark.parametrize("name", PAIRED)
def test_two_processes_take_the_steps_of_one(shared, tiny_panel, tiny_typed, name):
    """Without dropout, which draws other numbers."""
    choose_device("cpu", 1)
    _, alone = trained(tiny_panel, tiny_typed, name, 0.0)
    _, rows = shared[0][name]
    for metric in WATCHED:
        expected = metrics(alone, metric)
        assert len(expected) > 2
        np.testing.assert_allclose(metrics(rows, metric), expected, rtol=2e-4, atol=1e-6, err_msg=metric)


def test_several_processes_stop_together_and_go_on_where_they_were(shared):
    (unbroken, rows), (resumed, again) = shared[0]["unbroken"], shared[0]["resumed"]
    assert all(np.array_equal(unbroken[key], resumed[key]) for key in unbroken)
    np.testing.assert_array_equal(metrics(again, "loss"), metrics(rows, "loss"))


def test_samples_who_cannot_be_shared_evenly_are_refused(tiny_panel, tiny_typed):
    with pytest.raises(InputError, match="8 samples of a batch cannot be shared evenly by 3 processes"):
        small_trainer(tiny_panel, tiny_typed, LOSSES["C"], processes=Processes(0, 3, CPU))
