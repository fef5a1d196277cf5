"""The carriers of each site's minor allele."""

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads

ORDER_SEED = 0


def fixed_order(n_haplotypes: int) -> np.ndarray:
    """The random order [H], always the same, in which carriers are taken where not all are."""
    return np.random.default_rng(ORDER_SEED).permutation(n_haplotypes)


def first_carriers(alleles: np.ndarray, flipped: np.ndarray, most: int, threads: int) -> np.ndarray:
    """The first `most` carriers of each site in the fixed order: haplotypes [S, C] int32, -1 fills up.

    alleles [S, H] uint8; flipped [S] bool: carriers have ALT, where flipped REF.
    """
    n_sites, n_hap = alleles.shape
    kept = np.full((n_sites, min(most, n_hap)), -1, np.int32)
    in_threads(_first_carriers, threads, alleles, flipped, fixed_order(n_hap), kept)
    return kept


@njit(cache=True, nogil=True)
def _first_carriers(block, n_blocks, alleles, flipped, order, kept):
    for s in range(block, len(alleles), n_blocks):
        n = 0
        for h in order:
            if alleles[s, h] != flipped[s]:
                kept[s, n] = h
                n += 1
                if n == kept.shape[1]:
                    break
