"""Imputation by copying from the reference without a network: plain Li-Stephens, and the nearest neighbours."""

import numpy as np

from ragimpute.baselines.assembly import by_chromosome, haplotypes_apart, typed_mask
from ragimpute.panel.folds import Fold
from ragimpute.panel.store import Panel
from ragimpute.retrieval.evidence import mean_by_posterior
from ragimpute.retrieval.fold_neighbours import NEIGHBOURS, retrieve_neighbours
from ragimpute.retrieval.li_stephens import li_stephens_dosages
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed


def run_li_stephens(reference: Panel, targets: TargetGenotypes, *, threads: int = 1) -> Imputed:
    """Impute with the plain Li-Stephens model of `retrieval.li_stephens`, one recombination scale for all sites.

    The two haplotypes of a sample are imputed apart.
    """

    def on_chromosome(local: Panel, typed: TargetGenotypes) -> Imputed:
        is_typed = typed_mask(local.sites, typed)
        haplotypes = typed.haplotypes()
        queries = haplotypes.astype(np.int8)
        n_queries = queries.shape[1]
        none_left_out = leave_none_out(n_queries)
        dosages = li_stephens_dosages(
            local.alleles[:], local.sites.cm, is_typed, queries, none_left_out, threads=threads
        )
        return haplotypes_apart(typed, dosages, is_typed)

    return by_chromosome(reference, targets, on_chromosome)


def run_copy_nearest(reference: Panel, targets: TargetGenotypes, *, threads: int = 1) -> Imputed:
    """Impute with the neighbours that bert_rag is given, and no network: the mean of their alleles by posterior.

    What a network that reads them must beat. The two haplotypes of a sample are imputed apart.
    """
    n_samples = len(targets.samples)
    none_left_out = leave_none_out(n_samples)
    is_typed = typed_mask(reference.sites, targets)
    queries = targets.haplotypes()
    fold = Fold("targets", reference, targets.samples, is_typed, queries, None, none_left_out)
    neighbours = retrieve_neighbours(fold, NEIGHBOURS, threads)
    dosages = mean_by_posterior(fold, neighbours, threads)
    return haplotypes_apart(targets, dosages, is_typed)


def leave_none_out(number: int) -> np.ndarray:
    """The reference haplotypes to leave out for `number` queries: none (-1), as targets are not in the reference."""
    return np.full((number, 1), -1, dtype=np.int64)
