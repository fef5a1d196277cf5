"""Further phasings of the targets of one chromosome, drawn from a first one, and whether they are worth their time."""

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.panel.store import Panel
from ragimpute.retrieval.jump_rate import likeliest_rate
from ragimpute.retrieval.phase_draws import FIRST_SWEEPS, SWEEPS, draw_phase
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.given_phase import keep_given_phase

logger = logging.getLogger(__name__)

RATE_OF_LIKELIEST = 2.0  # draws jump so much more often than is likeliest (docs/experiments.md)
HELPERS = 2500  # targets from which the others may copy: so many bound time and memory
JUDGED = 50  # samples that are drawn to see whether draws differ from the first phasing
# share of neighbouring heterozygotes that a draw phases otherwise, below which more phasings gain nothing
# (docs/experiments.md)
CERTAIN = 0.0015


@dataclass(frozen=True)
class PhaseDraws:
    """Draws of the phase of N targets at the M typed sites of one chromosome.

    Targets copy from the reference samples at the typed sites, `typed`, and from each other's first phasing, as Beagle
    lets them.
    """

    first: np.ndarray  # [M, N, 2] int8, complete
    typed: Panel
    targets: TargetGenotypes  # as they came
    seed: int
    threads: int

    def further(self, number: int) -> list[np.ndarray]:
        """Phasings [M, N, 2] int8, `number` of them, or none where no sample's phase is uncertain."""
        if not len(self._uncertain):
            return []
        found: list[np.ndarray] = []
        rng = np.random.default_rng(self.seed)
        rng.permutation(len(self.targets.samples))  # that of `_helping`: draws follow it
        alleles = self.first
        while len(found) < number:
            alleles = self._drawn(alleles, self._uncertain, rng, SWEEPS if found else FIRST_SWEEPS)
            found.append(alleles)
        return found

    def differ(self) -> bool:
        """Whether a draw phases CERTAIN of neighbouring heterozygotes, or fills so many gaps, otherwise than the first.

        One sweep over JUDGED of the uncertain samples tells.
        """
        if not len(self._uncertain):
            return False
        in_some_order = np.random.default_rng(self.seed).permutation(self._uncertain)
        samples = np.sort(in_some_order[:JUDGED])
        drawn = self._drawn(self.first, samples, np.random.default_rng(self.seed), SWEEPS)[:, samples]
        first = self.first[:, samples]
        gaps = np.any(self.targets.alleles[:, samples] < 0, axis=2)
        n_different = int((first.sum(axis=2) != drawn.sum(axis=2))[gaps].sum())
        n_seen = int(gaps.sum())
        for of_first, of_drawn in zip(first.transpose(1, 0, 2), drawn.transpose(1, 0, 2), strict=True):
            is_het = (of_first[:, 0] != of_first[:, 1]) & (of_drawn[:, 0] != of_drawn[:, 1])
            opposite = of_first[is_het, 0] != of_drawn[is_het, 0]
            n_different += int((opposite[1:] != opposite[:-1]).sum())
            n_seen += max(0, len(opposite) - 1)
        share = n_different / max(1, n_seen)
        if share < CERTAIN:
            chrom = self.typed.sites.chrom[0]
            logger.info(
                "chromosome %s: another phasing would differ from the first at %.2f %% of heterozygotes: one is enough",
                chrom,
                100 * share,
            )
        return share >= CERTAIN

    def _drawn(self, before: np.ndarray, samples: np.ndarray, rng: np.random.Generator, sweeps: int) -> np.ndarray:
        """The phasing `before` [M, N, 2] with that of `samples` [n] drawn anew."""
        missing: np.ndarray = np.any(self.targets.alleles[:, samples] < 0, axis=2)
        own = _own_columns(samples, self._helping, self.typed.n_haplotypes)
        alleles = before.copy()
        alleles[:, samples] = draw_phase(
            self._copied,
            self.typed.sites.cm,
            alleles[:, samples],
            missing,
            self._rate,
            rng,
            sweeps,
            self.threads,
            own,
        )
        keep_given_phase(alleles, self.targets)
        return alleles

    @cached_property
    def _rate(self) -> float:
        """Jumps per cM of the draws."""
        own = _own_columns(self._uncertain, self._helping, self.typed.n_haplotypes)
        cm, first = self.typed.sites.cm, self.first[:, self._uncertain]
        likeliest = likeliest_rate(self._copied, cm, first, own, self.threads)
        chrom = self.typed.sites.chrom[0]
        logger.info("chromosome %s: the likeliest rate of jumps is %.2f per cM", chrom, likeliest)
        return RATE_OF_LIKELIEST * likeliest

    @cached_property
    def _helping(self) -> np.ndarray:
        """Those of the targets [K], ascending, whose first phasing the others may copy."""
        drawn = np.random.default_rng(self.seed).permutation(len(self.targets.samples))[:HELPERS]
        ascending = np.sort(drawn)
        return ascending[self.targets.is_called_diploid[ascending]]

    @cached_property
    def _copied(self) -> Haplotypes:
        """The haplotypes of the reference and, behind them, of the targets that help."""
        of_helpers = self.first[:, self._helping].reshape(len(self.first), 2 * len(self._helping))
        return self.typed.alleles.beside(of_helpers.astype(np.uint8))

    @cached_property
    def _uncertain(self) -> np.ndarray:
        """The samples [n] whose haplotypes are uncertain: they have gaps, or two unphased heterozygotes.

        Those of one haplotype, or without any genotype, are not among them.
        """
        het = self.targets.heterozygous
        has_gaps = np.any(self.targets.alleles < 0, axis=(0, 2))
        has_phase = (self.targets.phased | ~het).all(axis=0) | (het.sum(axis=0) < 2)
        return np.flatnonzero(self.targets.is_called_diploid & (has_gaps | ~has_phase))


def _own_columns(samples: np.ndarray, helping: np.ndarray, n_reference: int) -> np.ndarray:
    """Where the two haplotypes of each of `samples` [n] stand behind `n_reference` others: [n, 2] int64, -1 if nowhere.

    helping: [K] ascending, the samples whose haplotypes stand there.
    """
    place = np.searchsorted(helping, samples)
    is_there = np.isin(samples, helping)
    first = n_reference + 2 * place
    return np.where(is_there[:, None], np.stack([first, first + 1], axis=1), -1)
