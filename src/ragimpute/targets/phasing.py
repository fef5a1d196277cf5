"""Phasing the targets' typed genotypes with Beagle, against the reference samples."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.external import java_memory, run_program
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel, Sites, chromosome_bounds
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.targets.mask import select_sites
from ragimpute.targets.several_phasings import how_many, of_nearest
from ragimpute.vcf.writer import write_genotypes

logger = logging.getLogger(__name__)

SEED_STEP = 1_000_003  # between the seeds of one sample's phasings: further than users' own seeds lie apart
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

    `reference` holds the reference samples only, at all panel sites. Beagle sees them at the typed sites. A sample
    whose heterozygotes are all phased on a chromosome keeps that phase; missing genotypes are filled in beside it.
    Raises InputError when Beagle is missing or fails.
    """
    if targets.complete:
        logger.info("the typed genotypes are phased and complete: kept as they are")
        return targets
    sites = reference.sites.take(targets.index)
    typed = replace(
        reference.take(targets.index),
        samples=tuple(f"ragimpute.reference.{i}" for i in range(len(reference.samples))),  # never a target's name
        ages=None,
    )
    frequent = 2 * typed.allele_count >= typed.alleles.shape[1]  # [M]: what is missing where Beagle cannot work
    alleles = np.where(targets.alleles < 0, frequent[:, None, None], targets.alleles).astype(np.int8)
    rows = np.flatnonzero(has_neighbours(sites))
    if len(rows) and not targets.at(rows).complete:
        alleles[rows] = _by_beagle(typed, targets, rows, genetic_map, memory_mb, seed)
    keep_given_phase(alleles, targets, sites)
    missing: np.ndarray = np.any(targets.alleles < 0, axis=2)
    return replace(targets, alleles=alleles, phased=np.ones_like(targets.phased), filled=missing)


def phase_repeatedly(
    reference: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
    n_phasings: int | None = None,
) -> list[TargetGenotypes]:
    """`targets` phased as `phase` does it, and by further seeds: `n_phasings`, or as many as `phasings.how_many` says.

    One is returned where the second agrees with it: nothing is uncertain then, as on targets that came phased.
    """
    done = []
    for number in range(n_phasings or how_many(reference.sites, targets)):
        phased = phase(reference, targets, genetic_map, memory_mb=memory_mb, seed=seed + number * SEED_STEP)
        done.append(phased)
        if number == 1 and np.array_equal(phased.alleles, done[0].alleles):
            return done[:1]  # nothing is uncertain
    return done


def as_targets(
    reference: Panel,
    samples: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
) -> TargetGenotypes:
    """The samples of `samples` at the typed sites of `targets`, phased as those will be when they are imputed.

    reference, samples: samples of the panel at all its sites, none of them in both. `targets` are as they came: where
    all their known heterozygotes are phased, `phase` keeps their phase, and `samples` keep the panel's. Otherwise the
    phase of `samples` is erased and inferred by `phase` against `reference` alone.
    Raises InputError when Beagle is missing or fails.
    """
    alleles = samples.alleles[targets.index].reshape(len(targets.index), -1, 2).astype(np.int8)
    phased = np.ones(alleles.shape[:2], dtype=bool)
    true_phase = TargetGenotypes(samples.samples, targets.index, alleles, phased, pd.DataFrame())
    known: np.ndarray = np.all(targets.alleles >= 0, axis=2)
    het = known & (targets.alleles[..., 0] != targets.alleles[..., 1])
    came_phased = bool((targets.phased | ~het).all())
    logger.info("the validation samples' phase is %s", "the panel's" if came_phased else "erased and inferred again")
    if came_phased:
        return true_phase
    typed = np.zeros(len(samples.sites), dtype=bool)
    typed[targets.index] = True
    erased = select_sites(true_phase, typed, erase_phase=True)
    return phase(reference, erased, genetic_map, memory_mb=memory_mb, seed=seed)


def has_neighbours(sites: Sites) -> np.ndarray:
    """[M] bool: sites on chromosomes with two positions or more; Beagle fails on a single one."""
    several = np.zeros(len(sites), dtype=bool)
    for start, stop in chromosome_bounds(sites.chrom):
        several[start:stop] = sites.pos[start] != sites.pos[stop - 1]
    return several


def _by_beagle(
    typed: Panel, targets: TargetGenotypes, rows: np.ndarray, genetic_map: GeneticMap, memory_mb: int, seed: int
) -> np.ndarray:
    """Alleles [R, N, 2] int8 of the targets at the typed sites `rows` [R], complete and phased."""
    local = typed.take(rows)
    sites = local.sites
    unphased = replace(targets.at(rows), index=np.arange(len(rows)))
    with tempfile.TemporaryDirectory(prefix="ragimpute-phase-") as name:
        folder = Path(name)
        write_inputs(folder, local, unphased, genetic_map)
        arguments = ["gt=targets.vcf.gz", "ref=reference.vcf.gz", "out=phased", "impute=false"]
        run_beagle_program(folder, arguments, genetic_map, threads=THREADS, memory_mb=memory_mb, seed=seed)
        phased = read_genotypes(folder / "phased.vcf.gz", sites, targets.samples, announce=False)
    if len(phased.index) != len(sites) or not phased.complete:
        raise InputError(f"Beagle phased {len(phased.index)} of the {len(sites)} typed sites")
    return phased.alleles


def keep_given_phase(alleles: np.ndarray, targets: TargetGenotypes, sites: Sites) -> None:
    """In `alleles` [M, N, 2], phased anew, give those samples their haplotypes back who came phased; in place.

    A sample came phased on a chromosome when all known heterozygotes there are. What was missing keeps its new
    alleles, on the haplotypes that agree with the given ones at the nearest heterozygote.
    """
    known: np.ndarray = np.all(targets.alleles >= 0, axis=2)
    het = known & (targets.alleles[..., 0] != targets.alleles[..., 1])
    for start, stop in chromosome_bounds(sites.chrom):
        part = slice(start, stop)
        came_phased = np.all(targets.phased[part] | ~het[part], axis=0)
        for sample in np.flatnonzero(came_phased):
            given, new = targets.alleles[part, sample], alleles[part, sample]  # [R, 2]
            hets = np.flatnonzero(het[part, sample])
            if len(hets):
                exchanged = of_nearest(new[hets, 0] != given[hets, 0], hets, np.arange(stop - start))
                new[exchanged] = new[exchanged, ::-1]
            new[known[part, sample]] = given[known[part, sample]]


def write_inputs(
    folder: Path, reference: Panel, targets: TargetGenotypes, genetic_map: GeneticMap | None = None
) -> None:
    """Write reference.vcf.gz, targets.vcf.gz (typed sites) and, given a map that is not uniform, map.plink."""
    sites, n = reference.sites, len(reference.samples)
    alleles = reference.alleles[:].reshape(len(sites), n, 2)
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
