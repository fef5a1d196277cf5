"""Phasing the targets' typed genotypes with Beagle, against the reference people."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute.errors import InputError
from ragimpute.external import java_memory, run_program
from ragimpute.genetic_map import GeneticMap
from ragimpute.panel import Panel
from ragimpute.vcf.genotype_reader import TargetGenotypes, read_genotypes
from ragimpute.vcf.writer import write_genotypes

logger = logging.getLogger(__name__)

THREADS = 2  # always: what Beagle phases depends on their number, and results must not


def phase(
    reference: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
) -> TargetGenotypes:
    """Complete and phase `targets` with Beagle 5; returned as they are when nothing is left to phase.

    `reference` holds the reference people only, at all panel sites. Beagle sees them at the typed sites. Raises
    InputError when Beagle is missing or fails.
    """
    if targets.complete:
        logger.info("the typed genotypes are phased and complete: kept as they are")
        return targets
    sites = reference.sites.take(targets.index)
    typed = replace(reference, sites=sites, alleles=np.ascontiguousarray(reference.alleles[targets.index]))
    with tempfile.TemporaryDirectory(prefix="ragimpute-phase-") as name:
        folder = Path(name)
        write_inputs(folder, typed, replace(targets, index=np.arange(len(sites))), genetic_map)
        arguments = ["gt=targets.vcf.gz", "ref=reference.vcf.gz", "out=phased", "impute=false"]
        run_beagle_program(folder, arguments, genetic_map, threads=THREADS, memory_mb=memory_mb, seed=seed)
        phased = read_genotypes(folder / "phased.vcf.gz", sites, targets.samples)
    if len(phased.index) != len(sites) or not phased.complete:
        raise InputError(f"Beagle phased {len(phased.index)} of the {len(sites)} typed sites")
    return replace(targets, alleles=phased.alleles, phased=np.ones_like(phased.phased))


def write_inputs(
    folder: Path, reference: Panel, targets: TargetGenotypes, genetic_map: GeneticMap | None = None
) -> None:
    """Write reference.vcf.gz, targets.vcf.gz (typed sites) and, given a map that is not uniform, map.plink."""
    sites, n = reference.sites, len(reference.samples)
    alleles = reference.alleles.reshape(len(sites), n, 2)
    write_genotypes(folder / "reference.vcf.gz", sites, reference.contigs, reference.samples, alleles, True)
    typed = sites.take(targets.index)
    write_genotypes(
        folder / "targets.vcf.gz", typed, reference.contigs, targets.samples, targets.alleles, targets.phased
    )
    if genetic_map is not None and not genetic_map.is_uniform:
        genetic_map.write_plink(folder / "map.plink", list(dict.fromkeys(sites.chrom.tolist())))


def run_beagle_program(
    folder: Path, arguments: list[str], genetic_map: GeneticMap, *, threads: int, memory_mb: int, seed: int
) -> None:
    """Run Beagle in `folder`, prepared by `write_inputs`."""
    common = [f"nthreads={threads}", f"seed={seed}"] + ([] if genetic_map.is_uniform else ["map=map.plink"])
    run_program("beagle", [*arguments, *common], folder, java_memory(memory_mb))
