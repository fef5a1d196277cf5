"""Per-sample sufficient statistics: everything that the metrics and their intervals need, without the genotypes.

All arrays are turned to the reference's minor allele first (`Genotypes.oriented`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.evaluation.strata import STRATA, ReferenceCounts, cells, count_minor_allele, membership

# One sum over a sample's genotypes each. x: minor-allele dosage; y: true minor-allele count; c{call}{truth}: genotypes
# by rounded dosage and truth; p{g}: probability of g minor alleles; p_true: probability of the true genotype;
# brier: sum over g of (p{g} - [y = g])^2; missing: genotypes left out because the truth is unknown.
FIELDS: tuple[str, ...] = (
    *("n", "x", "y", "xx", "yy", "xy"),
    *(f"c{call}{truth}" for call in range(3) for truth in range(3)),
    *("p0", "p1", "p2", "p_true", "brier", "missing"),
)
CALIBRATION_BINS = 10
CALIBRATION_RANGE = (0.02, 0.98)
CHUNK = 2048  # sites at a time: a few tens of MB for some hundred samples


@dataclass(frozen=True)
class Genotypes:
    """One method's result and the truth, for S scored sites and P samples."""

    ds: np.ndarray  # [S, P] float32, dosage in [0, 2]
    hds: np.ndarray  # [S, P, 2] float32, haplotype dosages in [0, 1]
    gp: np.ndarray | None  # [S, P, 3] float32, genotype probabilities; None: the two haplotypes taken as independent
    truth: np.ndarray  # [S, P] int8, allele count, -1 missing

    def oriented(self, flipped: np.ndarray) -> "Genotypes":
        """The same counted in the other allele at the sites where `flipped` [S] holds."""
        missing = self.truth < 0
        truth = np.where(missing, self.truth, count_minor_allele(self.truth, flipped)).astype(np.int8)
        of_haplotypes = flipped[:, None, None]
        gp = None if self.gp is None else np.where(of_haplotypes, self.gp[:, :, ::-1], self.gp)
        hds = np.where(of_haplotypes, 1 - self.hds, self.hds)
        return Genotypes(count_minor_allele(self.ds, flipped), hds, gp, truth)

    def take(self, index: np.ndarray | slice) -> "Genotypes":
        """The sites at `index`."""
        gp = None if self.gp is None else self.gp[index]
        return Genotypes(self.ds[index], self.hds[index], gp, self.truth[index])

    def of_samples(self, index: np.ndarray) -> "Genotypes":
        """The samples at `index`, in this order."""
        gp = None if self.gp is None else self.gp[:, index]
        return Genotypes(self.ds[:, index], self.hds[:, index], gp, self.truth[:, index])


@dataclass(frozen=True)
class SampleStatistics:
    """Sums over sites, per sample and stratum."""

    sums: np.ndarray  # [P, 13, F] float64, F = len(FIELDS), strata in the order of STRATA
    calibration: np.ndarray  # [P, 13, 10, 3] float64: haplotypes, their summed dosage, their summed expected allele


@dataclass(frozen=True)
class UncertainHaplotypes:
    """n haplotype dosages inside CALIBRATION_RANGE, with the expected true allele."""

    cell: np.ndarray  # [n] int64
    sample: np.ndarray  # [n] int64
    dosage: np.ndarray  # [n] float64
    expected: np.ndarray  # [n] float64


def sample_statistics(genotypes: Genotypes, counts: ReferenceCounts) -> SampleStatistics:
    """The statistics of `genotypes` (not yet oriented) at sites with reference `counts`."""
    cell, strata_of_cell = cells(membership(counts))
    n_samples = genotypes.ds.shape[1]
    n_cells = strata_of_cell.shape[1]
    cell_sums = np.zeros((n_cells, n_samples, len(FIELDS)))
    uncertain = []
    flipped = counts.flipped
    order = np.argsort(cell, kind="stable")
    for start, stop in _runs(cell[order]):
        index = order[start:stop]
        chunk = genotypes.take(index).oriented(flipped[index])
        this = int(cell[index[0]])
        cell_sums[this] += _sums(chunk)
        uncertain.append(_uncertain_haplotypes(chunk, this))
    sums = np.einsum("kc,cpf->pkf", strata_of_cell.astype(float), cell_sums)
    return SampleStatistics(sums, _calibration(uncertain, strata_of_cell, n_samples))


def _runs(cell: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of equal value in the sorted `cell`, cut into at most CHUNK."""
    if not len(cell):
        return []
    bounds = np.flatnonzero(np.diff(cell, prepend=-1, append=-1)).tolist()
    runs = []
    for first, stop in pairwise(bounds):
        starts = range(first, stop, CHUNK)
        runs += [(start, min(start + CHUNK, stop)) for start in starts]
    return runs


def genotype_probabilities(genotypes: Genotypes) -> np.ndarray:
    """[S, P, 3] float64, from GP or from independent haplotypes."""
    if genotypes.gp is not None:
        return genotypes.gp.astype(float)
    a = genotypes.hds[:, :, 0].astype(float)
    b = genotypes.hds[:, :, 1].astype(float)
    p0 = (1 - a) * (1 - b)
    p1 = a * (1 - b) + b * (1 - a)
    return np.stack([p0, p1, a * b], axis=2)


def hard_calls(ds: np.ndarray) -> np.ndarray:
    """The dosage rounded, int64 in {0, 1, 2}; .5 and 1.5 go to the homozygote, so the choice of allele is no matter."""
    return np.clip(np.rint(ds), 0, 2).astype(np.int64)


def _sums(chunk: Genotypes) -> np.ndarray:
    """[P, F] sums over the sites of an oriented chunk."""
    known = chunk.truth >= 0
    n_samples = known.shape[1]
    n_known = known.sum(axis=0)
    x = np.where(known, chunk.ds, 0).astype(float)
    y = np.where(known, chunk.truth, 0).astype(float)
    # the tenth code collects the genotypes without truth
    code = np.where(known, 3 * hard_calls(chunk.ds) + chunk.truth, 9)
    code_of_sample = (code + 10 * np.arange(n_samples)).reshape(-1)
    table = np.bincount(code_of_sample, minlength=10 * n_samples).reshape(n_samples, 10).astype(float)
    p = genotype_probabilities(chunk) * known[:, :, None]
    true_genotype = np.where(known, chunk.truth, 0).astype(np.int64)
    p_true = np.take_along_axis(p, true_genotype[:, :, None], axis=2)[:, :, 0].sum(axis=0)
    # sum over g of (p_g - [y = g])^2 = sum of p_g^2 - 2 p_true + 1
    brier = (p * p).sum(axis=(0, 2)) - 2 * p_true + n_known
    moments = [n_known.astype(float), x.sum(axis=0), y.sum(axis=0)]
    moments += [np.einsum("sp,sp->p", left, right) for left, right in ((x, x), (y, y), (x, y))]
    counts = [*table[:, :9].T]
    probabilities = [*p.sum(axis=0).T]
    return np.stack([*moments, *counts, *probabilities, p_true, brier, table[:, 9]], axis=1)


def _uncertain_haplotypes(chunk: Genotypes, cell: int) -> UncertainHaplotypes:
    """Haplotype dosages inside CALIBRATION_RANGE with the expected true allele.

    Phase of the truth need not be known: a homozygote gives both alleles; a heterozygote's one minor allele is shared
    between its haplotypes (dosages a, b) as the posterior says, P(h1 = 1 | het) = a(1-b) / (a(1-b) + b(1-a)).
    For a calibrated method the expectation of that share is a itself (ab + a(1-b) = a), so it scores 0.
    """
    low, high = CALIBRATION_RANGE
    # float32's 1 - (1 - h) is not h: without rounding, a swap of REF and ALT moves values across the edges of bins
    hds = chunk.hds.astype(float).round(6)
    known = (chunk.truth >= 0)[:, :, None]
    site, sample, haplotype = np.nonzero((hds > low) & (hds < high) & known)
    a = hds[site, sample, haplotype]
    b = hds[site, sample, 1 - haplotype]
    y = chunk.truth[site, sample]
    first_alone = a * (1 - b)
    share = first_alone / (first_alone + b * (1 - a))  # never 0 / 0: low < a < high
    expected = np.where(y == 1, share, y / 2)
    return UncertainHaplotypes(np.full(len(a), cell), sample, a, expected)


def _calibration(parts: list[UncertainHaplotypes], strata_of_cell: np.ndarray, n_samples: int) -> np.ndarray:
    """[P, 13, 10, 3]: per stratum, bins of equal mass over the dosages of all samples."""
    calibration = np.zeros((n_samples, len(STRATA), CALIBRATION_BINS, 3))
    if not parts:
        return calibration
    cell = np.concatenate([part.cell for part in parts])
    sample = np.concatenate([part.sample for part in parts])
    dosage = np.concatenate([part.dosage for part in parts])
    expected = np.concatenate([part.expected for part in parts])
    quantiles = np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    for k in range(len(STRATA)):
        chosen = strata_of_cell[k][cell]
        p = dosage[chosen]
        if len(p) == 0:
            continue
        edges = np.quantile(p, quantiles)
        code = sample[chosen] * CALIBRATION_BINS + np.searchsorted(edges, p, side="right")
        for j, weights in enumerate((None, p, expected[chosen])):
            total = np.bincount(code, weights, minlength=n_samples * CALIBRATION_BINS)
            calibration[:, k, :, j] = total.reshape(n_samples, CALIBRATION_BINS)
    return calibration
