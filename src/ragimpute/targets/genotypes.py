"""Reading the genotypes of targets and of the truth, aligned to the sites of a panel."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoTypedSites
from ragimpute.panel.from_vcf import DROPPED_COLUMNS
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import SWAPS, AllelePolicy, SiteIndex, resolve
from ragimpute.vcf.source import Region, genotypes, read_header, records, refuse_haploid

logger = logging.getLogger(__name__)


def _no_records() -> pd.DataFrame:
    return pd.DataFrame(columns=DROPPED_COLUMNS)


@dataclass(frozen=True)
class TargetGenotypes:
    """Genotypes of N samples at M of the panel's sites, in the panel's order."""

    samples: tuple[str, ...]
    index: np.ndarray  # [M] int64, panel indices, increasing
    alleles: np.ndarray  # [M, N, 2] int8 in {-1, 0, 1}; -1 = missing
    phased: np.ndarray  # [M, N] bool; homozygotes and missing genotypes as the file writes them
    dropped: pd.DataFrame  # records that were not used: chrom, pos, id, ref, alt, reason
    recoded: pd.DataFrame = field(default_factory=_no_records)  # records used as swapped or flipped, likewise
    filled: np.ndarray | None = None  # [M, N] bool: genotypes that the file lacks and phasing has filled in

    @property
    def complete(self) -> bool:
        """Whether no allele is missing and every heterozygote is phased: nothing is left to phase."""
        het = self.alleles[..., 0] != self.alleles[..., 1]
        return bool((self.alleles >= 0).all() and (self.phased | ~het).all())

    @property
    def known(self) -> np.ndarray:
        """Sites [M] bool with a genotype that is not missing; the others are imputed like untyped ones."""
        found: np.ndarray = np.any(self.alleles >= 0, axis=(1, 2))
        return found

    def at(self, rows: np.ndarray) -> "TargetGenotypes":
        """The same samples at some of the sites only; `rows` indexes the first axis of `alleles`."""
        filled = None if self.filled is None else self.filled[rows]
        return replace(
            self, index=self.index[rows], alleles=self.alleles[rows], phased=self.phased[rows], filled=filled
        )

    def rows(self, start: int, stop: int) -> slice:
        """Which of the M sites are the panel's sites start .. stop - 1."""
        return slice(*np.searchsorted(self.index, (start, stop)).tolist())

    @property
    def given(self) -> np.ndarray:
        """`alleles` without those that were filled in: -1."""
        return self.alleles if self.filled is None else np.where(self.filled[..., None], np.int8(-1), self.alleles)

    def haplotypes(self) -> np.ndarray:
        """Alleles [M, 2 N] uint8 of complete genotypes, the two haplotypes of a sample side by side."""
        if not self.complete:
            raise InputError("the typed genotypes are not completely phased; run `ragimpute phase` on them first")
        return self.alleles.reshape(len(self.index), -1).astype(np.uint8)


def read_genotypes(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str] | None = None,
    policy: AllelePolicy | None = None,
    frequency: np.ndarray | None = None,
    *,
    region: Region | None = None,
    require_match: bool = True,
    announce: bool = True,
    records_of: str | os.PathLike | None = None,
) -> TargetGenotypes:
    """Read the genotypes of `samples` (all samples by default, in the order asked for) at the panel's `sites`.

    Records are matched by CHROM, POS, REF and ALT; those whose alleles are swapped or read from the other strand are
    recoded to the panel's, or dropped, as `policy` says, and listed either way. `frequency` [S] float, that of ALT in
    the reference, is needed to judge ambiguous records by it. Unusable records are listed with a reason: not in the
    reference, alleles differ, alleles swapped, strand flipped, ambiguous strand, multiallelic, symbolic, no ALT
    allele, no genotypes, haploid, polyploid, duplicate. A genotype of which one allele is missing counts as missing.
    Records outside `region` are passed over. What was found is logged unless `announce` is false, as for a temporary
    file, which means nothing to a user. `records_of`: a copy of the file, with an index, that is read instead.

    Raises InputError when the file is unreadable, lacks a sample, names an allele that ALT lacks, is haploid on the X
    chromosome, shares no chromosome with the panel or (with `require_match`) no site.
    """
    policy = policy or AllelePolicy()
    if frequency is None:
        if policy.ambiguous == "frequency":
            raise ValueError("judging by frequency needs the reference's frequencies")
        frequency = np.full(len(sites), np.nan)
    header = read_header(path)
    wanted = tuple(header.samples if samples is None else samples)
    order = _sample_order(path, header.samples, wanted)
    panel_index = SiteIndex(sites)
    chroms = set(sites.chrom.tolist())
    index: list[int] = []
    rows: list[np.ndarray] = []
    dropped: list[tuple] = []
    recoded: list[tuple] = []
    met: dict[str, None] = {}
    taken: set[int] = set()
    source = records_of or path
    for record in records(source, region, samples=None if samples is None else wanted):
        chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
        met[chrom] = None
        if region is not None and not region.holds(chrom, pos):
            continue
        match = panel_index.match(chrom, pos, ref, alts)
        site, reason, relation = match.site, match.relation, ""
        array = None
        if site >= 0:
            array = genotypes(record)
            reason = "duplicate" if site in taken else unusable_genotypes(array)
        if site >= 0 and reason == "haploid":
            refuse_haploid(path, chrom, pos)
        if site >= 0 and not reason and array is not None:
            array = _diploid(path, record, array)
            known = array[array[:, 0] >= 0, :2] if match.ambiguous else array[:0, :2]
            reason, relation = resolve(match, policy, int(known.sum()), known.size, float(frequency[site]))
        row = (chrom, pos, record.ID or ".", ref, ",".join(alts) or ".")
        if reason or array is None:
            dropped.append((*row, reason))
            continue
        if relation:
            recoded.append((*row, relation))
        if relation in SWAPS:
            array[:, :2] = np.where(array[:, :2] >= 0, 1 - array[:, :2], -1)
        taken.add(site)
        index.append(site)
        rows.append(array[order].astype(np.int8))
    if not met and region is not None:
        met = dict.fromkeys(record.CHROM for record in records(source))
    if met and not chroms & met.keys():
        raise NoTypedSites(
            f"{path}: no chromosome in common with the panel: it has {_some(met)}, the panel has "
            f"{_some(chroms)}{prefix_hint(met, chroms)}"
        )
    left_out = pd.DataFrame(dropped, columns=DROPPED_COLUMNS)
    fixed = pd.DataFrame(recoded, columns=DROPPED_COLUMNS)
    if require_match and not index:
        raise NoTypedSites(
            f"{path}: no record matches a site of the panel by CHROM, POS, REF and ALT "
            f"({_counts(left_out) or 'it has no records'})"
        )
    if announce:
        logger.info("%s: %d of the panel's sites; dropped: %s", path, len(index), _counts(left_out) or "none")
    if announce and len(fixed):
        logger.info("%s: recoded: %s", path, _counts(fixed))
    by_site = np.argsort(np.array(index, dtype=np.int64), kind="stable")
    array = np.stack(rows)[by_site] if rows else np.empty((0, len(wanted), 3), dtype=np.int8)
    sorted_index = np.array(index, dtype=np.int64)[by_site]
    return TargetGenotypes(wanted, sorted_index, array[..., :2].copy(), array[..., 2] == 1, left_out, fixed)


def read_truth(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str],
    policy: AllelePolicy | None = None,
    frequency: np.ndarray | None = None,
) -> np.ndarray:
    """Alternate allele counts [S, N] int8 of `samples` in a truth VCF; -1 where missing or where the site is absent.

    `policy` and `frequency` [S] as for `read_genotypes`. Raises InputError as it does.
    """
    found = read_genotypes(path, sites, samples, policy, frequency)
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


def unusable_genotypes(array: np.ndarray | None) -> str:
    """Why the genotypes of a record (`source.genotypes`) are not those of diploid samples, or ''."""
    if array is None:
        return "no genotypes"
    if array.shape[1] == 2:
        return "haploid" if (array[:, 0] >= 0).any() else ""  # '.' for everyone: missing
    if array.shape[1] > 3:
        return "polyploid"
    if ((array[:, 1] == -2) & (array[:, 0] >= 0)).any():
        return "haploid"
    return ""


def _diploid(path: str | os.PathLike, record, array: np.ndarray) -> np.ndarray:
    """Alleles and phase [N, 3] with a genotype of which an allele is missing wholly missing (-1)."""
    if array.shape[1] == 2:
        return np.broadcast_to(np.array([-1, -1, 0], dtype=array.dtype), (len(array), 3)).copy()
    if (array[:, :2] > len(record.ALT)).any():
        raise InputError(f"{path}: record {record.CHROM}:{record.POS}: a genotype names an allele that ALT lacks")
    array = array.copy()
    array[(array[:, :2] < 0).any(axis=1), :2] = -1
    return array


def _counts(table: pd.DataFrame) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in table["reason"].value_counts().items())


def _some(names) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def prefix_hint(ours: Iterable[str], panel: set[str]) -> str:
    """Advice when the names differ by the 'chr' prefix only; '' otherwise."""
    names = set(ours)
    if {f"chr{name}" for name in names} & panel or {name.removeprefix("chr") for name in names} & panel:
        return "; they differ by the 'chr' prefix: rename one of them (bcftools annotate --rename-chrs)"
    return ""
