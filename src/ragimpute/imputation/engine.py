"""Imputation with a trained network, window by window and in batches of samples, so that memory stays bounded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute.imputation.back_ends import BackEnd
from ragimpute.imputation.batches import SampleBatches
from ragimpute.imputation.left_out import correlation, left_out
from ragimpute.imputation.windows import CORE_CM, Window, WorkSize, windows
from ragimpute.models.copy_rag.site_inputs import more_neighbours
from ragimpute.panel.folds import Fold, typed_per_cm
from ragimpute.panel.store import Panel
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
    averaged. A typed genotype that was missing gets its leave-one-out dosage, that of plain Li-Stephens from the other
    typed sites. `on_progress` is told the share of the work that is done. `folder` is where temporary files go.
    Results do not depend on the number of samples or threads, nor, away from the ends of a chromosome, on the work's
    `core_cm`.
    """
    wanted = wanted or slice(0, len(reference.sites))
    work = work or WorkSize()
    given = targets[0].given  # [M, N, 2]
    n_wanted = wanted.stop - wanted.start
    for window, fold in window_folds(reference, targets, wanted, work.core_cm):
        rows = targets[0].rows(window.start, window.stop)
        done, in_window = window.first - wanted.start, window.last - window.first

        def report(share: float, done: int = done, in_window: int = in_window) -> None:
            if on_progress is not None:
                on_progress((done + share * in_window) / n_wanted)

        yield from _window_parts(window, fold, given[rows], imputer, work, threads, report, folder)


def window_folds(
    reference: Panel, targets: Sequence[TargetGenotypes], wanted: slice, core_cm: float = CORE_CM
) -> Iterator[tuple[Window, Fold]]:
    """The windows of the panel, in order, their cores cut to the sites `wanted`.

    Each comes with all targets in all phasings beside the reference it looks at.
    """
    sites = reference.sites
    typed = np.zeros(len(sites), dtype=bool)
    typed[targets[0].index] = True
    density = typed_per_cm(sites, typed)
    haplotypes = several_phasings.haplotypes(targets)
    samples = targets[0].samples * len(targets)
    none_left_out = np.full((len(samples), 1), -1, dtype=np.int64)
    for window in windows(sites.chrom, sites.cm, typed, core_cm):
        first, last = max(window.first, wanted.start), min(window.last, wanted.stop)
        if first >= last:
            continue
        local = reference.between(window.start, window.stop)
        observed = haplotypes[targets[0].rows(window.start, window.stop)]
        is_typed = typed[window.start : window.stop]
        fold = Fold("targets", local, samples, is_typed, observed, None, none_left_out, len(targets), density)
        yield replace(window, first=first, last=last), fold


def _window_parts(
    window: Window,
    fold: Fold,
    given: np.ndarray,
    imputer: BackEnd,
    work: WorkSize,
    threads: int,
    report: Callable[[float], None],
    folder: Path | None,
) -> Iterator[Imputed]:
    """The parts of one window's core. given: alleles [T, N, 2] int8 at the fold's typed sites, -1 missing."""
    n_samples = given.shape[1]
    samples = fold.samples[:n_samples]
    bounds = _batch_bounds(fold, n_samples, work)
    about_sites = imputer.describe_sites(fold)
    with SampleBatches(len(bounds), folder) as batches:
        for start, stop in bounds:
            batch = several_phasings.first_phasings(fold, start, stop)
            segments = {**imputer.retrieve(batch), **about_sites}
            imputed = several_phasings.average(imputer.impute(batch, segments), batch)
            both = imputed.both[window.core, :, None]
            batches.add(np.concatenate([imputed.hds[window.core], both], axis=2))
            del segments, imputed, both
            report(stop / n_samples)
        with _LeftOut(window, fold, given, work, threads, folder) as by_other_sites:
            step = _sites_of_a_block(n_samples)
            for start in range(0, window.last - window.first, step):
                stop = min(start + step, window.last - window.first)
                values = batches.rows(start, stop)  # [sites, N, 3]
                here = slice(window.core.start + start, window.core.start + stop)
                block = Imputed(samples, values[..., :2], values[..., 2], fold.typed[here])
                yield by_other_sites.complete(block, here)


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

    given: alleles [T, N, 2] int8 at the fold's typed sites, -1 missing. A single sample has no ER2.
    """

    def __init__(
        self, window: Window, fold: Fold, given: np.ndarray, work: WorkSize, threads: int, folder: Path | None
    ) -> None:
        self.fold, self.given, self.threads = fold, given, threads
        sites = fold.typed_sites
        # rows of the typed sites in the core: only these are kept
        self.core = slice(*np.searchsorted(sites, (window.core.start, window.core.stop)).tolist())
        n_typed, n_samples = given.shape[:2]
        step = max(1, work.left_out_alleles // (2 * n_typed))
        self.bounds = [(start, min(start + step, n_samples)) for start in range(0, n_samples, step)]
        self.dosages = SampleBatches(len(self.bounds), folder)
        self.needed = n_samples > 1 or bool((given[..., 0] < 0).any())

    def __enter__(self) -> "_LeftOut":
        self.dosages.__enter__()
        if self.needed:
            for start, stop in self.bounds:
                observed = self.given[:, start:stop]
                flat = observed.reshape(len(observed), -1)  # [T, 2 B]
                dosages = left_out(self.fold.reference, self.fold.typed, flat, self.threads)
                self.dosages.add(dosages[self.core].reshape(-1, stop - start, 2))
        return self

    def __exit__(self, *error: object) -> None:
        self.dosages.__exit__(None, None, None)

    def complete(self, block: Imputed, here: slice) -> Imputed:
        """`block`, of the fold's sites `here`, with ER2 and with dosages of the typed genotypes that are missing."""
        er2 = np.full(len(block.typed), np.nan, dtype=np.float32)
        rows = slice(*np.searchsorted(self.fold.typed_sites, (here.start, here.stop)).tolist())
        if not self.needed or rows.start == rows.stop:
            return replace(block, er2=er2)
        dosages = self.dosages.rows(rows.start - self.core.start, rows.stop - self.core.start)  # [t, N, 2]
        given = self.given[rows]
        er2 = correlation(dosages.reshape(len(given), -1), given.reshape(len(given), -1), block.typed)
        sites, samples = np.nonzero(given[..., 0] < 0)
        places = self.fold.typed_sites[rows][sites] - here.start
        filled = dosages[sites, samples]  # [K, 2]
        block.hds[places, samples] = filled
        block.both[places, samples] = filled.prod(axis=1)
        return replace(block, er2=er2)
