"""Imputation with a trained network, window by window and in batches of people, so that memory stays bounded."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ragimpute import phasings
from ragimpute.empirical import empirical_r2
from ragimpute.folds import Fold, typed_per_cm
from ragimpute.imputers import Imputer
from ragimpute.models.copy_rag_inputs import more_neighbours
from ragimpute.panel import Panel
from ragimpute.vcf.genotype_reader import TargetGenotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.windows import CORE_CM, Window, windows

BATCH_GENOTYPES = 250_000  # people x typed sites retrieved at a time: about 250 MB of neighbours and features


def impute(
    reference: Panel,
    targets: Sequence[TargetGenotypes],
    imputer: Imputer,
    core_cm: float = CORE_CM,
    threads: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[Imputed]:
    """The imputed genotypes at all sites of `reference`, in order: one part for each window's core.

    `targets` are one or several phasings of the same people, complete at their sites; what is imputed from each is
    averaged. `on_progress` is told the share of the work that is done.
    Results do not depend on the number of people or threads, nor, away from the ends of a chromosome, on `core_cm`.
    """
    for window, fold in window_folds(reference, targets, core_cm):
        parts = []
        about_sites = imputer.describe_sites(fold)
        n = len(targets[0].samples)
        step = max(1, BATCH_GENOTYPES // (len(fold.typed_sites) * more_neighbours(fold) * fold.phasings))
        for start in range(0, n, step):
            part = phasings.some(fold, start, min(start + step, n))
            imputed = imputer.impute(part, {**imputer.retrieve(part), **about_sites})
            parts.append(phasings.average(imputed, part))
            if on_progress is not None:
                within = min(1.0, (start + step) / n)
                on_progress((window.first + within * (window.last - window.first)) / len(reference.sites))
        core = slice(window.first - window.start, window.last - window.start)
        yield Imputed(
            targets[0].samples,
            np.concatenate([part.hds[core] for part in parts], axis=1),
            np.concatenate([part.both[core] for part in parts], axis=1),
            fold.typed[core],
            er2=empirical_r2(fold.reference, fold.typed, fold.observed[:, : 2 * n], threads)[core],
        )


def window_folds(
    reference: Panel, targets: Sequence[TargetGenotypes], core_cm: float = CORE_CM
) -> Iterator[tuple[Window, Fold]]:
    """The windows of the panel, in order, each with all targets in all phasings beside the reference it looks at."""
    sites, typed = reference.sites, np.zeros(len(reference.sites), dtype=bool)
    typed[targets[0].index] = True
    density = typed_per_cm(sites, typed)
    haplotypes = phasings.haplotypes(targets)
    samples = targets[0].samples * len(targets)
    nobody = np.full((len(samples), 1), -1, dtype=np.int64)  # of the reference is left out
    for window in windows(sites.chrom, sites.cm, typed, core_cm):
        local = reference.between(window.start, window.stop)
        rows = slice(*np.searchsorted(targets[0].index, (window.start, window.stop)))
        is_typed = typed[window.start : window.stop]
        yield window, Fold("targets", local, samples, is_typed, haplotypes[rows], None, nobody, len(targets), density)
