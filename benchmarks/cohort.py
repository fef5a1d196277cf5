"""A cohort: what one further target costs, beside Beagle 5 and Minimac4, from phased typed genotypes to a VCF.

    benchmarks/cohort.py                                      # short: the example, 20 and 200 of its targets
    benchmarks/cohort.py --data FOLDER --targets 50 --targets 500 --targets 2000

FOLDER holds what `simulate_genome.py --out FOLDER --chromosomes 20:10 --samples 2504 --targets 2000` writes (it needs
msprime): reference, truth and typed.chrN.vcf.gz and map.chrN.txt of one chromosome. Targets are the truth at the typed
sites, so that all methods get the same phase. Each has its own prepared panel (`read-panel --describe`, bref3, msav),
made before the clock starts; the methods run in turn, as other work on the machine slows all. CPU seconds are those of
the whole tree of processes, the median of all rounds; the slope between the smallest and a larger number of targets is
what one further target costs. Memory is the largest sum of resident memory over the tree.
"""

import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import psutil

from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import read_truth
from ragimpute.vcf.imputed_reader import read_imputed

EXAMPLE = Path(__file__).parents[1] / "resources/example"
SHORT = (20, 200)  # targets of the example
METHODS = ("ragimpute", "beagle", "minimac4")
EVERY = 0.1  # seconds between two looks at the memory
SCORED_TOGETHER = 250  # targets in memory at a time


@dataclass(frozen=True)
class Data:
    """The files of one chromosome."""

    reference: Path
    truth: Path  # of all targets, phased, at all sites
    typed: Path  # its sites are the typed ones
    genetic_map: Path

    @classmethod
    def simulated(cls, folder: Path) -> "Data":
        [reference] = folder.glob("reference.chr*.vcf.gz")
        chrom = reference.name.removeprefix("reference.").removesuffix(".vcf.gz")
        names = (f"truth.{chrom}.vcf.gz", f"typed.{chrom}.vcf.gz", f"map.{chrom}.txt")
        return cls(reference, *(folder / name for name in names))

    @classmethod
    def example(cls) -> "Data":
        names = ("reference.vcf.gz", "truth.vcf.gz", "targets.vcf.gz", "genetic_map.plink.map")
        return cls(*(EXAMPLE / name for name in names))


@dataclass(frozen=True)
class Run:
    """What one run took."""

    wall: float  # seconds
    cpu: float  # seconds of user and system
    memory: int  # bytes


def measured(command: Sequence[str], folder: Path) -> Run:
    """Run `command` in `folder`; raises CalledProcessError, after its output, when it fails."""
    start, most = time.perf_counter(), 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        pid = 0
        while not pid:
            most = max(most, resident(process.pid))
            time.sleep(EVERY)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            print(output.read().decode(errors="replace"), file=sys.stderr)
            raise subprocess.CalledProcessError(process.returncode, command)
    return Run(wall, usage.ru_utime + usage.ru_stime, most)


def resident(pid: int) -> int:
    """Resident memory of a process and all that it started, in bytes."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # one has just ended
    return total


def ragimpute() -> str:
    return shutil.which("ragimpute", path=str(Path(sys.executable).parent)) or "ragimpute"


def prepare(data: Data, folder: Path, threads: int) -> None:
    """Each method's own panel, and the map as Minimac4 reads it."""
    describe = ["--describe", "--threads", str(threads), "--out", "panel.safetensors", "--dropped", "dropped.tsv"]
    read_panel = [ragimpute(), "read-panel", "--reference", str(data.reference), "--map", str(data.genetic_map)]
    measured([*read_panel, *describe], folder)
    measured(["sh", "-c", 'bref3 "$0" > panel.bref3', str(data.reference)], folder)
    measured(["minimac4", "--compress-reference", str(data.reference), "--output", "panel.msav"], folder)
    genetic_map = GeneticMap.read(data.genetic_map)
    chroms = set(Panel.load(folder / "panel.safetensors").sites.chrom.tolist())
    genetic_map.write_minimac(folder / "map.minimac.txt", sorted(chroms))


def sample_names(vcf: Path) -> list[str]:
    return subprocess.run(["bcftools", "query", "-l", vcf], check=True, capture_output=True, text=True).stdout.split()


def write_targets(data: Data, names: Sequence[str], folder: Path) -> str:
    """The name of a file of the targets' phased genotypes at the typed sites, written into `folder`."""
    path = folder / f"targets{len(names)}.vcf.gz"
    positions, chosen = folder / "typed.tsv", folder / "names"
    asked = ["bcftools", "query", "-f", "%CHROM\\t%POS\\n", data.typed]
    positions.write_bytes(subprocess.run(asked, check=True, capture_output=True).stdout)
    chosen.write_text("\n".join(names) + "\n")
    view = ["bcftools", "view", "-T", positions, "-S", chosen, data.truth, "-Oz", "-o", path]
    subprocess.run(view, check=True)
    subprocess.run(["tabix", "-f", path], check=True)
    return path.name


def commands(targets: str, data: Data, threads: int) -> dict[str, list[str]]:
    """Each method's run; all write METHOD.vcf.gz into the working directory."""
    ours = [ragimpute(), "impute", "--reference", "panel.safetensors", "--targets", targets, "--out"]
    beagle = ["beagle", f"gt={targets}", "ref=panel.bref3", f"map={data.genetic_map}", "out=beagle"]
    minimac4 = ["minimac4", "panel.msav", targets, "--output", "minimac4.vcf.gz", "--output-format", "vcf.gz"]
    minimac4 += ["--map", "map.minimac.txt"]
    return {
        "ragimpute": [*ours, "ragimpute.vcf.gz", "--threads", str(threads), "--quiet"],
        "beagle": [*beagle, f"nthreads={threads}", "ap=true", "gp=true"],
        "minimac4": [*minimac4, "--format", "GT,HDS,DS,GP", "--threads", str(threads)],
    }


def accuracy(imputed: Path, data: Data, panel: Panel, names: Sequence[str]) -> tuple[float, float]:
    """Dosage r2 over all untyped sites and over the rare ones, by the panel's frequency."""
    typed = np.isin(panel.sites.pos, np.loadtxt(imputed.parent / "typed.tsv", usecols=1, dtype=np.int64))
    untyped = np.flatnonzero(~typed)
    counts = ReferenceCounts(panel.allele_count[untyped], np.full(len(untyped), panel.n_haplotypes))
    sums = np.zeros(())
    for start in range(0, len(names), SCORED_TOGETHER):
        some = names[start : start + SCORED_TOGETHER]
        ds = read_imputed(imputed, panel.sites, some).ds
        truth = read_truth(data.truth, panel.sites, some)
        halves = np.repeat(ds[:, :, None] / 2, 2, axis=2)  # r2 does not need the haplotypes
        found = sample_statistics(Genotypes(ds, halves, None, truth).take(untyped), counts)
        sums = sums + found.sums.sum(axis=0)
    overall, rare = (float(metrics.r2(sums[STRATA.index(name)])) for name in ("overall", "rare"))
    return overall, rare


def report(runs: dict[tuple[str, int], list[Run]], numbers: Sequence[int]) -> None:
    """Print what each number of targets, and then a further target, costs."""
    cpu = {key: statistics.median(run.cpu for run in each) for key, each in runs.items()}
    print(f"{'targets':>8} {'':<10}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}   to Beagle's: CPU, wall")
    for n in numbers:
        walls = {method: statistics.median(run.wall for run in runs[method, n]) for method in METHODS}
        for method in METHODS:
            peak = max(run.memory for run in runs[method, n]) / 1e6
            ratios = f"{cpu[method, n] / cpu['beagle', n]:6.2f} {walls[method] / walls['beagle']:6.2f}"
            print(f"{n:>8} {method:<10}{cpu[method, n]:>8.1f}{walls[method]:>8.1f}{peak:>9.0f}   {ratios}")
    first = numbers[0]
    for n in numbers[1:]:
        slope = {method: (cpu[method, n] - cpu[method, first]) / (n - first) for method in METHODS}
        print(f"a further target, from {first} to {n}: CPU s, to Beagle's")
        for method in METHODS:
            print(f"{'':>8} {method:<10}{slope[method]:>8.4f}{slope[method] / slope['beagle']:>8.2f}")


@click.command()
@click.option("--data", "folder_of_data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--targets", multiple=True, type=int, help="Numbers of targets; default: those of the short form.")
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=1, show_default=True, help="Runs of each method with each number of targets.")
def main(folder_of_data: Path | None, targets: tuple[int, ...], threads: int, rounds: int) -> None:
    logging.disable(logging.INFO)
    data = Data.simulated(folder_of_data.absolute()) if folder_of_data else Data.example()
    everybody, numbers = sample_names(data.truth), sorted(targets or SHORT)
    with tempfile.TemporaryDirectory(prefix="ragimpute-cohort-") as name:
        folder = Path(name)
        prepare(data, folder, threads)
        files = {n: write_targets(data, everybody[:n], folder) for n in numbers}
        measured(commands(files[numbers[0]], data, threads)["ragimpute"], folder)  # compiles
        runs: dict[tuple[str, int], list[Run]] = {(method, n): [] for method in METHODS for n in numbers}
        for _ in range(rounds):
            for n in numbers:
                for method, command in commands(files[n], data, threads).items():
                    runs[method, n].append(measured(command, folder))
        panel = Panel.load(folder / "panel.safetensors")
        print(f"{len(panel.sites):,} sites, {panel.n_haplotypes:,} haplotypes, {threads} threads, median of {rounds}")
        report(runs, numbers)
        print(f"dosage r2 of {numbers[-1]} targets: overall, rare", flush=True)
        for method in METHODS:
            overall, rare = accuracy(folder / f"{method}.vcf.gz", data, panel, everybody[: numbers[-1]])
            print(f"{'':>8} {method:<10}{overall:>8.4f}{rare:>8.4f}", flush=True)


if __name__ == "__main__":
    main()
