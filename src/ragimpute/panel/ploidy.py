"""How many alleles the samples have on a sex chromosome, and which of a panel's records agree with it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from ragimpute.errors import UnusableChromosome
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.panel.sex_chromosomes import Kind, kind_of
from ragimpute.panel.sexes import Sex
from ragimpute.vcf.source import Region, filters_of

if TYPE_CHECKING:
    from ragimpute.panel.store import Panel

UNKNOWN = -1
OF_SEX: dict[Kind, dict[Sex, int]] = {"X": {"M": 1, "F": 2}, "Y": {"M": 1, "F": 0}, "MT": {"M": 1, "F": 1}}
OTHER_PLOIDY = "ploidy of a sample differs from other records"
ABSENT = -2  # the second allele of a haploid genotype, as cyvcf2 has it


@dataclass(frozen=True)
class PloidyRule:
    """On X, beyond its pseudoautosomal regions, men are haploid; on Y women have no genotype; on MT all are haploid.

    Ploidy [N] int8 is 0 (no genotype is expected), 1 or 2 for each sample.
    """

    chromosome: Kind
    sexes: Mapping[str, Sex]  # of the samples whose sex was given; that of the others is told by their genotypes

    def given(self, samples: Sequence[str]) -> np.ndarray:
        """The ploidy of N samples by their sex, UNKNOWN where it was not given and matters: [N] int8."""
        if self.chromosome == "MT":
            return np.ones(len(samples), dtype=np.int8)
        of_sex = OF_SEX[self.chromosome]
        sexes = [self.sexes.get(name) for name in samples]
        ploidy = [UNKNOWN if sex is None else of_sex[sex] for sex in sexes]
        return np.array(ploidy, dtype=np.int8)

    def of_record(
        self, path: str | os.PathLike, place: str, samples: Sequence[str], genotypes: np.ndarray
    ) -> np.ndarray | None:
        """The ploidy of a panel's N samples by one record: [N] int8; None where a genotype is missing on X.

        genotypes [N, 3] as `diploid_form` makes them. A man by the given sexes may have two equal alleles.
        Raises UnusableChromosome for a haploid woman, naming her.
        """
        first = genotypes[:, 0]
        second = genotypes[:, 1]
        if self.chromosome == "X" and (first < 0).any():
            return None
        by_form = np.where(second == ABSENT, 1, 2)
        if self.chromosome == "Y":
            by_form = np.where(first < 0, 0, 1)
        given = self.given(samples)
        if self.chromosome == "X":
            is_haploid_woman = (given == 2) & (by_form == 1)
            if is_haploid_woman.any():
                sample = samples[int(is_haploid_woman.argmax())]
                raise haploid_woman(path, sample, place)
        ploidy = np.where(given == UNKNOWN, by_form, given)
        return ploidy.astype(np.int8)


def rule_of_ploidy(chrom: str, samples: Sequence[str], ploidy: np.ndarray) -> PloidyRule:
    """The rule by which N samples have this `ploidy` [N] int8 on a chromosome; men are haploid where it is no X, Y, MT.

    A sample without an allele on X has no sex by it.
    """
    kind = kind_of(chrom) or "X"
    sex_of = {alleles: sex for sex, alleles in OF_SEX[kind].items()}
    pairs = zip(samples, ploidy.tolist(), strict=True)
    return PloidyRule(kind, {name: sex_of[alleles] for name, alleles in pairs if alleles in sex_of})


@dataclass(frozen=True)
class ChosenRecords:
    """Which records of a file are read, of a panel or of targets, and how many alleles its samples have there."""

    region: Region | None = None  # None: all of the file
    without: frozenset[str] = frozenset()  # chromosomes that are passed over
    rule: PloidyRule | None = None  # None: all samples are diploid
    most_missing: float = MOST_MISSING  # share of the genotypes of a panel's record; with more it is dropped
    filters: frozenset[str] | None = None  # records with one of these values of FILTER are used; None: all
    pseudoautosomal: bool = False  # records of X with haploid genotypes are dropped, as elsewhere, and not refused

    def holds(self, chrom: str, pos: int) -> bool:
        """Whether a record at this place is read."""
        if chrom in self.without:
            return False
        return self.region is None or bool(self.region.holds(chrom, pos))

    def filtered(self, record) -> str:
        """Why a record is left out for its FILTER, or ''."""
        if self.filters is None:
            return ""
        values = filters_of(record)
        return "" if self.filters.intersection(values) else f"FILTER {';'.join(values)}"

    def refuse_haploid(self, path: str | os.PathLike, chrom: str, pos: int) -> None:
        """Raise UnusableChromosome for a haploid genotype on X of which the pseudoautosomal regions are not known."""
        if not self.pseudoautosomal and kind_of(chrom) == "X":
            raise UnusableChromosome(
                f"{path}: record {chrom}:{pos}: haploid genotypes on chromosome X, and its pseudoautosomal regions are "
                "not known: give ragimpute impute the build (--build 37 or 38); a study takes these regions only"
            )


def records_beside(panel: "Panel") -> ChosenRecords:
    """Which records of a study's targets are read: where samples of the panel are haploid, as men on X, targets may be.

    Targets that are samples of the panel have the ploidy that they have there; that of others their genotypes tell.
    """
    if panel.ploidy is None:
        return ChosenRecords()
    chrom = str(panel.sites.chrom[0])
    rule = rule_of_ploidy(chrom, panel.samples, panel.ploidy)
    return ChosenRecords(rule=rule)


def haploid_woman(path: str | os.PathLike, sample: str, place: str) -> UnusableChromosome:
    """The error for a woman, by the given sexes, whose genotype is haploid on X."""
    return UnusableChromosome(
        f"{path}: sample {sample} is a woman by --sex and haploid at {place}; correct the table or the genotypes"
    )


def diploid_form(genotypes: np.ndarray) -> np.ndarray:
    """Genotypes [N, 2 or 3] of a record as [N, 3]: two alleles, the second ABSENT where haploid, and the phase."""
    if genotypes.shape[1] == 3:
        return genotypes
    only_allele = genotypes[:, 0]
    phase = genotypes[:, 1]
    absent = np.full_like(only_allele, ABSENT)
    return np.stack([only_allele, absent, phase], axis=1)


def unusable_genotypes(array: np.ndarray | None) -> str:
    """Why the genotypes of a record (`source.genotypes`) are not those of diploid samples, or ''."""
    if array is None:
        return "no genotypes"
    if array.shape[1] == 2:
        is_known = array[:, 0] >= 0
        return "haploid" if is_known.any() else ""  # '.' for all samples: missing
    if array.shape[1] > 3:
        return "polyploid"
    if ((array[:, 1] == -2) & (array[:, 0] >= 0)).any():
        return "haploid"
    return ""


@dataclass(frozen=True)
class CheckedRecords:
    """B records of a panel: their alleles, and what is wrong with some of them, each [B] bool but the number."""

    alleles: np.ndarray  # [B, H] int8, of the haplotypes that are there; negative: missing
    n_missing: np.ndarray  # [B] int64, genotypes of which an allele is missing
    other_ploidy: np.ndarray  # a sample has not the number of alleles that it has elsewhere
    unphased: np.ndarray
    outside: np.ndarray  # an allele is another one than REF and the first ALT


def check_records(genotypes: np.ndarray, ploidy: np.ndarray | None) -> CheckedRecords:
    """Check genotypes [B, N, 3] of samples with this `ploidy` [N]; None: all are diploid.

    A haploid sample may have two equal alleles. Genotypes of samples with ploidy 0 are passed over. Of an incomplete
    genotype without phase both alleles are missing: which haplotype has the one that is known is not known.
    """
    n_records, n_samples, _ = genotypes.shape
    if ploidy is None:
        ploidy = np.full(n_samples, 2, dtype=np.int8)
    alleles = np.empty((n_records, int(ploidy.sum())), dtype=np.int8)
    n_missing = np.zeros(n_records, dtype=np.int64)
    other_ploidy, unphased, outside = (np.zeros(n_records, dtype=bool) for _ in range(3))
    _check(genotypes, ploidy, alleles, n_missing, other_ploidy, unphased, outside)
    return CheckedRecords(alleles, n_missing, other_ploidy, unphased, outside)


@njit(cache=True, nogil=True)
def _check(genotypes, ploidy, alleles, n_missing, other_ploidy, unphased, outside):
    for r in range(len(genotypes)):
        h = 0
        for n in range(len(ploidy)):
            number = ploidy[n]
            if number == 0:
                continue
            first, second, has_phase = genotypes[r, n, 0], genotypes[r, n, 1], genotypes[r, n, 2]
            if first == -1 or second == -1:
                n_missing[r] += 1
                if has_phase == 0:
                    first, second = -1, -1
            elif number == 2:
                other_ploidy[r] |= second == ABSENT
                unphased[r] |= first != second and has_phase == 0
            else:
                other_ploidy[r] |= second >= 0 and second != first
            alleles[r, h] = min(first, 2)
            outside[r] |= first > 1
            if number == 2:
                alleles[r, h + 1] = min(second, 2)
                outside[r] |= second > 1
            h += number
