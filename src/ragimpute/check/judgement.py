"""What is said of a panel and targets when both have been read: the same by `check` and by `impute`.

An error of this list ends `impute`, and makes `check` exit with 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.check.each_file import map_coverage, missing_genotypes
from ragimpute.check.findings import Finding, Level
from ragimpute.check.findings import tally as tally_of
from ragimpute.check.targets_against_reference import (
    MIN_SAMPLES,
    MIN_SITES,
    compare_frequencies,
    overlap,
    recoded_alleles,
)
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.store import Panel, chromosome_bounds
from ragimpute.targets.alleles import AMBIGUOUS, BOTH, FLIPPED, NOT_IN_REFERENCE, SWAPPED
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.lost_sites import OF_GENOTYPES

FEWEST_KEPT = 0.1  # of the records that could be kept: below it the panel was not prepared for imputation
MANY_LOST = 0.5  # so few of them, or fewer, are worth a warning
DENSE, DENSE_SITES = 0.5, 1000  # above this share of the panel's sites, and so many, the targets were sequenced
BLOCK = 1 << 24  # genotypes at a time
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
    found += recoded_alleles(_relations_of(typed.recoded), path)
    tally = _Tally.of(typed)
    found += _frequencies(path, panel, typed, tally)
    found += _missing(path, panel, typed, tally)
    found += _density(path, panel, typed)
    place = place_of(panel)
    found = [replace(finding, place=place) for finding in found]
    if genetic_map is not None and not genetic_map.is_uniform:
        found += map_coverage(genetic_map, _spans(panel))
    return found


def place_of(panel: Panel) -> str:
    """The chromosome of a panel; with positions on X, which is read in three stretches."""
    spans = _spans(panel)
    return ", ".join(
        f"{chrom}:{low}-{high}" if kind_of(chrom) == "X" else chrom for chrom, (low, high) in spans.items()
    )


def _usable_share(path: str, panel: Panel, unread: pd.DataFrame) -> Iterator[Finding]:
    """Whether most records of the panel are lost for their genotypes."""
    if unread.empty:
        return
    lost = unread.loc[unread["reason"].isin(OF_GENOTYPES), "reason"]
    n_kept = len(panel.sites)
    n_all = n_kept + len(lost)
    share = n_kept / n_all
    if share <= MANY_LOST:
        level: Level = "error" if share < FEWEST_KEPT else "warning"
        message = (
            f"only {n_kept} of {n_all} records can be used ({share:.1%}); the others: {tally_of(lost)}; phase "
            "the panel and fill in its missing genotypes (Beagle, SHAPEIT, Eagle)"
        )
        reasons = {str(reason): int(count) for reason, count in lost.value_counts().items()}
        numbers = {"usable": n_kept, "records": n_all, "reasons": reasons}
        yield Finding(level, path, "unusable-panel", message, numbers)


def _relations(panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> pd.DataFrame:
    """Target records: site (-1: none) and relation, as `targets_against_reference.overlap` takes them."""
    dropped = typed.dropped[typed.dropped["reason"].isin(COMPARED)]
    spans = _spans(panel)
    unused = set() if unread.empty else set(zip(unread["chrom"], unread["pos"], strict=True))
    relations = [""] * len(typed.index)
    for chrom, pos, reason in zip(dropped["chrom"], dropped["pos"], dropped["reason"], strict=True):
        low, high = spans.get(chrom, (0, -1))
        relation = reason
        if not low <= pos <= high:
            relation = "outside the reference"
        elif reason == NOT_IN_REFERENCE and (chrom, pos) in unused:
            relation = "at unusable records of the reference"
        relations.append(relation)
    sites = [*typed.index.tolist(), *[-1] * len(dropped)]
    return pd.DataFrame({"site": np.array(sites, dtype=np.int64), "relation": np.array(relations, dtype=object)})


def _relations_of(recoded: pd.DataFrame) -> pd.Series:
    """How the alleles of records were swapped or flipped, without those that were recoded for another reason."""
    relations = recoded["reason"].astype(str).str.split(":").str[0]
    return relations[relations.isin((SWAPPED, FLIPPED, BOTH))]


def _spans(panel: Panel) -> dict[str, tuple[int, int]]:
    """First and last position on each chromosome."""
    sites = panel.sites
    bounds = chromosome_bounds(sites.chrom)
    return {str(sites.chrom[start]): (int(sites.pos[start]), int(sites.pos[stop - 1])) for start, stop in bounds}


@dataclass(frozen=True)
class _Tally:
    """What the typed genotypes of N samples at M sites add up to. A sample without ploidy here lacks none."""

    known_of_site: np.ndarray  # [M] int64, genotypes that are there
    known_of_sample: np.ndarray  # [N] int64
    alt_count: np.ndarray  # [M] int64, ALT alleles in them

    @classmethod
    def of(cls, typed: TargetGenotypes) -> "_Tally":
        """Some sites at a time, as genotypes of many samples take much memory."""
        n_sites, n_samples, _ = typed.alleles.shape
        of_site, alt_count = np.zeros((2, n_sites), dtype=np.int64)
        of_sample = np.zeros(n_samples, dtype=np.int64)
        is_absent = np.zeros(n_samples, dtype=bool) if typed.ploidy is None else typed.ploidy == 0
        step = max(1, BLOCK // max(1, n_samples))
        for start in range(0, n_sites, step):
            rows = slice(start, start + step)
            alleles = typed.alleles[rows]
            is_called: np.ndarray = np.all(alleles >= 0, axis=2)
            known = is_called | is_absent
            of_site[rows] = known.sum(axis=1)
            of_sample += known.sum(axis=0)
            alt_count[rows] = (alleles.sum(axis=2, dtype=np.int64) * known).sum(axis=1)
        return cls(of_site, of_sample, alt_count)


def _frequencies(path: str, panel: Panel, typed: TargetGenotypes, tally: _Tally) -> Iterator[Finding]:
    enough = tally.known_of_site >= MIN_SAMPLES
    if typed.ploidy is not None or len(panel.samples) < MIN_SAMPLES or enough.sum() < MIN_SITES:
        return
    p = tally.alt_count[enough] / (2 * tally.known_of_site[enough])
    sites = typed.index[enough]
    q = panel.alleles.take(sites).counts() / panel.n_haplotypes
    yield from compare_frequencies(p, q, _places(panel, sites), path)


def _missing(path: str, panel: Panel, typed: TargetGenotypes, tally: _Tally) -> Iterator[Finding]:
    places = _places(panel, typed.index)
    of_samples = 1 - tally.known_of_sample / len(typed.index)
    of_sites = 1 - tally.known_of_site / len(typed.samples)
    yield from missing_genotypes(path, typed.samples, of_samples, places, of_sites)


def _places(panel: Panel, sites: np.ndarray) -> list[str]:
    """CHROM:POS of some of the panel's sites."""
    found = panel.sites.take(sites)
    return [f"{chrom}:{pos}" for chrom, pos in zip(found.chrom.tolist(), found.pos.tolist(), strict=True)]


def _density(path: str, panel: Panel, typed: TargetGenotypes) -> Iterator[Finding]:
    n_typed = len(typed.index)
    share = n_typed / len(panel.sites)
    if n_typed >= DENSE_SITES and share > DENSE:
        message = (
            f"{n_typed} of the panel's {len(panel.sites)} sites are typed ({share:.0%}), as by sequencing and not by "
            "an array; genotypes that are given are kept and not improved"
        )
        numbers = {"typed": n_typed, "sites": len(panel.sites)}
        yield Finding("warning", path, "density", message, numbers)
