"""The sums of one evaluation, from which its metrics follow; those of several chromosomes add up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ragimpute.evaluation import metrics
from ragimpute.evaluation.estimated_r2 import EstimatedR2, join_estimates
from ragimpute.evaluation.r2_filter import FilteredR2, add_filtered
from ragimpute.evaluation.r2_per_variant import VariantR2, add_variant_r2
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.sample_statistics import SampleStatistics, add_statistics


@dataclass(frozen=True)
class BootstrapSettings:
    """How intervals are drawn: the number of resamples of the target samples, and the random seed."""

    bootstraps: int = 1000
    seed: int = 1


@dataclass(frozen=True)
class StratumSums:
    """A value of sites, summed over those of each stratum that have it."""

    total: np.ndarray  # [13] float64
    n_sites: np.ndarray  # [13] int64

    @classmethod
    def of(cls, values: np.ndarray, member: np.ndarray) -> "StratumSums":
        """The sums of `values` [S], NaN where there is none, over the strata `member` [13, S]."""
        defined = np.isfinite(values)
        filled = np.where(defined, values, 0.0)
        total = member @ filled
        counted = member & defined
        n_sites = counted.sum(axis=1)
        return cls(total, n_sites)

    @property
    def mean(self) -> np.ndarray:
        """[13] float64, NaN for a stratum without such a site."""
        return metrics.ratio(self.total, self.n_sites)


@dataclass(frozen=True)
class Estimates:
    """What a file says of its own accuracy, without truth."""

    info: StratumSums  # INFO R2 of untyped sites
    passing: np.ndarray  # [T, 13] int64, how many of them pass each threshold of r2_filter
    left_out: StratumSums  # INFO ER2 of typed sites
    n_samples: int


@dataclass(frozen=True)
class Scored:
    """The sums of a file that was compared with the truth."""

    samples: tuple[str, ...]  # [P] sorted by name
    populations: tuple[str, ...]  # [P]
    n_sites: np.ndarray  # [13] int64, sites per stratum with at least one known genotype
    statistics: SampleStatistics
    r2_variant: VariantR2
    estimated_r2: EstimatedR2
    filtered: FilteredR2
    n_haplotypes: int  # of the reference, at the site that has most


@dataclass(frozen=True)
class Evaluation:
    """The sums of one imputed VCF, under the names of its run."""

    run: RunNames
    setting: BootstrapSettings
    estimates: Estimates
    scored: Scored | None  # None without truth
    chrom: str = ALL  # the chromosome's name; ALL: of the whole panel


def add_evaluations(parts: Sequence[Evaluation]) -> Evaluation:
    """The evaluation of a whole genome from those of its chromosomes, which are of one run and the same samples."""
    first = parts[0]
    estimates = add_estimates([part.estimates for part in parts])
    scored = [part.scored for part in parts if part.scored is not None]
    added = _add_scored(scored) if scored else None
    return replace(first, estimates=estimates, scored=added, chrom=ALL)


def add_estimates(parts: Sequence[Estimates]) -> Estimates:
    """Those of the sites of all parts, which are of the same samples."""
    info = _add_means([part.info for part in parts])
    passing = np.sum([part.passing for part in parts], axis=0)
    left_out = _add_means([part.left_out for part in parts])
    return Estimates(info, passing, left_out, parts[0].n_samples)


def _add_means(parts: Sequence[StratumSums]) -> StratumSums:
    total = np.sum([part.total for part in parts], axis=0)
    n_sites = np.sum([part.n_sites for part in parts], axis=0)
    return StratumSums(total, n_sites)


def _add_scored(parts: Sequence[Scored]) -> Scored:
    n_sites = np.sum([part.n_sites for part in parts], axis=0)
    statistics = add_statistics([part.statistics for part in parts])
    variants = add_variant_r2([part.r2_variant for part in parts])
    estimates = join_estimates([part.estimated_r2 for part in parts])
    filtered = add_filtered([part.filtered for part in parts])
    n_haplotypes = max(part.n_haplotypes for part in parts)
    first = parts[0]
    return Scored(first.samples, first.populations, n_sites, statistics, variants, estimates, filtered, n_haplotypes)
