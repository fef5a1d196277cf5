"""The file of one evaluation: sums, from which methods are compared, chromosomes pooled and trainings described."""

import os
import zlib

import numpy as np

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.evaluation.calibration import UncertainDosages
from ragimpute.evaluation.estimated_r2 import EstimatedR2
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Estimates, Evaluation, Scored, StratumSums
from ragimpute.evaluation.r2_filter import THRESHOLDS, FilteredR2
from ragimpute.evaluation.r2_per_variant import VariantR2
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.sample_statistics import FIELDS, SampleStatistics
from ragimpute.evaluation.strata import STRATA

KIND = "evaluation"
DOSAGES = "dosages"  # the largest array, which only pooling needs: zlib of the columns, one after the other
COLUMNS = {"key": "<i8", "number": "<i8", "expected": "<f8"}  # of DOSAGES
LEVEL = 1  # of zlib: most columns hold long runs of nearly equal values
FIELD_NAMES = " ".join(FIELDS)
STRATUM_NAMES = " ".join(STRATA)
THRESHOLD_NAMES = " ".join(THRESHOLDS)


def save_evaluation(path: str | os.PathLike, evaluation: Evaluation) -> None:
    """Write an evaluation as a safetensors file; without truth it holds names and estimates alone."""
    names = evaluation.run.columns()
    metadata = {name: str(value) for name, value in names.items()}
    metadata["chrom"] = evaluation.chrom
    metadata["bootstraps"] = str(evaluation.setting.bootstraps)
    metadata["bootstrap_seed"] = str(evaluation.setting.seed)
    metadata["fields"] = FIELD_NAMES
    metadata["strata"] = STRATUM_NAMES
    metadata["thresholds"] = THRESHOLD_NAMES
    scored = evaluation.scored
    estimates = evaluation.estimates
    arrays = {"scored": np.array([scored is not None], dtype=np.uint8)}
    arrays["n_samples"] = np.array([estimates.n_samples], dtype=np.int64)
    arrays |= _prefixed("info", estimates.info)
    arrays["passing"] = estimates.passing
    arrays |= _prefixed("left_out", estimates.left_out)
    arrays[DOSAGES] = np.zeros(0, dtype=np.uint8)
    if scored is not None:
        statistics = scored.statistics
        arrays["samples"] = artefacts.encode_strings(scored.samples)
        arrays["populations"] = artefacts.encode_strings(scored.populations)
        arrays["n_sites"] = scored.n_sites.astype(np.int64)
        arrays["n_haplotypes"] = np.array([scored.n_haplotypes], dtype=np.int64)
        arrays["sums"] = statistics.sums
        arrays["calibration"] = statistics.calibration
        arrays |= _prefixed("r2_variant", scored.r2_variant)
        arrays |= _prefixed("estimated_r2", scored.estimated_r2)
        arrays |= _prefixed("filtered", scored.filtered)
        if statistics.dosages is not None:
            arrays[DOSAGES] = _packed(statistics.dosages)
    artefacts.save(path, KIND, arrays, metadata)


def load_evaluation(path: str | os.PathLike, *, with_dosages: bool = False) -> Evaluation:
    """Read a file of `save_evaluation`; pooling needs it `with_dosages`.

    Raises InputError when another version wrote it, with other fields, strata or thresholds.
    """
    if with_dosages:
        artefact = artefacts.load(path, KIND)
    else:
        artefact, _ = artefacts.load_without(path, KIND, DOSAGES)
    metadata = artefact.metadata
    arrays = artefact.arrays
    expected = {"fields": FIELD_NAMES, "strata": STRATUM_NAMES, "thresholds": THRESHOLD_NAMES}
    is_same = all(metadata.get(name) == text for name, text in expected.items())
    if not is_same or "chrom" not in metadata:
        raise InputError(f"{path}: written by another version of ragimpute; delete it and run again")
    names = {name: metadata[name] for name in ("panel", "mask", "method", "architecture", "loss", "weights")}
    seed = int(metadata["seed"])
    run = RunNames(**names, seed=seed)
    bootstraps = int(metadata["bootstraps"])
    bootstrap_seed = int(metadata["bootstrap_seed"])
    setting = BootstrapSettings(bootstraps, bootstrap_seed)
    info = _stratum_sums("info", arrays)
    left_out = _stratum_sums("left_out", arrays)
    n_samples = int(arrays["n_samples"][0])
    estimates = Estimates(info, arrays["passing"], left_out, n_samples)
    is_scored = arrays["scored"][0]
    scored = _scored(arrays) if is_scored else None
    return Evaluation(run, setting, estimates, scored, metadata["chrom"])


def _stratum_sums(prefix: str, arrays: dict[str, np.ndarray]) -> StratumSums:
    sums = _of_prefix(prefix, arrays)
    return StratumSums(**sums)


def _scored(arrays: dict[str, np.ndarray]) -> Scored:
    samples = tuple(artefacts.decode_strings(arrays["samples"]))
    populations = tuple(artefacts.decode_strings(arrays["populations"]))
    n_samples = len(samples)
    packed = arrays.get(DOSAGES)
    dosages = None
    if packed is not None and len(packed):
        dosages = _unpacked(packed, n_samples)
    sums = arrays["sums"]
    calibration = arrays["calibration"]
    statistics = SampleStatistics(sums, calibration, dosages)
    variant_sums = _of_prefix("r2_variant", arrays)
    variants = VariantR2(**variant_sums)
    estimate_sums = _of_prefix("estimated_r2", arrays)
    estimates = EstimatedR2(**estimate_sums)
    filtered = FilteredR2(**_of_prefix("filtered", arrays))
    n_haplotypes = int(arrays["n_haplotypes"][0])
    return Scored(samples, populations, arrays["n_sites"], statistics, variants, estimates, filtered, n_haplotypes)


def _prefixed(prefix: str, sums: object) -> dict[str, np.ndarray]:
    """The arrays of a dataclass of arrays, under names of the file."""
    return {f"{prefix}_{name}": array for name, array in vars(sums).items()}


def _of_prefix(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Undo `_prefixed`."""
    start = f"{prefix}_"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _packed(table: UncertainDosages) -> np.ndarray:
    """[n] uint8. Keys are stored as their differences, which are small."""
    columns = (np.diff(table.key, prepend=0), table.number, table.expected)
    kinds = COLUMNS.values()
    parts = [column.astype(kind).tobytes() for column, kind in zip(columns, kinds, strict=True)]
    content = b"".join(parts)
    compressed = zlib.compress(content, LEVEL)
    return np.frombuffer(compressed, dtype=np.uint8)


def _unpacked(packed: np.ndarray, n_samples: int) -> UncertainDosages:
    """Undo `_packed`."""
    content = zlib.decompress(packed.tobytes())
    n_columns = len(COLUMNS)
    size = len(content) // n_columns
    steps, number, expected = (
        np.frombuffer(content[i * size : (i + 1) * size], dtype=kind) for i, kind in enumerate(COLUMNS.values())
    )
    key = np.cumsum(steps)
    return UncertainDosages(key, number, expected, n_samples)
