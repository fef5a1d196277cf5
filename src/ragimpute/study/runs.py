"""What a configuration asks for: its runs, and the names that results are filed under."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_TRAINED = "NA"
CALIBRATED = "calibrated"


@dataclass(frozen=True)
class Run:
    """One imputation of one mask's targets by one method and seed."""

    mask: str
    method: str  # {training}[.calibrated], or the baseline's name
    seed: int
    architecture: str = NOT_TRAINED
    loss: str = NOT_TRAINED
    weights: str = NOT_TRAINED
    training: str = NOT_TRAINED  # {architecture}.{loss or name}[.pretrained|.fine_tuned]: what its model is filed under
    learning_rate: float | None = None  # None: that of the architecture's settings

    @property
    def trained(self) -> bool:
        return self.architecture != NOT_TRAINED

    @property
    def needs_torch(self) -> bool:
        """Whether its model is trained, or a temperature is fitted to it; pretrained weights are taken as they are."""
        return self.trained and (self.weights != "pretrained" or self.method != self.training)

    @property
    def path(self) -> str:
        """`{mask}/{method}/seed{seed}`, the end of the run's paths under results/."""
        return f"{self.mask}/{self.method}/seed{self.seed}"

    @property
    def model(self) -> str:
        """`{mask}/{training}/seed{seed}`: a raw and a calibrated run share their model."""
        return f"{self.mask}/{self.training}/seed{self.seed}"


def method_name(architecture: str, loss: str, weights: str, calibrated: bool = False) -> str:
    """The method's name; `loss` is the loss, or the `name` that stands for it.

    Weights are named only when training did not start from scratch.
    """
    parts = [architecture, loss]
    if weights != "scratch":
        parts.append(weights)
    if calibrated:
        parts.append(CALIBRATED)
    return ".".join(parts)


def raw_method(method: str) -> str:
    """The trained method that `method` shares its training with: itself, without `.calibrated`."""
    parts = method.split(".")
    # of two parts, architecture.calibrated, the second is a loss of that name
    is_calibrated = len(parts) > 2 and parts[-1] == CALIBRATED
    return method.removesuffix(f".{CALIBRATED}") if is_calibrated else method


def runs(config: Mapping[str, Any]) -> list[Run]:
    """All runs of an effective configuration, in its order, each once.

    Trained methods run once for each seed of their row, or else of the configuration; pretrained weights, in which no
    seed plays a part, for the first one. A row with `calibrate` has a raw and a calibrated run of each training.
    Baselines, whose result no seed of training changes, run once on each mask of the study (on all masks when nothing
    is trained), as seed 0.
    """
    found = []
    for row in config["study"]:
        seeds = row.get("seeds") or config["seeds"]
        found += _row_runs(row, seeds)
    masks = [row["mask"] for row in config["study"]] or list(config["masks"])
    found += [Run(mask, baseline, 0) for mask in masks for baseline in config["baselines"]]
    return list(dict.fromkeys(found))


def _row_runs(row: Mapping[str, Any], seeds: Sequence[int]) -> list[Run]:
    """The runs of one row of the study."""
    architecture, loss, weights = row["architecture"], row["loss"], row["weights"]
    names = architecture, row.get("name") or loss, weights
    training = method_name(*names)
    methods = [training]
    if row.get("calibrate"):
        methods.append(method_name(*names, calibrated=True))
    if weights == "pretrained":
        seeds = seeds[:1]
    rate = row.get("learning_rate")
    return [
        Run(row["mask"], method, seed, architecture, loss, weights, training, rate)
        for method in methods
        for seed in seeds
    ]


def truth_file(panel: Mapping[str, Any], sites: Any) -> str | None:
    """The VCF that holds the truth of a mask's targets, or None where nothing but typed sites is known of them."""
    if panel["truth"]:
        return panel["truth"]
    if isinstance(panel["targets"], dict):
        return panel["reference"]
    return None if sites == "targets" else panel["targets"]
