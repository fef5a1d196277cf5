"""Reading the reference panel: biallelic, phased, complete records; the others are listed with a reason."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoUsableSite, UnusableChromosome
from ragimpute.folder_beside import folder_beside
from ragimpute.nouns import with_noun
from ragimpute.panel.chromosome_names import two_names
from ragimpute.panel.dropped_records import DROPPED_COLUMNS, RECORD, as_arrays
from ragimpute.panel.gaps import fill_gaps
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.haplotypes import Haplotypes, StoredHaplotypes
from ragimpute.panel.ploidy import OTHER_PLOIDY, ChosenRecords, check_records, diploid_form
from ragimpute.panel.site_rows import SiteRows
from ragimpute.panel.store import Panel, Sites
from ragimpute.tables import join_tables
from ragimpute.targets.alleles import allele_key, unusable_alleles
from ragimpute.vcf.filter_counts import FilterCounts
from ragimpute.vcf.source import Header, Region, genotypes, read_header, records

logger = logging.getLogger(__name__)

ALL_MISSING = "all genotypes missing"
LOSSES = ("missing", "unphased")  # reasons that lie in the genotypes: another file of the same panel may be better
MANY_LOST = 0.1  # share of the records that are lost for them: more is worth a warning
BLOCK = 1024  # records whose genotypes are checked at once


def read_panel(
    path: str | os.PathLike, region: Region | str | None, genetic_map: GeneticMap
) -> tuple[Panel, pd.DataFrame]:
    """Read the phased panel of a VCF, VCF.gz or BCF, with or without an index, into memory.

    Returns the panel and the dropped records, one row each: chrom, pos, id, ref, alt (comma-separated) and the reason:
    multiallelic, symbolic, no ALT allele, no genotypes, missing, haploid, polyploid, unphased (a heterozygote; phase
    means nothing to a homozygote) or duplicate (CHROM, POS, REF and ALT seen before). A record of which a few genotypes
    are missing, at most the share `gaps.MOST_MISSING`, is kept, and filled in by the panel itself (`gaps`).

    Raises InputError, naming file and record, when the file is unreadable or truncated, has no samples, is not sorted
    by position with each chromosome in one block, is haploid on the X chromosome, or when no site is kept.
    """
    region = Region.parse(region) if isinstance(region, str) else region
    return read_records_of_panel(path, ChosenRecords(region), genetic_map)


def read_records_of_panel(
    path: str | os.PathLike, chosen: ChosenRecords, genetic_map: GeneticMap
) -> tuple[Panel, pd.DataFrame]:
    """`read_panel` of the records `chosen`.

    With a rule of ploidy the first complete record says how many alleles each sample has; a record that differs from it
    is dropped, and a sample without genotypes, as a woman on Y, is left out.
    """
    blocks: list[np.ndarray] = []
    found = _read_records(path, chosen, genetic_map, blocks.append)
    alleles = Haplotypes(np.concatenate(blocks), found.n_haplotypes)
    return found.panel(alleles), found.dropped


def write_panel(
    path: str | os.PathLike,
    region: Region | str | None,
    genetic_map: GeneticMap,
    out: str | os.PathLike,
    describe: Callable[[Panel], np.ndarray] | None = None,
) -> pd.DataFrame:
    """Write the panel that `read_panel` reads to the file `out`, without holding its alleles in memory.

    `describe` gives the panel's ages [2, S] (`retrieval.allele_ages.allele_ages`). Returns the dropped records.
    Raises InputError as `read_panel` does.
    """
    region = Region.parse(region) if isinstance(region, str) else region
    return write_records_of_panel(path, ChosenRecords(region), genetic_map, out, describe)


def write_records_of_panel(
    path: str | os.PathLike,
    chosen: ChosenRecords,
    genetic_map: GeneticMap,
    out: str | os.PathLike,
    describe: Callable[[Panel], np.ndarray] | None = None,
    passed_over: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """`write_panel` of the records `chosen`: the panel that `read_records_of_panel` reads.

    `passed_over`: other records of the file, DROPPED_COLUMNS, which count as dropped.
    """
    final = Path(out)
    final.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(final) as folder:
        content = folder / "alleles"
        with open(content, "wb") as file:
            found = _read_records(path, chosen, genetic_map, lambda bits: file.write(bits.data))
        alleles = StoredHaplotypes(content, 0, len(found.sites), found.n_haplotypes)
        panel = found.panel(alleles)
        if describe is not None:
            panel = replace(panel, ages=describe(panel))
        dropped = found.dropped if passed_over is None else join_tables([found.dropped, passed_over], RECORD)
        panel.save_with_alleles(final, content, as_arrays(dropped))
    return dropped


@dataclass(frozen=True)
class _Found:
    """What was read of a panel, but the alleles."""

    sites: Sites
    samples: tuple[str, ...]
    contigs: tuple[str, ...]
    ploidy: np.ndarray | None  # [N] int8; None: all are diploid
    dropped: pd.DataFrame

    @property
    def n_haplotypes(self) -> int:
        if self.ploidy is None:
            return 2 * len(self.samples)
        return int(self.ploidy.sum())

    def panel(self, alleles: Haplotypes) -> Panel:
        return Panel(self.sites, self.samples, alleles, self.contigs, ploidy=self.ploidy)


def _read_records(
    path: str | os.PathLike, chosen: ChosenRecords, genetic_map: GeneticMap, keep: Callable[[np.ndarray], object]
) -> _Found:
    """The kept sites, the samples and the dropped records of a panel.

    `keep` takes the packed alleles, block by block.
    """
    header = read_header(path)
    header.warn_of_version(path)
    if not header.samples:
        raise InputError(f"{path}: the panel has no samples (a sites-only VCF holds no haplotypes)")
    collector = _Collector(path, header.samples, keep, chosen)
    for record in records(path, chosen.region):
        if chosen.holds(record.CHROM, record.POS):
            collector.add(record)
    collector.flush()
    collector.filters.warn(path)
    in_file_order = [row for _, row in sorted(collector.dropped)]
    dropped = pd.DataFrame(in_file_order, columns=DROPPED_COLUMNS)
    if not len(collector.rows):
        raise NoUsableSite(_no_site_message(path, chosen.region, dropped, header), dropped)
    _refuse_changing_ploidy(path, len(collector.rows), dropped)
    unlocated = collector.rows.sites()
    said = two_names(unlocated.chromosomes(), path)
    if said:
        raise InputError(f"{path}: {said}")
    sites = genetic_map.locate(unlocated)
    logger.info("%s: %s kept, %s dropped", path, with_noun(len(sites), "site"), with_noun(len(dropped), "record"))
    n_lost = int(dropped["reason"].isin(LOSSES).sum())
    if n_lost > MANY_LOST * (n_lost + len(sites)):
        logger.warning(
            "%s: %d of %d biallelic records are dropped, as their genotypes are incomplete or unphased; complete and "
            "phase the panel, or raise --panel-missing",
            path,
            n_lost,
            n_lost + len(sites),
            extra={"code": "lost-records"},
        )
    if collector.n_filled:
        logger.info(
            "%s: missing genotypes are filled in by the panel itself: %d, in %s",
            path,
            collector.n_filled,
            with_noun(collector.n_with_gaps, "record"),
        )
    ploidy = collector.ploidy
    if ploidy is None or (ploidy == 2).all():
        return _Found(sites, header.samples, header.contigs, None, dropped)
    there = np.flatnonzero(ploidy)
    names = tuple(header.samples[i] for i in there)
    return _Found(sites, names, header.contigs, ploidy[there], dropped)


def _refuse_changing_ploidy(path: str | os.PathLike, n_kept: int, dropped: pd.DataFrame) -> None:
    """Raise UnusableChromosome when most records do not have the ploidy of the first: the build must be another."""
    is_other = dropped["reason"] == OTHER_PLOIDY
    other = dropped[is_other]
    if len(other) > n_kept:
        first = other.iloc[0]
        where = f"{first['chrom']}:{first['pos']}"
        raise UnusableChromosome(
            f"{path}: {len(other)} records, the first at {where}, have other haploid samples than the {n_kept} before; "
            "is the build right (--build)?"
        )


class _Collector:
    """Kept rows in file order; genotypes are checked, packed and handed on for a block of records together."""

    def __init__(
        self,
        path: str | os.PathLike,
        samples: Sequence[str],
        keep: Callable[[np.ndarray], object],
        chosen: ChosenRecords,
    ) -> None:
        self.path = path
        self.samples = samples
        self.chosen = chosen
        self.rule = chosen.rule
        self.keep = keep  # takes packed alleles [B, ceil(H / 8)] uint8
        self.ploidy: np.ndarray | None = None  # [N] int8, by the first complete record; None without a rule
        self.rows = SiteRows()
        self.dropped: list[tuple[int, tuple]] = []  # with the number of the record, for file order
        self._block = np.empty((BLOCK, len(samples), 3), dtype=np.int16)
        self._pending: list[tuple[int, tuple[str, int, str, str, str]]] = []
        self._count = 0
        self.filters = FilterCounts()
        self.n_filled = 0  # missing genotypes that are filled in
        self.n_with_gaps = 0  # records that have them
        self._chrom = ""
        self._pos = 0
        self._here: set[tuple[str, ...]] = set()  # alleles kept at the current position
        self._finished: set[str] = set()

    def add(self, record) -> None:
        chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
        self._check_order(chrom, pos)
        self._count += 1
        key = allele_key(ref, alts)
        reason = self.chosen.filtered(record) or unusable_alleles(ref, alts)
        if self.chosen.filters is None:
            self.filters.add(record)
        if not reason and key in self._here:
            reason = "duplicate"
        array = None if reason else genotypes(record)
        if not reason:
            place = f"{chrom}:{pos}"
            reason, array = self._usable(array, place)
        if reason == "haploid":
            self.chosen.refuse_haploid(self.path, chrom, pos)
        name = record.ID or "."
        if reason or array is None:
            every_alt = ",".join(alts) or "."
            dropped = (chrom, pos, name, ref, every_alt, reason)
            self.dropped.append((self._count, dropped))
            return
        self._here.add(key)
        n_pending = len(self._pending)
        self._block[n_pending] = array
        row = (chrom, pos, name, ref, alts[0])
        self._pending.append((self._count, row))
        if len(self._pending) == BLOCK:
            self.flush()

    def _usable(self, array: np.ndarray | None, place: str) -> tuple[str, np.ndarray | None]:
        """Why the genotypes of a record cannot be used, or '', and they as [N, 3]."""
        if self.rule is None or array is None or array.shape[1] > 3:
            return _not_diploid(array), array
        array = diploid_form(array)
        if self.ploidy is None:
            self.ploidy = self.rule.of_record(self.path, place, self.samples, array)
        if self.ploidy is not None and not self.ploidy.any():
            self.ploidy = None
        reason = "missing" if self.ploidy is None else ""
        return reason, array

    def flush(self) -> None:
        """Check the genotypes of the pending records, keep the phased ones, and fill in what few lack."""
        n_pending = len(self._pending)
        if not n_pending:
            return
        found = check_records(self._block[:n_pending], self.ploidy)
        n_present = len(self.samples) if self.ploidy is None else np.count_nonzero(self.ploidy)
        is_missing = (found.n_missing > self.chosen.most_missing * n_present) | (found.alleles < 0).all(axis=1)
        keep = ~(is_missing | found.other_ploidy | found.unphased | found.outside)
        has_gaps = keep & (found.n_missing > 0)
        if has_gaps.any():
            self.n_filled += int(found.n_missing[has_gaps].sum())
            self.n_with_gaps += int(has_gaps.sum())
            fill_gaps(found.alleles, np.flatnonzero(has_gaps), keep)
        self.keep(np.packbits(found.alleles[keep].view(np.uint8), axis=1))
        flags = np.stack([keep, is_missing, found.other_ploidy, found.outside], axis=1)
        of_ploidy = "haploid" if self.rule is None else OTHER_PLOIDY
        for (number, row), (kept, lacks_many, is_other, is_outside) in zip(self._pending, flags.tolist(), strict=True):
            chrom, pos, *_ = row
            if is_outside:
                raise InputError(f"{self.path}: record {chrom}:{pos}: a genotype names an allele that ALT lacks")
            if kept:
                self.rows.add(row)
            else:
                if is_other and not lacks_many and self.rule is None:
                    self.chosen.refuse_haploid(self.path, chrom, pos)
                reason = "missing" if lacks_many else of_ploidy if is_other else "unphased"
                dropped = (*row, reason)
                self.dropped.append((number, dropped))
        self._pending.clear()

    def _check_order(self, chrom: str, pos: int) -> None:
        if chrom == self._chrom and pos == self._pos:
            return
        self._here.clear()
        if pos < 1:
            raise InputError(f"{self.path}: record {chrom}:{pos}: positions start at 1")
        if chrom != self._chrom:
            if chrom in self._finished:
                raise InputError(
                    f"{self.path}: record {chrom}:{pos}: {chrom} appears again after other chromosomes; "
                    "sort the file (bcftools sort)"
                )
            self._finished.add(chrom)
            self.flush()  # so that gaps are filled in as from a file of the chromosome alone
        elif pos < self._pos:
            raise InputError(
                f"{self.path}: record {chrom}:{pos} comes after {chrom}:{self._pos}; sort the file (bcftools sort)"
            )
        self._chrom = chrom
        self._pos = pos


def _not_diploid(array: np.ndarray | None) -> str:
    """Why the genotypes of a record [N, ploidy + 1] are not two alleles for each sample, or ''."""
    if array is None:
        return "no genotypes"
    if array.shape[1] > 3:
        return "polyploid"
    if array.shape[1] < 3:
        return "missing" if (array[:, 0] < 0).all() else "haploid"
    return ""


def _no_site_message(path: str | os.PathLike, region: Region | None, dropped: pd.DataFrame, header: Header) -> str:
    """What to say of a file in which no record was kept."""
    where = f" in region {region}" if region else ""
    found = "it has no records"
    if len(dropped):
        reasons = dropped["reason"].value_counts()
        counts = [f"{n} {reason}" for reason, n in reasons.items()]
        listed = ", ".join(counts)
        found = f"all {len(dropped)} records are unusable ({listed})"
    hint = _chrom_hint(header, region)
    return f"{path}: no usable site{where}: {found}{hint}"


def _chrom_hint(header: Header, region: Region | None) -> str:
    """Advice for a region whose chromosome is named otherwise in the file."""
    if region is None:
        return ""
    contigs = "\n".join(header.contigs)
    names = re.findall(r"ID=([^,>]+)", contigs)
    if region.chrom in names or not names:
        return ""
    listed = ", ".join(names[:5])
    more = "..." if len(names) > 5 else ""
    return f"; its header names the chromosomes {listed}{more}"
