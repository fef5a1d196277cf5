"""Train the weights that come with the package; docs/model_card.md has the commands.

The mix: simulated panels of many demographies, recombination rates, sizes and array densities, and real panels under
the site lists of real arrays and random ones. In each, some samples are imputed from all the others, in their own
phase: errors of phase, put in at random, made the network worse (docs/experiments.md).
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from simulate import SAMPLES, array_sites, simulate

from ragimpute import artefacts
from ragimpute.models import architecture, segments
from ragimpute.models.pretrained import DEFAULT, KIND
from ragimpute.panel.folds import Fold
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import is_snv
from ragimpute.targets.site_list import read_site_list
from ragimpute.training.device import choose_device
from ragimpute.training.loop import Trainer
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.scores import SiteStrata
from ragimpute.training.settings import training_settings

ARCHITECTURE, SIZE = "copy_rag", "small"
LOSS = {"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 0}
QUERIES = 96  # samples of a panel that are imputed from the others
RANDOM_ARRAYS = 2  # of each real panel
FEWEST_TYPED = 50


def fold_of(panel: Panel, typed: np.ndarray, rng: np.random.Generator) -> Fold:
    """Some samples of `panel`, each to be imputed from all others."""
    samples = np.sort(rng.choice(len(panel.samples), size=min(QUERIES, len(panel.samples)), replace=False))
    truth = panel.of_samples([panel.samples[i] for i in samples]).alleles
    names = tuple(panel.samples[i] for i in samples)
    return Fold("train", panel, names, typed, truth[typed], truth, samples[:, None].astype(np.int64))


def masks_of(panel: Panel, arrays: list[Path], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Typed sites [S] bool of `panel` by the name of the array: those of the lists, and RANDOM_ARRAYS random ones."""
    masks = {}
    for path in arrays:
        typed = is_snv(panel.sites) & read_site_list(path).covers(panel.sites)
        if typed.sum() >= FEWEST_TYPED:
            masks[path.name] = typed
    length = int(panel.sites.pos[-1] - panel.sites.pos[0])
    for number in range(RANDOM_ARRAYS):
        masks[f"random {number + 1}"] = array_sites(panel.alleles, length, rng) & is_snv(panel.sites)
    return masks


@click.command()
@click.option("--simulated", default=16, show_default=True, help="Simulated panels to train on.")
@click.option("--samples", type=(int, int), default=SAMPLES, show_default=True, help="In a simulated panel.")
@click.option("--clean", default=0.0, show_default=True, help="Share of the simulated panels without errors.")
@click.option(
    "--real",
    type=(str, Path, Path),
    multiple=True,
    help="A real panel: its name, phased VCF and genetic map; repeat it.",
)
@click.option("--array", "arrays", type=Path, multiple=True, help="Site list of an array; used where it has sites.")
@click.option("--steps", default=1800, show_default=True, help="Training steps.")
@click.option("--seed", default=1, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT, show_default=True)
def main(
    simulated: int,
    samples: tuple[int, int],
    clean: float,
    real: tuple[tuple[str, Path, Path], ...],
    arrays: tuple[Path, ...],
    steps: int,
    seed: int,
    threads: int,
    out: Path,
) -> None:
    """Read, simulate, retrieve, train, and write the weights."""
    found = architecture(ARCHITECTURE)
    data, described, regions = [], [], []

    def add(panel: Panel, typed: np.ndarray, description: str, rng: np.random.Generator) -> None:
        click.echo(description, err=True)
        described.append(description)
        fold = fold_of(panel, typed, rng)
        data.append(found.fold_data(SIZE, fold, segments(found, SIZE, fold, threads)))

    for number, (name, path, map_path) in enumerate(real):
        rng = np.random.default_rng([seed, 1, number])
        panel, _ = read_panel(path, None, GeneticMap.read(map_path))
        sites = panel.sites
        regions.append(
            {"name": name, "chrom": str(sites.chrom[0]), "first": int(sites.pos[0]), "last": int(sites.pos[-1])}
        )
        for array, typed in masks_of(panel, list(arrays), rng).items():
            add(panel, typed, f"{name}, {len(panel.samples)} samples, {array}: {int(typed.sum())} typed sites", rng)
    for number in range(simulated):
        rng = np.random.default_rng([seed, 2, number])
        drawn = simulate(rng, samples, clean)
        add(drawn.panel, drawn.typed, f"simulated: {drawn.description}", rng)
    first = data[0].fold  # its scores are printed; nothing is chosen by them
    held_out = fold_of(first.reference, first.typed, np.random.default_rng([seed, 3]))
    validation = found.fold_data(SIZE, held_out, segments(found, SIZE, held_out, threads))
    alleles = first.reference.alleles
    settings = training_settings(
        ARCHITECTURE, {"size": SIZE, "epochs": 10, "steps_per_epoch": steps // 10, "evaluation_windows": 4}
    )
    trainer = Trainer(
        model=found.build(SIZE, seed),
        spec=LossSpec.from_config(LOSS, "cross_entropy"),
        settings=settings,
        seed=seed,
        folds=data,
        validation=validation,
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
        "real_regions": json.dumps(regions),
        "steps": str(steps),
        "seed": str(seed),
        "torch": torch.__version__,
    }
    artefacts.save(out, KIND, weights, metadata)


if __name__ == "__main__":
    main()
