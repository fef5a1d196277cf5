"""The trainer: one network, one loss, one seed; resumable to the last bit."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ragimpute.errors import InputError
from ragimpute.models.contract import Batch, FoldData
from ragimpute.training import checkpoint, monitors
from ragimpute.training.batches import BatchSource
from ragimpute.training.device import autocast, to_device
from ragimpute.training.history import History, chain_batch, short, weights_digest
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import LossTerms, compute
from ragimpute.training.processes import ALONE, Processes
from ragimpute.training.schedule import Schedule, learning_rate
from ragimpute.training.scores import SiteStrata, evenly_spread_windows
from ragimpute.training.settings import TrainingSettings
from ragimpute.training.training_display import TrainingDisplay
from ragimpute.training.validation import validate

MONITOR = "val_r2"  # early stopping and the choice of the best epoch: one metric, common to all losses
DROPOUT_STREAM = 2


class Interrupted(Exception):
    """Training was told to stop (SIGTERM) and has saved its checkpoint."""


@dataclass(frozen=True)
class TrainedNetwork:
    """The weights of the epoch that is kept: the best one, or the last."""

    weights: dict[str, np.ndarray]
    history: History
    best_epoch: int
    best_value: float


@dataclass
class Trainer:
    """Trains `model` in place. All randomness comes from `seed`; two losses of one seed draw the same numbers.

    `signature` names everything that the result depends on: a checkpoint of another signature is not resumed. `folds`
    are the training folds, the study's mask first; with `epochs` 0, which only scores the initial weights, there may be
    none.
    """

    model: nn.Module
    spec: LossSpec
    settings: TrainingSettings
    seed: int
    folds: Sequence[FoldData]
    validation: FoldData
    strata: SiteStrata
    device: torch.device
    processes: Processes = ALONE
    checkpoint_path: Path | None = None
    signature: str = ""
    log: Callable[[str], None] = print
    on_step: Callable[[int], None] | None = None  # called after each step; for tests and callers that watch

    history: History = field(init=False)
    waited: float = field(default=0.0, init=False)  # seconds that steps waited for their batches
    _stop: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        samples = min((self.settings.batch_samples, *(fold.n_samples for fold in self.folds)))
        if samples % self.processes.size:
            raise InputError(
                f"{samples} samples of a batch cannot be shared evenly by {self.processes.size} processes; "
                "set training.batch_samples to a multiple of their number"
            )
        if samples < self.spec.min_samples:
            raise InputError(
                f"this loss needs batches of at least {self.spec.min_samples} samples, there are {samples}; "
                "raise training.batch_samples or train on more samples"
            )
        self.history = History(self.seed)
        self.model.to(self.device).train()
        settings = self.settings
        if self.device.type == "cuda" and 0 < settings.compile_from <= settings.total_steps:
            torch._dynamo.config.suppress_errors = True  # where no C compiler is found, say: run it uncompiled
            self.model.compile()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = Schedule(self.folds, settings.batch_samples, self.seed)
        self.source = BatchSource(self.folds, schedule, self.processes, self.device)
        self._step = 0
        self._best: dict[str, Tensor] = {}
        self._best_epoch, self._best_value = 0, -math.inf
        self._batches = b""

    def run(self) -> TrainedNetwork:
        """Train until the budget is spent or patience is out.

        Raises Interrupted after SIGTERM (the checkpoint is saved) and InputError when the loss is not finite.
        """
        settings = self.settings
        self._start()
        if settings.epochs == 0:  # nothing to train: the initial weights are the result
            self._finish_epoch()
        with self._stop_at_sigterm(), self._display() as display:
            batches = self.source.steps(self._step, settings.total_steps, ahead=self.device.type == "cuda")
            while self._step < settings.total_steps and not self._patience_is_out():
                scalars = self._train_step(*self._next(batches))
                if self._step % settings.steps_per_epoch == 0:
                    scores = self._finish_epoch()
                    display.epoch(self._epoch(), scalars["loss"], scores)
                    self._save()
                display.step(scalars["loss"])
                if self.on_step is not None:
                    self.on_step(self._step)
                if self.processes.any(self._stop):
                    self._save()
                    raise Interrupted(f"stopped after step {self._step}; run the same command again to go on")
        return TrainedNetwork(_arrays(self._best), self.history, self._best_epoch, self._best_value)

    def load_kept(self, trained: TrainedNetwork) -> nn.Module:
        """The model with the weights that were kept, for what is measured of them after training."""
        self.model.load_state_dict({name: torch.from_numpy(array) for name, array in trained.weights.items()})
        return self.model

    def _display(self) -> TrainingDisplay:
        settings = self.settings
        first = self.processes.rank == 0
        return TrainingDisplay(settings.total_steps, self._step, settings.steps_per_epoch, self.log, bar=first)

    def _epoch(self) -> int:
        """The epoch, from 1, that the latest step belongs to."""
        return math.ceil(self._step / self.settings.steps_per_epoch)

    def _patience_is_out(self) -> bool:
        at_epoch_end = self._step % self.settings.steps_per_epoch == 0
        waited = self._epoch() - self._best_epoch
        return at_epoch_end and self._step > 0 and 0 < self.settings.patience <= waited

    def _start(self) -> None:
        state = checkpoint.load_checkpoint(self.checkpoint_path, self.signature) if self.checkpoint_path else None
        if state is not None:
            self._restore(state)
            self.log(f"resumed from {self.checkpoint_path} after step {self._step}")
            return
        stream = [DROPOUT_STREAM, self.seed, self.processes.rank]
        torch.manual_seed(int(np.random.default_rng(stream).integers(2**62)))
        self.history.add(0, 0, {"weights_hash": short(weights_digest(_arrays(self.model.state_dict())))})

    def _next(self, batches: Iterator[tuple[np.ndarray, Batch]]) -> tuple[np.ndarray, Batch]:
        start = time.perf_counter()
        samples, batch = next(batches)
        self.waited += time.perf_counter() - start
        return samples, batch

    def _train_step(self, samples: np.ndarray, on_cpu: Batch) -> dict[str, float]:
        settings, spec = self.settings, self.spec
        self._batches = chain_batch(self._batches, on_cpu, samples)
        batch = to_device(on_cpu, self.device)
        rate = learning_rate(self._step, settings.total_steps, settings.learning_rate, settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        truth = None
        with autocast(self.device, settings.amp):
            outputs = self.model(batch.inputs)
            if spec.recon_target != "before":
                truth = self.model.embed_truth(batch.inputs, batch.alleles)  # type: ignore[operator]
        gather = self.processes.gather
        whole_truth = None if truth is None else (gather(truth[0]), gather(truth[1]))
        whole = self.processes.gather_truth(batch)
        terms = compute(spec, self.processes.gather_outputs(outputs), whole, whole_truth)
        watched = {}
        if settings.monitor_every and self._step % settings.monitor_every == 0:
            # of this process's samples: gradients at `after` do not come through what other processes sent
            own = terms if self.processes.size == 1 else compute(spec, outputs, batch, truth)
            watched = monitors.gradient_monitors(spec, own, outputs, batch)
        self.optimizer.zero_grad(set_to_none=True)
        terms.total.backward()
        self.processes.sum_gradients(self.model.parameters())
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        scalars = _to_floats({**_scalars(terms), "grad_norm": norm, **watched})
        if not math.isfinite(scalars["loss"]) or not math.isfinite(scalars["grad_norm"]):
            raise InputError(f"the loss or its gradient is not finite at step {self._step + 1}; lower learning_rate")
        self.optimizer.step()
        self._step += 1
        self.history.add(self._step, self._epoch(), scalars)
        return scalars

    def _finish_epoch(self) -> dict[str, float]:
        """Evaluate on validation samples and on as many train samples, keep the best weights."""
        settings, epoch = self.settings, self._epoch()
        scores: dict[str, float] = {}
        scored = [("val", self.validation), *(("train", fold) for fold in self.folds[:1])]
        n_samples = min(data.n_samples for _, data in scored)
        for prefix, data in scored:
            samples = evenly_spread_windows(data.n_samples, n_samples if prefix == "train" else 0)
            windows = evenly_spread_windows(data.n_windows, settings.evaluation_windows)
            values = validate(
                self.model, data, self.strata, samples, windows, self.device, settings.amp, processes=self.processes
            )
            scores |= {f"{prefix}_{name}": value for name, value in values.items()}
        rate = self.optimizer.param_groups[0]["lr"]
        self.history.add(self._step, epoch, {**scores, "rate": rate, "batch_hash": short(self._batches)})
        value = scores[MONITOR]
        if not self._best or value > self._best_value or settings.kept_epoch == "last":
            self._best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
            self._best_epoch, self._best_value = epoch, value if math.isfinite(value) else -math.inf
        return scores

    def _save(self) -> None:
        if self.checkpoint_path is None:
            return
        random = self.processes.each(checkpoint.random_state(self.device))
        if self.processes.rank == 0:
            self._write_checkpoint(self.checkpoint_path, random)
        self.processes.meet()  # none may end, or resume, before it is written

    def _write_checkpoint(self, path: Path, random: list[dict[str, Tensor]]) -> None:
        state = {
            "step": self._step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": random,
            "best": self._best,
            "best_epoch": self._best_epoch,
            "best_value": self._best_value,
            "batches": self._batches.hex(),
            "history": self.history.rows,
        }
        checkpoint.save_checkpoint(path, self.signature, state)

    def _restore(self, state: dict[str, Any]) -> None:
        self._step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        checkpoint.set_random_state(state["random"][self.processes.rank], self.device)
        self._best = {name: tensor.to(self.device) for name, tensor in state["best"].items()}
        self._best_epoch, self._best_value = state["best_epoch"], state["best_value"]
        self._batches = bytes.fromhex(state["batches"])
        self.history.rows = [tuple(row) for row in state["history"]]

    @contextmanager
    def _stop_at_sigterm(self) -> Iterator[None]:
        """Turn SIGTERM (what schedulers send before they kill) into a checkpoint after the current step."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            self._stop = True

        before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The tensors of a network's state as arrays."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in state.items()}


def _scalars(terms: LossTerms) -> dict[str, Tensor]:
    """The per-step metrics of the history."""
    switched = terms.switched if isinstance(terms.switched, Tensor) else terms.total.new_tensor(float(terms.switched))
    scalars = {
        "loss": terms.total,
        "loss_hap1": terms.hap1,
        "loss_hap2": terms.hap2,
        "loss_genotype": terms.genotype,
        "loss_recon1": terms.recon1,
        "loss_recon2": terms.recon2,
        "loss_normalised": terms.normalised,
        "recon_ratio": monitors.recon_ratio(terms),
        "switched": switched,
    }
    if terms.branch_jump is not None:
        scalars["branch_jump"] = terms.branch_jump
    for name, term in terms.extra.items():
        scalars[f"loss_{name}"] = term
    return scalars


def _to_floats(scalars: dict[str, Tensor]) -> dict[str, float]:
    """All scalars in one transfer from the device."""
    values = torch.stack([value.detach().float() for value in scalars.values()]).tolist()
    return dict(zip(scalars, values, strict=True))
