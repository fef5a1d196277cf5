"""Reading the genotypes of targets and of the truth, aligned to the sites of a panel."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoTypedSites
from ragimpute.panel.dropped_records import DROPPED_COLUMNS, RECORD
from ragimpute.panel.ploidy import ABSENT, ChosenRecords, rule_of_ploidy
from ragimpute.panel.store import Sites
from ragimpute.tables import join_tables, tally
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.common_chromosomes import require_common_chromosome
from ragimpute.targets.haploid_samples import settle_ploidy
from ragimpute.targets.matched_records import MatchedRecords
from ragimpute.targets.used_records import UsedRecords
from ragimpute.vcf.renamed import Renamed, renamed_chromosomes
from ragimpute.vcf.source import read_header, records, sample_order

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
    # [N] int8, the alleles that a sample has here: 2; 1, twice in `alleles`; 0, and 0 in `alleles`; None: all have two
    ploidy: np.ndarray | None = None
    set_missing: pd.DataFrame = field(default_factory=_no_records)  # sites with genotypes that a ploidy excludes
    used: UsedRecords = field(default_factory=UsedRecords)  # those of a site are several where they were merged
    ids: Mapping[int, str] = field(default_factory=dict)  # of the records, by the panel's sites

    @property
    def n_used(self) -> int:
        """How many records of the file are used."""
        return len(self.used)

    @property
    def complete(self) -> bool:
        """Whether no allele is missing and every heterozygote is phased: nothing is left to phase."""
        is_known = self.alleles >= 0
        is_het = self.alleles[..., 0] != self.alleles[..., 1]
        is_settled = self.phased | ~is_het
        return bool(is_known.all() and is_settled.all())

    @property
    def heterozygous(self) -> np.ndarray:
        """Which genotypes [M, N] bool are complete and have two different alleles."""
        first, second = self.alleles[..., 0], self.alleles[..., 1]
        is_complete = (first >= 0) & (second >= 0)
        return is_complete & (first != second)

    @property
    def is_called_diploid(self) -> np.ndarray:
        """[N] bool: samples of two haplotypes that have a genotype."""
        is_called: np.ndarray = np.any(self.alleles >= 0, axis=(0, 2))
        return is_called if self.ploidy is None else is_called & (self.ploidy == 2)

    @property
    def known(self) -> np.ndarray:
        """Sites [M] bool with a genotype that is not missing; the others are imputed like untyped ones."""
        alleles = self.alleles
        if self.ploidy is not None:
            alleles = alleles[:, self.ploidy > 0]
        found: np.ndarray = np.any(alleles >= 0, axis=(1, 2))
        return found

    @property
    def has_haplotype(self) -> np.ndarray:
        """[N, 2] bool: the two haplotypes of a diploid sample, the first one of a haploid sample, none of no ploidy."""
        ploidy = np.full(len(self.samples), 2) if self.ploidy is None else self.ploidy
        return ploidy[:, None] > np.arange(2)

    @property
    def called_alleles(self) -> np.ndarray:
        """`alleles` as a VCF has them: [M, N, 2] int8, the second one ABSENT where a sample is haploid."""
        if self.ploidy is None:
            return self.alleles
        called = self.alleles.copy()
        called[:, self.ploidy == 1, 1] = ABSENT
        return called

    def at(self, rows: np.ndarray) -> "TargetGenotypes":
        """The same samples at some of the sites only; `rows` indexes the first axis of `alleles`."""
        index = self.index[rows]
        alleles = self.alleles[rows]
        phased = self.phased[rows]
        filled = None if self.filled is None else self.filled[rows]
        return replace(self, index=index, alleles=alleles, phased=phased, filled=filled)

    def without_records_of(self, sites: np.ndarray, reason: str) -> "TargetGenotypes":
        """The same with the records that are used at `sites` alone, panel indices, among those that were dropped."""
        if not len(sites):
            return self
        used, unused = self.used.without_sites(sites)
        dropped = join_tables([self.dropped, unused.table.assign(reason=reason)], RECORD)
        return replace(self, used=used, dropped=dropped)

    def of_samples(self, columns: np.ndarray) -> "TargetGenotypes":
        """Some of the samples only; `columns` indexes them."""
        names = tuple(self.samples[i] for i in columns)
        ploidy = None if self.ploidy is None else self.ploidy[columns]
        filled = None if self.filled is None else self.filled[:, columns]
        alleles = self.alleles[:, columns]
        phased = self.phased[:, columns]
        return replace(self, samples=names, alleles=alleles, phased=phased, filled=filled, ploidy=ploidy)

    def rows(self, start: int, stop: int) -> slice:
        """Which of the M sites are the panel's sites start .. stop - 1."""
        ends = np.searchsorted(self.index, (start, stop))
        return slice(*ends.tolist())

    def index_within(self, sites: slice) -> np.ndarray:
        """Those of `index` that are among the panel's `sites`."""
        return self.index[self.rows(sites.start, sites.stop)]

    @property
    def given(self) -> np.ndarray:
        """`alleles` without those that were filled in: -1."""
        if self.filled is None:
            return self.alleles
        was_missing = self.filled[..., None]
        return np.where(was_missing, np.int8(-1), self.alleles)

    def haplotypes(self) -> np.ndarray:
        """Alleles [M, 2 N] uint8 of complete genotypes, the two haplotypes of a sample side by side."""
        if not self.complete:
            raise InputError("the typed genotypes are not completely phased; run `ragimpute phase` on them first")
        n_sites = len(self.index)
        side_by_side = self.alleles.reshape(n_sites, -1)
        return side_by_side.astype(np.uint8)


def read_genotypes(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str] | None = None,
    policy: AllelePolicy | None = None,
    frequency: np.ndarray | None = None,
    *,
    chosen: ChosenRecords | None = None,
    require_match: bool = True,
    announce: bool = True,
    records_of: str | os.PathLike | None = None,
) -> TargetGenotypes:
    """Read the genotypes of `samples` (all samples by default, in the order asked for) at the panel's `sites`.

    Records are matched by CHROM, POS, REF and ALT; those whose alleles are swapped or read from the other strand are
    recoded to the panel's, or dropped, as `policy` says, and listed either way. `frequency` [S] float, that of ALT in
    the reference, is needed to judge ambiguous records by it. Records with several ALT alleles are matched by each of
    them, reference blocks at the sites within (`record_alleles`), and records of one site are merged (`same_site`).
    Unusable records are listed with a reason: not in the reference, alleles differ, alleles swapped, strand flipped,
    ambiguous strand, symbolic, no ALT allele, no genotypes, haploid, polyploid, duplicate, reference block without a
    site of the panel. A genotype of which one allele is missing counts as missing.
    Records but those of `chosen` are passed over. With its rule of ploidy samples may be haploid
    (`haploid_samples.settle_ploidy`); without one records with haploid genotypes are dropped. What was found is logged
    unless `announce` is false, as for a temporary file, which means nothing to a user. `records_of`: a copy of the
    file, with an index, that is read instead.

    Raises InputError when the file is unreadable, lacks a sample, names an allele that ALT lacks, is haploid on the X
    chromosome, shares no chromosome with the panel or (with `require_match`) no site.
    """
    policy = policy or AllelePolicy()
    chosen = chosen or ChosenRecords()
    region = chosen.region
    if frequency is None:
        if policy.ambiguous == "frequency":
            raise ValueError("judging by frequency needs the reference's frequencies")
        frequency = np.full(len(sites), np.nan)
    source = records_of or path
    header = read_header(source)
    if announce:
        header.warn_of_version(path)
    wanted = tuple(header.samples if samples is None else samples)
    order = sample_order(path, header.samples, wanted)
    collector = MatchedRecords(path, sites, policy, frequency, chosen)
    chroms: dict[str, None] = {}  # of the file, in its order
    renamed: dict[str, str] = {}
    limited_to = None if samples is None else wanted
    for record in records(source, region, samples=limited_to, known=sites.chromosomes()):
        if record.CHROM not in chosen.without:
            chroms[record.CHROM] = None
        if chosen.holds(record.CHROM, record.POS):
            collector.add(record)
        if isinstance(record, Renamed):
            renamed[record.name_in_file] = record.CHROM
    if renamed and announce:
        logger.info("%s: %s", path, renamed_chromosomes(renamed))
    if not chroms and region is not None and require_match:
        chroms = dict.fromkeys(record.CHROM for record in records(source, known=sites.chromosomes()))
    collector.settle_turned()
    n_sites = collector.n_sites
    ids = collector.ids()
    index, array = collector.take_genotypes(order)
    dropped = collector.dropped
    recoded = collector.recoded
    require_common_chromosome(path, chroms, sites, dropped)
    if require_match and not n_sites:
        raise no_record_matches(path, tally(dropped), dropped)
    if announce:
        _report(path, n_sites, dropped, recoded)
        collector.filters.warn(path)
    if chosen.rule is None:
        alleles = array[..., :2].copy()
        phased = array[..., 2] == 1
        return TargetGenotypes(wanted, index, alleles, phased, dropped, recoded, used=collector.used, ids=ids)
    found_sites = sites.take(index)
    settled = settle_ploidy(path, chosen.rule, wanted, found_sites, array, announce)
    return TargetGenotypes(
        wanted,
        index,
        settled.alleles,
        settled.phased,
        dropped,
        recoded,
        ploidy=settled.ploidy,
        set_missing=settled.set_missing,
        used=collector.used,
        ids=ids,
    )


def _report(path: str | os.PathLike, n_found: int, dropped: pd.DataFrame, recoded: pd.DataFrame) -> None:
    """Log what was found in a file."""
    logger.info("%s: %d of the panel's sites; dropped: %s", path, n_found, tally(dropped) or "none")
    if len(recoded):
        logger.info("%s: recoded: %s", path, tally(recoded))


def read_truth(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str],
    policy: AllelePolicy | None = None,
    frequency: np.ndarray | None = None,
    ploidy: np.ndarray | None = None,
) -> np.ndarray:
    """Alternate allele counts [S, N] int8 of `samples` in a truth VCF; -1 where missing or where the site is absent.

    `policy` and `frequency` [S] as for `read_genotypes`. `ploidy` [N] int8, how many alleles the samples have at all
    `sites`, None: two; a haploid sample may have one allele or the same twice in the file, and counts 0 or 1. Raises
    InputError as `read_genotypes` does.
    """
    chosen = None
    if ploidy is not None and len(sites):
        chrom = str(sites.chrom[0])
        rule = rule_of_ploidy(chrom, samples, ploidy)
        chosen = ChosenRecords(rule=rule)
    found = read_genotypes(path, sites, samples, policy, frequency, chosen=chosen)
    return alt_counts(found, len(sites), ploidy)


def alt_counts(found: TargetGenotypes, n_sites: int, ploidy: np.ndarray | None) -> np.ndarray:
    """Alternate allele counts [S, N] int8 at all `n_sites` sites; -1 where missing or where the site is absent."""
    shape = n_sites, len(found.samples)
    counts = np.full(shape, -1, dtype=np.int8)
    is_missing = (found.alleles < 0).any(axis=2)
    of_known = found.alleles.sum(axis=2, dtype=np.int8)
    if ploidy is not None:
        of_haploid = found.alleles[..., 0]
        of_known = np.where(ploidy == 1, of_haploid, of_known)
        is_missing |= ploidy == 0
    of_known[is_missing] = -1
    counts[found.index] = of_known
    return counts


def no_record_matches(path: str | os.PathLike, dropped: str, records_of: pd.DataFrame | None = None) -> NoTypedSites:
    """The error for a file of which all records are `dropped`: how many for which reason. `records_of`: a table."""
    found = dropped or "it has no records"
    message = f"{path}: no record matches a site of the panel by CHROM, POS, REF and ALT ({found})"
    return NoTypedSites(message, records_of)
