"""Imputation with a trained network, window by window and in batches of samples, so that memory stays bounded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ragimpute.imputation.back_ends import BackEnd
from ragimpute.imputation.left_out import correlation, left_out
from ragimpute.imputation.windows import CORE_CM, Window, windows
from ragimpute.models.contract import Segments
from ragimpute.models.copy_rag.site_inputs import more_neighbours
from ragimpute.panel.folds import Fold, typed_per_cm
from ragimpute.panel.store import Panel
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed

BATCH_GENOTYPES = 250_000  # samples x typed sites retrieved at a time: about 250 MB of neighbours and features


def imputed_parts(
    reference: Panel,
    targets: Sequence[TargetGenotypes],
    imputer: BackEnd,
    wanted: slice | None = None,
    core_cm: float = CORE_CM,
    threads: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Imputed]:
    """The imputed genotypes at the `wanted` sites of `reference` (all), in order: one part for each window's core.

    `targets` are one or several phasings of the same samples, complete at their sites; what is imputed from each is
    averaged. A typed genotype that was missing gets its leave-one-out dosage, that of plain Li-Stephens from the other
    typed sites. `on_progress` is told the share of the work that is done.
    Results do not depend on the number of samples or threads, nor, away from the ends of a chromosome, on `core_cm`.
    """
    wanted = wanted or slice(0, len(reference.sites))
    given = targets[0].given  # [M, N, 2]
    for window, fold in window_folds(reference, targets, wanted, core_cm):
        parts = []
        about_sites = imputer.describe_sites(fold)
        n = len(targets[0].samples)
        step = max(1, BATCH_GENOTYPES // (len(fold.typed_sites) * more_neighbours(fold) * fold.phasings))
        for start in range(0, n, step):
            part = several_phasings.first_phasings(fold, start, min(start + step, n))
            imputed = imputer.impute(part, Segments(imputer.retrieve(part), about_sites))
            parts.append(several_phasings.mean_of_fold(imputed, part))
            if on_progress is not None:
                within = min(1.0, (start + step) / n)
                done = window.first - wanted.start + within * (window.last - window.first)
                on_progress(done / (wanted.stop - wanted.start))
        core = slice(window.first - window.start, window.last - window.start)
        imputed = Imputed(
            targets[0].samples,
            np.concatenate([part.hds[core] for part in parts], axis=1),
            np.concatenate([part.both[core] for part in parts], axis=1),
            fold.typed[core],
        )
        rows = targets[0].rows(window.start, window.stop)
        yield _by_other_sites(imputed, fold, given[rows], core, threads)


def _by_other_sites(imputed: Imputed, fold: Fold, given: np.ndarray, core: slice, threads: int) -> Imputed:
    """`imputed`, at the sites `core` of the fold, with ER2 and with dosages of the typed genotypes that are missing.

    given: alleles [T, N, 2] int8 at the fold's typed sites, -1 missing. Both come from each typed site's leave-one-out
    dosages; a single sample has no ER2.
    """
    n_samples, missing = given.shape[1], given[..., 0] < 0  # [T, N]
    if n_samples == 1 and not missing.any():
        return replace(imputed, er2=np.full(len(imputed.typed), np.nan, dtype=np.float32))
    observed = given.reshape(len(given), -1)  # [T, 2 N]
    dosages = left_out(fold.reference, fold.typed, observed, threads)
    er2 = correlation(dosages, observed, fold.typed)
    sites, samples = np.nonzero(missing)
    inside = (core.start <= fold.typed_sites[sites]) & (fold.typed_sites[sites] < core.stop)
    sites, samples = sites[inside], samples[inside]
    filled = dosages.reshape(given.shape)[sites, samples]  # [K, 2]
    rows = fold.typed_sites[sites] - core.start
    imputed.hds[rows, samples], imputed.both[rows, samples] = filled, filled.prod(axis=1)
    return replace(imputed, er2=er2[core])


def window_folds(
    reference: Panel, targets: Sequence[TargetGenotypes], wanted: slice, core_cm: float = CORE_CM
) -> Iterator[tuple[Window, Fold]]:
    """The windows of the panel, in order, their cores cut to the sites `wanted`.

    Each comes with all targets in all phasings beside the reference it looks at.
    """
    sites, typed = reference.sites, np.zeros(len(reference.sites), dtype=bool)
    typed[targets[0].index] = True
    density = typed_per_cm(sites, typed)
    haplotypes = several_phasings.haplotypes(targets)
    samples = targets[0].samples * len(targets)
    nobody = np.full((len(samples), 1), -1, dtype=np.int64)  # of the reference is left out
    for window in windows(sites.chrom, sites.cm, typed, core_cm):
        first, last = max(window.first, wanted.start), min(window.last, wanted.stop)
        if first >= last:
            continue
        local = reference.between(window.start, window.stop)
        observed = haplotypes[targets[0].rows(window.start, window.stop)]
        is_typed = typed[window.start : window.stop]
        fold = Fold("targets", local, samples, is_typed, observed, None, nobody, len(targets), density)
        yield replace(window, first=first, last=last), fold
