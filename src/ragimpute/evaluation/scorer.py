"""The one scorer for every method: imputed dosages against the truth at the untyped sites of the target samples.

Scored are untyped sites that are polymorphic in the reference; sites monomorphic there are reported in `mac_0` only.
Genotypes whose truth is missing are left out and counted (`missing_truth`).
"""

import numpy as np

from ragimpute.errors import InputError
from ragimpute.evaluation import bootstrap, estimated_r2, r2_per_variant
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Estimates, Evaluation, Scored, StratumSums
from ragimpute.evaluation.result_tables import ALL, RunNames
from ragimpute.evaluation.sample_statistics import sample_statistics
from ragimpute.evaluation.strata import ReferenceCounts, membership


def score(run: RunNames, found: MethodResult, setting: BootstrapSettings, chrom: str = ALL) -> Evaluation:
    """Score one method at the untyped sites of a panel, or of the chromosome `chrom`.

    Without truth its own estimates are all there is. Raises InputError when the truth of a whole panel has no known
    genotype at an untyped site that varies in the reference; a chromosome may have none.
    """
    chosen = slice(None) if found.genotypes is None else np.flatnonzero((found.genotypes.truth >= 0).any(axis=1))
    counts = found.counts.take(chosen)
    info = StratumSums.of(found.info_r2[chosen], membership(counts))
    left_out = StratumSums.of(found.er2, membership(found.typed_counts))
    estimates = Estimates(info, left_out, len(found.samples))
    if found.genotypes is None:
        return Evaluation(run, setting, estimates, None, chrom)
    if chrom == ALL:
        refuse_unscored(bool((counts.mac > 0).any()))
    return Evaluation(run, setting, estimates, _scored(found, chosen, counts, setting), chrom)


def refuse_unscored(is_scored: bool) -> None:
    """Raise InputError unless a panel has a site to score."""
    if not is_scored:
        raise InputError(
            "nothing to score: the truth has no known genotype at an untyped site that varies in the reference"
        )


def _scored(
    found: MethodResult, known: np.ndarray | slice, counts: ReferenceCounts, setting: BootstrapSettings
) -> Scored:
    """The sums of the sites `known`, indices, whose reference counts are `counts`."""
    assert found.genotypes is not None
    order = np.argsort(np.asarray(found.samples, dtype=str), kind="stable")
    genotypes = found.genotypes.of_samples(order).take(known)
    info_r2 = found.info_r2[known]
    member = membership(counts)
    # between a man's and a woman's dosages r2 is not the same for both alleles
    turned = genotypes if genotypes.ploidy is None else genotypes.oriented(counts.flipped)
    per_site = r2_per_variant.site_r2(turned.ds, turned.truth)
    weights = bootstrap.resampling_weights(len(order), setting.bootstraps, setting.seed)
    variants = r2_per_variant.variant_r2(per_site, turned.ds, turned.truth, member, weights)
    both_known = np.isfinite(per_site) & np.isfinite(info_r2)
    judged = both_known & (counts.mac >= estimated_r2.MIN_MAC)
    estimates = info_r2[judged].astype(float)
    return Scored(
        samples=tuple(str(found.samples[i]) for i in order),
        populations=tuple(str(found.populations[i]) for i in order),
        n_sites=member.sum(axis=1),
        statistics=sample_statistics(genotypes, counts),
        r2_variant=variants,
        estimated_r2=estimated_r2.tabulate(estimates, per_site[judged]),
        n_haplotypes=int(counts.an.max(initial=0)),
    )
