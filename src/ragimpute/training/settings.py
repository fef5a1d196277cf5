"""The training settings: the `training.<architecture>` section of the config."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ragimpute.errors import InputError
from ragimpute.models import architecture as find_architecture

KEPT_EPOCHS = ("best", "last")
FINE_TUNING_RATE = 0.25  # of the learning rate from scratch
LEAST = {"epochs": 0, "steps_per_epoch": 1, "batch_samples": 1, "patience": 0}  # the least value of each


@dataclass(frozen=True)
class TrainingSettings:
    """A fixed budget of steps and how to spend it. The same for all losses of a study."""

    size: str = "small"
    epochs: int = 10
    steps_per_epoch: int = 80
    batch_samples: int = 16  # samples per step, at one window
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.05  # share of all steps with a rising rate; cosine decay to zero afterwards
    clip_norm: float = 1.0
    patience: int = 0  # epochs without a better val_r2 before stopping; 0: never
    evaluation_windows: int = 16  # windows, evenly spread, of the evaluation after each epoch; 0: all
    kept_epoch: str = "best"  # the epoch whose weights are kept: best, by val_r2; last
    monitor_every: int = 10  # steps between the gradient monitors; 0: never
    amp: bool = True  # bfloat16 autocast where the device has it (CUDA); the CPU computes in float32
    compile_from: int = 0  # steps from which torch.compile's half a minute pays on CUDA; 0: it never does

    @classmethod
    def from_config(cls, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> "TrainingSettings":
        """`config` over the `defaults` of the architecture's size over those of this class.

        Raises InputError for unknown keys and values out of range.
        """
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(config) - known)
        if unknown:
            listed = ", ".join(unknown)
            choices = ", ".join(sorted(known))
            raise InputError(f"training: unknown key {listed}; known are {choices}")
        given = {key: value for key, value in config.items() if value is not None}
        settings = cls(**{**defaults, **given})
        for name, least in LEAST.items():
            value = getattr(settings, name)
            if value < least:
                raise InputError(f"training.{name} is {value}, must be at least {least}")
        if not settings.learning_rate > 0 or not 0 <= settings.warmup < 1 or not settings.clip_norm > 0:
            raise InputError("training: learning_rate and clip_norm must be > 0 and warmup in [0, 1)")
        if settings.kept_epoch not in KEPT_EPOCHS:
            choices = " or ".join(KEPT_EPOCHS)
            raise InputError(f"training.kept_epoch is {settings.kept_epoch!r}, expected {choices}")
        if settings.kept_epoch == "last" and settings.patience:
            raise InputError("training: patience waits for a better epoch; with kept_epoch last it must be 0")
        return settings

    @property
    def total_steps(self) -> int:
        """The steps of all epochs."""
        return self.epochs * self.steps_per_epoch


def training_settings(architecture: str, config: Mapping[str, Any], weights: str = "scratch") -> TrainingSettings:
    """The settings of `training.<architecture>` over the defaults of the architecture's size.

    `weights` says what training starts from: `scratch`; `pretrained`, which is not trained at all; or `fine_tuned`,
    pretrained weights that are trained further, with FINE_TUNING_RATE of the learning rate. Raises InputError for an
    unknown architecture, size or key, and for values out of range.
    """
    found = find_architecture(architecture)
    size = config.get("size") or TrainingSettings.size
    if size not in found.sizes:
        sizes = ", ".join(found.sizes)
        raise InputError(f"training.{architecture}.size is {size!r}; known are {sizes}")
    of_size = found.training.get(size, {})
    defaults = {**of_size, "size": size}
    settings = TrainingSettings.from_config(config, defaults)
    if weights == "pretrained":
        return replace(settings, epochs=0)
    if weights == "fine_tuned":
        rate = settings.learning_rate * FINE_TUNING_RATE
        return replace(settings, learning_rate=rate)
    return settings
