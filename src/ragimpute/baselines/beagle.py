"""Imputation by Beagle 5 (Browning, Zhou & Browning 2018, AJHG 103, 338)."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ragimpute.baselines.assembly import TEMPORARY_FILES, read_tool_output
from ragimpute.errors import InputError
from ragimpute.external import naming_files
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import has_neighbours, run_beagle_program, write_inputs
from ragimpute.vcf.imputed import Imputed

BEAGLE_OPTIONS = ("ne", "err", "cluster", "imp-states")


def run_beagle(
    reference: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    parameters: Mapping[str, float] | None = None,
    threads: int = 1,
    memory_mb: int = 4000,
    seed: int = 1,
) -> Imputed:
    """Impute with Beagle's defaults unless `parameters`, some of BEAGLE_OPTIONS, has others.

    HDS are Beagle's posterior allele probabilities AP1 and AP2, `both` its GP2, `r2` its DR2. `reference` holds the
    reference samples only; `targets` must be phased and complete. Raises InputError when Beagle is missing or fails.
    """
    chosen = dict(parameters or {})
    unknown = sorted(set(chosen) - set(BEAGLE_OPTIONS))
    if unknown:
        listed = ", ".join(unknown)
        choices = ", ".join(BEAGLE_OPTIONS)
        raise InputError(f"Beagle parameters {listed}: choose from {choices}")
    targets.haplotypes()  # refuses unphased input, which Beagle would phase anew
    typed = reference.sites.take(targets.index)
    is_alone = ~has_neighbours(typed)
    alone = typed.chrom[is_alone]
    if len(alone):
        chrom = alone[0]
        raise InputError(
            f"chromosome {chrom} has typed sites at one position only, and Beagle needs two: limit the panel by its "
            "region, type more sites, or take Beagle out of the baselines"
        )
    arguments = ["gt=targets.vcf.gz", "ref=reference.vcf.gz", "out=imputed", "gp=true", "ap=true"]
    for option, value in sorted(chosen.items()):
        arguments.append(f"{option}={value:g}")
    with tempfile.TemporaryDirectory(prefix="ragimpute-beagle-") as name, naming_files(TEMPORARY_FILES):
        folder = Path(name)
        write_inputs(folder, reference, targets, genetic_map)
        run_beagle_program(folder, arguments, genetic_map, threads=threads, memory_mb=memory_mb, seed=seed)
        output = folder / "imputed.vcf.gz"
        return read_tool_output(output, reference.sites, targets, "AP1", "AP2", "DR2")
