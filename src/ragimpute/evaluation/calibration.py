"""Calibration of haplotype dosages: a table of them that adds up over chromosomes, and its bins of equal mass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.evaluation.counted_values import counted_quantiles, sums_by_key
from ragimpute.evaluation.strata import STRATA, STRATA_OF_CELL

BINS = 10
RANGE = (0.02, 0.98)
DIGITS = 6  # of a dosage
UNIT = 10**DIGITS


@dataclass(frozen=True)
class UncertainDosages:
    """The haplotype dosages of P samples inside RANGE, equal ones of a sample and a cell of strata added up.

    The edges of the bins are quantiles over all chromosomes; they follow exactly from the distinct values. VCFs print
    three digits, so that there are not many.
    """

    key: np.ndarray  # [E] int64, increasing: (cell * UNIT + dosage * UNIT) * P + sample
    number: np.ndarray  # [E] int64, haplotypes
    expected: np.ndarray  # [E] float64, their summed expected minor allele
    n_samples: int

    @property
    def sample(self) -> np.ndarray:
        """[E] int64."""
        return self.key % self.n_samples

    @property
    def millionths(self) -> np.ndarray:
        """The dosage times UNIT: [E] int64."""
        return self.key // self.n_samples % UNIT

    @property
    def cell(self) -> np.ndarray:
        """The cell of strata: [E] int64."""
        keys_of_cell = self.n_samples * UNIT
        return self.key // keys_of_cell


def uncertain_dosages(hds: np.ndarray, truth: np.ndarray, cell: int, haploid: np.ndarray | None) -> UncertainDosages:
    """The haplotype dosages inside RANGE with the expected true allele.

    Phase of the truth need not be known: a homozygote gives both alleles; a heterozygote's one minor allele is shared
    between its haplotypes (dosages a, b) as the posterior says, P(h1 = 1 | het) = a(1-b) / (a(1-b) + b(1-a)).
    For a calibrated method the expectation of that share is a itself (ab + a(1-b) = a), so it scores 0.

    Args: hds [S, P, 2] of the minor allele, the second NaN where haploid; truth [S, P] minor allele count, -1 missing;
    cell, of all S sites; haploid [P] bool, None: no sample is.
    """
    low, high = RANGE
    # float32's 1 - (1 - h) is not h: without rounding, a swap of REF and ALT moves values across the edges of bins
    rounded = hds.astype(float).round(DIGITS)
    known = (truth >= 0)[:, :, None]
    site, sample, haplotype = np.nonzero((rounded > low) & (rounded < high) & known)
    a = rounded[site, sample, haplotype]
    b = rounded[site, sample, 1 - haplotype]
    y = truth[site, sample]
    first_alone = a * (1 - b)
    second_alone = b * (1 - a)
    either_alone = first_alone + second_alone
    share = first_alone / either_alone  # never 0 / 0: low < a < high
    is_heterozygous = y == 1
    expected = np.where(is_heterozygous, share, y / 2)
    if haploid is not None:
        expected = np.where(haploid[sample], y, expected)
    n_samples = truth.shape[1]
    millionths = np.rint(a * UNIT).astype(np.int64)
    key = (cell * UNIT + millionths) * n_samples + sample
    number = np.ones_like(key)
    return _added(key, number, expected, n_samples)


def join_dosages(parts: Sequence[UncertainDosages], n_samples: int) -> UncertainDosages:
    """The dosages of all parts, which are of the same samples."""
    empty = np.zeros(0, dtype=np.int64)
    key = np.concatenate([empty, *(part.key for part in parts)])
    number = np.concatenate([empty, *(part.number for part in parts)])
    expected = np.concatenate([np.zeros(0), *(part.expected for part in parts)])
    return _added(key, number, expected, n_samples)


def _added(key: np.ndarray, number: np.ndarray, expected: np.ndarray, n_samples: int) -> UncertainDosages:
    distinct, numbers, sums = sums_by_key(key, number, expected)
    return UncertainDosages(distinct, numbers, sums, n_samples)


def binned(table: UncertainDosages) -> np.ndarray:
    """[P, 13, 10, 3] float64: per sample, stratum and bin the haplotypes, summed dosage, summed expected allele.

    The bins have equal mass over the dosages of all samples in the stratum.
    """
    n_samples = table.n_samples
    calibration = np.zeros((n_samples, len(STRATA), BINS, 3))
    inner_edges = np.arange(1, BINS)
    shares = inner_edges / BINS
    cell = table.cell
    millionths = table.millionths
    sample = table.sample
    n_bins = n_samples * BINS
    for k, is_inside in enumerate(STRATA_OF_CELL):
        chosen = is_inside[cell]
        if not chosen.any():
            continue
        number = table.number[chosen]
        values = millionths[chosen]
        distinct, counts = sums_by_key(values, number)
        distinct_dosages = distinct / UNIT
        edges = counted_quantiles(distinct_dosages, counts, shares)
        dosage = values / UNIT
        code = sample[chosen] * BINS + np.searchsorted(edges, dosage, side="right")
        for j, weights in enumerate((number, number * dosage, table.expected[chosen])):
            total = np.bincount(code, weights, minlength=n_bins)
            calibration[:, k, :, j] = total.reshape(n_samples, BINS)
    return calibration
