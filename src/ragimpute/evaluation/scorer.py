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
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import ReferenceCounts, membership


def score(run: RunNames, found: MethodResult, setting: BootstrapSettings, chrom: str = ALL) -> Evaluation:
    """Score one method at the untyped sites of a panel, or of the chromosome `chrom`.

    Without truth its own estimates are all there is. Raises InputError when the truth of a whole panel has no known
    genotype at an untyped site that varies in the reference; a chromosome may have none.
    """
    chosen = _known_sites(found.genotypes)
    counts = found.counts.take(chosen)
    estimates = _estimates(found, chosen, counts)
    if found.genotypes is None:
        return Evaluation(run, setting, estimates, None, chrom)
    if chrom == ALL:
        varies = counts.mac > 0
        refuse_unscored(bool(varies.any()))
    return Evaluation(run, setting, estimates, _scored(found, chosen, counts, setting), chrom)


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
    typed_member = membership(found.typed_counts)
    left_out = StratumSums.of(found.er2, typed_member)
    n_samples = len(found.samples)
    return Estimates(info, left_out, n_samples)


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
    genotypes = found.genotypes.of_samples(order)
    genotypes = genotypes.take(known)
    info_r2 = found.info_r2[known]
    member = membership(counts)
    # between a man's and a woman's dosages r2 is not the same for both alleles
    turned = genotypes
    if genotypes.ploidy is not None:
        turned = genotypes.oriented(counts.flipped)
    per_site = r2_per_variant.site_r2(turned.ds, turned.truth)
    weights = bootstrap.resampling_weights(len(order), setting.bootstraps, setting.seed)
    variants = r2_per_variant.variant_r2(per_site, turned.ds, turned.truth, member, weights)
    has_r2 = np.isfinite(per_site)
    has_info = np.isfinite(info_r2)
    both_known = has_r2 & has_info
    judged = both_known & (counts.mac >= estimated_r2.MIN_MAC)
    judged_info = info_r2[judged]
    estimates = judged_info.astype(float)
    return Scored(
        samples=tuple(str(found.samples[i]) for i in order),
        populations=tuple(str(found.populations[i]) for i in order),
        n_sites=member.sum(axis=1),
        statistics=sample_statistics(genotypes, counts),
        r2_variant=variants,
        estimated_r2=estimated_r2.tabulate(estimates, per_site[judged]),
        n_haplotypes=int(counts.an.max(initial=0)),
    )
