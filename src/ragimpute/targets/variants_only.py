"""Targets that list only the variants that a sample carries: what is absent from them is not missing, but REF."""

import numpy as np

FEW_SAMPLES = 10  # of more, common sites at which all carry REF are rare
FEWEST_SITES = 20  # that should be there

ABSENT_SITES = (
    "the file seems to list only variants that a sample carries, and homozygous REF is absent rather than missing: "
    "imputation cannot know it; call the samples at all sites of the panel (bcftools call without --variants-only), or "
    "give a gVCF (HaplotypeCaller -ERC GVCF, bcftools call --gvcf)"
)


def lists_variants_only(n_known: np.ndarray, n_homozygous: np.ndarray, frequency: np.ndarray, n_samples: int) -> bool:
    """Whether sites are absent from targets because all samples carry REF there.

    n_known, n_homozygous: at each of M sites, the genotypes that are known and that are homozygous REF, [M].
    frequency: that of ALT in the panel, [M]. No genotype is homozygous REF; or of few samples, all of whom should be so
    at many of the sites, all are so at none.
    """
    is_known = n_known > 0
    if np.count_nonzero(is_known) >= FEWEST_SITES and not n_homozygous.any():
        return True
    all_carry_ref = is_known & (n_homozygous == n_known)
    expected = np.where(is_known, (1 - frequency) ** (2 * n_known), 0).sum()
    return bool(n_samples <= FEW_SAMPLES and expected >= FEWEST_SITES and not all_carry_ref.any())
