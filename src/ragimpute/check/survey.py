"""One tolerant pass over a VCF or BCF: what is in it, for the input check. Only an unreadable record ends it early."""

import os
import re
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.sex_chromosomes import may_be_haploid
from ragimpute.targets.alleles import allele_key, unusable_alleles
from ragimpute.targets.genotypes import unusable_genotypes
from ragimpute.targets.haploid_samples import with_haploid_form
from ragimpute.vcf.source import Header, Region, contig_lengths, genotypes, read_header, records

COLUMNS = ["chrom", "pos", "ref", "alt", "reason", "alt_count", "n_complete", "n_het", "n_unphased"]


@dataclass(frozen=True)
class Survey:
    """What R records say about N samples.

    `records`, one row each: chrom, pos, ref, alt (comma-separated, "." when absent), reason (why it is unusable or ""),
    alt_count (ALT alleles in complete genotypes), n_complete, n_het and n_unphased (samples whose genotype is complete,
    heterozygous, heterozygous without phase). Genotypes of unusable records count nowhere.
    """

    path: str
    header: Header
    problem: str  # why reading ended early, or ""
    disorder: str  # the first record out of order, or ""
    records: pd.DataFrame
    missing: np.ndarray  # [N] int64, usable records at which a sample's genotype is incomplete
    dosages: dict[int, np.ndarray]  # record -> [N] int8 ALT alleles, -1 missing, of the records asked for

    @property
    def readable(self) -> bool:
        """Whether all of it was read and it has samples and records."""
        return not self.problem and bool(self.header.samples) and len(self.records) > 0

    @property
    def usable(self) -> np.ndarray:
        """[R] bool: biallelic, or without ALT where none is needed, with genotypes that can be used."""
        return (self.records["reason"] == "").to_numpy()

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last position on each chromosome."""
        ends = self.records.groupby("chrom", sort=False)["pos"].agg(["min", "max"])
        return {str(chrom): (int(low), int(high)) for chrom, low, high in ends.itertuples()}


def survey(
    path: str | os.PathLike,
    region: Region | None,
    wanted: Container[tuple[str, int]] | None = None,
    limit: int = 0,
    *,
    alt_needed: bool = True,
) -> Survey:
    """Read a file whole, unless it has no samples.

    `alt_needed`: whether a record without ALT is unusable, as in a panel; in targets it is matched like the others.
    Dosages are kept of records at the `wanted` (CHROM, POS); when it is None, of the first `limit` usable records.
    """
    header, problem, disorder = Header((), (), frozenset()), "", ""
    rows: list[tuple] = []
    dosages: dict[int, np.ndarray] = {}
    missing = np.zeros(0, dtype=np.int64)
    at: tuple[str, int] = ("", 0)
    here: set[tuple[str, ...]] = set()
    finished: set[str] = set()
    try:
        header = read_header(path)
        lengths = contig_lengths(header.contigs)
        missing = np.zeros(len(header.samples), dtype=np.int64)
        for record in records(path, region) if header.samples else ():
            chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
            key = allele_key(ref, alts)
            if (chrom, pos) != at:
                here.clear()
                if not disorder and (chrom in finished if chrom != at[0] else pos < at[1]):
                    disorder = f"{chrom}:{pos} comes after {at[0]}:{at[1]}"
                finished.add(chrom)
                at = (chrom, pos)
            reason = "position below 1" if pos < 1 else unusable_alleles(ref, alts, alt_needed=alt_needed)
            reason = reason or ("duplicate" if key in here else "")
            here.add(key)
            array = None if reason else genotypes(record)
            if array is not None and array.shape[1] <= 3 and may_be_haploid(chrom, pos, lengths):
                array = with_haploid_form(array)
            reason = reason or unusable_genotypes(array)
            if array is not None and not reason and (array[:, :-1] > len(alts)).any():
                reason = "allele that ALT lacks"
            counts = (0, 0, 0, 0)
            if array is not None and not reason:
                dosage, phased = _dosage(array)
                missing += dosage < 0
                het = dosage == 1
                alt_count = int(dosage[dosage > 0].sum())
                n_complete = int(np.count_nonzero(dosage >= 0))
                n_het = int(np.count_nonzero(het))
                n_unphased = int(np.count_nonzero(het & ~phased))
                counts = (alt_count, n_complete, n_het, n_unphased)
                if len(dosages) < limit if wanted is None else (chrom, pos) in wanted:
                    dosages[len(rows)] = dosage
            rows.append((chrom, pos, ref, ",".join(alts) or ".", reason, *counts))
    except InputError as error:
        problem = without_path(error, path)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return Survey(os.fspath(path), header, problem, disorder, table, missing, dosages)


def without_path(error: InputError, path: str | os.PathLike) -> str:
    """The message of an error without the path that it starts with: 'PATH:LINE: ..' becomes 'line LINE: ..'."""
    message = str(error).removeprefix(f"{os.fspath(path)}:")
    return re.sub(r"^(\d+): ", r"line \1: ", message).strip()


def _dosage(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ALT alleles [N] int8 (-1: incomplete) and phase [N] bool of `genotypes` [N, 2 or 3]."""
    if array.shape[1] == 2:  # '.' for all samples
        return np.full(len(array), -1, dtype=np.int8), np.zeros(len(array), dtype=bool)
    incomplete = (array[:, :2] < 0).any(axis=1)
    dosage = np.where(incomplete, -1, array[:, 0] + array[:, 1])
    return dosage.astype(np.int8), array[:, 2] == 1
