"""What the baselines share: typed sites as a mask, imputation chromosome by chromosome, and reading a tool's output."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.store import Panel, Sites, chromosome_bounds
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.source import records

TEMPORARY_FILES = {  # what `targets.phasing.write_inputs` gives a tool
    "reference.vcf.gz": "the panel's reference samples",
    "targets.vcf.gz": "the targets' phased typed genotypes",
    "map.plink": "the genetic map",
}


def typed_mask(sites: Sites, targets: TargetGenotypes) -> np.ndarray:
    """Which of `sites` [S] bool the targets have."""
    typed = np.zeros(len(sites), dtype=bool)
    typed[targets.index] = True
    return typed


def haplotypes_apart(targets: TargetGenotypes, dosages: np.ndarray, typed: np.ndarray) -> Imputed:
    """The result of a method that imputes the two haplotypes of a sample apart, `dosages` [S, 2 N] of ALT.

    P(both ALT) is the product of the two dosages. Typed sites get the targets' own alleles.
    """
    hds = of_each_sample(np.clip(dosages, 0, 1))
    hds[typed] = of_each_sample(targets.haplotypes())
    first = hds[..., 0]
    second = hds[..., 1]
    both = first * second
    return Imputed(targets.samples, hds, both, typed)


def of_each_sample(haplotypes: np.ndarray) -> np.ndarray:
    """Values of haplotypes [S, 2 N] as those of samples [S, N, 2], without a copy where the layout allows it."""
    n_sites, n_haplotypes = haplotypes.shape
    n_samples = n_haplotypes // 2
    return haplotypes.reshape(n_sites, n_samples, 2)


def by_chromosome(
    reference: Panel, targets: TargetGenotypes, run: Callable[[Panel, TargetGenotypes], Imputed]
) -> Imputed:
    """Impute each chromosome by itself with `run` and put the results together in the panel's order.

    Raises InputError when the targets are not phased and complete, or a chromosome has no typed site.
    """
    targets.haplotypes()  # refuses unphased input
    parts = []
    for start, stop in chromosome_bounds(reference.sites.chrom):
        rows = targets.rows(start, stop)
        if rows.start == rows.stop:
            chrom = reference.sites.chrom[start]
            raise InputError(f"chromosome {chrom} of the panel has no typed site; limit the panel by its region")
        of_chromosome = targets.at(np.arange(rows.start, rows.stop))
        index_here = of_chromosome.index - start
        typed = replace(of_chromosome, index=index_here)
        imputed = run(reference.between(start, stop), typed)
        parts.append(imputed)
    hds = np.concatenate([part.hds for part in parts], dtype=np.float32)
    both = np.concatenate([part.both for part in parts], dtype=np.float32)
    estimates = [part.r2 for part in parts if part.r2 is not None]
    all_have_estimates = len(estimates) == len(parts)
    r2 = np.concatenate(estimates) if all_have_estimates else None
    typed_sites = typed_mask(reference.sites, targets)
    return Imputed(targets.samples, hds, both, typed_sites, r2)


def read_tool_output(
    path: Path, sites: Sites, targets: TargetGenotypes, first: str, second: str | None, estimate: str
) -> Imputed:
    """A tool's imputed VCF at the panel's `sites`; typed sites get the targets' own alleles.

    Haplotype dosages are the FORMAT fields `first` and `second`, or both are in `first`; P(both ALT) is the last value
    of GP; the tool's own accuracy is INFO `estimate`. Raises InputError when a site is absent.
    """
    n_sites = len(sites)
    n_samples = len(targets.samples)
    hds = np.full((n_sites, n_samples, 2), np.nan, dtype=np.float32)
    both = np.empty((n_sites, n_samples), dtype=np.float32)
    r2 = np.zeros(n_sites, dtype=np.float32)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    for record in records(path):
        key = (record.CHROM, record.POS, record.REF, record.ALT[0])
        site = lookup.get(key, -1)
        if site < 0:
            continue
        dosages = record.format(first)
        if second is None:
            hds[site] = dosages
        else:
            hds[site, :, 0] = dosages[:, 0]
            hds[site, :, 1] = record.format(second)[:, 0]
        both[site] = record.format("GP")[:, -1]
        value = record.INFO.get(estimate)
        r2[site] = 0 if value is None else value
    haploid = ~targets.has_haplotype[:, 1]
    hds[:, haploid, 1] = hds[:, haploid, 0]  # a haploid sample has one value
    both[:, haploid] = hds[:, haploid, 0]
    absent = np.isnan(hds).any(axis=(1, 2))
    if absent.any():
        n_absent = int(absent.sum())
        raise InputError(f"{n_absent} of {n_sites} reference sites are missing from the tool's output")
    own_alleles = of_each_sample(targets.haplotypes())
    hds[targets.index] = own_alleles
    both[targets.index] = own_alleles.all(axis=2)
    typed = typed_mask(sites, targets)
    return Imputed(targets.samples, np.clip(hds, 0, 1), both, typed, r2)
