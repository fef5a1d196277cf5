"""Imputation with a trained network, window by window and in batches of samples, so that memory stays bounded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ragimpute.imputation.back_ends import BackEnd
from ragimpute.imputation.batches import SampleBatches
from ragimpute.imputation.discordant import log_odds_inverted
from ragimpute.imputation.left_out import correlation, left_out
from ragimpute.imputation.same_position import SamePosition, at_most_one
from ragimpute.imputation.uncalled import by_frequency, uncalled_samples
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.contract import Segments
from ragimpute.models.copy_rag.site_inputs import more_neighbours
from ragimpute.panel.folds import Fold, densities
from ragimpute.panel.store import Panel
from ragimpute.panel.windows import Window, windows
from ragimpute.retrieval.fold_neighbours import FoldNeighbours
from ragimpute.retrieval.map_scale import scale_of_map
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.writer import sites_at_a_time

BLOCK_GENOTYPES = 2_000_000  # samples x sites that are read back and handed on at a time: 12 bytes each


def imputed_parts(
    reference: Panel,
    targets: Sequence[TargetGenotypes],
    imputer: BackEnd,
    wanted: slice | None = None,
    work: WorkSize | None = None,
    threads: int = 1,
    on_progress: Callable[[float], None] | None = None,
    folder: Path | None = None,
) -> Iterator[Imputed]:
    """The imputed genotypes at the `wanted` sites of `reference` (all), in order, as parts of consecutive sites.

    `targets` are one or several phasings of the same samples, complete at their sites; what is imputed from each is
    averaged. A sample without a genotype on a chromosome gets the reference's frequencies there (`uncalled`). Another
    typed genotype that was missing gets its leave-one-out dosage, that of plain Li-Stephens from the other
    typed sites. `on_progress` is told the share of the work that is done. `folder` is where temporary files go.
    Results do not depend on the number of samples or threads, nor, away from the ends of a chromosome, on the work's
    `core_cm`.
    """
    engine = Engine(reference, targets, imputer, work or WorkSize(), threads, folder)
    plan = engine.windows(wanted)
    n_sites = sum(asked.stop - asked.start for _, asked in plan)
    n_done = 0
    for window, asked in plan:
        n_asked = asked.stop - asked.start

        def report(share: float, n_done: int = n_done, n_asked: int = n_asked) -> None:
            if on_progress is not None:
                on_progress((n_done + share * n_asked) / n_sites)

        yield from engine.impute(window, asked, report)
        n_done += n_asked


@dataclass(frozen=True)
class Engine:
    """Imputes the windows of a panel, one by one; each is read from the panel when its turn comes."""

    reference: Panel
    targets: Sequence[TargetGenotypes]  # one or several phasings of the same N samples, complete at their sites
    imputer: BackEnd
    work: WorkSize
    threads: int = 1
    folder: Path | None = None  # of temporary files; None: the system's
    density_of_whole: float | None = None  # typed sites per cM of what `reference` is a part of; None: of nothing

    def windows(self, wanted: slice | None = None) -> list[tuple[Window, slice]]:
        """The windows of the panel, in order, each with those of its core's sites that are `wanted` (all).

        They reach to the typed sites next to them. Both are of the panel's sites. A window is the same whatever is
        wanted, and so is what is imputed in it. Raises ValueError when a chromosome has no typed site.
        """
        chrom = self.reference.sites.chrom
        wanted = wanted or slice(0, len(chrom))
        typed_sites = self.targets[0].index
        found = []
        for window in windows(self.reference, self.work.core_cm):
            first, last = max(window.first, wanted.start), min(window.last, wanted.stop)
            if first < last:
                nearby = typed_sites[chrom[typed_sites] == chrom[window.first]]
                if not len(nearby):
                    raise ValueError(f"chromosome {chrom[window.first]} has no typed site")
                found.append((window.reaching(nearby), slice(first, last)))
        return found

    @cached_property
    def _densities(self) -> dict[str, float]:
        """Typed sites per cM of each chromosome of the panel."""
        is_typed = np.zeros(len(self.reference.sites), dtype=bool)
        is_typed[self.targets[0].index] = True
        return densities(self.reference.sites, is_typed)

    def density(self, window: Window) -> float:
        """Typed sites per cM of the window's chromosome."""
        if self.density_of_whole is not None:
            return self.density_of_whole
        return self._densities[str(self.reference.sites.chrom[window.first])]

    @cached_property
    def uncalled(self) -> dict[str, np.ndarray]:
        """The samples [K] int64 that have no genotype on a chromosome, and are imputed by frequency there."""
        first = self.targets[0]
        return uncalled_samples(first, self.reference.sites.chrom[first.index])

    def fold(self, window: Window) -> Fold:
        """All targets in all phasings beside the panel's sites that `window` looks at."""
        first = self.targets[0]
        rows = first.rows(window.start, window.stop)
        inside = np.arange(rows.start, rows.stop)
        haplotypes = several_phasings.haplotypes([phasing.at(inside) for phasing in self.targets])
        samples = first.samples * len(self.targets)
        none_left_out = np.full((len(samples), 1), -1, dtype=np.int64)
        density = self.density(window)
        local = self.reference.between(window.start, window.stop)
        typed = np.zeros(len(local.sites), dtype=bool)
        typed[first.index[rows] - window.start] = True
        of_many_panels = self.imputer.of_many_panels
        cm_scale = scale_of_map(local, typed, density, self.threads) if of_many_panels else 1.0
        n_phasings = len(self.targets)
        return Fold("targets", local, samples, typed, haplotypes, None, none_left_out, n_phasings, density, cm_scale)

    def impute(
        self, window: Window, asked: slice, report: Callable[[float], None] = lambda share: None
    ) -> Iterator[Imputed]:
        """The parts of the `asked` sites of the window's core. `report` is told the share of them that is done."""
        first = self.targets[0]
        given = first.at(np.arange(len(first.index))[first.rows(window.start, window.stop)]).given
        fold = self.fold(window)
        parts = _window_parts(
            window, asked, fold, given, first.ploidy, self.imputer, self.work, self.threads, report, self.folder
        )
        chrom = str(self.reference.sites.chrom[window.first])
        if chrom in self.uncalled:
            wanted = slice(asked.start - window.start, asked.stop - window.start)
            parts = by_frequency(parts, self.uncalled[chrom], fold.reference.allele_frequency[wanted])
        return (replace(part, ploidy=first.ploidy) for part in parts)


def _window_parts(
    window: Window,
    asked: slice,
    fold: Fold,
    given: np.ndarray,
    ploidy: np.ndarray | None,
    imputer: BackEnd,
    work: WorkSize,
    threads: int,
    report: Callable[[float], None],
    folder: Path | None,
) -> Iterator[Imputed]:
    """The parts of one window's sites that are `asked` for: panel indices.

    given: alleles [T, N, 2] int8 at the fold's typed sites, -1 missing. ploidy: [N] int8 of the samples, None: all are
    diploid.
    """
    needed = imputer.needed(fold, window.core)
    inner = fold.between(needed)
    wanted = slice(asked.start - window.start, asked.stop - window.start)  # of the fold's sites
    kept = slice(wanted.start - needed.start, wanted.stop - needed.start)  # of the inner fold's
    n_samples = given.shape[1]
    samples = fold.samples[:n_samples]
    bounds = _batch_bounds(inner, n_samples, work)
    described = imputer.describe_sites(fold, needed)
    tables = imputer.site_tables(inner, described)
    by_other_sites = _LeftOut(wanted, needed, fold, given, ploidy, work, folder, len(bounds))
    hds, both = (SampleBatches(len(bounds), folder) for _ in range(2))
    with hds, both, by_other_sites.dosages, by_other_sites.of_incomplete:
        for start, stop in bounds:
            batch = several_phasings.first_phasings(fold, start, stop)
            distinct, which = several_phasings.distinct_samples(batch)
            segments = Segments(imputer.retrieve(distinct, needed), described)
            by_other_sites.add(segments.retrieved, stop - start)
            of_distinct = imputer.impute(distinct.between(needed), segments, tables)
            imputed = several_phasings.mean_of_fold(of_distinct, batch, which, needed, threads)
            hds.add(imputed.hds[kept])
            both.add(imputed.both[kept])
            del segments, of_distinct, imputed
            report(stop / n_samples)
        by_other_sites.add_incomplete(threads)
        step = _sites_of_a_block(n_samples)
        same_position = SamePosition.of(fold.reference, wanted.start, wanted.stop)
        n_asked = asked.stop - asked.start
        for start in range(0, n_asked, step):
            stop = min(start + step, n_asked)
            first, last = same_position.around(start, stop)
            here = slice(wanted.start + first, wanted.start + last)
            block = Imputed(samples, hds.rows(first, last), both.rows(first, last), fold.typed[here])
            block = by_other_sites.complete(block, here)
            groups = same_position.groups(first, last)
            if groups:
                block = _scaled(block, groups, by_other_sites.is_given(here))
            yield _rows_of(block, slice(start - first, stop - first))


def _scaled(part: Imputed, groups: Sequence[slice], is_kept: np.ndarray) -> Imputed:
    """A part with the dosages at each group of sites summing to at most 1; `is_kept` [S, N]: typed genotypes."""
    hds, both = part.hds.copy(), part.both.copy()  # what waits in `SampleBatches` may be asked for once more
    for group in groups:
        hds[group], both[group] = at_most_one(hds[group], both[group], is_kept[group])
    return replace(part, hds=hds, both=both)


def _rows_of(part: Imputed, rows: slice) -> Imputed:
    """Some of the sites of a part that `_LeftOut` has completed."""
    assert part.er2 is not None
    assert part.inverted is not None
    assert part.left_out is not None
    arrays = {name: getattr(part, name)[rows] for name in ("hds", "both", "typed", "er2", "inverted")}
    first, last = part.typed[: rows.start].sum(), part.typed[: rows.stop].sum()
    return replace(part, **arrays, left_out=part.left_out[first:last])


def _batch_bounds(fold: Fold, n_samples: int, work: WorkSize) -> list[tuple[int, int]]:
    """First and last + 1 of the samples of each batch of a window's fold."""
    retrieved = len(fold.typed_sites) * more_neighbours(fold) * fold.phasings  # for one sample
    by_neighbours = work.batch_genotypes // retrieved
    by_dosages = work.batch_dosages // (len(fold.typed) * fold.phasings)
    step = max(1, min(by_neighbours, by_dosages))
    return [(start, min(start + step, n_samples)) for start in range(0, n_samples, step)]


def _sites_of_a_block(n_samples: int) -> int:
    """How many sites are handed on at a time: whole chunks of the writer, so that no block changes a file's bytes."""
    chunk = sites_at_a_time(n_samples)
    return chunk * max(1, BLOCK_GENOTYPES // (chunk * n_samples))


class _LeftOut:
    """What a window's typed genotypes tell of each other: ER2, and dosages for those that are missing.

    wanted: the sites of the fold that it is asked for; retrieved: those at whose typed sites neighbours are retrieved.
    given: alleles [T, N, 2] int8 at the fold's typed sites, -1 missing. ploidy: [N] int8, the haplotypes of each sample
    that count in ER2; None: all samples have two. A single sample has no ER2. `dosages` and `of_incomplete` are open
    while this is used. What retrieval says of a sample rests on all its alleles, also on those that phasing filled in
    from the typed ones; samples with such alleles are left out anew, without them. In a large panel an allele has had a
    part in the choice of the candidates that are asked for it: docs/scaling.md says by how much ER2 is too high.
    """

    def __init__(
        self,
        wanted: slice,
        retrieved: slice,
        fold: Fold,
        given: np.ndarray,
        ploidy: np.ndarray | None,
        work: WorkSize,
        folder: Path | None,
        n_batches: int,
    ) -> None:
        self.fold, self.given, self.ploidy = fold, given, ploidy
        self.wanted = fold.typed_rows(wanted)  # rows of the typed sites: only these are kept
        first = fold.typed_rows(retrieved).start
        self.of_retrieved = slice(self.wanted.start - first, self.wanted.stop - first)
        n_typed, n_samples = given.shape[:2]
        self.incomplete = np.flatnonzero((given < 0).any(axis=(0, 2)))
        step = max(1, work.left_out_alleles // (2 * n_typed))
        self.parts = [self.incomplete[start : start + step] for start in range(0, len(self.incomplete), step)]
        self.dosages = SampleBatches(n_batches, folder)
        self.of_incomplete = SampleBatches(len(self.parts), folder)
        self.judges_sites = n_samples > 1 or len(self.incomplete) > 0

    def add(self, retrieved: FoldNeighbours, n_samples: int) -> None:
        """Keep what retrieval says of the next samples, in the first of their phasings."""
        assert retrieved.left_out is not None
        of_first = retrieved.left_out[self.of_retrieved, : 2 * n_samples]
        self.dosages.add(of_first.reshape(-1, n_samples, 2).astype(np.float32))

    def add_incomplete(self, threads: int) -> None:
        """Impute the typed alleles of the samples that lack some, each without itself."""
        for samples in self.parts:
            observed = self.given[:, samples].reshape(len(self.given), -1)  # [T, 2 B]
            dosages = left_out(self.fold.reference, self.fold.typed, observed, threads, self.fold.cm_scale)
            self.of_incomplete.add(dosages[self.wanted].reshape(-1, len(samples), 2).astype(np.float32))

    def _rows(self, start: int, stop: int) -> np.ndarray:
        """Dosages [stop - start, N, 2] of some of the wanted typed sites."""
        dosages = np.array(self.dosages.rows(start, stop))
        if len(self.incomplete):
            dosages[:, self.incomplete] = self.of_incomplete.rows(start, stop)
        return dosages

    def _counted(self, values: np.ndarray) -> np.ndarray:
        """Of values [t, N, 2] those of the haplotypes that are there: [t, H]."""
        if self.ploidy is None:
            return values.reshape(len(values), -1)
        return values[:, self.ploidy[:, None] > np.arange(2)]

    def _of_genotypes(self, dosages: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Dosages [t, N] of genotypes, of those of their haplotypes [t, N, 2]; NaN where none was given."""
        has_haplotype = np.ones((given.shape[1], 2)) if self.ploidy is None else self.ploidy[:, None] > np.arange(2)
        of_both: np.ndarray = (dosages * has_haplotype).sum(axis=2).astype(np.float32)
        is_absent = (given[..., 0] < 0) | ~has_haplotype[:, 0].astype(bool)
        return np.where(is_absent, np.float32(np.nan), of_both)

    def is_given(self, here: slice) -> np.ndarray:
        """Which genotypes [S, N] bool at the fold's sites `here` are typed and not missing."""
        found = np.zeros((here.stop - here.start, self.given.shape[1]), dtype=bool)
        rows = self.fold.typed_rows(here)
        places = self.fold.typed_sites[rows] - here.start
        found[places] = self.given[rows, :, 0] >= 0
        return found

    def complete(self, block: Imputed, here: slice) -> Imputed:
        """`block`, of the fold's sites `here`, with ER2 and with dosages of the typed genotypes that are missing."""
        er2 = np.full(len(block.typed), np.nan, dtype=np.float32)
        inverted = np.zeros(len(block.typed), dtype=np.float32)
        rows = self.fold.typed_rows(here)
        given = self.given[rows]
        if rows.start == rows.stop:
            none = np.zeros((0, given.shape[1]), dtype=np.float32)
            return replace(block, er2=er2, inverted=inverted, left_out=none)
        dosages = self._rows(rows.start - self.wanted.start, rows.stop - self.wanted.start)  # [t, N, 2]
        genotypes = self._of_genotypes(dosages, given)
        if not self.judges_sites:
            return replace(block, er2=er2, inverted=inverted, left_out=genotypes)
        counted_dosages, counted_alleles = self._counted(dosages), self._counted(given)
        er2 = correlation(counted_dosages, counted_alleles, block.typed)
        inverted[block.typed] = log_odds_inverted(counted_dosages, counted_alleles)
        sites, samples = np.nonzero(given[..., 0] < 0)
        places = self.fold.typed_sites[rows][sites] - here.start
        filled = dosages[sites, samples]  # [K, 2]
        block.hds[places, samples] = filled
        block.both[places, samples] = filled.prod(axis=1)
        return replace(block, er2=er2, inverted=inverted, left_out=genotypes)
