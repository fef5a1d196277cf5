"""What a training shows while it runs: a live bar on a terminal, one plain line for each epoch elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType

from ragimpute.progress import terminal_bar


class TrainingDisplay:
    """Shows loss, validation F1, steps per second and the time left. Never touches the result."""

    def __init__(
        self, total: int, done: int, steps_per_epoch: int, log: Callable[[str], None], bar: bool = True
    ) -> None:
        """`done` of `total` steps are done. Without `bar`, and without a terminal, `log` gets a line for each epoch."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        self._log = log
        self._total = total
        self._steps_per_epoch = steps_per_epoch
        self._first = done
        self._done = done
        self._begin = time.monotonic()
        self._f1 = float("nan")
        columns = (
            TextColumn("loss {task.fields[loss]:.4f}  validation F1 {task.fields[f1]:.4f}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} steps/s"),
            TimeRemainingColumn(),
        )
        self._bar = terminal_bar(*columns) if bar else None
        if self._bar is not None:
            self._task = self._bar.add_task("train", total=total, completed=done, loss=0.0, f1=self._f1, rate=0.0)

    def __enter__(self) -> "TrainingDisplay":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _steps_per_second(self, done: int) -> float:
        """The mean rate of this process, `done` steps of the training being done."""
        seconds = time.monotonic() - self._begin
        return (done - self._first) / max(seconds, 1e-9)

    def step(self, loss: float) -> None:
        """One more step is done."""
        self._done += 1
        if self._bar is not None:
            rate = self._steps_per_second(self._done)
            self._bar.update(self._task, advance=1, loss=loss, f1=self._f1, rate=rate)

    def epoch(self, epoch: int, loss: float, scores: dict[str, float]) -> None:
        """An epoch ends with the step that is about to be counted."""
        self._f1 = scores["val_f1"]
        if self._bar is not None:
            return
        done = self._done + 1
        rate = self._steps_per_second(done)
        left = (self._total - done) / max(rate, 1e-9)
        n_epochs = self._total // self._steps_per_epoch
        rare, r2 = scores["val_f1_rare"], scores["val_r2"]
        progress = f"epoch {epoch}/{n_epochs}  loss {loss:.4f}"
        accuracy = f"validation F1 {self._f1:.4f} (rare {rare:.4f})  r2 {r2:.4f}"
        speed = f"{rate:.1f} steps/s  {left:.0f} s left"
        self._log(f"{progress}  {accuracy}  {speed}")
