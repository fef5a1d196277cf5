"""What methods are called where a person reads of them, and which of them a reader sees at first."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from ragimpute.study.runs import NOT_TRAINED

BASELINE_NAMES = {
    **{"beagle": "Beagle", "beagle_once": "Beagle, one phasing", "beagle_tuned": "Beagle, tuned"},
    **{"minimac4": "Minimac4", "li_stephens": "plain Li-Stephens", "copy_nearest": "nearest haplotypes"},
    "frequency": "allele frequency alone",
}
WEIGHTS = {"scratch": "trained on the panel", "pretrained": "pretrained", "fine_tuned": "fine-tuned on the panel"}
CALIBRATED = "calibrated"
FREQUENCY = "frequency"  # every sample has the same dosage: r2 without any information on the sample
ALWAYS_SHOWN = ("beagle", "minimac4", FREQUENCY)
MOST_SHOWN = 5


def kind_of_training(method: str, weights: str, loss: str) -> str:
    """What distinguishes a method from others of its architecture and weights: its name without these."""
    _, *words = method.split(".")
    return ".".join(word for word in words if word != weights) or loss


def shown_names(summary: pd.DataFrame) -> dict[str, str]:
    """Method -> the name that a person reads, which no two methods of the summary table (one mask) share.

    A trained method is called by its architecture and its weights; where others have the same, its loss is added, and
    of the weights only what is not trained from scratch is said, for brevity.
    """
    trainings = {}
    for row in summary.itertuples():
        if row.architecture != NOT_TRAINED:
            words = kind_of_training(row.method, row.weights, row.loss).split(".")
            loss = ".".join(word for word in words if word != CALIBRATED)
            trainings[row.method] = (row.architecture, row.weights, loss, CALIBRATED in words)
    distinct = {training[:3] for training in trainings.values()}
    losses = Counter((architecture, weights) for architecture, weights, _ in distinct)
    names = {}
    for method in summary["method"]:
        if method not in trainings:
            names[method] = BASELINE_NAMES.get(method, method)
            continue
        architecture, weights, loss, is_calibrated = trainings[method]
        is_shared = losses[architecture, weights] > 1
        words = [architecture]
        if weights != "scratch" or not is_shared:
            words.append(WEIGHTS.get(weights, weights))
        if is_calibrated:
            words.append("recalibrated")
        named = f" ({loss})" if is_shared else ""
        names[method] = f"{', '.join(words)}{named}"
    return names


def leading_method(summary: pd.DataFrame) -> str:
    """The method that the report's first sentence is about, chosen without a look at the targets.

    The row selected on validation samples; else a pretrained network, another network, Beagle, any method.
    """
    return _by_importance(summary)[0]


def main_methods(summary: pd.DataFrame) -> list[str]:
    """The methods of a summary table (one mask) that a reader sees at first, at most MOST_SHOWN.

    The selected row, a pretrained network, Beagle, Minimac4 and the allele frequency; where some are missing, others.
    """
    ordered = _by_importance(summary)
    selected = summary.loc[summary["selected"], "method"].tolist()
    pretrained = _pretrained(summary)[:1]
    wanted = [*selected, *pretrained, *(name for name in ALWAYS_SHOWN if name in ordered)]
    chosen = set(_distinct([*wanted, *ordered])[:MOST_SHOWN])
    return [name for name in ordered if name in chosen]


def _by_importance(summary: pd.DataFrame) -> list[str]:
    """All methods: the selected row, pretrained networks, other networks, Beagle, other baselines, the frequency."""
    ordered = summary.sort_values("method")
    is_calibrated = ordered["method"].str.endswith(f".{CALIBRATED}")
    is_network = ordered["architecture"] != NOT_TRAINED
    selected = ordered.loc[ordered["selected"], "method"]
    networks = ordered.loc[is_network & ~is_calibrated, "method"]
    baselines = ordered.loc[~is_network & (ordered["method"] != FREQUENCY), "method"]
    return _distinct([*selected, *_pretrained(summary), *networks, *baselines, *ordered["method"]])


def _pretrained(summary: pd.DataFrame) -> list[str]:
    is_pretrained = summary["weights"] == "pretrained"
    return sorted(name for name in summary.loc[is_pretrained, "method"] if not name.endswith(f".{CALIBRATED}"))


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
