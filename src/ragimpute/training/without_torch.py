"""The step `train` of a row with `weights: pretrained` where torch is not installed: the weights as they are, scored.

The scores are those of ragimpute.training.validation, of the dosages of the kernel that imputes: sites with similar
queries share one there, so that the last digits differ. No temperature is fitted: that takes the network's logits.
"""

import math

import numpy as np

from ragimpute import artefacts
from ragimpute.models import pretrained
from ragimpute.models.copy_rag import site_inputs
from ragimpute.models.copy_rag.architecture import WINDOW
from ragimpute.panel.folds import allele_pairs_sum
from ragimpute.training.fold_segments import FoldSegments
from ragimpute.training.history import History, short, weights_digest
from ragimpute.training.request import (
    Log,
    TrainingFiles,
    TrainingRequest,
    TrainingResult,
    TrainingSamples,
    read_training,
    write_result,
)
from ragimpute.training.scores import SiteStrata, dosage_sums, evenly_spread_windows, scores_of


def take_pretrained(request: TrainingRequest, files: TrainingFiles, log: Log = print) -> None:
    """Write the pretrained weights that fit the panel as the model, and their scores as the history.

    Raises InputError when files are missing or do not belong together.
    """
    samples, provenance = read_training(request, files)
    log("torch is not installed: no temperature is fitted")
    write_result(pretrained_result(request, samples, provenance), files)


def pretrained_result(request: TrainingRequest, samples: TrainingSamples, provenance: dict[str, str]) -> TrainingResult:
    """What `train_network` returns for the same arguments, but for the temperature and the scores' last digits."""
    settings = request.settings()
    path = pretrained.choose_weights(samples.extents(), samples.n_haplotypes())
    weights = dict(artefacts.load(path, pretrained.KIND).arrays)
    site_inputs.check_weights(path, weights, settings.size)
    scores = validation_scores(
        weights, samples.validation, samples.strata(), settings.evaluation_windows, request.threads
    )
    history = History(request.seed)
    history.add(0, 0, {"weights_hash": short(weights_digest(weights))})
    of_validation = {f"val_{name}": value for name, value in scores.items()}
    history.add(0, 0, {**of_validation, "rate": settings.learning_rate, "batch_hash": 0})
    best = scores["r2"] if math.isfinite(scores["r2"]) else -math.inf
    metadata = {**request.metadata(), **provenance, "pretrained_sha256": artefacts.file_digest(path)}
    metadata |= {"best_epoch": "0", "best_val_r2": f"{best:.9g}"}
    return TrainingResult(weights, metadata, history)


def validation_scores(
    weights: dict[str, np.ndarray], part: FoldSegments, strata: SiteStrata, n_windows: int, threads: int
) -> dict[str, float]:
    """`scores_of` the fold of `part` at `n_windows` windows of its untyped sites, evenly spread; 0: at all."""
    from ragimpute.models.copy_rag.inference import kernel_dosages

    fold = part.fold
    imputed = kernel_dosages(weights, fold, part.segments, threads)
    dosages = imputed.hds.sum(axis=2)  # [S, P]
    assert fold.truth is not None
    truths = allele_pairs_sum(fold.truth)  # [S, P]
    untyped = np.flatnonzero(~fold.typed)
    windows = [untyped[start : start + WINDOW] for start in range(0, len(untyped), WINDOW)]
    chosen = evenly_spread_windows(len(windows), n_windows)
    sites = np.concatenate([windows[window] for window in chosen])
    scored = fold.scored(np.arange(fold.n_samples), sites).T  # [L, P]
    flip = strata.flipped[sites][:, None]
    dosage = np.where(flip, 2 - dosages[sites], dosages[sites])
    truth = np.where(flip, 2 - truths[sites].astype(np.int64), truths[sites])
    sums = []
    for members in (strata.rare[sites], ~strata.rare[sites]):
        here = scored & members[:, None]
        sums.append(dosage_sums(dosage[here], truth[here]))
    return scores_of(np.stack(sums))
