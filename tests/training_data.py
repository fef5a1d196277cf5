"""A very small bert_rag on the tiny panel, for the tests of models and training."""

from dataclasses import replace

import numpy as np
import torch

from ragimpute.models.bert_rag.fold_data import BertRagData
from ragimpute.models.bert_rag.network import BertRag
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.store import Panel
from ragimpute.retrieval.fold_neighbours import retrieve_neighbours
from ragimpute.training.loop import Trainer
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.scores import SiteStrata
from ragimpute.training.settings import TrainingSettings

WINDOW = 25
NEIGHBOURS = 6  # of each query at each typed site
CPU = torch.device("cpu")
LOSSES = {
    "A": {
        "hap": 0.2,
        "genotype": 0.3,
        "recon": 0.15,
        "gamma": 5,
        "switch_threshold": 0.01,
        "after_switch": {"hap": 3, "genotype": 4, "recon": 0},
    },
    "B": {"hap": 0.25, "genotype": 0.4, "recon": 0.05, "gamma": 5},
    "C": {"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 5},
    "D": {"hap": 0.25, "genotype": 0.4, "recon": 0.05, "gamma": 5, "recon_target": "truth"},
    "E": {"hap": 0.3, "genotype": 0.3, "contrastive": 0.1, "gamma": 5},
    "cross_entropy": {"hap": 0.3, "genotype": 0.4, "gamma": 0},
}


def samples_of(panel: Panel) -> list[SampleRole]:
    """Every fourth sample validates."""
    return [
        SampleRole(name, "reference", "validation" if i % 4 == 3 else "train") for i, name in enumerate(panel.samples)
    ]


def fold_of(panel: Panel, typed: np.ndarray, name: str) -> Fold:
    return load_fold(panel, samples_of(panel), {"typed": typed}, name)


def windows_of(fold: Fold, mosaics: int = 1) -> BertRagData:
    return BertRagData(fold, retrieve_neighbours(fold, NEIGHBOURS, threads=1), WINDOW, mosaics)


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
    counts = train.reference.alleles[:].sum(axis=1, dtype=np.int64)
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


def attention_inputs(n=3, length=30, typed=8, width=8, k=6, n_hap=40):
    """Query, side and key with gradients; left, right, neighbours and minor, as `copy_attention` takes them."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.randn(*shape, generator=generator).requires_grad_()

    left = torch.sort(torch.randint(0, typed - 1, (length,), generator=generator))[0]
    neighbours = torch.randint(0, n_hap, (n, typed, k), generator=generator, dtype=torch.int32)
    minor = (torch.rand(length, n_hap, generator=generator) < torch.rand(length, 1, generator=generator) * 0.2).byte()
    minor[0] = 0  # nobody carries
    floats = random(n, length, width), random(n, length, 2), random(n, typed, width, k)
    return floats, (left, left + 1, neighbours, minor)
