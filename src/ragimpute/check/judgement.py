"""What is said of a panel and targets when both have been read: the same by `check` and by `impute`.

An error of this list ends `impute`, and makes `check` exit with 1.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.check.each_file import map_coverage, missing_genotypes
from ragimpute.check.findings import Finding, Level, tally
from ragimpute.check.targets_against_reference import (
    MIN_SAMPLES,
    MIN_SITES,
    compare_frequencies,
    overlap,
    recoded_alleles,
)
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import OTHER_PLOIDY
from ragimpute.panel.store import Panel, chromosome_bounds
from ragimpute.targets.alleles import AMBIGUOUS, NOT_IN_REFERENCE
from ragimpute.targets.genotypes import TargetGenotypes

LOST = ("unphased", "missing", "haploid", OTHER_PLOIDY)  # records of a panel that the right preparation would save
FEWEST_KEPT = 0.1  # of the records that could be kept: below it the panel was not prepared for imputation
MANY_LOST = 0.5  # of them: worth a warning
DENSE, DENSE_SITES = 0.5, 1000  # above this share of the panel's sites, and so many, the targets were sequenced
COMPARED = (NOT_IN_REFERENCE, "alleles differ", AMBIGUOUS, "no ALT allele")  # why usable target records do not match


def judge(
    reference: Path,
    targets: Path,
    panel: Panel,
    typed: TargetGenotypes,
    unread: pd.DataFrame,
    genetic_map: GeneticMap | None,
) -> list[Finding]:
    """Findings about the panel of `reference` and the targets' genotypes at its sites.

    `unread`: the panel's unusable records. `genetic_map`: None for 1 cM per Mb.
    """
    found = [*_usable_share(str(reference), panel, unread)]
    path = str(targets)
    relations = _relations(panel, typed, unread)
    found += [finding for finding in overlap(relations, path, []) if finding.code == "build"]
    found += recoded_alleles(typed.recoded["reason"], path)
    found += _frequencies(path, panel, typed)
    found += _missing(path, panel, typed)
    found += _density(path, panel, typed)
    if genetic_map is not None and not genetic_map.is_uniform:
        found += map_coverage(genetic_map, _spans(panel))
    return found


def _usable_share(path: str, panel: Panel, unread: pd.DataFrame) -> Iterator[Finding]:
    """Whether most records of the panel are lost for their genotypes."""
    if unread.empty:
        return
    lost = unread.loc[unread["reason"].isin(LOST), "reason"]
    n_kept = len(panel.sites)
    n_all = n_kept + len(lost)
    share = n_kept / n_all
    if share < MANY_LOST:
        level: Level = "error" if share < FEWEST_KEPT else "warning"
        message = (
            f"only {n_kept} of {n_all} records can be used ({share:.1%}); the others: {tally(lost)}; phase the panel "
            "and fill in its missing genotypes (Beagle, SHAPEIT, Eagle)"
        )
        yield Finding(level, path, "unusable-panel", message)


def _relations(panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> pd.DataFrame:
    """Target records: site (-1: none) and relation, as `targets_against_reference.overlap` takes them."""
    matched = pd.DataFrame({"site": typed.index, "relation": ""})
    dropped = typed.dropped[typed.dropped["reason"].isin(COMPARED)]
    relation = dropped["reason"].to_numpy(dtype=object).copy()
    spans = _spans(panel)
    low = np.array([spans.get(chrom, (0, -1))[0] for chrom in dropped["chrom"]])
    high = np.array([spans.get(chrom, (0, -1))[1] for chrom in dropped["chrom"]])
    pos = dropped["pos"].to_numpy(dtype=np.int64)
    if len(unread):
        places = set(zip(unread["chrom"], unread["pos"], strict=True))
        is_there = [place in places for place in zip(dropped["chrom"], dropped["pos"], strict=True)]
        relation[is_there & (relation == NOT_IN_REFERENCE)] = "at unusable records of the reference"
    if len(dropped):
        relation[(pos < low) | (pos > high)] = "outside the reference"
    others = pd.DataFrame({"site": -1, "relation": relation})
    return pd.concat([matched, others], ignore_index=True)


def _spans(panel: Panel) -> dict[str, tuple[int, int]]:
    """First and last position on each chromosome."""
    sites = panel.sites
    bounds = chromosome_bounds(sites.chrom)
    return {str(sites.chrom[start]): (int(sites.pos[start]), int(sites.pos[stop - 1])) for start, stop in bounds}


def _known(typed: TargetGenotypes) -> np.ndarray:
    """[M, N] bool: genotypes that are there; a sample without ploidy here lacks none."""
    known: np.ndarray = np.all(typed.alleles >= 0, axis=2)
    if typed.ploidy is not None:
        known |= typed.ploidy == 0
    return known


def _frequencies(path: str, panel: Panel, typed: TargetGenotypes) -> Iterator[Finding]:
    if typed.ploidy is not None or len(panel.samples) < MIN_SAMPLES:
        return
    known = _known(typed)
    number = known.sum(axis=1)
    enough = number >= MIN_SAMPLES
    if enough.sum() < MIN_SITES:
        return
    counts = np.where(known[..., None], typed.alleles, 0).sum(axis=(1, 2), dtype=np.int64)
    p = counts[enough] / (2 * number[enough])
    sites = typed.index[enough]
    q = panel.alleles.take(sites).counts() / panel.n_haplotypes
    yield from compare_frequencies(p, q, path)


def _missing(path: str, panel: Panel, typed: TargetGenotypes) -> Iterator[Finding]:
    missing = ~_known(typed)
    sites = panel.sites.take(typed.index)
    places = [f"{chrom}:{pos}" for chrom, pos in zip(sites.chrom.tolist(), sites.pos.tolist(), strict=True)]
    yield from missing_genotypes(path, typed.samples, missing.mean(axis=0), places, missing.mean(axis=1))


def _density(path: str, panel: Panel, typed: TargetGenotypes) -> Iterator[Finding]:
    n_typed = len(typed.index)
    share = n_typed / len(panel.sites)
    if n_typed >= DENSE_SITES and share > DENSE:
        message = (
            f"{n_typed} of the panel's {len(panel.sites)} sites are typed ({share:.0%}), as by sequencing and not by "
            "an array; genotypes that are given are kept and not improved"
        )
        yield Finding("warning", path, "density", message)
