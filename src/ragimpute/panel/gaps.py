"""Missing genotypes of a panel, filled in by the panel itself.

A missing allele becomes the one that most of the haplotypes carry that are most like its own. Alike are haplotypes that
agree at more of the records around, up to REACH on each side and within the block of records that is read together.
Nothing is drawn, and what is filled in plays no part in what else is.
"""

import numpy as np

MOST_MISSING = 0.05  # share of a record's genotypes, by default: with more it is not used
REACH = 64  # records on each side


def fill_gaps(alleles: np.ndarray, rows: np.ndarray, trusted: np.ndarray) -> None:
    """Fill in the negative alleles of some `rows` [R] of `alleles` [B, H], in place.

    Haplotypes are compared at `trusted` records [B] bool. Each of the rows has an allele that is known.
    """
    agreement = np.where(alleles == 1, 1, np.where(alleles == 0, -1, 0)).astype(np.int8)
    agreement[~trusted] = 0
    filled = {}
    for row in rows.tolist():
        gaps = np.flatnonzero(alleles[row] < 0)
        around = agreement[max(row - REACH, 0) : row + REACH + 1].astype(np.float32)  # its own gaps are 0 there
        filled[row] = gaps, _chosen(alleles[row], around[:, gaps].T @ around)
    for row, (gaps, values) in filled.items():
        alleles[row, gaps] = values


def _chosen(record: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """The alleles [G] of a record's gaps. `alike` [G, H]: agreements less disagreements with each haplotype."""
    is_known = record >= 0
    carriers = record == 1
    alike = np.where(is_known, alike, -np.inf)
    is_best = alike == alike.max(axis=1, keepdims=True)
    n_best = is_best.sum(axis=1)
    n_carriers = (is_best & carriers).sum(axis=1)
    of_record = 2 * np.count_nonzero(carriers) > np.count_nonzero(is_known)
    is_tie = 2 * n_carriers == n_best
    return np.where(is_tie, of_record, 2 * n_carriers > n_best)
