"""All readers of VCF and BCF files: panel, targets, truth and imputed results."""

from ragimpute.vcf.genotype_reader import TargetGenotypes, read_genotypes, read_truth
from ragimpute.vcf.imputed_reader import ImputedVcf, read_imputed
from ragimpute.vcf.panel_reader import read_panel
from ragimpute.vcf.source import Header, Region, read_header

__all__ = [
    "Header",
    "ImputedVcf",
    "Region",
    "TargetGenotypes",
    "read_genotypes",
    "read_header",
    "read_imputed",
    "read_panel",
    "read_truth",
]
