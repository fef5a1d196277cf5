"""The unit of genetic distance in which retrieval works on a panel, for weights that were trained on many panels.

Weights know what a match of so many cM, or a posterior at so many jumps per cM, is worth where haplotypes jump as often
as in the panels that they were trained on. Where those of a panel jump less often, its cM are worth less, where more
often, more.
"""

import numpy as np

from ragimpute.panel.folds import SPARSE_PER_CM
from ragimpute.panel.store import Panel
from ragimpute.retrieval.jump_rate import SAMPLES, likeliest_rate, spread

USUAL_RATE = 2.0  # jumps per cM of a panel whose cM are taken as they are (docs/scaling.md)
MOST_SCALE = 1.25  # larger ones gain on panels of one population and lose on mixed ones (docs/scaling.md)
LEAST_HAPLOTYPES = 20  # fewer tell no rate


def scale_of_map(panel: Panel, typed: np.ndarray, typed_per_cm: float, threads: int) -> float:
    """What the cM of one chromosome's window `panel`, typed at `typed` [S] bool, are to be multiplied with.

    It is the likeliest rate at which haplotypes of the panel copy from those of its other samples, over USUAL_RATE, and
    at most MOST_SCALE.
    Dense typed sites tell long matches from short ones by themselves: there, at SPARSE_PER_CM, it is 1. Targets have
    no part in it, so that it does not depend on who is imputed together.
    """
    n_haplotypes = panel.n_haplotypes
    if typed_per_cm >= SPARSE_PER_CM or n_haplotypes < LEAST_HAPLOTYPES:
        return 1.0
    alleles = panel.alleles[typed]
    pairs = 2 * spread(n_haplotypes // 2, SAMPLES)
    queries = np.stack([alleles[:, pairs], alleles[:, pairs + 1]], axis=2)
    own = np.concatenate([_of_same_sample(panel, pairs), _of_same_sample(panel, pairs + 1)], axis=1)
    rate = likeliest_rate(alleles, panel.sites.cm[typed], queries, own, threads)
    return min(MOST_SCALE, rate / USUAL_RATE)


def _of_same_sample(panel: Panel, haplotypes: np.ndarray) -> np.ndarray:
    """The haplotypes [J, 2] of the samples that `haplotypes` [J] belong to, -1 where a sample has one."""
    return panel.haplotype_pairs[panel.sample_of_haplotype[haplotypes]]
