"""The positional prefix order of haplotypes: sorted by their alleles before a site, from the nearest one backwards.

The positional Burrows-Wheeler transform (Durbin 2014, Bioinformatics 30:1266): haplotypes that match longest up to a
site are neighbours in its order.
"""

from numba import njit


@njit(cache=True, inline="always")
def move(order, alleles, zeros, ones):
    """Take `order` [H] from before a site to after it, by its `alleles` [H]: a stable partition. The rest: scratch."""
    n_zeros = n_ones = 0
    for h in order:
        if alleles[h]:
            ones[n_ones] = h
            n_ones += 1
        else:
            zeros[n_zeros] = h
            n_zeros += 1
    order[:n_zeros] = zeros[:n_zeros]
    order[n_zeros:] = ones[:n_ones]
