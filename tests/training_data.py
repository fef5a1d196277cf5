"""A very small bert_rag on the tiny panel, for the tests of models and training."""

from dataclasses import replace

import numpy as np
import torch

from ragimpute.models.bert_rag.data import BertRagData
from ragimpute.models.bert_rag.network import BertRag
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.store import Panel
from ragimpute.retrieval.fold_neighbours import retrieve_neighbours
from ragimpute.training.loop import Trainer
from ragimpute.training.losses import LossSpec
from ragimpute.training.settings import TrainingSettings
from ragimpute.training.validation import SiteStrata

WINDOW = 25
NEIGHBOURS = 6  # of each query at each typed site
CPU = torch.device("cpu")


def samples_of(panel: Panel) -> list[SampleRole]:
    """Every fourth sample validates."""
    return [
        SampleRole(name, "reference", "validation" if i % 4 == 3 else "train") for i, name in enumerate(panel.samples)
    ]


def fold_of(panel: Panel, typed: np.ndarray, name: str) -> Fold:
    return load_fold(panel, samples_of(panel), {"typed": typed}, name)


def windows_of(fold: Fold, mosaics: int = 1) -> BertRagData:
    return BertRagData(fold, retrieve_neighbours(fold, NEIGHBOURS, threads=1).arrays(), WINDOW, mosaics)


def small_network(seed: int = 1, dropout: float = 0.1) -> BertRag:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BertRag(width=16, blocks=1, heads=2, dropout=dropout)


def small_trainer(panel: Panel, typed: np.ndarray, loss: dict, seed: int = 1, **changes) -> Trainer:
    """A trainer of 3 epochs of 4 steps; `changes` go to the trainer, or to its settings where they have the name."""
    settings = TrainingSettings(epochs=3, steps_per_epoch=4, batch_samples=8, monitor_every=2)
    for key in [key for key in changes if hasattr(settings, key)]:
        settings = replace(settings, **{key: changes.pop(key)})
    train = fold_of(panel, typed, "train")
    counts = train.reference.alleles.sum(axis=1, dtype=np.int64)
    options = {
        "model": small_network(seed),
        "spec": LossSpec.from_config(loss),
        "settings": settings,
        "seed": seed,
        "folds": [windows_of(train)],
        "validation": windows_of(fold_of(panel, typed, "validation")),
        "strata": SiteStrata.from_counts(counts, np.full(len(counts), train.reference.alleles.shape[1])),
        "device": CPU,
        "log": lambda line: None,
    }
    return Trainer(**{**options, **changes})
