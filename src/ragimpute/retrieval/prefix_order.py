"""The positional prefix order of haplotypes: sorted by their alleles before a site, from the nearest one backwards.

The positional Burrows-Wheeler transform (Durbin 2014, Bioinformatics 30:1266): haplotypes that match longest up to a
site are neighbours in its order.
"""

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def move(order, alleles, ones):
    """Take `order` [H] from before a site to after it, by its `alleles` [H]: a stable partition. `ones` [H]: scratch.

    Both places are written, and one of the two counts moves on: no branch that a processor could only guess.
    """
    n_zeros = n_ones = np.int64(0)
    for i in range(len(order)):
        h = order[i]
        allele = np.int64(alleles[h])
        order[n_zeros] = h
        ones[n_ones] = h
        n_ones += allele
        n_zeros += 1 - allele
    order[n_zeros:] = ones[:n_ones]
