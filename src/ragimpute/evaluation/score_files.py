"""`ragimpute score`: anybody's imputed VCF against anybody's truth, by the one scorer."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
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
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Evaluation
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.paired_comparisons import differences
from ragimpute.evaluation.result_tables import METRIC_COLUMNS, RunNames
from ragimpute.evaluation.scorer import Scorer
from ragimpute.evaluation.site_blocks import ImputedBlock, TruthCounts, opened
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Panel, Sites
from ragimpute.tables import write_table
from ragimpute.targets.site_list import read_site_list
from ragimpute.vcf.imputed_reader import IMPUTED_MARK, TYPED_MARK, read_marked_sites
from ragimpute.vcf.source import genotypes, read_header, records

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike
COLUMNS = {
    name: kind
    for name, kind in METRIC_COLUMNS.items()
    if name in ("stratum", "metric", "value", "ci_low", "ci_high", "n_sites", "n_genotypes")
}
COLUMNS_OF_TWO = {"file": str, **COLUMNS}
IMPUTED, AGAINST, DIFFERENCE = "imputed", "against", "difference"  # values of `file`
UNNAMED = RunNames("NA", "NA", "NA", "NA", "NA", "NA", 0)


@suggest_keywords
def score(
    *,
    imputed: FilePath,
    truth: FilePath,
    reference: FilePath | None = None,
    typed: FilePath | None = None,
    against: FilePath | None = None,
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
        against: another imputed file. Both are scored at the sites that both have and neither marks as typed, of the
            samples of both, and their difference gets an interval of its own.
        out: where to write the table as TSV; None: nowhere.
        bootstraps, seed: how many resamples of the samples make the intervals, and their seed.

    Returns the rows of all samples: stratum, metric, value, ci_low, ci_high, n_sites, n_genotypes. With `against` a
    first column, `file`, is 'imputed', 'against' or 'difference' (imputed - against; of r2, f1 and r2_variant). Raises
    InputError when a file is unusable, when they share no sample or site, or when nothing is left to score.
    """
    files = [imputed] if against is None else [imputed, against]
    asked = _asked(files, truth, typed)
    if reference is None:
        logger.info("strata are those of the alleles in %s: no reference was given", truth)
    of_all = None if reference is None else reference_counts(reference, asked.sites)
    setting = BootstrapSettings(bootstraps, seed)
    evaluations = [_evaluate(path, truth, asked, of_all, setting) for path in files]
    parts = [metric_table(evaluation)[list(COLUMNS)] for evaluation in evaluations]
    if against is None:
        table, columns = parts[0], COLUMNS
    else:
        table = _of_two(evaluations, parts)
        columns = COLUMNS_OF_TWO
    if out is not None:
        write_table(table[list(columns)], Path(out))
    return table


@dataclass(frozen=True)
class _Asked:
    """What is scored of one imputed file, or of two alike."""

    sites: Sites  # those of the file, or of both
    is_typed: np.ndarray  # [S] bool, in one of the files; these are not scored
    samples: tuple[str, ...]  # of all files, in the order of the first


def _asked(files: Sequence[FilePath], truth: FilePath, typed: FilePath | None) -> _Asked:
    """What the imputed `files` have in common. `typed`: a list of sites, instead of the marks in INFO."""
    first, *others = files
    sites, is_typed = read_marked_sites(first)
    samples = _common_samples(first, truth)
    for other in others:
        of_other = set(_common_samples(other, truth))
        samples = tuple(name for name in samples if name in of_other)
        if not samples:
            raise InputError(f"{first} and {other} have no sample in common")
        sites, is_typed = _common_sites(first, sites, is_typed, other)
    if typed is not None:
        is_typed = read_site_list(typed).covers(sites)
    else:
        for path in files:
            if not read_header(path).infos & {TYPED_MARK, IMPUTED_MARK}:
                logger.warning("%s: it does not mark typed sites, and all are scored; name them with --typed", path)
    if is_typed.all():
        raise InputError(f"{first}: every site is typed: there is nothing to score")
    return _Asked(sites, is_typed, samples)


def _common_sites(first: FilePath, sites: Sites, is_typed: np.ndarray, other: FilePath) -> tuple[Sites, np.ndarray]:
    """Those of the `sites` [S] of a file that another has, too, and which of them are typed in one of both."""
    other_sites, typed_in_other = read_marked_sites(other)
    row = {key: i for i, key in enumerate(other_sites.keys())}
    keys = sites.keys()
    rows = np.array([row.get(key, -1) for key in keys])
    common = np.flatnonzero(rows >= 0)
    if not len(common):
        raise InputError(f"{first} and {other} have no site in common")
    if len(common) < max(len(sites), len(other_sites)):
        logger.warning(
            "%d of %d sites of %s and %d of %s are in both, and compared",
            *(len(common), len(sites), first, len(other_sites), other),
        )
    return sites.take(common), is_typed[common] | typed_in_other[rows[common]]


def _evaluate(
    imputed: FilePath, truth: FilePath, asked: _Asked, in_reference: ReferenceCounts | None, setting: BootstrapSettings
) -> Evaluation:
    """Score one imputed file. in_reference: the reference's counts at the sites; None: the truth's are taken."""
    scorer = Scorer(UNNAMED, setting)
    with opened(imputed, truth, asked.sites, asked.samples) as (blocks, true):
        assert true is not None
        for block in blocks:
            is_typed = asked.is_typed[block.sites]
            counts = None if in_reference is None else in_reference.take(block.sites)
            result = _result_of_block(block, asked.sites.take(block.sites), is_typed, true, counts)
            scorer.add(result)
        true.report(asked.sites)
    return scorer.evaluation()


def _of_two(evaluations: Sequence[Evaluation], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of two files, and of their difference."""
    ours, theirs = parts
    rows = pd.DataFrame(differences(*evaluations)).rename(columns={"difference": "value"})
    numbers = ours[["stratum", "metric", "n_sites", "n_genotypes"]]
    difference = rows.merge(numbers, on=["stratum", "metric"])
    named = {IMPUTED: ours, AGAINST: theirs, DIFFERENCE: difference}
    found = pd.concat([part.assign(file=name) for name, part in named.items()], ignore_index=True)
    return found[list(COLUMNS_OF_TWO)]


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
