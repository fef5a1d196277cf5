"""One quantisation of imputed genotypes to integer thousandths, from which every printed field follows exactly."""

from dataclasses import dataclass

import numpy as np

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


def quantise(hds: np.ndarray, both: np.ndarray) -> Quantised:
    """Round `hds` [S, N, 2] and `both` [S, N] so that the four joint probabilities are whole and not negative.

    `both` is moved into [max(0, a + b - 1), min(a, b)], the Fréchet bounds of two marginals. Raises ValueError for NaN
    or values outside [0, 1].
    """
    if not (hds.min(initial=0) >= -1e-4 and hds.max(initial=0) <= 1 + 1e-4):  # also false for NaN
        raise ValueError("haplotype dosages must lie in [0, 1]")
    if not np.isfinite(both).all():
        raise ValueError("genotype probabilities must be finite")
    marginal = _thousandths(hds, 0, UNIT)
    a, b = marginal[..., 0], marginal[..., 1]
    joint = _thousandths(both, -1, UNIT + 1)
    least = np.maximum(0, a + b - UNIT)
    most = np.minimum(a, b)
    joint_within = np.clip(joint, least, most)
    return Quantised(a, b, joint_within)


def _thousandths(probabilities: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Rounded thousandths int16 of float32 probabilities, moved into [lowest, highest]."""
    rounded = np.rint(probabilities * np.float32(UNIT))
    within = np.clip(rounded, lowest, highest)
    return within.astype(np.int16)


def each_haplotype(a: np.ndarray, b: np.ndarray, ploidy: np.ndarray | None = None) -> np.ndarray:
    """The values [S, H] of all haplotypes that are there, from those of the samples' first and second ones, [S, N].

    `ploidy` [N] is 0, 1 or 2; None: all samples have two haplotypes.
    """
    if ploidy is None:
        return np.concatenate([a, b], axis=1)
    first = a[:, ploidy >= 1]
    second = b[:, ploidy == 2]
    return np.concatenate([first, second], axis=1)


def minimac_r2(a: np.ndarray, b: np.ndarray, ploidy: np.ndarray | None = None) -> np.ndarray:
    """Minimac's estimated R2 [S] from thousandths [S, N]: mean((hds - p)^2) / (p (1 - p)); 0 where monomorphic.

    Of each sample as many haplotypes count as its `ploidy` [N] says (`each_haplotype`).

    Das et al. 2016 (Nature Genetics 48, 1284): the variance of the haplotype dosages over that of known alleles of the
    same frequency.
    """
    thousandths = each_haplotype(a, b, ploidy)
    haplotypes = thousandths.astype(np.float64) / UNIT
    mean = haplotypes.mean(axis=1)
    variance = ((haplotypes - mean[:, None]) ** 2).mean(axis=1)
    expected = mean * (1 - mean)
    r2 = np.zeros_like(mean)
    return np.divide(variance, expected, out=r2, where=expected > 0)
