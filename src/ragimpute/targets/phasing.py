"""Phasing typed genotypes with Beagle against the reference samples: the steps `phase` and `phase-validation`."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.external import java_memory, run_program
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords, PloidyRule, records_beside, rule_of_ploidy
from ragimpute.panel.roles import reference_samples, target_samples
from ragimpute.panel.store import Panel, Sites, chromosome_bounds
from ragimpute.targets.further_phasings import PhaseDraws
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.targets.given_phase import keep_given_phase
from ragimpute.targets.mask import select_sites
from ragimpute.targets.several_phasings import phasings_worth_it
from ragimpute.vcf.writer import write_genotypes

logger = logging.getLogger(__name__)

BEAGLE_THREADS = 2  # always: what Beagle phases depends on their number, and results must not


def phase_targets(
    panel: Panel,
    roles: pd.DataFrame,
    typed_genotypes: Path,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
    n_phasings: int | None = 1,
) -> list[TargetGenotypes]:
    """The targets' typed genotypes in the VCF `typed_genotypes`, phased against the reference samples of `roles`.

    One phasing or several, the first one first (`phase_repeatedly`); `n_phasings` None: as many as are worth their
    time. Raises InputError when a file is unreadable, and as `phase` does.
    """
    names = target_samples(roles)
    targets = read_genotypes(typed_genotypes, panel.sites, names, chosen=records_beside(panel))
    reference = panel.of_samples(reference_samples(roles))
    return phase_repeatedly(reference, targets, genetic_map, memory_mb=memory_mb, seed=seed, n_phasings=n_phasings)


def phase_validation(
    panel: Panel,
    roles: pd.DataFrame,
    typed_genotypes: Path,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
) -> TargetGenotypes:
    """The validation samples at the typed sites, in the state that the targets in the VCF `typed_genotypes` will be in.

    They are phased, if at all, against the train fold alone (`phase_like_targets`).
    """
    train = panel.of_samples(reference_samples(roles, "train"))
    validation = panel.of_samples(reference_samples(roles, "validation"))
    targets = read_genotypes(typed_genotypes, panel.sites, target_samples(roles))
    return phase_like_targets(train, validation, targets, genetic_map, memory_mb=memory_mb, seed=seed)


def write_phased(path: Path, panel: Panel, phased: TargetGenotypes) -> None:
    """Write complete, phased genotypes at some of the panel's sites as VCF.gz with an index."""
    sites = panel.sites.take(phased.index)
    write_genotypes(path, sites, panel.contigs, phased.samples, phased.called_alleles, True)


def phase(
    reference: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
) -> TargetGenotypes:
    """Complete and phase `targets` with Beagle 5, each chromosome by itself; complete ones are returned as they are.

    `reference` holds the reference samples only, at all panel sites. Beagle reads them at the typed sites. A sample
    whose heterozygotes are all phased on a chromosome keeps that phase; missing genotypes are filled in beside it.
    Where samples are haploid, Beagle gets those of them only that have missing genotypes. A sample without any genotype
    on a chromosome is kept from Beagle, so that it changes nothing in the others: it gets the more frequent alleles.
    Raises InputError when Beagle is missing or fails.
    """
    [first] = phase_repeatedly(reference, targets, genetic_map, memory_mb=memory_mb, seed=seed, n_phasings=1)
    return first


def phase_repeatedly(
    reference: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
    n_phasings: int | None = None,
    threads: int = BEAGLE_THREADS,
) -> list[TargetGenotypes]:
    """`targets` phased as `phase` does it, then as often as is asked for: `n_phasings`, None: `phasings_worth_it`.

    The first is Beagle's; each further one is drawn from the one before it (`targets.further_phasings`). With
    `n_phasings` None there is none where draws would phase nearly all as the first. A chromosome is phased as if it
    were alone in the file. Where nothing is uncertain on it, all its phasings are the same. `threads` draw; Beagle has
    BEAGLE_THREADS.
    """
    if targets.complete:
        logger.info("the typed genotypes are phased and complete: kept as they are")
        return [targets]
    worth_it = phasings_worth_it(reference.sites, targets)
    typed = replace(reference.take(targets.index), ages=None)
    of_chromosomes = []
    for start, stop in chromosome_bounds(typed.sites.chrom):
        rows = np.arange(start, stop)
        local = typed.take(rows)
        there = replace(targets.at(rows), index=rows - start)
        first = _first_phasing(local, there, genetic_map, memory_mb, seed)
        chrom = str(local.sites.chrom[0])
        number = n_phasings or worth_it[chrom]
        phasings = [first]
        if number > 1 and _has_several_positions(local.sites):
            draws = PhaseDraws(first, local, there, seed, threads)
            if n_phasings is not None or draws.differ():
                phasings += draws.further(number - 1)
        of_chromosomes.append(phasings)
    missing: np.ndarray = np.any(targets.alleles < 0, axis=2)
    all_phased = np.ones_like(targets.phased)
    done = []
    for number in range(max(len(phasings) for phasings in of_chromosomes)):
        alleles = np.concatenate([phasings[number % len(phasings)] for phasings in of_chromosomes])
        done.append(replace(targets, alleles=alleles, phased=all_phased, filled=missing))
    return done


def _first_phasing(
    typed: Panel, targets: TargetGenotypes, genetic_map: GeneticMap, memory_mb: int, seed: int
) -> np.ndarray:
    """Alleles [M, N, 2] int8 of the targets at all M typed sites of one chromosome, complete and phased by Beagle."""
    if targets.complete:
        return targets.alleles.astype(np.int8)
    n_reference = len(typed.samples)
    names = tuple(f"ragimpute.reference.{i}" for i in range(n_reference))  # never a target's name
    more_frequent = typed.allele_frequency >= 0.5  # [M]: the allele that fills gaps where Beagle cannot work
    alleles = _gaps_filled(targets.alleles, more_frequent)
    columns = _samples_for_beagle(targets)
    unphased = targets.of_samples(columns)
    if _has_several_positions(typed.sites) and not unphased.complete:
        alleles[:, columns] = _by_beagle(replace(typed, samples=names), unphased, genetic_map, memory_mb, seed)
    keep_given_phase(alleles, targets)
    return alleles


def _gaps_filled(alleles: np.ndarray, instead: np.ndarray) -> np.ndarray:
    """`alleles` [M, N, 2] as int8, with those of `instead` [M] bool where they are missing."""
    is_missing = alleles < 0
    filled = np.where(is_missing, instead[:, None, None], alleles)
    return filled.astype(np.int8)


def phase_like_targets(
    reference: Panel,
    samples: Panel,
    targets: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    memory_mb: int = 4000,
    seed: int = 1,
) -> TargetGenotypes:
    """`samples` of the panel at the typed sites of `targets`, in the state that the targets will be in when imputed.

    reference, samples: samples of the panel at all its sites, none of them in both. `targets` are as they came: where
    all their known heterozygotes are phased, `phase` keeps their phase, and `samples` keep the panel's. Otherwise the
    phase of `samples` is erased and inferred by `phase` against `reference` alone.
    Raises InputError when Beagle is missing or fails.
    """
    n_typed = len(targets.index)
    haplotypes = samples.alleles[targets.index]
    pairs = haplotypes.reshape(n_typed, -1, 2).astype(np.int8)
    phased = np.ones(pairs.shape[:2], dtype=bool)
    none_dropped = pd.DataFrame()
    true_phase = TargetGenotypes(samples.samples, targets.index, pairs, phased, none_dropped)
    is_settled = targets.phased | ~targets.heterozygous
    came_phased = bool(is_settled.all())
    logger.info("the validation samples' phase is %s", "the panel's" if came_phased else "erased and inferred again")
    if came_phased:
        return true_phase
    n_sites = len(samples.sites)
    typed = np.zeros(n_sites, dtype=bool)
    typed[targets.index] = True
    erased = select_sites(true_phase, typed, erase_phase=True)
    return phase(reference, erased, genetic_map, memory_mb=memory_mb, seed=seed)


def has_neighbours(sites: Sites) -> np.ndarray:
    """[M] bool: sites on chromosomes with two positions or more; Beagle fails on a single one."""
    several = np.zeros(len(sites), dtype=bool)
    for start, stop in chromosome_bounds(sites.chrom):
        here = slice(start, stop)
        several[here] = _has_several_positions(sites.take(here))
    return several


def _has_several_positions(sites: Sites) -> bool:
    """Whether the sites of one chromosome have two positions or more."""
    return bool(sites.pos[0] != sites.pos[-1])


def _samples_for_beagle(targets: TargetGenotypes) -> np.ndarray:
    """Which samples Beagle phases: all that have a genotype, but of haploid ones only those with missing genotypes."""
    has_gaps = np.any(targets.alleles < 0, axis=(0, 2))
    is_called = np.any(targets.alleles >= 0, axis=(0, 2))
    return np.flatnonzero(targets.is_called_diploid | (is_called & has_gaps))


def _by_beagle(
    typed: Panel, targets: TargetGenotypes, genetic_map: GeneticMap, memory_mb: int, seed: int
) -> np.ndarray:
    """Alleles [M, N, 2] int8 of the targets at all the typed sites, complete and phased."""
    sites = typed.sites
    with temporary_folder("ragimpute-phase-") as folder:
        write_inputs(folder, typed, targets, genetic_map)
        arguments = ["gt=targets.vcf.gz", "ref=reference.vcf.gz", "out=phased", "impute=false"]
        run_beagle_program(folder, arguments, genetic_map, threads=BEAGLE_THREADS, memory_mb=memory_mb, seed=seed)
        chosen = ChosenRecords(rule=_rule(targets))
        output = folder / "phased.vcf.gz"
        phased = read_genotypes(output, sites, targets.samples, chosen=chosen, announce=False)
    n_phased = len(phased.index)
    if n_phased != len(sites) or not phased.complete:
        raise InputError(f"Beagle phased {n_phased} of the {len(sites)} typed sites")
    return phased.alleles


def _rule(targets: TargetGenotypes) -> PloidyRule | None:
    """The rule by which `targets` are read again: each sample has the ploidy that it had."""
    return None if targets.ploidy is None else rule_of_ploidy("X", targets.samples, targets.ploidy)


def write_inputs(
    folder: Path, reference: Panel, targets: TargetGenotypes, genetic_map: GeneticMap | None = None
) -> None:
    """Write reference.vcf.gz, targets.vcf.gz (typed sites) and, given a map that is not uniform, map.plink."""
    sites = reference.sites
    contigs = reference.contigs
    alleles = reference.allele_pairs()
    reference_vcf = folder / "reference.vcf.gz"
    write_genotypes(reference_vcf, sites, contigs, reference.samples, alleles, True)
    typed = sites.take(targets.index)
    called = targets.called_alleles
    targets_vcf = folder / "targets.vcf.gz"
    write_genotypes(targets_vcf, typed, contigs, targets.samples, called, targets.phased)
    if genetic_map is not None and not genetic_map.is_uniform:
        chroms = sites.chromosomes()
        genetic_map.write_plink(folder / "map.plink", chroms)


def run_beagle_program(
    folder: Path, arguments: list[str], genetic_map: GeneticMap, *, threads: int, memory_mb: int, seed: int
) -> None:
    """Run Beagle in `folder`, prepared by `write_inputs`."""
    every = [*arguments, f"nthreads={threads}", f"seed={seed}"]
    if not genetic_map.is_uniform:
        every.append("map=map.plink")
    run_program("beagle", every, folder, java_memory(memory_mb))
