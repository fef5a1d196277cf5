"""Whole runs side by side on the example, from phased typed genotypes: VCF in, VCF with the same FORMAT fields out.

Ours against Beagle 5 and Minimac4, on the same files with the same number of threads. Minimac4 needs its panel in its
own format first, which is timed by itself. Memory is that of the largest process.
"""

import json
import logging
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.targets.phasing import phase
from ragimpute.vcf.writer import write_genotypes

EXAMPLE = Path(__file__).parents[1] / "resources/example"
REFERENCE, MAP = str(EXAMPLE / "reference.vcf.gz"), str(EXAMPLE / "genetic_map.plink.map")
THREADS = 2
ROUNDS = 3
OURS = "ragimpute impute"


@dataclass(frozen=True)
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, of user and system
    memory: float  # MB, peak


def commands(targets: str) -> dict[str, list[str]]:
    """Each run by its name; all write into the working directory."""
    threads = str(THREADS)
    ours = [shutil.which("ragimpute", path=str(Path(sys.executable).parent)) or "ragimpute", "impute"]
    ours += ["--reference", REFERENCE, "--targets", targets, "--out", "ours.vcf.gz", "--map", MAP, "--threads", threads]
    beagle = ["beagle", f"gt={targets}", f"ref={REFERENCE}", f"map={MAP}", "out=beagle", f"nthreads={threads}"]
    minimac4 = ["minimac4", "reference.msav", targets, "--output", "minimac4.vcf.gz", "--output-format", "vcf.gz"]
    return {
        OURS: ours,
        "beagle": [*beagle, "ap=true", "gp=true"],
        "minimac4 --compress-reference": ["minimac4", "--compress-reference", REFERENCE, "--output", "reference.msav"],
        "minimac4": [*minimac4, "--format", "GT,HDS,DS,GP", "--threads", threads],
    }


# A process that counts its child's use from a small one: in Linux, a child's peak memory is at least its parent's.
MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode
wall, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


def cost(command: list[str], folder: Path) -> Cost:
    """What a process and those that it waited for took; raises CalledProcessError, after its output, when it fails."""
    outer = [sys.executable, "-I", "-S", "-c", MEASURE, *command]
    done = subprocess.run(outer, cwd=folder, capture_output=True, text=True, check=True)
    code, wall, cpu, memory = json.loads(done.stdout)
    if code:
        print(done.stderr, file=sys.stderr)
        raise subprocess.CalledProcessError(code, command)
    return Cost(wall, cpu, memory / (1024 if sys.platform == "linux" else 2**20))


def phased_targets(folder: Path) -> str:
    genetic_map = GeneticMap.read(MAP)
    panel, _ = read_panel(REFERENCE, None, genetic_map)
    typed = phase(panel, read_genotypes(EXAMPLE / "targets.vcf.gz", panel.sites), genetic_map)
    path = folder / "targets.vcf.gz"
    write_genotypes(path, panel.sites.take(typed.index), panel.contigs, typed.samples, typed.alleles, typed.phased)
    return str(path)


def main() -> None:
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="ragimpute-bench-") as name:
        folder = Path(name)
        runs = commands(phased_targets(folder))
        costs: dict[str, list[Cost]] = {run: [] for run in runs}
        for _ in range(ROUNDS):  # in turn, as other work on the machine slows all
            for run, command in runs.items():
                costs[run].append(cost(command, folder))
    best = {
        run: Cost(min(c.wall for c in each), min(c.cpu for c in each), max(c.memory for c in each))
        for run, each in costs.items()
    }
    print(
        f"The example, phased typed genotypes to GT, DS, haplotype dosages and GP; {THREADS} threads, best of {ROUNDS}"
    )
    print(f"{'':<32}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}   ours to this: wall, CPU, memory")
    ours = best[OURS]
    for run, it in best.items():
        ratios = f"{ours.wall / it.wall:6.2f} {ours.cpu / it.cpu:6.2f} {ours.memory / it.memory:6.2f}"
        print(f"{run:<32}{it.wall:>8.2f}{it.cpu:>8.2f}{it.memory:>9.0f}   {ratios if run != OURS else ''}".rstrip())


if __name__ == "__main__":
    main()
