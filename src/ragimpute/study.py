"""What a configuration asks for: its runs, and the names that results are filed under."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_TRAINED = "NA"


@dataclass(frozen=True)
class Run:
    """One imputation of one mask's targets by one method and seed."""

    mask: str
    method: str  # {architecture}.{loss}[.pretrained|.fine_tuned], or the baseline's name
    seed: int
    architecture: str = NOT_TRAINED
    loss: str = NOT_TRAINED
    weights: str = NOT_TRAINED

    @property
    def trained(self) -> bool:
        return self.architecture != NOT_TRAINED

    @property
    def path(self) -> str:
        """`{mask}/{method}/seed{seed}`, the end of the run's paths under results/."""
        return f"{self.mask}/{self.method}/seed{self.seed}"


def method_name(architecture: str, loss: str, weights: str) -> str:
    """The method's name: weights are named only when training did not start from scratch."""
    return f"{architecture}.{loss}" if weights == "scratch" else f"{architecture}.{loss}.{weights}"


def runs(config: Mapping[str, Any]) -> list[Run]:
    """All runs of an effective configuration, in its order.

    Trained methods run once for each seed, pretrained weights, in which no seed plays a part, for the first one;
    baselines, whose result no seed of training changes, once on each mask of the study (on all masks when nothing is
    trained), as seed 0.
    """
    result = [
        Run(
            entry["mask"],
            method_name(entry["architecture"], entry["loss"], entry["weights"]),
            seed,
            entry["architecture"],
            entry["loss"],
            entry["weights"],
        )
        for entry in config["study"]
        for seed in (config["seeds"][:1] if entry["weights"] == "pretrained" else config["seeds"])
    ]
    masks = list(dict.fromkeys(entry["mask"] for entry in config["study"])) or list(config["masks"])
    return result + [Run(mask, baseline, 0) for mask in masks for baseline in config["baselines"]]


def truth_file(panel: Mapping[str, Any], sites: Any) -> str | None:
    """The VCF that holds the truth of a mask's targets, or None where nothing but typed sites is known of them."""
    if panel["truth"]:
        return panel["truth"]
    if isinstance(panel["targets"], dict):
        return panel["reference"]
    return None if sites == "targets" else panel["targets"]
