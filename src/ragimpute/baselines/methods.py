"""Imputation by the established methods, each from the same phased typed genotypes and returned in one form."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute.errors import InputError
from ragimpute.external import run_program
from ragimpute.panel.folds import Fold
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import has_neighbours, run_beagle_program, write_inputs
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.source import records

logger = logging.getLogger(__name__)

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
    """Impute with Beagle 5 (Browning, Zhou & Browning 2018, AJHG 103, 338): defaults unless `parameters` has others.

    HDS are Beagle's posterior allele probabilities AP1 and AP2, `both` its GP2, `r2` its DR2. `reference` holds the
    reference samples only; `targets` must be phased and complete. Raises InputError when Beagle is missing or fails.
    """
    unknown = set(parameters or {}) - set(BEAGLE_OPTIONS)
    if unknown:
        raise InputError(f"Beagle parameters {', '.join(sorted(unknown))}: choose from {', '.join(BEAGLE_OPTIONS)}")
    targets.haplotypes()  # refuses unphased input, which Beagle would phase anew
    typed = reference.sites.take(targets.index)
    alone = typed.chrom[~has_neighbours(typed)]
    if len(alone):
        raise InputError(
            f"chromosome {alone[0]} has typed sites at one position only, and Beagle needs two: limit the panel by "
            "its region, type more sites, or take Beagle out of the baselines"
        )
    with tempfile.TemporaryDirectory(prefix="ragimpute-beagle-") as name:
        folder = Path(name)
        write_inputs(folder, reference, targets, genetic_map)
        arguments = ["gt=targets.vcf.gz", "ref=reference.vcf.gz", "out=imputed", "gp=true", "ap=true"]
        arguments += [f"{option}={value:g}" for option, value in sorted((parameters or {}).items())]
        run_beagle_program(folder, arguments, genetic_map, threads=threads, memory_mb=memory_mb, seed=seed)
        return _read_tool_output(folder / "imputed.vcf.gz", reference.sites, targets, "AP1", "AP2", "DR2")


def run_minimac4(
    reference: Panel, targets: TargetGenotypes, genetic_map: GeneticMap | None, *, threads: int = 1
) -> Imputed:
    """Impute with Minimac4 (Das et al. 2016, Nature Genetics 48, 1284), one run per chromosome.

    HDS and GP are its own, `r2` its R2. Without a map (None) it runs on its defaults. Raises InputError when Minimac4
    is missing, fails or leaves out a site.
    """

    def chromosome(local: Panel, typed: TargetGenotypes) -> Imputed:
        with tempfile.TemporaryDirectory(prefix="ragimpute-minimac4-") as name:
            folder = Path(name)
            write_inputs(folder, local, typed)
            run_program("minimac4", ["--compress-reference", "reference.vcf.gz"], folder, stdout="reference.msav")
            arguments = ["reference.msav", "targets.vcf.gz", "--output", "imputed.vcf.gz", "--output-format", "vcf.gz"]
            arguments += ["--format", "GT,HDS,DS,GP", "--threads", str(threads)]
            if genetic_map is not None and not genetic_map.is_uniform:
                genetic_map.write_minimac(folder / "map.txt", [str(local.sites.chrom[0])])
                arguments += ["--map", "map.txt"]
            run_program("minimac4", arguments, folder)
            return _read_tool_output(folder / "imputed.vcf.gz", local.sites, typed, "HDS", None, "R2")

    return _by_chromosome(reference, targets, chromosome)


def run_li_stephens(reference: Panel, targets: TargetGenotypes, *, threads: int = 1) -> Imputed:
    """Impute with the plain Li-Stephens model of `retrieval.li_stephens`, one recombination scale for all sites.

    The two haplotypes of a sample are imputed apart, so `both` is the product of their dosages.
    """
    from ragimpute.retrieval.li_stephens import li_stephens_dosages

    def chromosome(local: Panel, typed: TargetGenotypes) -> Imputed:
        is_typed = _typed(local.sites, typed)
        queries = typed.haplotypes().astype(np.int8)
        nobody = np.full((queries.shape[1], 1), -1, dtype=np.int64)  # targets are not in the reference
        dosage = li_stephens_dosages(local.alleles[:], local.sites.cm, is_typed, queries, nobody, threads=threads)
        hds = np.clip(dosage, 0, 1).reshape(len(local.sites), -1, 2)
        hds[is_typed] = queries.reshape(len(queries), -1, 2)
        return Imputed(typed.samples, hds, hds[..., 0] * hds[..., 1], is_typed)

    return _by_chromosome(reference, targets, chromosome)


def run_copy_nearest(reference: Panel, targets: TargetGenotypes, *, threads: int = 1) -> Imputed:
    """Impute with the neighbours that bert_rag is given, and no network: the mean of their alleles by posterior.

    What a network that reads them must beat. The two haplotypes of a sample are imputed apart.
    """
    from ragimpute.retrieval.evidence import mean_by_posterior
    from ragimpute.retrieval.fold_neighbours import NEIGHBOURS, retrieve_neighbours

    nobody = np.full((len(targets.samples), 1), -1, dtype=np.int64)  # targets are not in the reference
    is_typed, observed = _typed(reference.sites, targets), targets.haplotypes()
    fold = Fold("targets", reference, targets.samples, is_typed, observed, None, nobody)
    dosage = mean_by_posterior(fold, retrieve_neighbours(fold, NEIGHBOURS, threads), threads)
    hds = np.clip(dosage, 0, 1).reshape(len(reference.sites), -1, 2)
    hds[is_typed] = observed.reshape(len(observed), -1, 2)
    return Imputed(targets.samples, hds, hds[..., 0] * hds[..., 1], is_typed)


def run_frequency(frequency: np.ndarray, sites: Sites, targets: TargetGenotypes) -> Imputed:
    """Give everyone the reference's allele `frequency` [S] at untyped sites, their own alleles at typed ones.

    What a method must beat: it knows the sites, not the samples.
    """
    hds = np.repeat(frequency.astype(np.float32), 2 * len(targets.samples)).reshape(len(sites), -1, 2)
    hds[targets.index] = targets.haplotypes().reshape(len(targets.index), -1, 2)
    return Imputed(targets.samples, hds, hds[..., 0] * hds[..., 1], _typed(sites, targets))


def _by_chromosome(
    reference: Panel, targets: TargetGenotypes, run: Callable[[Panel, TargetGenotypes], Imputed]
) -> Imputed:
    """Impute each chromosome by itself and put the results together in the panel's order."""
    targets.haplotypes()  # refuses unphased input
    shape = (len(reference.sites), len(targets.samples))
    hds, both = np.empty((*shape, 2), dtype=np.float32), np.empty(shape, dtype=np.float32)
    estimates = np.empty(shape[0], dtype=np.float32)
    estimated = True
    for chrom in dict.fromkeys(reference.sites.chrom.tolist()):
        index = np.flatnonzero(reference.sites.chrom == chrom)
        here = np.isin(targets.index, index)
        if not here.any():
            raise InputError(f"chromosome {chrom} of the panel has no typed site; limit the panel by its region")
        typed = replace(
            targets,
            index=np.searchsorted(index, targets.index[here]),
            alleles=targets.alleles[here],
            phased=targets.phased[here],
        )
        part = run(reference.take(index), typed)
        hds[index], both[index] = part.hds, part.both
        if part.r2 is None:
            estimated = False
        else:
            estimates[index] = part.r2
    return Imputed(targets.samples, hds, both, _typed(reference.sites, targets), estimates if estimated else None)


def _read_tool_output(
    path: Path, sites: Sites, targets: TargetGenotypes, first: str, second: str | None, estimate: str
) -> Imputed:
    """Haplotype dosages from fields `first` and `second` (or both from `first`), GP and INFO `estimate`, by site."""
    n = len(targets.samples)
    hds = np.full((len(sites), n, 2), np.nan, dtype=np.float32)
    both = np.empty((len(sites), n), dtype=np.float32)
    r2 = np.zeros(len(sites), dtype=np.float32)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    for record in records(path):
        site = lookup.get((record.CHROM, record.POS, record.REF, record.ALT[0]), -1)
        if site < 0:
            continue
        if second is None:
            hds[site] = record.format(first)
        else:
            hds[site, :, 0], hds[site, :, 1] = record.format(first)[:, 0], record.format(second)[:, 0]
        both[site] = record.format("GP")[:, 2]
        value = record.INFO.get(estimate)
        r2[site] = 0 if value is None else value
    absent = int(np.isnan(hds).any(axis=(1, 2)).sum())
    if absent:
        raise InputError(f"{absent} of {len(sites)} reference sites are missing from the tool's output")
    hds[targets.index] = targets.haplotypes().reshape(len(targets.index), n, 2)
    both[targets.index] = hds[targets.index].prod(axis=2)
    return Imputed(targets.samples, np.clip(hds, 0, 1), both, _typed(sites, targets), r2)


def _typed(sites: Sites, targets: TargetGenotypes) -> np.ndarray:
    typed = np.zeros(len(sites), dtype=bool)
    typed[targets.index] = True
    return typed
