"""The records of a targets' file at the panel's sites: which are used, recoded, merged or left out."""

import os

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.dropped_records import DROPPED_COLUMNS
from ragimpute.panel.ploidy import ChosenRecords, unusable_genotypes
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import AMBIGUOUS, BOTH, FLIPPED, SWAPS, AllelePolicy, Match, SiteIndex, resolve
from ragimpute.targets.haploid_samples import with_haploid_form
from ragimpute.targets.record_alleles import (
    Reading,
    is_reference_block,
    readings,
    recoded,
    reference_genotypes,
    reference_sites,
)
from ragimpute.targets.same_site import merge_records
from ragimpute.targets.used_records import Row, UsedRecords
from ragimpute.vcf.filter_counts import FilterCounts
from ragimpute.vcf.source import genotypes

ONE_OF_SEVERAL = "one of several alleles"
MERGED = "merged with another record of the site"
DUPLICATE = "duplicate"
EMPTY_BLOCK = "reference block without a site of the panel"


class MatchedRecords:
    """The usable genotypes of a file by the panel's sites, and the records that were dropped or recoded."""

    def __init__(
        self,
        path: str | os.PathLike,
        sites: Sites,
        policy: AllelePolicy,
        frequency: np.ndarray,
        chosen: ChosenRecords,
    ) -> None:
        self.n_records = 0
        self.filters = FilterCounts()
        self._path = path
        self._sites = sites
        self._index = SiteIndex(sites)
        self._policy = policy
        self._frequency = frequency
        self._chosen = chosen
        # site -> number of the record, its row, alleles and phase [N, 3] int8, samples in file order
        self._found: dict[int, tuple[int, Row, np.ndarray]] = {}
        self._others: dict[int, list[tuple[int, Row, np.ndarray]]] = {}  # further records of a site
        self._blocks: dict[int, np.ndarray] = {}  # site -> genotypes by reference blocks, likewise
        self._used: dict[int, Row] = {}  # number of each record that is used -> its row
        self._used_at: list[tuple[int, int]] = []  # number of the record, site
        self._dropped: list[tuple[int, tuple]] = []  # number of the record, DROPPED_COLUMNS
        self._recoded: list[tuple[int, tuple]] = []
        self._turned: list[tuple[int, int]] = []  # ambiguous records with swapped alleles: site, number of the record
        self._some_are_flipped = False

    @property
    def n_sites(self) -> int:
        """How many sites have a record."""
        return len(self._found.keys() | self._blocks.keys())

    @property
    def used(self) -> UsedRecords:
        """The records that are used; after `take_genotypes`."""
        numbers = np.array(self._used_at, dtype=np.int64).reshape(-1, 2)
        return UsedRecords(self._used, numbers[:, 0], numbers[:, 1])

    @property
    def dropped(self) -> pd.DataFrame:
        """The records that are not used, in file order, each once: DROPPED_COLUMNS; after `take_genotypes`."""
        unused = {number: row for number, row in reversed(self._dropped) if number not in self._used}
        assert len(unused) + len(self._used) == self.n_records, "a record is neither used nor listed"
        return _table(list(unused.items()))

    @property
    def recoded(self) -> pd.DataFrame:
        """The records whose genotypes are used otherwise than they stand, or not at each of their sites, likewise."""
        not_everywhere = [(number, row) for number, row in self._dropped if number in self._used]
        return _table([*self._recoded, *not_everywhere])

    def add(self, record) -> None:
        """Match a record with the panel's sites and keep its genotypes, or list it with a reason."""
        self.n_records += 1
        row = _row(record)
        if self._chosen.filters is None:
            self.filters.add(record)
        filtered = self._chosen.filtered(record)
        if filtered:
            self._dropped.append((self.n_records, (*row, filtered)))
            return
        if is_reference_block(record):
            reason = self._add_block(record)
        else:
            found = readings(self._index, *row[:2], record.REF, record.ALT)
            reasons = [self._add_reading(record, row, reading) for reading in found]
            reason = reasons[0] if all(reasons) else ""
        if reason:
            self._dropped.append((self.n_records, (*row, reason)))

    def _add_reading(self, record, row: Row, reading: Reading) -> str:
        """Keep the genotypes of a record at one site, or say why not."""
        match = reading.match
        if match.site < 0:
            return match.relation
        array, reason = self._usable(record)
        if reason or array is None:
            return reason
        n_other = 0
        if reading.codes is not None:
            array, n_other = recoded(array, reading.codes)
        array = _without_half_missing(array)
        reason, relation = self._resolved(match, array)
        if reason:
            return reason
        how = relation
        if not how and reading.codes is not None and (n_other or _is_renumbered(reading.codes)):
            how = ONE_OF_SEVERAL
        if how:
            counted = f"{how}: {n_other} genotypes with other alleles set missing" if n_other else how
            self._recoded.append((self.n_records, (*row, counted)))
        self._some_are_flipped |= relation in (FLIPPED, BOTH)
        if relation and match.ambiguous:
            self._turned.append((match.site, self.n_records))
        if relation in SWAPS:
            alleles = array[:, :2]
            other = np.where(alleles >= 0, 1 - alleles, -1)
            if not self._policy.ordered:  # 0/1 stays as it is: Beagle's result depends on how it is written
                is_unphased = array[:, 2:] == 0
                other = np.where(is_unphased, np.sort(other, axis=1), other)
            array[:, :2] = other
        kept = self.n_records, row, array.astype(np.int8)
        if match.site in self._found:
            others = self._others.setdefault(match.site, [])
            others.append(kept)
        else:
            self._found[match.site] = kept
        return ""

    def _add_block(self, record) -> str:
        """Keep the genotypes of a reference block at the sites within it, or say why not."""
        within = reference_sites(self._index, self._sites, record)
        if not within:
            return EMPTY_BLOCK
        array, reason = self._usable(record)
        if reason or array is None:
            return reason
        array = reference_genotypes(record, array).astype(np.int8)
        for site in within:
            self._blocks[site] = _filled(self._blocks[site], array) if site in self._blocks else array
            self._used_at.append((self.n_records, site))
        self._used[self.n_records] = _row(record)
        return ""

    def _usable(self, record) -> tuple[np.ndarray | None, str]:
        """The genotypes [N, 3] of a record, or why there are none. Raises InputError for an allele that ALT lacks."""
        array = genotypes(record)
        if self._chosen.rule is not None and array is not None and array.shape[1] <= 3:
            array = with_haploid_form(array)
        reason = unusable_genotypes(array)
        if reason == "haploid":
            self._chosen.refuse_haploid(self._path, record.CHROM, record.POS)
        if reason or array is None:
            return None, reason
        if array.shape[1] == 2:
            missing = np.array([-1, -1, 0], dtype=array.dtype)
            return np.tile(missing, (len(array), 1)), ""
        if (array[:, :2] > len(record.ALT)).any():
            where = f"{record.CHROM}:{record.POS}"
            raise InputError(f"{self._path}: record {where}: a genotype names an allele that ALT lacks")
        return array, ""

    def settle_turned(self) -> None:
        """Where alleles are not ordered and records are on the other strand, turned A/T may be T/A of that strand.

        Such records are dropped; before all that is told of the records.
        """
        if self._policy.ordered or not self._some_are_flipped:
            return
        for site, number in self._turned:
            here = [self._found.pop(site), *self._others.pop(site, [])]
            kept = [one for one in here if one[0] != number]
            if kept:
                self._found[site] = kept[0]
            if len(kept) > 1:
                self._others[site] = kept[1:]
            [row] = [row for of_record, row, _ in here if of_record == number]
            self._recoded = [listed for listed in self._recoded if listed[0] != number]
            self._dropped.append((number, (*row, AMBIGUOUS)))

    def take_genotypes(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sites [M] int64, increasing, and their alleles and phase [M, N, 3] int8; they are forgotten meanwhile.

        `order`: the row [N] of each sample in file order. Records of the same site are merged and listed here.
        """
        every = self._found.keys() | self._blocks.keys()
        sites = np.array(sorted(every), dtype=np.int64)
        array = np.empty((len(sites), len(order), 3), dtype=np.int8)
        for place, site in enumerate(sites.tolist()):
            in_file_order = self._merged(site)
            array[place] = in_file_order[order]
        return sites, array

    def ids(self) -> dict[int, str]:
        """The IDs of the records by the panel's sites, of those that have one; before `take_genotypes`."""
        return {site: row[2] for site, (_, row, _) in self._found.items() if row[2] != "."}

    def _merged(self, site: int) -> np.ndarray:
        """The genotypes [N, 3] at a site, of all records and reference blocks there."""
        block = self._blocks.pop(site, None)
        if site not in self._found:
            assert block is not None
            return block
        records = [self._found.pop(site), *self._others.pop(site, [])]
        array = records[0][2]
        is_refused = [False] * len(records)
        if len(records) > 1:
            found = merge_records([genotypes_of for _, _, genotypes_of in records])
            array = found.genotypes
            is_refused = found.is_refused.tolist()
            for place, (number, row, _) in enumerate(records):
                n_differ = found.discordant[place]
                if is_refused[place]:
                    reason = f"{DUPLICATE}: {n_differ} of {found.compared[place]} genotypes differ"
                    self._dropped.append((number, (*row, reason)))
                elif place != found.main:
                    reason = f"{MERGED}: {n_differ} discordant genotypes set missing" if n_differ else MERGED
                    self._recoded.append((number, (*row, reason)))
        for (number, row, _), refused in zip(records, is_refused, strict=True):
            if not refused:
                self._used[number] = row
                self._used_at.append((number, site))
        return array if block is None else _filled(array, block)

    def _resolved(self, match: Match, array: np.ndarray) -> tuple[str, str]:
        """`resolve` a match, with the counts of alleles in `array` [N, 3] where it is ambiguous."""
        alt_count = n_alleles = 0
        if match.ambiguous:
            is_known = array[:, 0] >= 0
            known = array[is_known, :2]
            alt_count = int(known.sum())
            n_alleles = known.size
        frequency = float(self._frequency[match.site])
        return resolve(match, self._policy, alt_count, n_alleles, frequency)


def _row(record) -> Row:
    name = record.ID or "."
    alts = ",".join(record.ALT) or "."
    return record.CHROM, record.POS, name, record.REF, alts


def _table(rows: list[tuple[int, tuple]]) -> pd.DataFrame:
    """Numbered rows as a table in the order of their numbers."""
    in_file_order = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    return pd.DataFrame(in_file_order, columns=DROPPED_COLUMNS)


def _is_renumbered(codes: np.ndarray) -> bool:
    """Whether the site's ALT is not the first one of the record."""
    return codes[1] != 1


def _filled(genotypes_of: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Genotypes [N, 3] with those of `others` where they are missing."""
    is_missing = genotypes_of[:, :1] < 0
    return np.where(is_missing, others, genotypes_of)


def _without_half_missing(array: np.ndarray) -> np.ndarray:
    """Alleles and phase [N, 3] with a genotype of which an allele is missing wholly missing (-1)."""
    array = array.copy()
    incomplete = (array[:, :2] < 0).any(axis=1)
    array[incomplete, :2] = -1
    return array
