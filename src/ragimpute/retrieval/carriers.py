"""The carriers of each site's minor allele."""

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads

MOST = 64  # carriers of a site that are looked at: the first in a fixed random order
ORDER_SEED = 0


def first_carriers(alleles: np.ndarray, flipped: np.ndarray, threads: int) -> np.ndarray:
    """The first MOST carriers of each site in a random order, always the same: haplotypes [S, C] int32, -1 fills up.

    alleles [S, H] uint8; flipped [S] bool: carriers have ALT, where flipped REF.
    """
    n_sites, n_hap = alleles.shape
    order = np.random.default_rng(ORDER_SEED).permutation(n_hap)
    kept = np.full((n_sites, min(MOST, n_hap)), -1, np.int32)
    in_threads(_first_carriers, threads, alleles, flipped, order, kept)
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
