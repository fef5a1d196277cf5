"""Panel sizes: how time, memory and accuracy grow from 600 to 50,000 reference haplotypes, beside Beagle and Minimac4.

One simulation (Europeans of Gutenkunst et al. 2009, msprime: `pip install msprime==1.4.4`) with the targets in it; each
panel is the first so many of its samples. All methods get the same files of phased targets at the same typed sites,
each its own prepared reference (ours by `read-panel --describe`, bref3, msav), whose preparation is reported apart.
Scored is dosage r2 at sites that are rare in the largest panel: those polymorphic in each panel, ever more, and those
polymorphic in the smallest, the same for all. Our kernels are compiled before the clock starts.

Times are those of 50 targets. Accuracy needs more samples, and more than one genealogy: `--targets 200 --simulations 5`
simulates anew with other seeds and scores all samples together; the interval of the difference is a bootstrap over
them.
`--as-sequenced` gives the panels errors of phase and genotypes, drawn as those of the training panels are.
"""

import logging
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
import msprime
import numpy as np
import pandas as pd
from impute import Cost, cost

from ragimpute.evaluation import bootstrap, metrics
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel, Sites
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes

LENGTH, RECOMBINATION, MUTATION = 2_000_000, 1.2e-8, 1.25e-8
TYPED_PER_MB = 700
WRONG, MISSED = 2e-5, 0.01  # as sequenced: alleles read wrongly, rare alleles overlooked
CHROM = "1"  # a place that no weights were trained on
SEED = 5
BOOTSTRAPS = 1000  # of the targets
REPEATS = 5  # of each run


def europeans() -> msprime.Demography:
    """One population with the history of the CEU in Gutenkunst et al. 2009 (PLoS Genetics 5:e1000695)."""
    demography = msprime.Demography()
    demography.add_population(name="EUR", initial_size=1000 * np.exp(0.004 * 848), growth_rate=0.004)
    demography.add_population_parameters_change(time=848, initial_size=2100, growth_rate=0)
    demography.add_population_parameters_change(time=5600, initial_size=12300)
    demography.add_population_parameters_change(time=8800, initial_size=7300)
    return demography


@dataclass(frozen=True)
class Simulation:
    """A population's haplotypes: those that panels are taken from, and the targets'."""

    reference: np.ndarray  # [S, H] uint8
    truth: np.ndarray  # [S, 2P] uint8
    position: np.ndarray  # [S] int64
    typed: np.ndarray  # [T] int64
    in_smallest: np.ndarray  # [S] bool, polymorphic in the smallest panel


def draw(seed: int, haplotypes: tuple[int, ...], targets: int, as_sequenced: bool) -> Simulation:
    alleles, position = simulate(max(haplotypes) // 2 + targets, seed)
    kept = np.flatnonzero(np.r_[True, np.diff(position) > 0])
    reference, truth = alleles[kept, : max(haplotypes)], alleles[kept, max(haplotypes) :]
    if as_sequenced:
        from simulate import unsettle_phase

        reference = unsettle_phase(np.ascontiguousarray(reference), np.random.default_rng(seed), WRONG, MISSED)
    frequency = reference[:, : min(haplotypes)].mean(axis=1)
    common = np.flatnonzero((frequency > 0.02) & (frequency < 0.98))
    n_typed = min(len(common), TYPED_PER_MB * LENGTH // 1_000_000)
    typed = np.sort(np.random.default_rng(seed).choice(common, size=n_typed, replace=False))
    return Simulation(reference, truth, position[kept], typed, (frequency > 0) & (frequency < 1))


def simulate(n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Alleles [S, 2 n_samples] uint8 and positions [S] of the biallelic sites."""
    trees = msprime.sim_ancestry(
        samples={"EUR": n_samples},
        demography=europeans(),
        sequence_length=LENGTH,
        recombination_rate=RECOMBINATION,
        random_seed=seed,
    )
    trees = msprime.sim_mutations(trees, rate=MUTATION, model=msprime.BinaryMutationModel(), random_seed=seed)
    alleles = np.empty((trees.num_sites, 2 * n_samples), np.uint8)
    for variant in trees.variants():
        alleles[variant.site.id] = variant.genotypes
    return alleles, trees.sites_position.astype(np.int64) + 1


def panel_of(alleles: np.ndarray, position: np.ndarray) -> Panel:
    n = alleles.shape[1] // 2
    text = [np.full(len(position), value) for value in (CHROM, ".", "A", "C")]
    sites = Sites(text[0], position, text[1], text[2], text[3], position * RECOMBINATION * 100)
    return Panel(sites, tuple(f"P{i}" for i in range(n)), alleles, (f"##contig=<ID={CHROM},length={LENGTH}>",))


def write(path: Path, panel: Panel) -> None:
    alleles = panel.alleles[:].reshape(len(panel.sites), -1, 2)
    write_genotypes(path, panel.sites, panel.contigs, panel.samples, alleles, True)


def prepare(folder: Path, threads: int) -> dict[str, Cost]:
    """Each method's own reference from reference.vcf.gz; minimac4 and bref3 write to standard output or a file."""
    ours = [_ragimpute(), "read-panel", "--reference", "reference.vcf.gz", "--map", "map.txt", "--describe"]
    ours += ["--threads", str(threads), "--out", "reference.safetensors", "--dropped", "dropped.tsv"]
    return {
        "ragimpute": cost(ours, folder),
        "beagle": cost(["sh", "-c", "bref3 reference.vcf.gz > reference.bref3"], folder),
        "minimac4": cost(
            ["minimac4", "--compress-reference", "reference.vcf.gz", "--output", "reference.msav"], folder
        ),
    }


def run(folder: Path, threads: int) -> dict[str, Cost]:
    """Each method's run of middling time out of REPEATS, taken in turn so that a slow minute is everybody's."""
    ours = [_ragimpute(), "impute", "--reference", "reference.safetensors", "--targets", "targets.vcf.gz"]
    ours += ["--out", "ragimpute.vcf.gz", "--threads", str(threads)]
    beagle = ["beagle", "gt=targets.vcf.gz", "ref=reference.bref3", "map=map.txt", "out=beagle", f"nthreads={threads}"]
    minimac4 = ["minimac4", "reference.msav", "targets.vcf.gz", "--output", "minimac4.vcf.gz"]
    minimac4 += ["--output-format", "vcf.gz", "--format", "GT,HDS,DS,GP", "--threads", str(threads)]
    cost(ours, folder)  # compiles
    commands = {"ragimpute": ours, "beagle": [*beagle, "ap=true", "gp=true"], "minimac4": minimac4}
    rounds = [{method: cost(command, folder) for method, command in commands.items()} for _ in range(REPEATS)]
    by_wall = {method: sorted((done[method] for done in rounds), key=lambda it: it.wall) for method in commands}
    return {method: runs[REPEATS // 2] for method, runs in by_wall.items()}


def _ragimpute() -> str:
    return shutil.which("ragimpute", path=str(Path(sys.executable).parent)) or "ragimpute"


def names(n_targets: int) -> tuple[str, ...]:
    return tuple(f"T{i}" for i in range(n_targets))


def rare_sums(path: Path, sites: Sites, chosen: np.ndarray, truth: np.ndarray, counts: ReferenceCounts) -> np.ndarray:
    """Each sample's sums [P, F] over the sites `chosen` [S] bool: those that are rare by `counts`."""
    found = read_imputed(path, sites, names(truth.shape[1] // 2))
    true = truth.reshape(len(truth), -1, 2).sum(axis=2, dtype=np.int8)
    hds = np.repeat(found.ds[:, :, None] / 2, 2, axis=2)  # not every method has them, and r2 does not need them
    genotypes = Genotypes(found.ds, hds, None, true).take(np.flatnonzero(chosen))
    sums = sample_statistics(genotypes, ReferenceCounts(counts.ac[chosen], counts.an[chosen])).sums
    return sums[:, list(STRATA).index("rare")]


def ahead(ours: np.ndarray, beagle: np.ndarray) -> str:
    """How far our r2 is ahead of Beagle's, with its 95 % interval over samples, from the `rare_sums` of both."""
    weights = bootstrap.resampling_weights(len(ours), BOOTSTRAPS, SEED)  # [B, P]
    drawn = metrics.r2(weights @ ours) - metrics.r2(weights @ beagle)
    difference = metrics.r2(ours.sum(axis=0)) - metrics.r2(beagle.sum(axis=0))
    low, high = bootstrap.bootstrap_interval(drawn)
    return f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]"


@dataclass(frozen=True)
class Measured:
    """One method on one panel of one simulation."""

    haplotypes: int
    sites: int
    method: str
    cost: Cost
    prepared: Cost
    sums: np.ndarray  # [P, F] of each sample, over all rare sites
    sums_in_all: np.ndarray  # likewise, over those polymorphic in the smallest panel


def measure(drawn: Simulation, size: int, threads: int) -> list[Measured]:
    """All methods on the panel of the first `size` haplotypes."""
    local = drawn.reference[:, :size]
    count = local.sum(axis=1, dtype=np.int64)
    polymorphic = np.flatnonzero((count > 0) & (count < size))
    panel = panel_of(np.ascontiguousarray(local[polymorphic]), drawn.position[polymorphic])
    with tempfile.TemporaryDirectory(prefix="ragimpute-scaling-") as name:
        folder = Path(name)
        write(folder / "reference.vcf.gz", panel)
        observed = drawn.truth[drawn.typed].reshape(len(drawn.typed), -1, 2)
        at = panel.sites.take(np.searchsorted(polymorphic, drawn.typed))
        write_genotypes(folder / "targets.vcf.gz", at, panel.contigs, names(observed.shape[1]), observed, True)
        genetic_map = GeneticMap({CHROM: (np.array([1.0, LENGTH]), np.array([0, LENGTH * RECOMBINATION * 100]))})
        genetic_map.write_plink(folder / "map.txt", [CHROM])
        prepared, costs = prepare(folder, threads), run(folder, threads)
        untyped = ~np.isin(polymorphic, drawn.typed)
        in_largest = drawn.reference[polymorphic].sum(axis=1, dtype=np.int64)
        counts = ReferenceCounts(in_largest, np.full(len(polymorphic), drawn.reference.shape[1]))
        scored = (untyped, untyped & drawn.in_smallest[polymorphic])
        truth = drawn.truth[polymorphic]
        return [
            Measured(
                size, len(polymorphic), method, it, prepared[method],
                *(rare_sums(folder / f"{method}.vcf.gz", panel.sites, which, truth, counts) for which in scored),
            )
            for method, it in costs.items()
        ]  # fmt: skip


def summary(measured: list[Measured]) -> dict[str, object]:
    """The same method and size in all simulations: mean costs, and r2 of all samples together."""
    costs = np.mean([[it.cost.wall, it.cost.cpu, it.cost.memory, it.prepared.wall] for it in measured], axis=0)
    everybody = (np.concatenate([getattr(it, name) for it in measured]) for name in ("sums", "sums_in_all"))
    r2 = [metrics.r2(sums.sum(axis=0)) for sums in everybody]
    columns = ("wall_s", "cpu_s", "memory_mb", "prepare_s", "rare_r2", "rare_r2_in_all")
    first = measured[0]
    return {"haplotypes": first.haplotypes, "sites": first.sites, "method": first.method} | dict(
        zip(columns, [*costs, *r2], strict=True)
    )


@click.command()
@click.option("--haplotypes", multiple=True, type=int, default=(600, 2400, 10000, 50000), show_default=True)
@click.option("--targets", default=50, show_default=True)
@click.option("--simulations", default=1, show_default=True)
@click.option("--as-sequenced", is_flag=True, help="Panels with errors; needs PYTHONPATH=pretraining.")
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The table as TSV.")
def main(
    haplotypes: tuple[int, ...], targets: int, simulations: int, as_sequenced: bool, threads: int, out: Path | None
) -> None:
    logging.disable(logging.INFO)
    found: dict[tuple[int, str], list[Measured]] = {}
    for number in range(simulations):
        drawn = draw(SEED + number, haplotypes, targets, as_sequenced)
        for size in sorted(haplotypes):
            for it in measure(drawn, size, threads):
                found.setdefault((size, it.method), []).append(it)
    table = pd.DataFrame([summary(measured) for _, measured in sorted(found.items(), key=lambda item: item[0][0])])
    for row in table.itertuples():
        click.echo(
            f"{row.haplotypes:>7,} haplotypes {row.sites:>7,} sites  {row.method:<10} {row.wall_s:7.1f} s wall "
            f"{row.cpu_s:7.1f} s CPU {row.memory_mb:7.0f} MB  prepared in {row.prepare_s:6.1f} s  "
            f"r2 {row.rare_r2:.4f} {row.rare_r2_in_all:.4f}"
        )
    ours, beagle = (table[table["method"] == name].set_index("haplotypes") for name in ("ragimpute", "beagle"))
    click.echo(
        "wall, ours to Beagle's: " + ", ".join(f"{n:,}: {r:.2f}" for n, r in (ours.wall_s / beagle.wall_s).items())
    )
    click.echo(f"wall, largest panel to smallest: ours {ours.wall_s.iloc[-1] / ours.wall_s.iloc[0]:.1f}")
    for size in sorted(haplotypes):
        both = (np.concatenate([it.sums for it in found[size, method]]) for method in ("ragimpute", "beagle"))
        click.echo(f"rare r2 at {size:,}, ours minus Beagle's, {simulations * targets} samples: {ahead(*both)}")
    if out is not None:
        table.to_csv(out, sep="\t", index=False)


if __name__ == "__main__":
    main()
