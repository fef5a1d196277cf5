"""Synthetic results for the tests of the evaluation and the report."""

import numpy as np

from ragimpute.evaluation.statistics import Genotypes
from ragimpute.evaluation.strata import ReferenceCounts


def rounded(values: np.ndarray) -> np.ndarray:
    """Three decimals, as a VCF holds them."""
    return np.round(values, 3).astype(np.float32)


def synthetic(
    n_sites: int = 400, n_people: int = 30, noise: float = 0.3, seed: int = 3, missing: float = 0.0, ties: bool = False
) -> tuple[Genotypes, ReferenceCounts]:
    """Truth drawn from the reference's frequencies in Hardy-Weinberg proportions, and noisy dosages of it."""
    generator = np.random.default_rng(seed)
    n_haplotypes = 1201 if not ties else 1200  # odd: no site has two equally frequent alleles
    ac = np.concatenate([np.arange(8), generator.integers(0, n_haplotypes + 1, size=n_sites - 8)])
    small = generator.random(n_sites) < 0.5
    ac = np.where(small, np.minimum(ac, generator.integers(0, 60, size=n_sites)), ac)
    frequency = ac / n_haplotypes
    haplotypes = generator.random((n_sites, n_people, 2)) < frequency[:, None, None]
    hds = rounded(np.clip(haplotypes * (1 - noise) + noise * generator.random(haplotypes.shape), 0, 1))
    truth = haplotypes.sum(axis=2).astype(np.int8)
    truth[generator.random(truth.shape) < missing] = -1
    counts = ReferenceCounts(ac.astype(np.int64), np.full(n_sites, n_haplotypes, dtype=np.int64))
    return Genotypes(hds.sum(axis=2), hds, None, truth), counts


def truth_as_result(truth: np.ndarray) -> Genotypes:
    """A method that knows the answer."""
    ds = np.maximum(truth, 0).astype(np.float32)
    gp = (np.maximum(truth, 0)[:, :, None] == np.arange(3)).astype(np.float32)
    return Genotypes(ds, np.repeat(ds[:, :, None] / 2, 2, axis=2), gp, truth)
