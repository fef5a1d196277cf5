"""Panel sizes: how time, memory and accuracy grow from 600 to 50,000 reference haplotypes, beside Beagle and Minimac4.

One simulation (Europeans of Gutenkunst et al. 2009, msprime: `pip install msprime==1.4.4`) with the targets in it; each
panel is the first so many of its people. All methods get the same files of phased targets at the same typed sites, each
its own prepared reference (ours by `read-panel --describe`, bref3, msav), whose preparation is reported apart. Scored
is dosage r2 at sites that are rare in the largest panel: at those polymorphic in each panel, ever more, and at those
polymorphic in the smallest, the same for all. Our kernels are compiled before the clock starts.

Times are those of 50 targets; ask for more of them to compare accuracy. `--as-sequenced` gives the panels errors of
phase and genotypes, as real ones have them.
"""

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import click
import msprime
import numpy as np
import pandas as pd
from impute import Cost, cost

from ragimpute.genetic_map import GeneticMap
from ragimpute.panel import Panel, Sites
from ragimpute.vcf.reader import read_imputed
from ragimpute.vcf.writer import write_genotypes

LENGTH, RECOMBINATION, MUTATION = 2_000_000, 1.2e-8, 1.25e-8
TYPED_PER_MB, RARE = 700, 0.05
WRONG, MISSED = 2e-5, 0.01  # as sequenced: alleles read wrongly, rare alleles overlooked
CHROM = "1"  # a place that no weights were trained on
SEED = 5


def europeans() -> msprime.Demography:
    """One population with the history of the CEU in Gutenkunst et al. 2009 (PLoS Genetics 5:e1000695)."""
    demography = msprime.Demography()
    demography.add_population(name="EUR", initial_size=1000 * np.exp(0.004 * 848), growth_rate=0.004)
    demography.add_population_parameters_change(time=848, initial_size=2100, growth_rate=0)
    demography.add_population_parameters_change(time=5600, initial_size=12300)
    demography.add_population_parameters_change(time=8800, initial_size=7300)
    return demography


def simulate(n_people: int) -> tuple[np.ndarray, np.ndarray]:
    """Alleles [S, 2 n_people] uint8 and positions [S] of the biallelic sites."""
    trees = msprime.sim_ancestry(
        samples={"EUR": n_people},
        demography=europeans(),
        sequence_length=LENGTH,
        recombination_rate=RECOMBINATION,
        random_seed=SEED,
    )
    trees = msprime.sim_mutations(trees, rate=MUTATION, model=msprime.BinaryMutationModel(), random_seed=SEED)
    alleles = np.empty((trees.num_sites, 2 * n_people), np.uint8)
    for variant in trees.variants():
        alleles[variant.site.id] = variant.genotypes
    return alleles, trees.sites_position.astype(np.int64) + 1


def panel_of(alleles: np.ndarray, position: np.ndarray) -> Panel:
    n = alleles.shape[1] // 2
    text = [np.full(len(position), value) for value in (CHROM, ".", "A", "C")]
    sites = Sites(text[0], position, text[1], text[2], text[3], position * RECOMBINATION * 100)
    return Panel(sites, tuple(f"P{i}" for i in range(n)), alleles, (f"##contig=<ID={CHROM},length={LENGTH}>",))


def write(path: Path, panel: Panel) -> None:
    alleles = panel.alleles.reshape(len(panel.sites), -1, 2)
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
    ours = [_ragimpute(), "impute", "--reference", "reference.safetensors", "--targets", "targets.vcf.gz"]
    ours += ["--out", "ragimpute.vcf.gz", "--threads", str(threads)]
    beagle = ["beagle", "gt=targets.vcf.gz", "ref=reference.bref3", "map=map.txt", "out=beagle", f"nthreads={threads}"]
    minimac4 = ["minimac4", "reference.msav", "targets.vcf.gz", "--output", "minimac4.vcf.gz"]
    minimac4 += ["--output-format", "vcf.gz", "--format", "GT,HDS,DS,GP", "--threads", str(threads)]
    cost(ours, folder)  # compiles
    return {
        "ragimpute": cost(ours, folder),
        "beagle": cost([*beagle, "ap=true", "gp=true"], folder),
        "minimac4": cost(minimac4, folder),
    }


def _ragimpute() -> str:
    return shutil.which("ragimpute", path=str(Path(sys.executable).parent)) or "ragimpute"


def names(n_targets: int) -> tuple[str, ...]:
    return tuple(f"T{i}" for i in range(n_targets))


def rare_r2(path: Path, sites: Sites, chosen: np.ndarray, truth: np.ndarray, flipped: np.ndarray) -> float:
    """Pooled dosage r2 at the sites `chosen` [S] bool, turned to the minor allele."""
    found = read_imputed(path, sites, names(truth.shape[1] // 2)).ds[chosen]
    true = truth.reshape(len(truth), -1, 2).sum(axis=2)[chosen].astype(float)
    turn = flipped[chosen][:, None]
    found, true = np.where(turn, 2 - found, found), np.where(turn, 2 - true, true)
    return float(np.corrcoef(found.ravel(), true.ravel())[0, 1] ** 2)


@click.command()
@click.option("--haplotypes", multiple=True, type=int, default=(600, 2400, 10000, 50000), show_default=True)
@click.option("--targets", default=50, show_default=True)
@click.option("--as-sequenced", is_flag=True, help="Panels with errors; needs PYTHONPATH=pretraining.")
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The table as TSV.")
def main(haplotypes: tuple[int, ...], targets: int, as_sequenced: bool, threads: int, out: Path | None) -> None:
    logging.disable(logging.INFO)
    largest = max(haplotypes)
    alleles, position = simulate(largest // 2 + targets)
    kept = np.flatnonzero(np.r_[True, np.diff(position) > 0])
    reference, truth, position = alleles[kept, :largest], alleles[kept, largest:], position[kept]
    if as_sequenced:
        from simulate import unsettle_phase

        reference = unsettle_phase(np.ascontiguousarray(reference), np.random.default_rng(SEED), WRONG, MISSED)
    frequency = reference.mean(axis=1)
    minor = np.minimum(frequency, 1 - frequency)
    rng = np.random.default_rng(SEED)
    in_smallest = reference[:, : min(haplotypes)].mean(axis=1)
    common = np.flatnonzero((in_smallest > 0.02) & (in_smallest < 0.98))
    typed = np.sort(rng.choice(common, size=min(len(common), TYPED_PER_MB * LENGTH // 1_000_000), replace=False))
    rows = []
    for size in sorted(haplotypes):
        local = reference[:, :size]
        count = local.sum(axis=1, dtype=np.int64)
        polymorphic = np.flatnonzero((count > 0) & (count < size))
        panel = panel_of(np.ascontiguousarray(local[polymorphic]), position[polymorphic])
        with tempfile.TemporaryDirectory(prefix="ragimpute-scaling-") as name:
            folder = Path(name)
            write(folder / "reference.vcf.gz", panel)
            observed = truth[typed].reshape(len(typed), -1, 2)
            at = panel.sites.take(np.searchsorted(polymorphic, typed))
            write_genotypes(folder / "targets.vcf.gz", at, panel.contigs, names(targets), observed, True)
            genetic_map = GeneticMap({CHROM: (np.array([1.0, LENGTH]), np.array([0, LENGTH * RECOMBINATION * 100]))})
            genetic_map.write_plink(folder / "map.txt", [CHROM])
            prepared, costs = prepare(folder, threads), run(folder, threads)
            chosen = (minor[polymorphic] < RARE) & ~np.isin(polymorphic, typed)
            in_all = chosen & (in_smallest[polymorphic] > 0) & (in_smallest[polymorphic] < 1)
            flipped = frequency[polymorphic] > 0.5
            for method, it in costs.items():
                r2, r2_in_all = (
                    rare_r2(folder / f"{method}.vcf.gz", panel.sites, which, truth[polymorphic], flipped)
                    for which in (chosen, in_all)
                )
                row = {"haplotypes": size, "sites": len(polymorphic), "method": method, "wall_s": it.wall}
                row |= {"cpu_s": it.cpu, "memory_mb": it.memory, "prepare_s": prepared[method].wall, "rare_r2": r2}
                row |= {"rare_r2_in_all": r2_in_all}
                rows.append(row)
                click.echo(
                    f"{size:>7,} haplotypes {len(polymorphic):>7,} sites  {method:<10} {it.wall:7.1f} s wall "
                    f"{it.cpu:7.1f} s CPU {it.memory:7.0f} MB  prepared in {prepared[method].wall:6.1f} s  "
                    f"r2 {r2:.4f} {r2_in_all:.4f}"
                )
    table = pd.DataFrame(rows)
    ours, beagle = (table[table["method"] == name].set_index("haplotypes") for name in ("ragimpute", "beagle"))
    click.echo(
        "wall, ours to Beagle's: " + ", ".join(f"{n:,}: {r:.2f}" for n, r in (ours.wall_s / beagle.wall_s).items())
    )
    click.echo(f"wall, largest panel to smallest: ours {ours.wall_s.iloc[-1] / ours.wall_s.iloc[0]:.1f}")
    if out is not None:
        table.to_csv(out, sep="\t", index=False)


if __name__ == "__main__":
    main()
