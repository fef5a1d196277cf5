"""The file of one evaluation: sums for each sample, from which methods are compared and trainings are described."""

import os
from dataclasses import dataclass

import numpy as np

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.sample_statistics import FIELDS, SampleStatistics
from ragimpute.evaluation.scorer import BootstrapSettings, Scored
from ragimpute.evaluation.strata import STRATA

KIND = "evaluation"


@dataclass(frozen=True)
class Evaluation:
    """The scores of one imputed VCF, under the names of its run."""

    run: RunNames
    setting: BootstrapSettings
    scored: Scored | None  # None without truth


def save_evaluation(path: str | os.PathLike, evaluation: Evaluation) -> None:
    """Write an evaluation as a safetensors file; without truth it holds names alone."""
    metadata = {name: str(value) for name, value in evaluation.run.columns().items()}
    metadata["bootstraps"] = str(evaluation.setting.bootstraps)
    metadata["bootstrap_seed"] = str(evaluation.setting.seed)
    metadata["fields"] = " ".join(FIELDS)
    metadata["strata"] = " ".join(STRATA)
    scored = evaluation.scored
    arrays = {"scored": np.array([scored is not None], dtype=np.uint8)}
    if scored is not None:
        arrays["samples"] = artefacts.encode_strings(scored.samples)
        arrays["populations"] = artefacts.encode_strings(scored.populations)
        arrays["n_sites"] = scored.n_sites.astype(np.int64)
        arrays["sums"] = scored.statistics.sums
        arrays["calibration"] = scored.statistics.calibration
        arrays["r2_variant"] = scored.r2_variant
        arrays["r2_variant_resamples"] = scored.r2_variant_resamples
    artefacts.save(path, KIND, arrays, metadata)


def load_evaluation(path: str | os.PathLike) -> Evaluation:
    """Read a file of `save_evaluation`.

    Raises InputError when another version wrote it, with other fields or strata.
    """
    artefact = artefacts.load(path, KIND)
    metadata, arrays = artefact.metadata, artefact.arrays
    same_fields = metadata.get("fields") == " ".join(FIELDS)
    same_strata = metadata.get("strata") == " ".join(STRATA)
    if not same_fields or not same_strata:
        raise InputError(f"{path}: written by another version of ragimpute; delete it and run again")
    names = {name: metadata[name] for name in ("panel", "mask", "method", "architecture", "loss", "weights")}
    run = RunNames(**names, seed=int(metadata["seed"]))
    setting = BootstrapSettings(int(metadata["bootstraps"]), int(metadata["bootstrap_seed"]))
    if not arrays["scored"][0]:
        return Evaluation(run, setting, None)
    scored = Scored(
        samples=tuple(artefacts.decode_strings(arrays["samples"])),
        populations=tuple(artefacts.decode_strings(arrays["populations"])),
        n_sites=arrays["n_sites"],
        statistics=SampleStatistics(arrays["sums"], arrays["calibration"]),
        r2_variant=arrays["r2_variant"],
        r2_variant_resamples=arrays["r2_variant_resamples"],
    )
    return Evaluation(run, setting, scored)
