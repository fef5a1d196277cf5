"""Genotype imputation with a retrieval-augmented network, and the study of its training losses."""

__version__ = "0.1.0"
