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
    hds = np.clip(dosages, 0, 1).reshape(len(typed), -1, 2)
    hds[typed] = targets.haplotypes().reshape(len(targets.index), -1, 2)
    return Imputed(targets.samples, hds, hds[..., 0] * hds[..., 1], typed)


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
        typed = targets.at(np.arange(rows.start, rows.stop))
        typed = replace(typed, index=typed.index - start)
        parts.append(run(reference.between(start, stop), typed))
    hds = np.concatenate([part.hds for part in parts], dtype=np.float32)
    both = np.concatenate([part.both for part in parts], dtype=np.float32)
    estimates = [part.r2 for part in parts if part.r2 is not None]
    r2 = np.concatenate(estimates) if len(estimates) == len(parts) else None
    return Imputed(targets.samples, hds, both, typed_mask(reference.sites, targets), r2)


def read_tool_output(
    path: Path, sites: Sites, targets: TargetGenotypes, first: str, second: str | None, estimate: str
) -> Imputed:
    """A tool's imputed VCF at the panel's `sites`; typed sites get the targets' own alleles.

    Haplotype dosages are the FORMAT fields `first` and `second`, or both are in `first`; P(both ALT) is the last value
    of GP; the tool's own accuracy is INFO `estimate`. Raises InputError when a site is absent.
    """
    n_samples = len(targets.samples)
    hds = np.full((len(sites), n_samples, 2), np.nan, dtype=np.float32)
    both = np.empty((len(sites), n_samples), dtype=np.float32)
    r2 = np.zeros(len(sites), dtype=np.float32)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    for record in records(path):
        site = lookup.get((record.CHROM, record.POS, record.REF, record.ALT[0]), -1)
        if site < 0:
            continue
        if second is None:
            hds[site] = record.format(first)
        else:
            hds[site, :, 0] = record.format(first)[:, 0]
            hds[site, :, 1] = record.format(second)[:, 0]
        both[site] = record.format("GP")[:, -1]
        value = record.INFO.get(estimate)
        r2[site] = 0 if value is None else value
    haploid = ~targets.has_haplotype[:, 1]
    hds[:, haploid, 1] = hds[:, haploid, 0]  # a haploid sample has one value
    both[:, haploid] = hds[:, haploid, 0]
    absent = np.isnan(hds).any(axis=(1, 2))
    if absent.any():
        raise InputError(f"{int(absent.sum())} of {len(sites)} reference sites are missing from the tool's output")
    hds[targets.index] = targets.haplotypes().reshape(len(targets.index), n_samples, 2)
    both[targets.index] = hds[targets.index].prod(axis=2)
    return Imputed(targets.samples, np.clip(hds, 0, 1), both, typed_mask(sites, targets), r2)
