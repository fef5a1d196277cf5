"""Train the weights that come with the package: `make pretrained`. docs/model_card.md is written beside them.

Simulated panels of many demographies, recombination rates, sizes and array densities; in each, some people are imputed
from all the others. Phase errors are put into the queries, as statistical phasing leaves them in array data.
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from simulate import simulate

from ragimpute import artefacts
from ragimpute.folds import Fold
from ragimpute.losses import LossSpec
from ragimpute.models import architecture, segments
from ragimpute.panel import Panel
from ragimpute.pretrained import DEFAULT
from ragimpute.training import session
from ragimpute.training.device import choose_device
from ragimpute.training.loop import Trainer
from ragimpute.training.validation import SiteStrata

ARCHITECTURE, SIZE = "copy_rag", "small"
LOSS = {"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 0}
QUERIES = 96  # people of a panel that are imputed from the others
SWITCH_RATE = 0.015  # phase errors per heterozygous typed site; Beagle's on array data of the example


def fold_of(panel: Panel, typed: np.ndarray, rng: np.random.Generator) -> Fold:
    """Some people of `panel`, each to be imputed from all others, with phase errors in their haplotypes."""
    people = np.sort(rng.choice(len(panel.samples), size=min(QUERIES, len(panel.samples)), replace=False))
    truth = panel.people([panel.samples[i] for i in people]).alleles
    truth = with_switches(truth, typed, rng)
    names = tuple(panel.samples[i] for i in people)
    return Fold("train", panel, names, typed, truth[typed], truth, people[:, None].astype(np.int64))


def with_switches(haplotypes: np.ndarray, typed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`haplotypes` [S, 2P] with each person's two exchanged from random heterozygous typed sites on."""
    result = haplotypes.copy()
    for person in range(haplotypes.shape[1] // 2):
        pair = result[:, 2 * person : 2 * person + 2]
        heterozygous = np.flatnonzero(typed & (pair[:, 0] != pair[:, 1]))
        for at in heterozygous[rng.random(len(heterozygous)) < SWITCH_RATE]:
            pair[at:] = pair[at:, ::-1]
    return result


@click.command()
@click.option("--panels", default=24, show_default=True, help="Simulated panels to train on.")
@click.option("--steps", default=2400, show_default=True, help="Training steps.")
@click.option("--seed", default=1, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
def main(panels: int, steps: int, seed: int, threads: int, out: Path) -> None:
    """Simulate, retrieve, train, and write the weights."""
    found = architecture(ARCHITECTURE)
    data, described = [], []
    for number in range(panels + 1):
        rng = np.random.default_rng([seed, number])
        simulated = simulate(rng)
        fold = fold_of(simulated.panel, simulated.typed, rng)
        described.append(simulated.description)
        click.echo(f"panel {number}: {simulated.description}", err=True)
        data.append(found.fold_data(SIZE, fold, segments(found, SIZE, fold, threads)))
    held_out = data.pop()
    alleles = held_out.fold.reference.alleles
    settings = session.training_settings(
        ARCHITECTURE, {"size": SIZE, "epochs": 10, "steps_per_epoch": steps // 10, "evaluation_windows": 4}
    )
    trainer = Trainer(
        model=found.build(SIZE, seed),
        spec=LossSpec.from_config(LOSS, "cross_entropy"),
        settings=settings,
        seed=seed,
        folds=data,
        validation=held_out,
        strata=SiteStrata.from_counts(alleles.sum(axis=1, dtype=np.int64), np.full(len(alleles), alleles.shape[1])),
        device=choose_device("cpu", threads),
        log=lambda line: click.echo(line, err=True),
    )
    trainer.run()
    weights = {name: tensor.numpy() for name, tensor in trainer.model.state_dict().items()}  # of the last step
    metadata = {
        "architecture": ARCHITECTURE,
        "size": SIZE,
        "loss_name": "cross_entropy",
        "loss": json.dumps(LOSS, sort_keys=True),
        "panels": json.dumps(described),
        "steps": str(steps),
        "seed": str(seed),
        "torch": torch.__version__,
    }
    artefacts.save(out, session.MODEL, weights, metadata)


if __name__ == "__main__":
    main()
