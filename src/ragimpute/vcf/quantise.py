"""One quantisation of imputed genotypes to integer thousandths, from which every printed field follows exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

UNIT = 1000


@dataclass(frozen=True)
class Quantised:
    """Thousandths of the marginal and joint probabilities of a sample's two alleles at a site."""

    a: np.ndarray  # [S, N] int16, P(h1 = 1)
    b: np.ndarray  # [S, N] int16, P(h2 = 1)
    both: np.ndarray  # [S, N] int16, P(h1 = 1, h2 = 1) = GP2

    @property
    def gp(self) -> np.ndarray:
        """GP [S, N, 3] int16; sums to 1000, and a + b = GP1 + 2 GP2."""
        two = self.both
        one = self.a + self.b - 2 * two
        none = UNIT - one - two
        return np.stack([none, one, two], axis=-1)

    def at(self, rows: Sequence[int]) -> "Quantised":
        """The same at some of the sites."""
        index = np.array(rows, dtype=np.int64)
        return Quantised(self.a[index], self.b[index], self.both[index])


def quantise(hds: np.ndarray, both: np.ndarray) -> Quantised:
    """Round `hds` [S, N, 2] and `both` [S, N] so that the four joint probabilities are whole and not negative.

    `both` is moved into [max(0, a + b - 1), min(a, b)], the Fréchet bounds of two marginals. Raises ValueError for NaN
    or values outside [0, 1].
    """
    shape = both.shape
    a, b, joint = (np.empty(shape, np.int16) for _ in range(3))
    if not _fill(hds, both, a, b, joint):
        raise ValueError("haplotype dosages must lie in [0, 1], and genotype probabilities must be finite")
    return Quantised(a, b, joint)


@njit(cache=True, nogil=True)
def _fill(hds, both, a, b, joint):
    """Fill a, b and joint [S, N] int16; False when a value is out of bounds."""
    unit, room = np.float32(UNIT), np.float32(1e-4)
    fine = True
    for site in range(both.shape[0]):
        for sample in range(both.shape[1]):
            first, second, two = hds[site, sample, 0], hds[site, sample, 1], both[site, sample]
            fine &= (first >= -room) & (first <= 1 + room) & (second >= -room) & (second <= 1 + room)  # False for NaN
            fine &= np.abs(two) < np.float32(np.inf)
            x = np.int32(min(max(np.rint(first * unit), np.float32(0)), unit))
            y = np.int32(min(max(np.rint(second * unit), np.float32(0)), unit))
            z = np.int32(min(max(np.rint(two * unit), np.float32(-1)), unit + np.float32(1)))
            a[site, sample] = x
            b[site, sample] = y
            joint[site, sample] = min(max(z, max(np.int32(0), x + y - np.int32(UNIT))), min(x, y))
    return fine


def each_haplotype(a: np.ndarray, b: np.ndarray, ploidy: np.ndarray | None = None) -> np.ndarray:
    """The values [S, H] of all haplotypes that are there, from those of the samples' first and second ones, [S, N].

    `ploidy` [N] is 0, 1 or 2; None: all samples have two haplotypes.
    """
    if ploidy is None:
        return np.concatenate([a, b], axis=1)
    first = a[:, ploidy >= 1]
    second = b[:, ploidy == 2]
    return np.concatenate([first, second], axis=1)


def haplotype_sums(
    a: np.ndarray, b: np.ndarray, ploidy: np.ndarray | None = None
) -> tuple[int, np.ndarray, np.ndarray]:
    """The number of haplotypes, and at each site the sums [S] int64 of their thousandths and of the squares of these.

    a, b: thousandths [S, N] of the samples' first and second haplotypes. Of each sample as many haplotypes count as its
    `ploidy` [N] says (`each_haplotype`).
    """
    haplotypes = each_haplotype(a, b, ploidy)
    total, squares = np.empty(len(a), np.int64), np.empty(len(a), np.int64)
    _fill_sums(haplotypes, total, squares)
    return haplotypes.shape[1], total, squares


def r2_of_sums(number: int, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Minimac's estimated R2 [S]: mean((hds - p)^2) / (p (1 - p)), 0 where monomorphic. Arguments: `haplotype_sums`.

    Das et al. 2016 (Nature Genetics 48, 1284): the variance of the haplotype dosages over that of known alleles of the
    same frequency.
    """
    mean = total / (UNIT * number)
    variance = (number * squares - total**2) / (UNIT * number) ** 2
    expected = mean * (1 - mean)
    return np.divide(variance, expected, out=np.zeros_like(mean), where=expected > 0)


@njit(cache=True, nogil=True)
def _fill_sums(values, total, squares):
    """The sums of values [S, H] int16 and of their squares, exact."""
    for site in range(len(values)):
        one, two = np.int64(0), np.int64(0)
        for h in range(values.shape[1]):
            value = np.int64(values[site, h])
            one += value
            two += value * value
        total[site], squares[site] = one, two
