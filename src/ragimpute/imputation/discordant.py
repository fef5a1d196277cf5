"""Typed sites whose genotypes are inverted: 0 stands for ALT and 1 for REF, though the alleles have the panel's names.

Each typed allele is imputed from all other typed sites. Where the other allele is far more likely at a site, over all
haplotypes of the targets, and the allele's frequency speaks for it too, the site is listed. Above a minor allele
frequency of .4 a frequency does not tell; the imputed alleles then decide alone.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ragimpute.imputation.left_out import correlation, left_out
from ragimpute.panel.store import Panel, chromosome_bounds
from ragimpute.targets.alleles import MAX_MINOR_FREQUENCY, MIN_LOG_ODDS
from ragimpute.targets.genotypes import TargetGenotypes

INVERTED = "discordant with the reference: its genotypes look inverted"
COLUMNS = ("chrom", "pos", "id", "ref", "alt", "target_frequency", "panel_frequency", "er2", "used")
LEAST = 0.02  # of a probability: a single haplotype proves nothing
CHUNK, FLANK = 500, 50  # typed sites that are left out at a time, and those beside them

Flagged = tuple[int, float]  # a site of the panel, and its ER2


def log_odds_inverted(dosages: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Log odds [T] that the alleles `observed` [T, Q] (-1 missing) are inverted, by their left-out `dosages` [T, Q]."""
    p = np.clip(dosages, LEAST, 1 - LEAST)
    for_alt = np.log(p / (1 - p))
    for_other = np.where(observed == 1, -for_alt, for_alt)
    odds: np.ndarray = np.where(observed >= 0, for_other, 0).sum(axis=1)
    return odds


def flagged(site: np.ndarray, odds: np.ndarray, er2: np.ndarray) -> list[Flagged]:
    """Of T sites those whose alleles look inverted by the odds, with their ER2."""
    is_suspect = odds >= MIN_LOG_ODDS
    return list(zip(site[is_suspect].tolist(), er2[is_suspect].tolist(), strict=True))


def table_of(panel: Panel, typed: TargetGenotypes, suspects: Sequence[Flagged], used: bool) -> pd.DataFrame:
    """COLUMNS of those of the `suspects` whose frequency in the targets contradicts the panel's."""
    if not suspects:
        return pd.DataFrame(columns=list(COLUMNS))
    row_of = {site: row for row, site in enumerate(typed.index.tolist())}
    has_haplotype = typed.has_haplotype
    rows = []
    for site, er2 in suspects:
        here = slice(row_of[site], row_of[site] + 1)
        alleles = typed.at(np.arange(here.start, here.stop)).given[0][has_haplotype]
        ours = float(alleles[alleles >= 0].mean())
        theirs = float(panel.alleles[site : site + 1].mean())
        if frequency_contradicts(ours, theirs):
            sites = panel.sites
            identity = sites.chrom[site], int(sites.pos[site]), sites.id[site], sites.ref[site], sites.alt[site]
            rows.append((*identity, ours, theirs, er2, used))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def frequency_contradicts(ours: float, theirs: float) -> bool:
    """Whether the frequency of ALT in the targets is like that of REF in the panel; true where neither is told."""
    is_told = min(theirs, 1 - theirs) <= MAX_MINOR_FREQUENCY
    return not is_told or abs(ours - theirs) > abs(ours - (1 - theirs))


def find(panel: Panel, typed: TargetGenotypes, threads: int) -> pd.DataFrame:
    """COLUMNS of the inverted typed sites, by a pass over all of them."""
    suspects: list[Flagged] = []
    haplotypes = typed.has_haplotype
    for begin, end in chromosome_bounds(panel.sites.chrom[typed.index]):
        for start in range(begin, end, CHUNK):
            stop = min(start + CHUNK, end)
            rows = np.arange(max(start - FLANK, begin), min(stop + FLANK, end))
            part = typed.at(rows)
            observed = part.given[:, haplotypes]
            is_typed = np.ones(len(rows), dtype=bool)
            dosages = left_out(panel.take(part.index), is_typed, observed, threads)
            core = slice(start - rows[0], stop - rows[0])
            er2 = correlation(dosages, observed, is_typed)
            odds = log_odds_inverted(dosages, observed)
            suspects += flagged(part.index[core], odds[core], er2[core])
    return table_of(panel, typed, suspects, used=False)


def without_sites(typed: TargetGenotypes, panel: Panel, listed: pd.DataFrame) -> TargetGenotypes:
    """The targets without the typed sites of a table, whose records count as dropped."""
    keys = set(listed[["chrom", "pos", "ref", "alt"]].itertuples(index=False, name=None))
    is_listed = [key in keys for key in panel.sites.take(typed.index).keys()]  # noqa: SIM118 (not a mapping)
    is_inverted = np.array(is_listed, dtype=bool)
    kept = np.flatnonzero(~is_inverted)
    return typed.at(kept).without_records_of(typed.index[is_inverted], INVERTED)
