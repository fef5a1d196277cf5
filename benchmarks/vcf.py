"""VCF in and out against cyvcf2: reading panel and genotypes, writing 24,990 sites x 203 samples with four fields."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cyvcf2
import numpy as np

from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.quantise import UNIT, quantise
from ragimpute.vcf.writer import write_imputed

EXAMPLE = Path(__file__).parents[1] / "resources/example"
REFERENCE, TRUTH = EXAMPLE / "reference.vcf.gz", EXAMPLE / "truth.vcf.gz"
ROUNDS = 3
UNCERTAIN = 0.25  # share of genotypes with a fractional dosage, as in an imputed file of the example
FIELDS = {"DS": ("A", "dosage"), "HDS": ("2", "haplotype dosages"), "GP": ("G", "genotype probabilities")}


def seconds(runs: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each, the least of ROUNDS rounds in turn, after one to warm up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(1 + ROUNDS):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (min(w for w, _ in times[1:]), min(c for _, c in times[1:])) for name, times in taken.items()}


def report(what: str, taken: dict[str, tuple[float, float]]) -> None:
    """One line for each; ratios are to the last one."""
    last_wall, last_cpu = list(taken.values())[-1]
    print(what)
    for name, (wall, cpu) in taken.items():
        print(f"  {name:<34}{wall:6.2f} s wall {cpu:6.2f} s CPU   ratio {wall / last_wall:5.2f} {cpu / last_cpu:5.2f}")


def cyvcf2_read(path: Path) -> None:
    for record in cyvcf2.VCF(path):
        record.genotype.array()


def cyvcf2_write(path: Path, imputed: Imputed) -> None:
    """The same numbers through cyvcf2, into the records of the truth file; GT is that of the record."""
    numbers = quantise(imputed.hds, imputed.both)
    hds = np.stack([numbers.a, numbers.b], axis=-1).astype(np.float32) / UNIT
    gp = numbers.gp.astype(np.float32) / UNIT
    template = cyvcf2.VCF(TRUTH)
    for name, (number, text) in FIELDS.items():
        template.add_format_to_header({"ID": name, "Number": number, "Type": "Float", "Description": text})
    writer = cyvcf2.Writer(str(path), template, mode="wz")
    for site, record in enumerate(template):
        record.set_format("DS", hds[site].sum(axis=1))
        record.set_format("HDS", hds[site])
        record.set_format("GP", gp[site])
        writer.write_record(record)
    writer.close()


def made_up(shape: tuple[int, int], samples: tuple[str, ...]) -> Imputed:
    """Dosages of which most are certain."""
    generator = np.random.default_rng(0)
    hds = (generator.random((*shape, 2), dtype=np.float32) < 0.1).astype(np.float32)
    uncertain = generator.random(shape) < UNCERTAIN
    hds[uncertain] = generator.beta(0.1, 0.4, size=(int(uncertain.sum()), 2))
    return Imputed(samples, hds, hds[..., 0] * hds[..., 1], np.zeros(shape[0], dtype=bool))


def main() -> None:
    uniform = GeneticMap.uniform()
    panel, _ = read_panel(REFERENCE, None, uniform)
    samples = read_genotypes(TRUTH, panel.sites).samples
    report(
        f"Reading a panel of {len(panel.sites):,} sites x {len(panel.samples)} samples",
        seconds({"read_panel": lambda: read_panel(REFERENCE, None, uniform), "cyvcf2": lambda: cyvcf2_read(REFERENCE)}),
    )
    report(
        f"Reading genotypes, {len(panel.sites):,} sites x {len(samples)} samples",
        seconds({"read_genotypes": lambda: read_genotypes(TRUTH, panel.sites), "cyvcf2": lambda: cyvcf2_read(TRUTH)}),
    )
    imputed = made_up((len(panel.sites), len(samples)), samples)
    with tempfile.TemporaryDirectory(prefix="ragimpute-bench-") as name:
        out = Path(name) / "out.vcf.gz"

        def ours(threads: int) -> Callable[[], None]:
            return lambda: write_imputed(out, panel.sites, panel.contigs, imputed, threads=threads)

        report(
            f"Writing GT:DS:HDS:GP, {len(panel.sites):,} sites x {len(samples)} samples (ours with an index)",
            seconds(
                {
                    "write_imputed, 1 thread": ours(1),
                    "write_imputed, 2 threads": ours(2),
                    "cyvcf2": lambda: cyvcf2_write(Path(name) / "cyvcf2.vcf.gz", imputed),
                }
            ),
        )


if __name__ == "__main__":
    main()
