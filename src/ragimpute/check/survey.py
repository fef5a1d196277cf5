"""One tolerant pass over a VCF or BCF: what is in it, for the input check. Only an unreadable record ends it early."""

import os
import re
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.panel.ploidy import ChosenRecords, unusable_genotypes
from ragimpute.panel.sex_chromosomes import may_be_haploid
from ragimpute.targets.alleles import allele_key, unusable_alleles
from ragimpute.targets.haploid_samples import with_haploid_form
from ragimpute.targets.record_alleles import alternatives, recoded
from ragimpute.vcf.filter_counts import FilterCounts
from ragimpute.vcf.renamed import Renaming
from ragimpute.vcf.source import Header, Region, contig_lengths, genotypes, read_header, records

COLUMNS = ["number", "chrom", "pos", "id", "ref", "alt", "reason", "alt_count", "n_complete", "n_het", "n_unphased"]


@dataclass(frozen=True)
class Survey:
    """What R records say about N samples.

    `records`, one row each, or of targets one of each ALT allele: number (of the record), chrom, pos, id, ref, alt
    (comma-separated, "." when absent), reason (why it is unusable or ""), alt_count (ALT alleles in complete
    genotypes), n_complete, n_het and n_unphased (samples whose genotype is complete, heterozygous, heterozygous without
    phase). Genotypes of unusable records count nowhere.
    """

    path: str
    header: Header
    problem: str  # why reading ended early, or ""
    disorder: str  # the first record out of order, or ""
    records: pd.DataFrame
    missing: np.ndarray  # [N] int64, usable records at which a sample's genotype is incomplete
    most_missing: float  # share of a panel's missing genotypes up to which a record is filled in
    filters: str  # what to say of records that have not passed by their FILTER and are used, or ""
    dosages: dict[int, np.ndarray]  # record -> [N] int8 ALT alleles, -1 missing, of the records asked for

    @property
    def readable(self) -> bool:
        """Whether all of it was read and it has samples and records."""
        is_whole = not self.problem
        return is_whole and len(self.header.samples) > 0 and len(self.records) > 0

    @property
    def usable(self) -> np.ndarray:
        """[R] bool: biallelic, or without ALT where none is needed, with genotypes that can be used."""
        reasons = self.records["reason"]
        return (reasons == "").to_numpy()

    def on(self, chroms: Collection[str]) -> "Survey":
        """The records on some chromosomes; `missing` is that of all records."""
        is_there = self.records["chrom"].isin(list(chroms))
        records = self.records[is_there]
        dosages = {record: found for record, found in self.dosages.items() if is_there[record]}
        return replace(self, records=records, dosages=dosages)

    def renamed(self, known: Collection[str]) -> "tuple[Survey, dict[str, str]]":
        """The survey with the `known` names of chromosomes, and which names these replace."""
        renaming = Renaming(known)
        names = [renaming.name_of(chrom) for chrom in self.records["chrom"]]
        replaced = {old: new for old, new in zip(self.records["chrom"], names, strict=True) if old != new}
        records = self.records.assign(chrom=names) if replaced else self.records
        return replace(self, records=records), replaced

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last position on each chromosome."""
        by_chromosome = self.records.groupby("chrom", sort=False)
        ends = by_chromosome["pos"].agg(["min", "max"])
        return {str(chrom): (int(low), int(high)) for chrom, low, high in ends.itertuples()}


def survey(
    path: str | os.PathLike,
    region: Region | None,
    wanted: Container[tuple[str, int]] | None = None,
    limit: int = 0,
    *,
    alt_needed: bool = True,
    most_missing: float = 0.0,
    filters: frozenset[str] | None = None,
) -> Survey:
    """Read a file whole, unless it has no samples.

    `alt_needed`: whether a record without ALT is unusable, as in a panel; in targets it is matched like the others.
    Dosages are kept of records at the `wanted` (plain name of CHROM, POS); when it is None, of the first `limit` usable
    records.
    """
    header = Header((), (), frozenset())
    problem = ""
    order = _Order()
    failing = FilterCounts()
    chosen = ChosenRecords(filters=filters)
    rows: list[tuple] = []
    number = 0
    dosages: dict[int, np.ndarray] = {}
    missing = np.zeros(0, dtype=np.int64)
    try:
        header = read_header(path)
        lengths = contig_lengths(header.contigs)
        n_samples = len(header.samples)
        missing = np.zeros(n_samples, dtype=np.int64)
        known = [] if region is None else [region.chrom]
        for record in records(path, region, known=known) if n_samples else ():
            chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
            is_duplicate = order.add(chrom, pos, allele_key(ref, alts))
            number += 1
            if filters is None:
                failing.add(record)
            split = {",".join(alts) or ".": None} if alt_needed else alternatives(alts)
            array: np.ndarray | None = None
            reason = "position below 1" if pos < 1 else chosen.filtered(record)
            stands_alone = all(codes is None for codes in split.values())
            if not reason and stands_alone:
                reason = unusable_alleles(ref, alts, alt_needed=alt_needed)
            if is_duplicate and alt_needed and not reason:
                reason = "duplicate"
            if not reason:
                array, reason = _genotypes_or_reason(record, lengths)
            for alt, codes in split.items():
                counts = (0, 0, 0, 0)
                if array is not None and not reason:
                    dosage, phased = _dosage(array if codes is None else recoded(array, codes)[0])
                    if alt == next(iter(split)):
                        missing += dosage < 0
                    counts = _counts(dosage, phased)
                    if len(dosages) < limit if wanted is None else (plain_name(chrom), pos) in wanted:
                        dosages[len(rows)] = dosage
                rows.append((number, chrom, pos, record.ID or ".", ref, alt, reason, *counts))
    except InputError as error:
        problem = without_path(error, path)
    table = pd.DataFrame(rows, columns=COLUMNS)
    name = os.fspath(path)
    return Survey(name, header, problem, order.disorder, table, missing, most_missing, failing.message(), dosages)


def unreadable(path: str, problem: str) -> Survey:
    """The survey of a file of which nothing could be read."""
    none_missing = np.zeros(0, dtype=np.int64)
    no_records = pd.DataFrame(columns=COLUMNS)
    return Survey(path, Header((), (), frozenset()), problem, "", no_records, none_missing, 0.0, "", {})


class _Order:
    """Whether the records of a file are in order, and the alleles of those at the current position."""

    def __init__(self) -> None:
        self.disorder = ""  # the first record out of order, or ""
        self._chrom = ""
        self._pos = 0
        self._finished: set[str] = set()
        self._alleles_here: set[tuple[str, ...]] = set()

    def add(self, chrom: str, pos: int, alleles: tuple[str, ...]) -> bool:
        """Take the next record, and tell whether one with the same alleles came before it at its position."""
        if (chrom, pos) != (self._chrom, self._pos):
            self._alleles_here.clear()
            is_late = pos < self._pos if chrom == self._chrom else chrom in self._finished
            if is_late and not self.disorder:
                self.disorder = f"{chrom}:{pos} comes after {self._chrom}:{self._pos}"
            self._finished.add(chrom)
            self._chrom = chrom
            self._pos = pos
        is_duplicate = alleles in self._alleles_here
        self._alleles_here.add(alleles)
        return is_duplicate


def _genotypes_or_reason(record, lengths: Mapping[str, int]) -> tuple[np.ndarray | None, str]:
    """The genotypes of a cyvcf2 record with usable alleles, and why they are unusable, or ""."""
    array = genotypes(record)
    if array is not None and array.shape[1] <= 3 and may_be_haploid(record.CHROM, record.POS, lengths):
        array = with_haploid_form(array)
    reason = unusable_genotypes(array)
    n_alts = len(record.ALT)
    if array is not None and not reason and (array[:, :-1] > n_alts).any():
        reason = "allele that ALT lacks"
    return array, reason


def _counts(dosage: np.ndarray, phased: np.ndarray) -> tuple[int, int, int, int]:
    """alt_count, n_complete, n_het and n_unphased of a record with ALT alleles `dosage` [N] and phase [N] bool."""
    het = dosage == 1
    alt_count = dosage[dosage > 0].sum()
    n_complete = np.count_nonzero(dosage >= 0)
    n_het = np.count_nonzero(het)
    n_unphased = np.count_nonzero(het & ~phased)
    return int(alt_count), int(n_complete), int(n_het), int(n_unphased)


def without_path(error: InputError | str, path: str | os.PathLike) -> str:
    """The message of an error without the path that it starts with: 'PATH:LINE: ..' becomes 'line LINE: ..'."""
    prefix = f"{os.fspath(path)}:"
    message = str(error).removeprefix(prefix)
    with_line = re.sub(r"^(\d+): ", r"line \1: ", message)
    return with_line.strip()


def _dosage(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ALT alleles [N] int8 (-1: incomplete) and phase [N] bool of `genotypes` [N, 2 or 3]."""
    if array.shape[1] == 2:  # '.' for all samples
        n_samples = len(array)
        all_missing = np.full(n_samples, -1, dtype=np.int8)
        return all_missing, np.zeros(n_samples, dtype=bool)
    first, second, phase = array.T
    incomplete = (first < 0) | (second < 0)
    dosage = np.where(incomplete, -1, first + second)
    return dosage.astype(np.int8), phase == 1
