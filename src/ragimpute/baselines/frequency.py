"""The floor of the comparison: every sample gets the reference's allele frequency."""

import numpy as np

from ragimpute.baselines.assembly import haplotypes_apart, typed_mask
from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed


def run_frequency(frequency: np.ndarray, sites: Sites, targets: TargetGenotypes) -> Imputed:
    """Give every sample the reference's allele `frequency` [S] at untyped sites, its own alleles at typed ones.

    What a method must beat: it knows the sites, not the samples.
    """
    n_haplotypes = 2 * len(targets.samples)
    of_sites = frequency.astype(np.float32)
    dosages = np.repeat(of_sites[:, None], n_haplotypes, axis=1)
    typed = typed_mask(sites, targets)
    return haplotypes_apart(targets, dosages, typed)
