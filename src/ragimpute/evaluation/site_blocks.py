"""Reading imputed and true genotypes in blocks of sites, by index, so that memory does not grow with a chromosome."""

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragimpute.external import naming_files
from ragimpute.panel.ploidy import ChosenRecords, rule_of_ploidy
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.store import Sites, chromosome_bounds
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.common_chromosomes import require_common_chromosome
from ragimpute.targets.genotypes import alt_counts, no_record_matches, read_genotypes
from ragimpute.vcf.imputed_reader import ImputedVcf, read_imputed
from ragimpute.vcf.indexed import has_index, indexed_copy
from ragimpute.vcf.source import LAST_POSITION, Region, chromosomes_with_records

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike
BLOCK_GENOTYPES = 1_000_000  # samples x sites at a time: 24 bytes each as they are read, and some copies of them
USED = "used"


@dataclass(frozen=True)
class SiteBlock:
    """Consecutive sites, and where their records lie."""

    sites: slice
    region: Region | None = None  # None: anywhere in the file


def cut_into_blocks(sites: Sites, n_samples: int) -> list[SiteBlock]:
    """All `sites` in order: a block has sites of one chromosome, all of them at a position. Regions leave no gap.

    Few sites are one block, unless X, Y or MT is among several chromosomes: a sample has another ploidy there.
    """
    step = max(1, BLOCK_GENOTYPES // max(1, n_samples))
    chroms = sites.chromosomes()
    is_mixed = len(chroms) > 1 and any(kind_of(chrom) for chrom in chroms)
    if len(sites) <= step and not is_mixed:
        return [SiteBlock(slice(0, len(sites)))]
    found = []
    for begin, end in chromosome_bounds(sites.chrom):
        chrom = str(sites.chrom[begin])
        first, first_pos = begin, 1
        while first < end:
            last = min(first + step, end)
            while last < end and sites.pos[last] == sites.pos[last - 1]:
                last += 1
            last_pos = LAST_POSITION if last == end else int(sites.pos[last - 1])
            found.append(SiteBlock(slice(first, last), Region(chrom, first_pos, last_pos)))
            first, first_pos = last, last_pos + 1
    return found


@dataclass(frozen=True)
class TruthCounts:
    """The truth of some samples, read block by block; the records that are not used are counted."""

    path: FilePath
    read_from: FilePath  # the file, or a copy with an index
    samples: Sequence[str]
    policy: AllelePolicy | None
    found: Counter[str]  # of records: the reasons why they are not used; USED
    recoded: Counter[str]  # of those that are used: what was recoded in them

    def read(
        self, sites: Sites, region: Region | None, frequency: np.ndarray | None, ploidy: np.ndarray | None
    ) -> np.ndarray:
        """Alternate allele counts [S, N] int8 at the `sites` in `region`, as `read_truth` has them."""
        if not len(sites):
            return np.zeros((0, len(self.samples)), dtype=np.int8)
        rule = None if ploidy is None else rule_of_ploidy(str(sites.chrom[0]), self.samples, ploidy)
        chosen = ChosenRecords(region, rule=rule)
        genotypes = read_genotypes(
            self.read_from,
            sites,
            self.samples,
            self.policy,
            frequency,
            chosen=chosen,
            require_match=False,
            announce=False,
        )
        self.found[USED] += len(genotypes.index)
        self.found.update(genotypes.dropped["reason"].tolist())
        self.recoded.update(genotypes.recoded["reason"].tolist())
        return alt_counts(genotypes, len(sites), ploidy)

    def report(self, sites: Sites) -> None:
        """Log what was found of all `sites`. Raises NoTypedSites when that is nothing."""
        n_used = self.found.pop(USED, 0)
        listed = _listed(self.found)
        if not n_used:
            require_common_chromosome(self.path, chromosomes_with_records(self.read_from), sites)
            raise no_record_matches(self.path, listed)
        logger.info("%s: %d of the panel's sites; dropped: %s", self.path, n_used, listed or "none")
        if self.recoded:
            logger.info("%s: recoded: %s", self.path, _listed(self.recoded))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counts.most_common())


@dataclass(frozen=True)
class ImputedBlock:
    """What an imputed file says of a block of sites, at all of which a sample has the same number of haplotypes."""

    sites: slice
    region: Region | None
    imputed: ImputedVcf


@contextmanager
def opened(
    imputed: FilePath, truth: FilePath | None, sites: Sites, samples: Sequence[str], policy: AllelePolicy | None = None
) -> Iterator[tuple[Iterator[ImputedBlock], TruthCounts | None]]:
    """The blocks of an imputed file, and the truth, which is read beside them.

    Files without an index get a temporary copy that has one. Where that cannot be, all sites are one block.
    """
    blocks = cut_into_blocks(sites, len(samples))
    paths = [imputed] if truth is None else [imputed, truth]
    with tempfile.TemporaryDirectory(prefix="ragimpute-score-") as name:
        read_from = list(paths)
        if len(blocks) > 1:
            found = [_indexed(path, Path(name, f"{number}.bcf")) for number, path in enumerate(paths)]
            usable = [path for path in found if path is not None]
            if len(usable) == len(paths):
                read_from = usable
            else:
                blocks = [SiteBlock(slice(0, len(sites)))]
        names = {str(copy): str(path) for copy, path in zip(read_from, paths, strict=True)}
        true = None if truth is None else TruthCounts(truth, read_from[1], samples, policy, Counter(), Counter())
        with naming_files(names):
            yield _imputed_blocks(read_from[0], sites, samples, blocks), true


def _indexed(path: FilePath, copy: Path) -> FilePath | None:
    """The file itself where it has an index, else its copy; None where there can be none."""
    if has_index(path):
        return path
    return copy if indexed_copy(path, copy) else None


def _imputed_blocks(
    path: FilePath, sites: Sites, samples: Sequence[str], blocks: Sequence[SiteBlock]
) -> Iterator[ImputedBlock]:
    for block in blocks:
        here = sites.take(block.sites)
        found = read_imputed(path, here, samples, region=block.region)
        for part in cut_by_ploidy(block, here, found.n_haplotypes):
            first = part.sites.start - block.sites.start
            last = part.sites.stop - block.sites.start
            yield ImputedBlock(part.sites, part.region, found.at(slice(first, last)))


def cut_by_ploidy(block: SiteBlock, sites: Sites, n_haplotypes: np.ndarray | None) -> list[SiteBlock]:
    """The block where the number of haplotypes of each sample is the same at all sites, else such parts of it.

    n_haplotypes: [S, P] int8 at the `sites` of the block, 0 where a value is missing; None: two everywhere. Regions
    of the parts leave no gap on a chromosome.
    """
    if n_haplotypes is None:
        return [block]
    bounds = list(chromosome_bounds(sites.chrom))
    ploidy = np.concatenate([_filled(n_haplotypes[begin:end]) for begin, end in bounds])
    is_other = (ploidy[1:] != ploidy[:-1]).any(axis=1)
    if not is_other.any():
        return [block]
    parts: list[SiteBlock] = []
    for begin, end in bounds:
        starts = [begin, *(begin + 1 + np.flatnonzero(is_other[begin : end - 1])).tolist()]
        stops = [*starts[1:], end]
        within = block.region or Region(str(sites.chrom[begin]))
        start_pos = within.start
        for first, stop in zip(starts, stops, strict=True):
            last_pos = within.end if stop == end else int(sites.pos[stop - 1])
            here = slice(block.sites.start + first, block.sites.start + stop)
            parts.append(SiteBlock(here, Region(within.chrom, start_pos, last_pos)))
            start_pos = last_pos + 1 if stop == end else min(last_pos + 1, int(sites.pos[stop]))
    return parts


def _filled(n_haplotypes: np.ndarray) -> np.ndarray:
    """Numbers of haplotypes [S, P] of one chromosome, 0 replaced by that of the nearest site before, else after it."""
    found = n_haplotypes
    for direction in (1, -1):
        turned = found[::direction]
        row = np.arange(len(turned))[:, None]
        last_known = np.maximum.accumulate(np.where(turned > 0, row, 0), axis=0)
        filled = np.take_along_axis(turned, last_known, axis=0)
        found = filled[::direction]
    return found
