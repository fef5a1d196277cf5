"""Targets on a sex chromosome: which samples are haploid there, and which of their genotypes cannot be."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.nouns import with_noun
from ragimpute.panel.dropped_records import DROPPED_COLUMNS
from ragimpute.panel.ploidy import ABSENT, UNKNOWN, PloidyRule, diploid_form, haploid_woman
from ragimpute.panel.store import Sites

logger = logging.getLogger(__name__)

HAPLOID_FORM = 2  # in the place of the phase: the file has one allele
LISTED_SAMPLES = 5  # in a reason
MEN_CALL_RATE = 0.5  # on Y: a sample with more genotypes than this share is a man
MANY_SITES = 50  # so many homozygous sites and no other are those of a man, or of very close parents' daughter


@dataclass(frozen=True)
class SettledGenotypes:
    """Genotypes of N samples at M sites, with the ploidy of the samples."""

    alleles: np.ndarray  # [M, N, 2] int8, -1 missing; of a haploid sample the same allele twice; 0 where ploidy is 0
    phased: np.ndarray  # [M, N] bool
    ploidy: np.ndarray | None  # [N] int8: 0, 1 or 2; None: all samples are diploid
    set_missing: pd.DataFrame  # sites with genotypes that a sample cannot have: DROPPED_COLUMNS


def with_haploid_form(genotypes: np.ndarray) -> np.ndarray:
    """Genotypes [N, 2 or 3] of a record as two alleles and the phase, [N, 3]; one allele a is (a, a, HAPLOID_FORM)."""
    found = diploid_form(genotypes).copy()
    haploid = found[:, 1] == ABSENT
    only_allele = found[haploid, 0]
    found[haploid, 1] = only_allele
    found[haploid, 2] = HAPLOID_FORM
    return found


def settle_ploidy(
    path: str | os.PathLike,
    rule: PloidyRule,
    samples: Sequence[str],
    sites: Sites,
    genotypes: np.ndarray,
    announce: bool = True,
) -> SettledGenotypes:
    """Tell the ploidy of the samples from the file `path`, and set missing what contradicts it.

    genotypes: [M, N, 3] int8 at the M `sites`, as `with_haploid_form` makes them. A given sex decides, whatever the
    form of a man's genotypes. Without one, a sample is haploid on X when most of its genotypes are, and a man on Y when
    it has most genotypes. `announce`: log what was found.

    Raises UnusableChromosome for a woman, by the given sexes, who is haploid on X.
    """
    first = genotypes[..., 0]
    second = genotypes[..., 1]
    phase = genotypes[..., 2]
    known = first >= 0
    one_allele = known & (phase == HAPLOID_FORM)
    ploidy = _ploidy(path, rule, samples, sites, known, one_allele)
    het = known & (first != second)
    wrong = np.where(ploidy == 2, one_allele, het) & (ploidy > 0)
    alleles = genotypes[..., :2].copy()
    alleles[wrong] = -1
    is_absent = ploidy == 0
    alleles[:, is_absent] = 0  # imputed beside the others and written as missing
    phased = (phase == 1) | (ploidy < 2)
    set_missing = _listed(sites, samples, wrong)
    if wrong.any():
        _warn_of_impossible(path, sites, samples, wrong)
    if announce:
        _report(path, rule, samples, ploidy, known, het)
    all_diploid = bool((ploidy == 2).all())
    ploidy_if_mixed = None if all_diploid else ploidy
    return SettledGenotypes(alleles, phased, ploidy_if_mixed, set_missing)


def _warn_of_impossible(path: str | os.PathLike, sites: Sites, samples: Sequence[str], wrong: np.ndarray) -> None:
    """Log how many genotypes are `wrong` [M, N], and the sample with most of them."""
    of_sample = wrong.sum(axis=0)
    most = int(of_sample.argmax())
    n_samples = int(np.count_nonzero(of_sample))
    logger.warning(
        "%s: genotypes that are impossible on %s are set missing: %d, in %s (most of them, %d, in %s); they are "
        "heterozygous where a sample is haploid, or the other way round",
        path,
        sites.chrom[0],
        wrong.sum(),
        with_noun(n_samples, "sample"),
        of_sample[most],
        samples[most],
    )


def _ploidy(
    path: str | os.PathLike,
    rule: PloidyRule,
    samples: Sequence[str],
    sites: Sites,
    known: np.ndarray,
    one_allele: np.ndarray,
) -> np.ndarray:
    """The ploidy [N] int8 of the samples, from where genotypes are `known` and of one allele, both [M, N]."""
    given = rule.given(samples)
    n_known = known.sum(axis=0)
    n_haploid = one_allele.sum(axis=0)
    if rule.chromosome == "X":
        by_genotypes = np.where(2 * n_haploid > n_known, 1, 2)
        is_haploid_woman = (given == 2) & (n_haploid > 0)
        if is_haploid_woman.any():
            sample = int(is_haploid_woman.argmax())
            row = int(one_allele[:, sample].argmax())
            where = f"{sites.chrom[row]}:{sites.pos[row]}"
            raise haploid_woman(path, samples[sample], where)
    else:
        fewest_of_man = MEN_CALL_RATE * len(known)
        by_genotypes = np.where(n_known > fewest_of_man, 1, 0)
    ploidy = np.where(given == UNKNOWN, by_genotypes, given)
    return ploidy.astype(np.int8)


def _listed(sites: Sites, samples: Sequence[str], wrong: np.ndarray) -> pd.DataFrame:
    """A row for each site with `wrong` genotypes [M, N], which are set missing; the reason names the samples."""
    rows = []
    for site in np.flatnonzero(wrong.any(axis=1)):
        of_samples = np.flatnonzero(wrong[site])
        names = [samples[i] for i in of_samples.tolist()]
        listed = ", ".join(names[:LISTED_SAMPLES])
        more = ", .." if len(names) > LISTED_SAMPLES else ""
        reason = f"set missing in {len(names)} samples of other ploidy: {listed}{more}"
        identity = sites.chrom[site], sites.pos[site], sites.id[site], sites.ref[site], sites.alt[site]
        rows.append((*identity, reason))
    return pd.DataFrame(rows, columns=DROPPED_COLUMNS)


def _report(
    path: str | os.PathLike,
    rule: PloidyRule,
    samples: Sequence[str],
    ploidy: np.ndarray,
    known: np.ndarray,
    het: np.ndarray,
) -> None:
    """Log how many samples are haploid, and warn of those that look like men and are taken for women."""
    counts = [int((ploidy == alleles).sum()) for alleles in (1, 2, 0)]
    logger.info("%s: samples on %s: %d haploid, %d diploid, %d absent", path, rule.chromosome, *counts)
    if rule.chromosome != "X":
        return
    is_unknown = rule.given(samples) == UNKNOWN
    taken_for_woman = is_unknown & (ploidy == 2)
    has_many_sites = known.sum(axis=0) >= MANY_SITES
    homozygous = taken_for_woman & has_many_sites & ~het.any(axis=0)
    names = [samples[i] for i in np.flatnonzero(homozygous).tolist()]
    if names:
        logger.warning(
            "%s: samples without a heterozygous genotype on X are taken for women: %d (%s%s); "
            "give --sex if they are men",
            path,
            len(names),
            names[0],
            ", .." if len(names) > 1 else "",
        )
