"""Reading the reference panel: biallelic, phased, complete, diploid records; the others are listed with a reason."""

import logging
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.haplotypes import Haplotypes, StoredHaplotypes
from ragimpute.panel.store import Panel, Sites, strings
from ragimpute.targets.alleles import allele_key, unusable_alleles
from ragimpute.vcf.source import Header, Region, genotypes, read_header, records, refuse_haploid

logger = logging.getLogger(__name__)

DROPPED_COLUMNS = ["chrom", "pos", "id", "ref", "alt", "reason"]
ALL_MISSING = "all genotypes missing"
BLOCK = 1024  # records whose genotypes are checked at once


def unused_sites(sites: Sites, reason: str) -> pd.DataFrame:
    """Rows of a table of dropped records (DROPPED_COLUMNS) for `sites`."""
    columns = {name: getattr(sites, name) for name in DROPPED_COLUMNS if name != "reason"}
    return pd.DataFrame(columns).assign(reason=reason)


def read_panel(
    path: str | os.PathLike, region: Region | str | None, genetic_map: GeneticMap
) -> tuple[Panel, pd.DataFrame]:
    """Read the phased panel of a VCF, VCF.gz or BCF, with or without an index, into memory.

    Returns the panel and the dropped records, one row each: chrom, pos, id, ref, alt (comma-separated) and the reason:
    multiallelic, symbolic, no ALT allele, no genotypes, missing, haploid, polyploid, unphased (a heterozygote; phase
    means nothing to a homozygote) or duplicate (CHROM, POS, REF and ALT seen before).

    Raises InputError, naming file and record, when the file is unreadable or truncated, has no samples, is not sorted
    by position with each chromosome in one block, is haploid on the X chromosome, or when no site is kept.
    """
    blocks: list[np.ndarray] = []
    sites, header, dropped = _read_sites(path, region, genetic_map, blocks.append)
    alleles = Haplotypes(np.concatenate(blocks), 2 * len(header.samples))
    return Panel(sites, header.samples, alleles, header.contigs), dropped


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
    final = Path(out)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{final.name}.", dir=final.parent) as folder:
        content = Path(folder) / "alleles"
        with open(content, "wb") as file:
            sites, header, dropped = _read_sites(path, region, genetic_map, lambda bits: file.write(bits.data))
        alleles = StoredHaplotypes(content, 0, len(sites), 2 * len(header.samples))
        panel = Panel(sites, header.samples, alleles, header.contigs)
        if describe is not None:
            panel = replace(panel, ages=describe(panel))
        panel.save_with_alleles(final, content)
    return dropped


def _read_sites(
    path: str | os.PathLike,
    region: Region | str | None,
    genetic_map: GeneticMap,
    keep: Callable[[np.ndarray], object],
) -> tuple[Sites, Header, pd.DataFrame]:
    """The kept sites, the header and the dropped records of a panel.

    `keep` takes the packed alleles, block by block.
    """
    region = Region.parse(region) if isinstance(region, str) else region
    header = read_header(path)
    if not header.samples:
        raise InputError(f"{path}: the panel has no samples (a sites-only VCF holds no haplotypes)")
    collector = _Collector(path, len(header.samples), keep)
    for record in records(path, region):
        collector.add(record)
    collector.flush()
    in_file_order = [row for _, row in sorted(collector.dropped)]
    dropped = pd.DataFrame(in_file_order, columns=DROPPED_COLUMNS)
    if not collector.rows:
        raise InputError(_no_site_message(path, region, dropped, header))
    chrom, pos, ids, ref, alt = zip(*collector.rows, strict=True)
    positions = np.array(pos, dtype=np.int64)
    unmapped = Sites(np.array(chrom), positions, strings(ids), strings(ref), strings(alt), np.zeros(len(positions)))
    sites = genetic_map.locate(unmapped)
    logger.info("%s: %d sites kept, %d records dropped", path, len(sites), len(dropped))
    return sites, header, dropped


class _Collector:
    """Kept rows in file order; genotypes are checked, packed and handed on for a block of records together."""

    def __init__(self, path: str | os.PathLike, n_samples: int, keep: Callable[[np.ndarray], object]) -> None:
        self.path = path
        self.keep = keep  # takes packed alleles [B, ceil(2 N / 8)] uint8
        self.rows: list[tuple[str, int, str, str, str]] = []
        self.dropped: list[tuple[int, tuple]] = []  # with the number of the record, for file order
        self._block = np.empty((BLOCK, n_samples, 3), dtype=np.int16)
        self._pending: list[tuple[int, tuple[str, int, str, str, str]]] = []
        self._count = 0
        self._chrom, self._pos = "", 0
        self._here: set[tuple[str, ...]] = set()  # alleles kept at the current position
        self._finished: set[str] = set()

    def add(self, record) -> None:
        chrom, pos, ref, alts = record.CHROM, record.POS, record.REF, record.ALT
        self._check_order(chrom, pos)
        self._count += 1
        key = allele_key(ref, alts)
        reason = unusable_alleles(ref, alts)
        if not reason and key in self._here:
            reason = "duplicate"
        array = None if reason else genotypes(record)
        reason = reason or _not_diploid(array)
        if reason == "haploid":
            refuse_haploid(self.path, chrom, pos)
        name = record.ID or "."
        if reason or array is None:
            row = (chrom, pos, name, ref, ",".join(alts) or ".", reason)
            self.dropped.append((self._count, row))
            return
        self._here.add(key)
        self._block[len(self._pending)] = array
        self._pending.append((self._count, (chrom, pos, name, ref, alts[0])))
        if len(self._pending) == BLOCK:
            self.flush()

    def flush(self) -> None:
        """Check the genotypes of the pending records and keep the complete and phased ones."""
        block = self._block[: len(self._pending)]
        first, second, phased = block[..., 0], block[..., 1], block[..., 2]
        missing = ((first == -1) | (second == -1)).any(axis=1)
        haploid = (second == -2).any(axis=1) & ~missing
        unphased = ((first != second) & (phased == 0)).any(axis=1)
        alleles = block[..., :2].reshape(len(block), 2 * block.shape[1])  # [B, 2 N]
        outside = (alleles > 1).any(axis=1)
        keep = ~(missing | haploid | unphased | outside)
        self.keep(np.packbits(alleles[keep].astype(np.uint8), axis=1))
        flags = np.stack([keep, missing, haploid, outside], axis=1).tolist()
        for (number, row), (kept, is_missing, is_haploid, is_outside) in zip(self._pending, flags, strict=True):
            if is_outside:
                raise InputError(f"{self.path}: record {row[0]}:{row[1]}: a genotype names an allele that ALT lacks")
            if kept:
                self.rows.append(row)
            else:
                if is_haploid:
                    refuse_haploid(self.path, row[0], row[1])
                reason = "missing" if is_missing else "haploid" if is_haploid else "unphased"
                self.dropped.append((number, (*row, reason)))
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
        elif pos < self._pos:
            raise InputError(
                f"{self.path}: record {chrom}:{pos} comes after {chrom}:{self._pos}; sort the file (bcftools sort)"
            )
        self._chrom, self._pos = chrom, pos


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
        counts = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
        found = f"all {len(dropped)} records are unusable ({counts})"
    return f"{path}: no usable site{where}: {found}{_chrom_hint(header, region)}"


def _chrom_hint(header: Header, region: Region | None) -> str:
    """Advice for a region whose chromosome is named otherwise in the file."""
    if region is None:
        return ""
    listed = re.findall(r"ID=([^,>]+)", "\n".join(header.contigs))
    if region.chrom in listed or not listed:
        return ""
    more = "..." if len(listed) > 5 else ""
    return f"; its header names the chromosomes {', '.join(listed[:5])}{more}"
