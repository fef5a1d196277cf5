"""Accuracy without truth: how well each typed site is imputed from the other typed sites."""

import numpy as np

from ragimpute.evaluation.variants import site_r2
from ragimpute.panel import Panel, chromosome_bounds
from ragimpute.retrieval.li_stephens import leave_one_out


def empirical_r2(reference: Panel, typed: np.ndarray, observed: np.ndarray, threads: int = 1) -> np.ndarray:
    """Squared correlation, over haplotypes, of the typed alleles with their leave-one-out dosages: [S] float32.

    reference: at all S sites, nobody of the targets in it; typed [S] bool; observed [T, Q] alleles at the typed sites.
    The dosages are those of the plain Li-Stephens model, whatever imputes the untyped sites: the figure tells of panel,
    targets and phase, as Minimac's ER2 does. NaN at untyped sites and where the targets do not vary.
    """
    r2 = np.full(len(typed), np.nan, dtype=np.float32)
    sites = np.flatnonzero(typed)
    nobody = np.full((observed.shape[1], 1), -1, dtype=np.int64)
    for start, stop in chromosome_bounds(reference.sites.chrom[sites]):
        here = sites[start:stop]
        alleles, queries = reference.alleles[here], observed[start:stop].astype(np.int8)
        dosage = leave_one_out(alleles, reference.sites.cm[here], queries, nobody, threads=threads)
        r2[here] = site_r2(dosage, queries)
    return r2
