"""Progress of a training: a live bar on a terminal, one plain line per epoch elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Shows loss, validation F1, steps per second and the time left. Never touches the result."""

    def __init__(
        self, total: int, done: int, steps_per_epoch: int, log: Callable[[str], None], bar: bool = True
    ) -> None:
        self._log, self._total, self._steps_per_epoch = log, total, steps_per_epoch
        self._first, self._done, self._begin = done, done, time.monotonic()
        self._f1 = float("nan")
        self._bar: RichProgress | None = None
        if bar and sys.stderr.isatty():
            columns = (
                TextColumn("loss {task.fields[loss]:.4f}  validation F1 {task.fields[f1]:.4f}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:.1f} steps/s"),
                TimeRemainingColumn(),
            )
            self._bar = RichProgress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("train", total=total, completed=done, loss=0.0, f1=self._f1, rate=0.0)

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _rate(self) -> float:
        return (self._done - self._first) / max(time.monotonic() - self._begin, 1e-9)

    def step(self, loss: float) -> None:
        """One more step is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1, loss=loss, f1=self._f1, rate=self._rate())

    def epoch(self, epoch: int, loss: float, scores: dict[str, float]) -> None:
        """An epoch ends with the step that is about to be counted."""
        self._f1 = scores["val_f1"]
        if self._bar is None:
            rate = (self._done + 1 - self._first) / max(time.monotonic() - self._begin, 1e-9)
            left = (self._total - self._done - 1) / max(rate, 1e-9)
            self._log(
                f"epoch {epoch}/{self._total // self._steps_per_epoch}  loss {loss:.4f}  "
                f"validation F1 {self._f1:.4f} (rare {scores['val_f1_rare']:.4f})  r2 {scores['val_r2']:.4f}  "
                f"{rate:.1f} steps/s  {left:.0f} s left"
            )
