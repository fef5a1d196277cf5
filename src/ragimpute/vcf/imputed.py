"""Imputed genotypes of N samples at S sites, as every method returns them and the VCF writer takes them."""

from dataclasses import dataclass

import numpy as np

from ragimpute.panel.folds import Fold


@dataclass(frozen=True)
class Imputed:
    """The joint distribution of a sample's two alleles at a site is given by three numbers.

    P(h1=1) and P(h2=1) are `hds`, P(h1=1, h2=1) is `both`; GP, DS and GT follow (DS = sum of HDS = GP1 + 2 GP2).
    Of a haploid sample only its first haplotype counts: DS = HDS = GP1.
    """

    samples: tuple[str, ...]
    hds: np.ndarray  # [S, N, 2] float32 in [0, 1]
    both: np.ndarray  # [S, N] float32
    typed: np.ndarray  # [S] bool
    r2: np.ndarray | None = None  # [S] float32, the method's own estimate; None: Minimac's estimator on `hds`
    er2: np.ndarray | None = None  # [S] float32, that of ragimpute.imputation.left_out; NaN at untyped sites
    inverted: np.ndarray | None = None  # [S] float32, log odds that typed alleles are inverted; 0 at untyped sites
    # [T, N] float32, dosages of the T typed genotypes, each from all other typed sites; NaN where it was not given
    left_out: np.ndarray | None = None
    ploidy: np.ndarray | None = None  # [N] int8: 0 (written as missing), 1 or 2; None: all samples are diploid

    @classmethod
    def of_fold(cls, fold: Fold, hds: np.ndarray, both: np.ndarray) -> "Imputed":
        """A network's `hds` and `both`, overwritten where there is nothing to impute.

        Typed sites keep the observed alleles; a site that is monomorphic in the reference gets its only allele, because
        no such site can be learnt from.
        """
        typed = fold.typed
        n_typed = len(fold.observed)
        observed = fold.observed.reshape(n_typed, fold.n_samples, 2)
        hds[typed] = observed
        both[typed] = observed.all(axis=2)
        allele_count = fold.reference.allele_count
        n_haplotypes = fold.reference.n_haplotypes
        for only_allele, its_count in ((0.0, 0), (1.0, n_haplotypes)):
            is_constant = allele_count == its_count
            imputed = is_constant & ~typed
            hds[imputed] = only_allele
            both[imputed] = only_allele
        np.clip(hds, 0.0, 1.0, out=hds)
        return cls(fold.samples, hds, both, fold.typed)
