"""Reading the genotypes of targets and of the truth, aligned to the sites of a panel."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel import Sites
from ragimpute.vcf.panel_reader import DROPPED_COLUMNS, unusable_alleles
from ragimpute.vcf.source import genotypes, read_header, records


@dataclass(frozen=True)
class TargetGenotypes:
    """Genotypes of N people at M of the panel's sites, in the panel's order."""

    samples: tuple[str, ...]
    index: np.ndarray  # [M] int64, panel indices, increasing
    alleles: np.ndarray  # [M, N, 2] int8 in {-1, 0, 1}; -1 = missing
    phased: np.ndarray  # [M, N] bool; homozygotes and missing genotypes as the file writes them
    dropped: pd.DataFrame  # records without a panel site: chrom, pos, id, ref, alt, reason

    @property
    def complete(self) -> bool:
        """Whether no allele is missing and every heterozygote is phased: nothing is left to phase."""
        het = self.alleles[..., 0] != self.alleles[..., 1]
        return bool((self.alleles >= 0).all() and (self.phased | ~het).all())

    def haplotypes(self) -> np.ndarray:
        """Alleles [M, 2 N] uint8 of complete genotypes, the two haplotypes of a person side by side."""
        if not self.complete:
            raise InputError("the typed genotypes are not completely phased; run `ragimpute phase` on them first")
        return self.alleles.reshape(len(self.index), -1).astype(np.uint8)


def read_genotypes(
    path: str | os.PathLike, sites: Sites, samples: Sequence[str] | None = None, *, require_match: bool = True
) -> TargetGenotypes:
    """Read the genotypes of `samples` (all people by default, in the order asked for) at the panel's `sites`.

    Records are matched by CHROM, POS, REF and ALT. The others are listed with a reason: not in the reference, alleles
    swapped (REF is the panel's ALT), alleles differ, multiallelic, symbolic, no ALT allele, no genotypes, haploid,
    polyploid, duplicate. A genotype of which one allele is missing counts as missing.

    Raises InputError when the file is unreadable, lacks a sample, shares no chromosome with the panel or (with
    `require_match`) no site.
    """
    header = read_header(path)
    wanted = tuple(header.samples if samples is None else samples)
    order = _sample_order(path, header.samples, wanted)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    at: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for chrom, pos, ref, alt in lookup:
        at.setdefault((chrom, pos), []).append((ref, alt))
    chroms = set(sites.chrom.tolist())
    index: list[int] = []
    rows: list[np.ndarray] = []
    dropped: list[tuple] = []
    met: dict[str, None] = {}
    taken: set[int] = set()
    for record in records(path, samples=None if samples is None else wanted, chroms=sorted(chroms)):
        chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
        met[chrom] = None
        site = lookup.get((chrom, pos, ref, alts[0]), -1) if len(alts) == 1 else -1
        array = None
        if site >= 0:
            array = genotypes(record)
            reason = "duplicate" if site in taken else _unusable_genotypes(array)
        else:
            reason = unusable_alleles(ref, alts) or _mismatch(at.get((chrom, pos)), ref, alts[0])
        if reason or array is None:
            dropped.append((chrom, pos, record.ID or ".", ref, ",".join(alts) or ".", reason))
            continue
        taken.add(site)
        index.append(site)
        rows.append(array[order].astype(np.int8))
    if met and not chroms & met.keys():
        raise InputError(
            f"{path}: no chromosome in common with the panel: it has {_some(met)}, the panel has "
            f"{_some(chroms)}{_prefix_hint(met, chroms)}"
        )
    if require_match and not index:
        counts = pd.Series([row[-1] for row in dropped], dtype=object).value_counts()
        detail = ", ".join(f"{n} {reason}" for reason, n in counts.items()) or "it has no records"
        raise InputError(f"{path}: no record matches a site of the panel by CHROM, POS, REF and ALT ({detail})")
    by_site = np.argsort(np.array(index, dtype=np.int64), kind="stable")
    array = np.stack(rows)[by_site] if rows else np.empty((0, len(wanted), 3), dtype=np.int8)
    alleles = array[..., :2].copy()
    alleles[(alleles < 0).any(axis=2)] = -1
    table = pd.DataFrame(dropped, columns=DROPPED_COLUMNS)
    return TargetGenotypes(wanted, np.array(index, dtype=np.int64)[by_site], alleles, array[..., 2] == 1, table)


def read_truth(path: str | os.PathLike, sites: Sites, samples: Sequence[str]) -> np.ndarray:
    """Alternate allele counts [S, N] int8 of `samples` in a truth VCF; -1 where missing or where the site is absent.

    Raises InputError as `read_genotypes` does.
    """
    found = read_genotypes(path, sites, samples)
    counts = np.full((len(sites), len(samples)), -1, dtype=np.int8)
    counts[found.index] = np.where(
        (found.alleles < 0).any(axis=2), np.int8(-1), found.alleles.sum(axis=2, dtype=np.int8)
    )
    return counts


def _sample_order(path: str | os.PathLike, available: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Row of each wanted sample among the wanted samples in file order, as cyvcf2 returns them."""
    if not available:
        raise InputError(f"{path}: the file has no samples")
    absent = sorted(set(wanted) - set(available))
    if absent:
        raise InputError(f"{path}: {len(absent)} of {len(wanted)} samples are not in the file: {_some(absent)}")
    chosen = set(wanted)
    row = {name: i for i, name in enumerate(name for name in available if name in chosen)}
    return np.array([row[name] for name in wanted], dtype=np.int64)


def _unusable_genotypes(array: np.ndarray | None) -> str:
    if array is None:
        return "no genotypes"
    if array.shape[1] == 2:
        return "haploid"
    if array.shape[1] > 3:
        return "polyploid"
    if ((array[:, 1] == -2) & (array[:, 0] >= 0)).any():
        return "haploid"
    return ""


def _mismatch(present: list[tuple[str, str]] | None, ref: str, alt: str) -> str:
    if not present:
        return "not in the reference"
    return "alleles swapped" if (alt, ref) in present else "alleles differ"


def _some(names) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def _prefix_hint(ours: dict[str, None], panel: set[str]) -> str:
    """Advice when the names differ by the 'chr' prefix only."""
    if {f"chr{name}" for name in ours} & panel or {name.removeprefix("chr") for name in ours} & panel:
        return "; they differ by the 'chr' prefix: rename one of them (bcftools annotate --rename-chrs)"
    return ""
