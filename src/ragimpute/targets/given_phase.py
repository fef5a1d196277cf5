"""The phase that samples came with, where others have to be phased."""

import numpy as np

from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.several_phasings import of_nearest


def keep_given_phase(alleles: np.ndarray, targets: TargetGenotypes) -> None:
    """Give the samples that came phased their haplotypes back, in `alleles` [M, N, 2], phased anew; in place.

    All sites are of one chromosome. A sample came phased when all its known heterozygotes are. What was missing keeps
    its new alleles, on the haplotypes that agree with the given ones at the nearest heterozygote.
    """
    known = np.all(targets.alleles >= 0, axis=2)  # [M, N]
    het = targets.heterozygous
    came_phased = (targets.phased | ~het).all(axis=0)
    every_row = np.arange(len(alleles))
    for sample in np.flatnonzero(came_phased):
        given = targets.alleles[:, sample]  # [M, 2]
        new = alleles[:, sample]
        hets = np.flatnonzero(het[:, sample])
        if len(hets):
            opposite = new[hets, 0] != given[hets, 0]
            exchanged = of_nearest(opposite, hets, every_row)
            new[exchanged] = new[exchanged, ::-1]
        known_here = known[:, sample]
        new[known_here] = given[known_here]
