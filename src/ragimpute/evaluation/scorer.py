"""The one scorer for every method: imputed dosages against the truth at the untyped sites of the target samples.

Scored are untyped sites that are polymorphic in the reference; sites monomorphic there are reported in `mac_0` only.
Genotypes whose truth is missing are left out and counted (`missing_truth`).
"""

import numpy as np

from ragimpute.errors import InputError
from ragimpute.evaluation import bootstrap, estimated_r2, r2_filter, r2_per_variant
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.evaluation_sums import (
    BootstrapSettings,
    Estimates,
    Evaluation,
    Scored,
    StratumSums,
    add_estimates,
)
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.sample_statistics import Genotypes, StatisticsOfBlocks
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership

OVERALL = STRATA.index("overall")


def score(run: RunNames, found: MethodResult, setting: BootstrapSettings, chrom: str = ALL) -> Evaluation:
    """Score one method at the untyped sites of a panel, or of the chromosome `chrom`; raises what `Scorer` does."""
    scorer = Scorer(run, setting, chrom)
    scorer.add(found)
    return scorer.evaluation()


class Scorer:
    """Adds up the sums of one method's result, block by block of the sites of a panel, or of the chromosome `chrom`."""

    def __init__(self, run: RunNames, setting: BootstrapSettings, chrom: str = ALL) -> None:
        self._run, self._setting, self._chrom = run, setting, chrom
        self._estimates: list[Estimates] = []  # of what was added, as one after the first block
        self._scored: _ScoredBlocks | None = None

    def add(self, found: MethodResult) -> None:
        """Add a block. Without truth its own estimates are all there is."""
        chosen = _known_sites(found.genotypes)
        counts = found.counts.take(chosen)
        self._estimates.append(_estimates(found, chosen, counts))
        self._estimates = [add_estimates(self._estimates)]
        if found.genotypes is not None:
            if self._scored is None:
                self._scored = _ScoredBlocks(found, self._setting)
            self._scored.add(found, chosen, counts)

    def evaluation(self) -> Evaluation:
        """The sums of all blocks.

        Raises InputError when the truth of a whole panel has no known genotype at an untyped site that varies in the
        reference; a chromosome may have none.
        """
        scored = None if self._scored is None else self._scored.scored()
        if scored is not None and self._chrom == ALL:
            refuse_unscored(bool(scored.n_sites[OVERALL] > 0))
        return Evaluation(self._run, self._setting, self._estimates[0], scored, self._chrom)


def _known_sites(genotypes: Genotypes | None) -> np.ndarray | slice:
    """The sites where the truth knows a genotype, as indices; all of them without truth."""
    if genotypes is None:
        return slice(None)
    is_known = genotypes.truth >= 0
    has_known = is_known.any(axis=1)
    return np.flatnonzero(has_known)


def _estimates(found: MethodResult, chosen: np.ndarray | slice, counts: ReferenceCounts) -> Estimates:
    """INFO R2 of the sites `chosen`, whose reference counts are `counts`, and INFO ER2 of the typed ones."""
    info_r2 = found.info_r2[chosen]
    member = membership(counts)
    info = StratumSums.of(info_r2, member)
    passing = r2_filter.passing_sites(info_r2, member)
    typed_member = membership(found.typed_counts)
    left_out = StratumSums.of(found.er2, typed_member)
    n_samples = len(found.samples)
    return Estimates(info, passing, left_out, n_samples)


def refuse_unscored(is_scored: bool) -> None:
    """Raise InputError unless a panel has a site to score."""
    if not is_scored:
        raise InputError(
            "nothing to score: the truth has no known genotype at an untyped site that varies in the reference"
        )


class _ScoredBlocks:
    """The sums of blocks of sites that were compared with the truth."""

    def __init__(self, found: MethodResult, setting: BootstrapSettings) -> None:
        """`found`: any of the blocks, which have the same samples."""
        self._order = np.argsort(np.asarray(found.samples, dtype=str), kind="stable")
        self._samples = tuple(str(found.samples[i]) for i in self._order)
        self._populations = tuple(str(found.populations[i]) for i in self._order)
        self._weights = bootstrap.resampling_weights(len(self._order), setting.bootstraps, setting.seed)
        self._statistics = StatisticsOfBlocks(len(self._order))
        self._variants: list[r2_per_variant.VariantR2] = []  # of what was added, as one after the first block
        self._estimates: list[estimated_r2.EstimatedR2] = []  # likewise
        self._filtered: list[r2_filter.FilteredR2] = []  # likewise
        self._n_sites = np.zeros(len(STRATA), dtype=np.int64)
        self._n_haplotypes = 0

    def add(self, found: MethodResult, known: np.ndarray | slice, counts: ReferenceCounts) -> None:
        """Add the sites `known`, indices, of a block, whose reference counts are `counts`."""
        assert found.genotypes is not None
        genotypes = found.genotypes.of_samples(self._order)
        genotypes = genotypes.take(known)
        info_r2 = found.info_r2[known]
        member = membership(counts)
        # between a man's and a woman's dosages r2 is not the same for both alleles
        turned = genotypes
        if genotypes.ploidy is not None:
            turned = genotypes.oriented(counts.flipped)
        per_site = r2_per_variant.site_r2(turned.ds, turned.truth)
        variants = r2_per_variant.variant_r2(per_site, turned.ds, turned.truth, member, self._weights)
        self._variants = [r2_per_variant.add_variant_r2([*self._variants, variants])]
        has_r2 = np.isfinite(per_site)
        has_info = np.isfinite(info_r2)
        both_known = has_r2 & has_info
        judged = both_known & (counts.mac >= estimated_r2.MIN_MAC)
        judged_info = info_r2[judged]
        estimates = estimated_r2.tabulate(judged_info.astype(float), per_site[judged])
        self._estimates = [estimated_r2.join_estimates([*self._estimates, estimates])]
        filtered = r2_filter.filtered_r2(genotypes, counts, info_r2, per_site, member)
        self._filtered = [r2_filter.add_filtered([*self._filtered, filtered])]
        self._statistics.add(genotypes, counts)
        self._n_sites += member.sum(axis=1)
        self._n_haplotypes = max(self._n_haplotypes, int(counts.an.max(initial=0)))

    def scored(self) -> Scored:
        """The sums of all blocks."""
        return Scored(
            samples=self._samples,
            populations=self._populations,
            n_sites=self._n_sites,
            statistics=self._statistics.statistics(),
            r2_variant=self._variants[0],
            estimated_r2=self._estimates[0],
            filtered=self._filtered[0],
            n_haplotypes=self._n_haplotypes,
        )
