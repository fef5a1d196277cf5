"""Per-sample sufficient statistics: everything that the metrics and their intervals need, without the genotypes.

All arrays are turned to the reference's minor allele first (`Genotypes.oriented`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.evaluation.strata import STRATA, ReferenceCounts, cells, membership

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
        flip = flipped[:, None]
        truth = np.where(flip & (self.truth >= 0), 2 - self.truth, self.truth).astype(np.int8)
        gp = None if self.gp is None else np.where(flip[:, :, None], self.gp[:, :, ::-1], self.gp)
        hds = np.where(flip[:, :, None], 1 - self.hds, self.hds)
        return Genotypes(np.where(flip, 2 - self.ds, self.ds), hds, gp, truth)

    def take(self, index: np.ndarray | slice) -> "Genotypes":
        """The sites at `index`."""
        gp = None if self.gp is None else self.gp[index]
        return Genotypes(self.ds[index], self.hds[index], gp, self.truth[index])


@dataclass(frozen=True)
class SampleStatistics:
    """Sums over sites, per sample and stratum."""

    sums: np.ndarray  # [P, 13, F] float64, F = len(FIELDS), strata in the order of STRATA
    calibration: np.ndarray  # [P, 13, 10, 3] float64: haplotypes, their summed dosage, their summed expected allele


def sample_statistics(genotypes: Genotypes, counts: ReferenceCounts) -> SampleStatistics:
    """The statistics of `genotypes` (not yet oriented) at sites with reference `counts`."""
    member = membership(counts)
    cell, strata_of_cell = cells(member)
    n_samples, n_cells = genotypes.ds.shape[1], strata_of_cell.shape[1]
    cell_sums = np.zeros((n_cells, n_samples, len(FIELDS)))
    haplotypes = []  # (cell, sample, dosage, expected allele) of the haplotypes that calibration looks at
    flipped = counts.flipped
    order = np.argsort(cell, kind="stable")
    for start, stop in _runs(cell[order]):
        index = order[start:stop]
        chunk = genotypes.take(index).oriented(flipped[index])
        this = int(cell[index[0]])
        cell_sums[this] += _sums(chunk)
        haplotypes.append(_uncertain_haplotypes(chunk, this))
    sums = np.einsum("kc,cpf->pkf", strata_of_cell.astype(float), cell_sums)
    return SampleStatistics(sums, _calibration(haplotypes, strata_of_cell, n_samples))


def _runs(cell: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of equal value in the sorted `cell`, cut into at most CHUNK."""
    bounds = np.flatnonzero(np.diff(cell, prepend=-1, append=-1)) if len(cell) else np.zeros(0, dtype=np.int64)
    return [
        (start, min(start + CHUNK, int(stop)))
        for first, stop in pairwise(bounds)
        for start in range(int(first), int(stop), CHUNK)
    ]


def genotype_probabilities(genotypes: Genotypes) -> np.ndarray:
    """[S, P, 3] float64, from GP or from independent haplotypes."""
    if genotypes.gp is not None:
        return genotypes.gp.astype(float)
    a, b = genotypes.hds[:, :, 0].astype(float), genotypes.hds[:, :, 1].astype(float)
    return np.stack([(1 - a) * (1 - b), a * (1 - b) + b * (1 - a), a * b], axis=2)


def hard_calls(ds: np.ndarray) -> np.ndarray:
    """The dosage rounded, int64 in {0, 1, 2}; .5 and 1.5 go to the homozygote, so the choice of allele is no matter."""
    return np.clip(np.rint(ds), 0, 2).astype(np.int64)


def _sums(chunk: Genotypes) -> np.ndarray:
    """[P, F] sums over the sites of an oriented chunk."""
    known = chunk.truth >= 0
    n_samples = known.shape[1]
    x = np.where(known, chunk.ds, 0).astype(float)
    y = np.where(known, chunk.truth, 0).astype(float)
    # the tenth code collects the genotypes without truth
    code = np.where(known, 3 * hard_calls(chunk.ds) + chunk.truth, 9) + 10 * np.arange(n_samples)
    table = np.bincount(code.reshape(-1), minlength=10 * n_samples).reshape(n_samples, 10).astype(float)
    p = genotype_probabilities(chunk) * known[:, :, None]
    p_true = np.take_along_axis(p, np.where(known, chunk.truth, 0).astype(np.int64)[:, :, None], axis=2)[:, :, 0]
    # sum over g of (p_g - [y = g])^2 = sum of p_g^2 - 2 p_true + 1
    brier = (p * p).sum(axis=(0, 2)) - 2 * p_true.sum(axis=0) + known.sum(axis=0)
    moments = [known.sum(axis=0).astype(float), x.sum(axis=0), y.sum(axis=0)]
    moments += [np.einsum("sp,sp->p", left, right) for left, right in ((x, x), (y, y), (x, y))]
    parts = [*moments, *table[:, :9].T, *p.sum(axis=0).T, p_true.sum(axis=0), brier, table[:, 9]]
    return np.stack(parts, axis=1)


def _uncertain_haplotypes(chunk: Genotypes, cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Haplotype dosages inside CALIBRATION_RANGE with the expected true allele.

    Phase of the truth need not be known: a homozygote gives both alleles; a heterozygote's one minor allele is shared
    between its haplotypes (dosages a, b) as the posterior says, P(h1 = 1 | het) = a(1-b) / (a(1-b) + b(1-a)).
    For a calibrated method the expectation of that share is a itself (ab + a(1-b) = a), so it scores 0.
    """
    low, high = CALIBRATION_RANGE
    # float32's 1 - (1 - h) is not h: without rounding, a swap of REF and ALT moves values across the edges of bins
    hds = chunk.hds.astype(float).round(6)
    inside = (hds > low) & (hds < high) & (chunk.truth >= 0)[:, :, None]
    site, sample, haplotype = np.nonzero(inside)
    a, b, y = hds[site, sample, haplotype], hds[site, sample, 1 - haplotype], chunk.truth[site, sample]
    share = a * (1 - b) / (a * (1 - b) + b * (1 - a))  # never 0 / 0: low < a < high
    expected = np.where(y == 1, share, y / 2)
    return np.full(len(a), cell), sample, a, expected


def _calibration(
    haplotypes: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], strata_of_cell: np.ndarray, n_samples: int
) -> np.ndarray:
    """[P, 13, 10, 3]: per stratum, bins of equal mass over the dosages of all samples."""
    out = np.zeros((n_samples, len(STRATA), CALIBRATION_BINS, 3))
    if not haplotypes:
        return out
    cell, sample, dosage, expected = (np.concatenate(parts) for parts in zip(*haplotypes, strict=True))
    for k in range(len(STRATA)):
        chosen = strata_of_cell[k][cell]
        p, o, who = dosage[chosen], expected[chosen], sample[chosen]
        if len(p) == 0:
            continue
        edges = np.quantile(p, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
        code = who * CALIBRATION_BINS + np.searchsorted(edges, p, side="right")
        for j, weights in enumerate((None, p, o)):
            total = np.bincount(code, weights, minlength=n_samples * CALIBRATION_BINS)
            out[:, k, :, j] = total.reshape(n_samples, CALIBRATION_BINS)
    return out
