"""The course of one training, from its history: how soon it was good, how steady, and how reconstruction went."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_diagnosis import by_step, column, reconstruction
from ragimpute.evaluation.summary import training_measures

OWN_BEST = 0.99  # of the training's own best validation F1
LEVEL = 0.9  # of the best validation F1 of `no_recon` of the same seed
PART = 10  # the start, the middle and the end of a training are a tenth of its steps each
AT_END = ("temperature", "probe_r2")  # metrics that are measured once, after the last step
SPEED = ("epochs_to_best", "steps_to_best99", "steps_to_level", "level_censored")
STABILITY = ("loss_sd", "loss_sd_normalised")
RECONSTRUCTION = ("recon_start", "recon_middle", "recon_end")
MEASURES = (*SPEED, *STABILITY, "f1_gap", "val_f1", "val_r2", *RECONSTRUCTION, "probe_r2")


@dataclass(frozen=True)
class TrainingCourse:
    """One seed's history as a table of `by_step`, and the measures that `summary` takes from it as well."""

    wide: pd.DataFrame
    summarised: dict[str, float]

    @classmethod
    def of(cls, history: pd.DataFrame) -> "TrainingCourse":
        """Of the history table (columns of history.tsv) of one seed."""
        (summarised,) = training_measures(history)
        return cls(by_step(history), summarised)

    @property
    def steps(self) -> int:
        """The last step."""
        return int(self.wide.index.max()) if len(self.wide) else 0

    def best_f1(self) -> float:
        """The best validation F1; NaN when it was never measured."""
        values = column(self.wide, "val_f1")
        return float(values.max())

    def steps_to(self, level: float) -> tuple[float, bool]:
        """The first evaluated step whose validation F1 is at least `level`, and False.

        The last step + 1, and True, where that never happened; NaN without a level or an evaluation.
        """
        evaluated = column(self.wide, "val_f1").dropna()
        if evaluated.empty or not np.isfinite(level):
            return float("nan"), False
        is_reached = evaluated >= level
        reached = evaluated.index[is_reached]
        if len(reached):
            return float(reached[0]), False
        return float(self.steps + 1), True

    def at_end(self, name: str) -> float:
        """The last value of a metric; NaN when it was never measured."""
        values = column(self.wide, name).dropna()
        if values.empty:
            return float("nan")
        return float(values.iloc[-1])

    def measures(self, level: float) -> dict[str, float]:
        """MEASURES. Args: level, the validation F1 that steps_to_level asks for; NaN where there is none.

        epochs_to_best, loss_sd, loss_sd_normalised, f1_gap, val_r2: as summary.tsv has them. steps_to_best99: first
        evaluated step with 99 % of the training's own best validation F1. level_censored: 1 where the level was never
        reached. recon_start, recon_middle, recon_end: mean reconstruction loss over the first, the middle and the last
        tenth of the steps. probe_r2: r2, on validation samples, of a linear probe of the allele on `after`.
        """
        best = self.best_f1()
        to_level, censored = self.steps_to(level)
        losses = reconstruction(self.wide)
        start, middle, end = self._tenths(losses)
        found = {name: self.summarised[name] for name in MEASURES if name in self.summarised}
        found["steps_to_best99"], _ = self.steps_to(OWN_BEST * best)
        found["steps_to_level"] = to_level
        found["level_censored"] = float(censored) if np.isfinite(to_level) else float("nan")
        found["val_f1"] = best
        found["recon_start"] = start
        found["recon_middle"] = middle
        found["recon_end"] = end
        found["probe_r2"] = self.at_end("probe_r2")
        return {name: found[name] for name in MEASURES}

    def _tenths(self, values: pd.Series) -> tuple[float, float, float]:
        """Means over the first, the middle and the last tenth of the steps."""
        defined = values.dropna()
        length = max(1, len(defined) // PART)
        last = len(defined) - length
        middle = last // 2
        starts = (0, middle, last)
        first, second, third = (float(defined[start : start + length].mean()) for start in starts)
        return first, second, third
