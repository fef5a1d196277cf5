"""`ragimpute score`: anybody's imputed VCF against anybody's truth, by the one scorer."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.artefacts import is_safetensors
from ragimpute.errors import InputError, UnusableChromosome, suggest_keywords
from ragimpute.evaluation.evaluation_inputs import (
    MethodResult,
    imputed_genotypes,
    ploidy_of_haplotypes,
)
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.result_tables import METRIC_COLUMNS, RunNames
from ragimpute.evaluation.scorer import Scorer
from ragimpute.evaluation.site_blocks import ImputedBlock, TruthCounts, opened
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Panel, Sites
from ragimpute.tables import write_table
from ragimpute.targets.site_list import read_site_list
from ragimpute.vcf.imputed_reader import IMPUTED_MARK, TYPED_MARK, read_sites
from ragimpute.vcf.source import genotypes, read_header, records

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike
COLUMNS = {
    name: kind
    for name, kind in METRIC_COLUMNS.items()
    if name in ("stratum", "metric", "value", "ci_low", "ci_high", "n_sites", "n_genotypes")
}
UNNAMED = RunNames("NA", "NA", "NA", "NA", "NA", "NA", 0)


@suggest_keywords
def score(
    *,
    imputed: FilePath,
    truth: FilePath,
    reference: FilePath | None = None,
    typed: FilePath | None = None,
    out: FilePath | None = None,
    bootstraps: int = 1000,
    seed: int = 1,
) -> pd.DataFrame:
    """Metrics of an imputed file by allele frequency, with 95 % intervals over samples.

    Arguments:
        imputed: VCF or BCF with DS or HDS, of any program.
        truth: VCF or BCF. The samples of both files are scored, at the sites of both.
        reference: the panel, VCF, BCF or .safetensors of `ragimpute read-panel`: its allele counts make the strata.
            None: those of the truth do.
        typed: a list of sites (table, BED or VCF) that are not scored. None: those that the imputed file marks as
            TYPED, or where it marks imputed ones (IMP: Beagle, IMPUTE5), all others.
        out: where to write the table as TSV; None: nowhere.
        bootstraps, seed: how many resamples of the samples make the intervals, and their seed.

    Returns the rows of all samples: stratum, metric, value, ci_low, ci_high, n_sites, n_genotypes. Raises InputError
    when a file is unusable, when they share no sample or site, or when nothing is left to score.
    """
    sites = read_sites(imputed)
    samples = _common_samples(imputed, truth)
    listed = None if typed is None else read_site_list(typed).covers(sites)
    if listed is None and not read_header(imputed).infos & {TYPED_MARK, IMPUTED_MARK}:
        logger.warning("%s: it does not mark typed sites, and all are scored; name them with --typed", imputed)
    if reference is None:
        logger.info("strata are those of the alleles in %s: no reference was given", truth)
    of_all = None if reference is None else reference_counts(reference, sites)
    setting = BootstrapSettings(bootstraps, seed)
    scorer = Scorer(UNNAMED, setting)
    n_untyped = 0
    with opened(imputed, truth, sites, samples) as (blocks, true):
        assert true is not None
        for block in blocks:
            is_typed = block.imputed.typed if listed is None else listed[block.sites]
            in_reference = None if of_all is None else of_all.take(block.sites)
            n_untyped += int((~is_typed).sum())
            result = _result_of_block(block, sites.take(block.sites), is_typed, true, in_reference)
            scorer.add(result)
        if not n_untyped:
            raise InputError(f"{imputed}: every site is typed: there is nothing to score")
        true.report(sites)
    evaluation = scorer.evaluation()
    measured = metric_table(evaluation)
    table = measured[list(COLUMNS)]
    if out is not None:
        write_table(table, Path(out))
    return table


def _result_of_block(
    block: ImputedBlock,
    sites: Sites,
    is_typed: np.ndarray,
    truth: TruthCounts,
    in_reference: ReferenceCounts | None,
) -> MethodResult:
    """What is scored of a block of `sites`. in_reference: the reference's counts there; None: the truth's are taken."""
    found = block.imputed
    samples = found.samples
    untyped = np.flatnonzero(~is_typed)
    ploidy = ploidy_of_haplotypes(found)
    try:
        true = truth.read(sites.take(untyped), block.region, None, ploidy)
    except UnusableChromosome:
        raise InputError(
            f"{truth.path}: haploid genotypes on {sites.chrom[0]} of samples that have two haplotypes in the imputed "
            "file; write them as two equal alleles: bcftools +fixploidy truth.vcf.gz -Oz -o diploid.vcf.gz -- -f 2"
        ) from None
    if in_reference is None:
        counts = _counts_of_truth(true, ploidy)
        typed_counts = ReferenceCounts(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        er2 = np.zeros(0)
    else:
        counts = in_reference.take(untyped)
        typed_counts = in_reference.take(np.flatnonzero(is_typed))
        er2 = found.er2[is_typed].astype(float)
    return MethodResult(
        is_typed=is_typed,
        genotypes=imputed_genotypes(found, untyped, true, ploidy),
        counts=counts,
        info_r2=found.r2[untyped].astype(float),
        typed_counts=typed_counts,
        er2=er2,
        samples=samples,
        populations=("NA",) * len(samples),
    )


def reference_counts(path: FilePath, sites: Sites) -> ReferenceCounts:
    """The allele counts of a panel's samples at `sites` [S]; 0 of 0 where it lacks a site."""
    ac = np.zeros(len(sites), dtype=np.int64)
    an = np.zeros(len(sites), dtype=np.int64)
    row = {key: i for i, key in enumerate(sites.keys())}
    if is_safetensors(path):
        panel = Panel.load(path)
        keys = panel.sites.keys()
        places = np.array([row.get(key, -1) for key in keys])
        known = places >= 0
        rows = places[known]
        ac[rows] = panel.allele_count[known]
        an[rows] = panel.n_haplotypes
    else:
        for record in records(path, known=sites.chromosomes()):
            alts = record.ALT
            place = row.get((record.CHROM, record.POS, record.REF, alts[0] if len(alts) == 1 else ""), -1)
            array = genotypes(record) if place >= 0 else None
            if array is not None:
                alleles = array[:, :-1]
                ac[place] = (alleles == 1).sum()
                an[place] = (alleles >= 0).sum()
    is_absent = an == 0
    n_absent = int(is_absent.sum())
    if n_absent == len(sites):
        raise InputError(f"{path}: the reference has none of the {n_absent} sites of the imputed file")
    if n_absent:
        logger.warning(
            "%s: sites that are not in the reference count in mac_0 alone: %d of %d", path, n_absent, len(an)
        )
    return ReferenceCounts(ac, an)


def _counts_of_truth(true: np.ndarray, ploidy: np.ndarray | None) -> ReferenceCounts:
    """The allele counts of the known genotypes `true` [S, P]."""
    known = true >= 0
    n_alleles = np.full(true.shape[1], 2) if ploidy is None else ploidy
    ac = np.where(known, true, 0).sum(axis=1, dtype=np.int64)
    an = (known * n_alleles).sum(axis=1, dtype=np.int64)
    return ReferenceCounts(ac, an)


def _common_samples(imputed: FilePath, truth: FilePath) -> tuple[str, ...]:
    """The samples of both files, in the order of the imputed one."""
    ours: Sequence[str] = read_header(imputed).samples
    header = read_header(truth)
    theirs = set(header.samples)
    common = tuple(name for name in ours if name in theirs)
    if not common:
        raise InputError(f"{imputed} and {truth} have no sample in common")
    if len(common) < len(ours):
        logger.warning("%s: samples that are in %s, and scored: %d of %d", imputed, truth, len(common), len(ours))
    return common
