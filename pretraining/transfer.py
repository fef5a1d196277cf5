"""Weights on simulated panels that no training has seen, beside Beagle and plain Li-Stephens on the same samples.

A fifth of each panel's samples are imputed from the others: their typed genotypes lose their phase, Beagle infers it
again from the reference, and all methods average over the same phasings. Scored by the workflow's scorer. Weights are
chosen by this table, and by nothing that real target samples have shown.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from simulate import simulate

from ragimpute.baselines.beagle import run_beagle
from ragimpute.baselines.copying import run_li_stephens
from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership
from ragimpute.imputation import back_ends
from ragimpute.imputation.engine import imputed_parts
from ragimpute.models import pretrained
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import phase_repeatedly
from ragimpute.vcf.imputed import Imputed

STREAM = 7  # of the seed: training draws its panels from another
TARGETS = 0.2
MOST_TARGETS = 80
FEWEST_ALLELES = 200  # minor alleles in the truth from which a bin counts
SHOWN = ("overall", "rare", "common")


def split(panel: Panel, typed: np.ndarray, rng: np.random.Generator) -> tuple[Panel, Panel, TargetGenotypes]:
    """The reference, the targets with their truth, and the targets' typed genotypes without phase."""
    n = len(panel.samples)
    chosen = np.sort(rng.choice(n, size=min(round(TARGETS * n), MOST_TARGETS), replace=False))
    names = [panel.samples[i] for i in chosen]
    targets = panel.of_samples(names)
    reference = panel.of_samples([name for name in panel.samples if name not in set(names)])
    alleles = np.sort(targets.alleles[typed].reshape(int(typed.sum()), -1, 2), axis=2).astype(np.int8)
    phased = np.zeros(alleles.shape[:2], dtype=bool)
    return reference, targets, TargetGenotypes(targets.samples, np.flatnonzero(typed), alleles, phased, pd.DataFrame())


def genetic_map_of(panel: Panel) -> GeneticMap:
    sites = panel.sites
    return GeneticMap({str(sites.chrom[0]): (sites.pos.astype(float), sites.cm)})


def scores(result: Imputed, truth: Panel, reference: Panel, typed: np.ndarray) -> pd.DataFrame:
    """r2 and ece of each stratum: columns r2, ece, alleles (minor alleles in the truth)."""
    untyped = ~typed
    ac = reference.allele_count[untyped]
    counts = ReferenceCounts(ac, np.full(len(ac), reference.alleles.shape[1]))
    hds = result.hds[untyped]
    both = result.both[untyped]
    ds = hds.sum(axis=2)
    gp = np.stack([1 - ds + both, ds - 2 * both, both], axis=2).clip(0, 1)
    true = truth.alleles[untyped].reshape(len(ac), -1, 2).sum(axis=2).astype(np.int8)
    statistics = sample_statistics(Genotypes(ds, hds, gp, true), counts)
    r2 = metrics.r2(statistics.sums.sum(axis=0))
    ece = metrics.ece(statistics.calibration.sum(axis=0))
    wide = pd.DataFrame({"r2": r2, "ece": ece}, index=pd.Index(STRATA, name="stratum"))
    minor = np.where(2 * ac > counts.an, 2 - true.T, true.T).T.sum(axis=1)
    return wide.assign(alleles=membership(counts) @ minor)


def whole(parts: list[Imputed]) -> Imputed:
    return Imputed(
        parts[0].samples,
        np.concatenate([part.hds for part in parts]),
        np.concatenate([part.both for part in parts]),
        np.concatenate([part.typed for part in parts]),
    )


def averaged(method: Callable[[TargetGenotypes], Imputed], sites: Sites, several: list[TargetGenotypes]) -> Imputed:
    """What `method` imputes at the panel's `sites`, averaged over the same phasings as the network has."""
    alleles = [one.alleles for one in several]
    return several_phasings.mean(sites, several[0].index, alleles, lambda number: method(several[number]))


@click.command()
@click.option("--weights", type=click.Path(exists=True, path_type=Path), multiple=True, help="Default: the package's.")
@click.option("--panels", default=8, show_default=True, help="Simulated panels.")
@click.option("--seed", default=1, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="All strata, as TSV.")
def main(weights: tuple[Path, ...], panels: int, seed: int, threads: int, out: Path | None) -> None:
    """Print r2 overall, rare and common, and in how many bins each method is ahead of Beagle."""
    logging.disable(logging.INFO)
    rows = []
    for number in range(panels):
        rng = np.random.default_rng([seed, STREAM, number])
        drawn = simulate(rng)
        reference, truth, targets = split(drawn.panel, drawn.typed, rng)
        genetic_map = genetic_map_of(drawn.panel)
        several = phase_repeatedly(reference, targets, genetic_map)
        beagle = partial(run_beagle, reference, genetic_map=genetic_map, threads=threads)
        li_stephens = partial(run_li_stephens, reference, threads=threads)
        sites = reference.sites
        results = {"beagle": averaged(beagle, sites, several), "li_stephens": averaged(li_stephens, sites, several)}
        for path in weights or (pretrained.DEFAULT,):
            parts = imputed_parts(reference, several, back_ends.load_back_end(path, "cpu", threads), threads=threads)
            results[path.stem] = whole(list(parts))
        click.echo(f"{number + 1}. {drawn.description}; {len(truth.samples)} targets")
        found = {name: scores(result, truth, reference, drawn.typed) for name, result in results.items()}
        bins = [s for s in STRATA if s.startswith("mac_") and s != "mac_0"]
        counted = [s for s in bins if found["beagle"].loc[s, "alleles"] >= FEWEST_ALLELES]
        for name, table in found.items():
            ahead = int((table.loc[counted, "r2"] > found["beagle"].loc[counted, "r2"]).sum())
            shown = " ".join(f"{table.loc[s, 'r2']:.4f}" for s in SHOWN) + f"  ece {table.loc['overall', 'ece']:.3f}"
            click.echo(f"   {name:<30} {shown}  ahead in {ahead}/{len(counted)}")
            rows.append(table.reset_index().assign(panel=number + 1, description=drawn.description, method=name))
    if out is not None:
        pd.concat(rows).to_csv(out, sep="\t", index=False)


if __name__ == "__main__":
    main()
