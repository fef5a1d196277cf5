"""Per-sample sufficient statistics: everything that the metrics and their intervals need, without the genotypes.

All arrays are turned to the reference's minor allele first (`Genotypes.oriented`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ragimpute.evaluation.calibration import UncertainDosages, binned, join_dosages, uncertain_dosages
from ragimpute.evaluation.strata import N_CELLS, STRATA_OF_CELL, ReferenceCounts, cells, count_minor_allele

# One sum over a sample's genotypes each. x: minor-allele dosage; y: true minor-allele count; c{call}{truth}: genotypes
# by rounded dosage and truth; p{g}: probability of g minor alleles; p_true: probability of the true genotype;
# brier: sum over g of (p{g} - [y = g])^2; missing: genotypes left out because the truth is unknown.
FIELDS: tuple[str, ...] = (
    *("n", "x", "y", "xx", "yy", "xy"),
    *(f"c{call}{truth}" for call in range(3) for truth in range(3)),
    *("p0", "p1", "p2", "p_true", "brier", "missing"),
)
CHUNK = 2048  # sites at a time: a few tens of MB for some hundred samples


@dataclass(frozen=True)
class Genotypes:
    """One method's result and the truth, for S scored sites and P samples."""

    ds: np.ndarray  # [S, P] float32, dosage in [0, 2], of a haploid sample in [0, 1]
    hds: np.ndarray  # [S, P, 2] float32, haplotype dosages in [0, 1], the second NaN where haploid
    # [S, P, 3] float32, genotype probabilities, the third 0 where haploid; None: two haplotypes taken as independent
    gp: np.ndarray | None
    truth: np.ndarray  # [S, P] int8, allele count, -1 missing
    # [P] int8, how many alleles a sample has; 0: none, and all of its truth is missing; None: all have two
    ploidy: np.ndarray | None = None

    @property
    def haploid(self) -> np.ndarray | None:
        """[P] bool; None where all samples are diploid."""
        if self.ploidy is None:
            return None
        return self.ploidy < 2

    def oriented(self, flipped: np.ndarray) -> "Genotypes":
        """The same counted in the other allele at the sites where `flipped` [S] holds."""
        missing = self.truth < 0
        counted = count_minor_allele(self.truth, flipped, self.ploidy)
        truth = np.where(missing, self.truth, counted).astype(np.int8)
        of_haplotypes = flipped[:, None, None]
        gp = None if self.gp is None else np.where(of_haplotypes, _turned(self.gp, self.haploid), self.gp)
        hds = np.where(of_haplotypes, 1 - self.hds, self.hds)
        ds = count_minor_allele(self.ds, flipped, self.ploidy)
        return Genotypes(ds, hds, gp, truth, self.ploidy)

    def take(self, index: np.ndarray | slice) -> "Genotypes":
        """The sites at `index`."""
        ds = self.ds[index]
        hds = self.hds[index]
        truth = self.truth[index]
        gp = self.gp
        if gp is not None:
            gp = gp[index]
        return Genotypes(ds, hds, gp, truth, self.ploidy)

    def of_samples(self, index: np.ndarray) -> "Genotypes":
        """The samples at `index`, in this order."""
        gp = self.gp
        if gp is not None:
            gp = gp[:, index]
        ploidy = self.ploidy
        if ploidy is not None:
            ploidy = ploidy[index]
        return Genotypes(self.ds[:, index], self.hds[:, index], gp, self.truth[:, index], ploidy)


def _turned(gp: np.ndarray, haploid: np.ndarray | None) -> np.ndarray:
    """Genotype probabilities [S, P, 3] counted in the other allele."""
    of_two = gp[:, :, ::-1]
    if haploid is None:
        return of_two
    of_one = gp[:, :, [1, 0, 2]]
    return np.where(haploid[None, :, None], of_one, of_two)


@dataclass(frozen=True)
class SampleStatistics:
    """Sums over sites, per sample and stratum; those of several chromosomes add up."""

    sums: np.ndarray  # [P, 13, F] float64, F = len(FIELDS), strata in the order of STRATA
    calibration: np.ndarray  # [P, 13, 10, 3] float64: haplotypes, their summed dosage, their summed expected allele
    # what `calibration` follows from; None where it was left in the file, or pooled
    dosages: UncertainDosages | None = None


class StatisticsOfBlocks:
    """Adds up the statistics of the same samples, block by block of sites."""

    def __init__(self, n_samples: int) -> None:
        self._cell_sums = np.zeros((N_CELLS, n_samples, len(FIELDS)))
        self._joined = join_dosages([], n_samples)
        self._waiting: list[UncertainDosages] = []

    def add(self, genotypes: Genotypes, counts: ReferenceCounts) -> None:
        """Add those of `genotypes` (not yet oriented) at sites with reference `counts`."""
        for this, chunk in _chunks(genotypes, counts, cells(counts)):
            self._cell_sums[this] += _sums(chunk)
            dosages = uncertain_dosages(chunk.hds, chunk.truth, this, chunk.haploid)
            self._waiting.append(dosages)
        # equal ones are added up only now and then, as each time takes the time of all of them
        if sum(len(part.key) for part in self._waiting) > len(self._joined.key):
            self._join()

    def _join(self) -> None:
        self._joined = join_dosages([self._joined, *self._waiting], self._joined.n_samples)
        self._waiting = []

    def statistics(self) -> SampleStatistics:
        """The statistics of all that was added."""
        self._join()
        sums = _of_strata(self._cell_sums)
        calibration = binned(self._joined)
        return SampleStatistics(sums, calibration, self._joined)


def sample_statistics(genotypes: Genotypes, counts: ReferenceCounts) -> SampleStatistics:
    """The statistics of `genotypes` (not yet oriented) at sites with reference `counts`."""
    found = StatisticsOfBlocks(genotypes.ds.shape[1])
    found.add(genotypes, counts)
    return found.statistics()


def sample_sums(genotypes: Genotypes, counts: ReferenceCounts) -> np.ndarray:
    """`sums` of `sample_statistics` alone: [P, 13, F] float64."""
    cell_sums = np.zeros((N_CELLS, genotypes.ds.shape[1], len(FIELDS)))
    for this, chunk in _chunks(genotypes, counts, cells(counts)):
        cell_sums[this] += _sums(chunk)
    return _of_strata(cell_sums)


def add_statistics(parts: Sequence[SampleStatistics]) -> SampleStatistics:
    """The statistics of the sites of all parts, which are of the same samples and hold their `dosages`."""
    sums = np.sum([part.sums for part in parts], axis=0)
    tables = [part.dosages for part in parts if part.dosages is not None]
    if len(tables) < len(parts):
        raise ValueError("the dosages that a calibration follows from were not read")
    n_samples = len(sums)
    dosages = join_dosages(tables, n_samples)
    calibration = binned(dosages)
    return SampleStatistics(sums, calibration, dosages)


def _of_strata(cell_sums: np.ndarray) -> np.ndarray:
    """[P, 13, F] sums of the strata from those of cells [N_CELLS, P, F]."""
    found: np.ndarray = np.einsum("kc,cpf->pkf", STRATA_OF_CELL.astype(float), cell_sums)
    return found


def _chunks(genotypes: Genotypes, counts: ReferenceCounts, cell: np.ndarray) -> Iterator[tuple[int, Genotypes]]:
    """Pieces of at most CHUNK sites of one cell, turned to the minor allele, with that cell."""
    flipped = counts.flipped
    order = np.argsort(cell, kind="stable")
    for start, stop in _runs(cell[order]):
        index = order[start:stop]
        this = cell[index[0]]
        is_flipped = flipped[index]
        chunk = genotypes.take(index)
        chunk = chunk.oriented(is_flipped)
        yield int(this), chunk


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
    if genotypes.haploid is not None:
        b = np.where(genotypes.haploid, 0.0, b)
    p0 = (1 - a) * (1 - b)
    p1 = a * (1 - b) + b * (1 - a)
    return np.stack([p0, p1, a * b], axis=2)


def hard_calls(ds: np.ndarray) -> np.ndarray:
    """The dosage rounded, int64 in {0, 1, 2}; .5 and 1.5 go to the homozygote, so the choice of allele is no matter."""
    rounded = np.rint(ds)
    calls = np.clip(rounded, 0, 2)
    return calls.astype(np.int64)


def _sums(chunk: Genotypes) -> np.ndarray:
    """[P, F] sums over the sites of an oriented chunk."""
    known = chunk.truth >= 0
    n_samples = known.shape[1]
    dosage = np.where(known, chunk.ds, 0)
    n_known = known.sum(axis=0)
    x = dosage.astype(float)
    y = np.where(known, chunk.truth, 0).astype(float)
    # the tenth code collects the genotypes without truth
    code = np.where(known, 3 * hard_calls(dosage) + chunk.truth, 9)
    code_of_sample = (code + 10 * np.arange(n_samples)).reshape(-1)
    table = np.bincount(code_of_sample, minlength=10 * n_samples).reshape(n_samples, 10).astype(float)
    p = np.where(known[:, :, None], genotype_probabilities(chunk), 0.0)
    true_genotype = np.where(known, chunk.truth, 0).astype(np.int64)
    p_true = np.take_along_axis(p, true_genotype[:, :, None], axis=2)[:, :, 0].sum(axis=0)
    # sum over g of (p_g - [y = g])^2 = sum of p_g^2 - 2 p_true + 1
    brier = (p * p).sum(axis=(0, 2)) - 2 * p_true + n_known
    moments = [n_known.astype(float), x.sum(axis=0), y.sum(axis=0)]
    moments += [np.einsum("sp,sp->p", left, right) for left, right in ((x, x), (y, y), (x, y))]
    counts = [*table[:, :9].T]
    missing = table[:, 9] if chunk.ploidy is None else np.where(chunk.ploidy > 0, table[:, 9], 0)
    expected = p.sum(axis=0)
    probabilities = [*expected.T]
    return np.stack([*moments, *counts, *probabilities, p_true, brier, missing], axis=1)
