"""The mask: which sites count as typed, and the only target genotypes that later steps may use."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.dropped_records import unused_sites
from ragimpute.panel.from_vcf import ALL_MISSING
from ragimpute.panel.ploidy import records_beside
from ragimpute.panel.roles import reference_samples, target_samples
from ragimpute.panel.site_tables import read_site_table, write_site_table
from ragimpute.panel.store import Panel, Sites, chromosome_bounds
from ragimpute.tables import write_table
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.targets.site_list import SiteList
from ragimpute.vcf.writer import write_genotypes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mask:
    """The typed sites of a panel, and the targets at these sites."""

    typed: np.ndarray  # [S] bool
    random: np.ndarray  # [S, R] bool, further sets of sites, for training
    targets: TargetGenotypes  # at the typed sites only
    not_used: pd.DataFrame  # target records that were not used, with the reason (from_vcf.DROPPED_COLUMNS)

    def write(
        self, panel: Panel, typed: Path, typed_genotypes: Path, not_used: Path | None, recoded: Path | None
    ) -> None:
        """Write typed.tsv, a VCF.gz of the targets at typed sites and, unless None, the two tables of records."""
        if not_used is not None:
            write_table(self.not_used, not_used)
        if recoded is not None:
            write_table(self.targets.recoded, recoded)
        targets = self.targets
        sites = panel.sites.take(targets.index)
        called = targets.called_alleles
        write_genotypes(typed_genotypes, sites, panel.contigs, targets.samples, called, targets.phased)
        write_typed(typed, panel.sites, self.typed, self.random)


def make_mask(
    panel: Panel,
    roles: pd.DataFrame,
    targets: str | os.PathLike,
    chosen: SiteList | str | float,
    policy: AllelePolicy,
    *,
    phase: str | None = None,
    random_masks: int = 0,
    scored: bool = False,
    seed: int = 1,
) -> Mask:
    """Choose the typed sites and take the targets' genotypes at these sites.

    Arguments:
        panel, roles: the panel and its table of roles.
        targets: a VCF with the genotypes of the target samples.
        chosen: what is typed, as `parse_sites` returns it (`choose_typed`).
        policy: what becomes of records whose alleles are not the panel's.
        phase: "keep" the targets' phase or "erase" it; None: erase that of samples that are in the panel.
        random_masks: the number R of further sets of sites (`draw_masks`).
        scored: `targets` is the truth, too, so that a mask that leaves nothing to score is an error.
        seed: of the sites that are drawn.

    Raises InputError when no site is typed or nothing is left to score, and as `read_genotypes` does.
    """
    reference = panel.of_samples(reference_samples(roles))
    frequency = reference.allele_frequency
    names = target_samples(roles)
    found = read_genotypes(targets, panel.sites, names, policy, frequency, chosen=records_beside(panel))
    typed = choose_typed(reference, found, chosen, np.random.default_rng([seed, 0]))
    if scored and not leaves_truth(typed, found, frequency):
        raise InputError(
            f"{targets}: nothing to score: at sites that vary in the reference it has no genotype but the "
            f"{int(typed.sum())} typed ones; name a file with more of them as the panel's truth, or say sites: targets"
        )
    is_holdout = set(found.samples) <= set(panel.samples)
    erase_phase = is_holdout if phase is None else phase == "erase"
    visible = select_sites(found, typed, erase_phase=erase_phase)
    random = draw_masks(reference, typed, random_masks, np.random.default_rng([seed, 1]))
    not_used = found.dropped
    without_genotype = panel.sites.take(found.index[~found.known])
    if len(without_genotype):
        unknown = unused_sites(without_genotype, ALL_MISSING)
        not_used = pd.concat([not_used, unknown], ignore_index=True)
    return Mask(typed, random, visible, not_used)


def is_snv(sites: Sites) -> np.ndarray:
    """Whether each site [S] bool is a single-nucleotide variant of A, C, G, T (symbols and indels are not)."""
    bases = np.array(list("ACGTacgt"))
    return np.isin(sites.ref, bases) & np.isin(sites.alt, bases)


def choose_typed(
    reference: Panel, targets: TargetGenotypes, chosen: SiteList | str | float, rng: np.random.Generator
) -> np.ndarray:
    """Which panel sites [S] bool are typed, given the sites at which the targets have genotypes.

    `reference` holds the reference samples at all sites of the panel; `chosen` is what `parse_sites` returns. A site
    list: biallelic SNVs at a listed position and present in the targets. 'targets': every site of the targets that is
    in the panel. A fraction: that share, drawn at random, of the SNVs polymorphic in the reference and present in the
    targets. Raises InputError when no site is typed or the fraction is not in (0, 1).
    """
    sites = reference.sites
    present = np.zeros(len(sites), dtype=bool)
    present[targets.index[targets.known]] = True
    if isinstance(chosen, SiteList):
        typed = present & is_snv(sites) & chosen.covers(sites)
        if not typed.any():
            raise InputError(_nothing_typed(chosen, sites, present))
    elif isinstance(chosen, str):
        typed = present
    else:
        if not 0 < chosen < 1:
            raise InputError(f"the fraction of typed sites {chosen} must lie between 0 and 1")
        eligible = np.flatnonzero(present & is_snv(sites) & reference.polymorphic)
        if not len(eligible):
            raise InputError(
                f"no site can be typed: none of the {int(present.sum())} sites that panel and targets share is a "
                "single-nucleotide variant that varies among the reference samples"
            )
        size = max(1, round(chosen * len(eligible)))
        typed = _drawn(sites, eligible, size, rng)
    if not typed.any():
        raise InputError("no site is typed: the targets share no usable site with the panel")
    return typed


def draw_masks(reference: Panel, typed: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Seeded random sets [S, count] bool of the sites, SNVs polymorphic in `reference`.

    Each has as many as are `typed` [S] bool, and one more on each chromosome that got none.
    """
    eligible = np.flatnonzero(is_snv(reference.sites) & reference.polymorphic)
    size = min(int(typed.sum()), len(eligible))
    masks = [_drawn(reference.sites, eligible, size, rng) for _ in range(count)]
    return np.stack(masks, axis=1) if masks else np.zeros((len(typed), 0), dtype=bool)


def _drawn(sites: Sites, eligible: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Marks [S] bool of `size` of the sites `eligible` [E], and of one more on each chromosome that got none."""
    drawn = np.zeros(len(sites), dtype=bool)
    drawn[rng.choice(eligible, size=size, replace=False)] = True
    for start, stop in chromosome_bounds(sites.chrom):
        first, end = np.searchsorted(eligible, (start, stop))
        here = eligible[first:end]
        if len(here) and not drawn[start:stop].any():
            drawn[rng.choice(here)] = True
    return drawn


def leaves_truth(typed: np.ndarray, found: TargetGenotypes, frequency: np.ndarray) -> bool:
    """Whether the targets have a known genotype at an untyped site that varies in the reference.

    typed [S] bool; frequency [S] float, that of ALT in the reference.
    """
    hidden = ~typed[found.index] & (frequency[found.index] > 0) & (frequency[found.index] < 1)
    return bool((found.alleles[hidden] >= 0).all(axis=2).any())


def select_sites(targets: TargetGenotypes, typed: np.ndarray, *, erase_phase: bool) -> TargetGenotypes:
    """The targets at typed sites only; with `erase_phase` alleles are sorted and written with '/'."""
    chosen = typed[targets.index]
    alleles, phased = targets.alleles[chosen], targets.phased[chosen]
    if erase_phase:
        alleles, phased = np.sort(alleles, axis=2), np.zeros_like(phased)
    return replace(targets, index=targets.index[chosen], alleles=alleles, phased=phased)


def write_typed(path: str | os.PathLike, sites: Sites, typed: np.ndarray, masks: np.ndarray) -> None:
    """Write typed.tsv: chrom pos ref alt typed random1 .. randomR (0 or 1), one row per panel site."""
    columns = {"typed": typed.astype(int)}
    for number, mask in enumerate(masks.T, start=1):
        columns[f"random{number}"] = mask.astype(int)
    write_site_table(path, sites, columns)


def read_typed(path: str | os.PathLike, sites: Sites, column: str = "typed") -> np.ndarray:
    """One column [S] bool of a typed.tsv. Raises InputError when its rows are not the panel's sites."""
    table = read_site_table(path, sites, {column: int})
    return table[column].to_numpy() == 1


def read_phased(
    path: str | os.PathLike, sites: Sites, samples: Sequence[str], typed_path: str | os.PathLike
) -> TargetGenotypes:
    """The genotypes of `samples` in a VCF that `ragimpute phase` or `phase-validation` wrote.

    Raises InputError when its sites are not those that `typed_path`, a typed.tsv, marks as typed.
    """
    typed = read_typed(typed_path, sites)
    found = read_genotypes(path, sites, samples)
    if not np.array_equal(found.index, np.flatnonzero(typed)):
        raise InputError(
            f"{path}: its {len(found.index)} sites are not those that {typed_path} marks as typed, {int(typed.sum())}; "
            "run mask and phase again"
        )
    return found


def _nothing_typed(listed: SiteList, sites: Sites, present: np.ndarray) -> str:
    names = ", ".join(dict.fromkeys(listed.chrom.tolist())) or "no chromosome"
    spans = []
    for chrom in dict.fromkeys(sites.chrom.tolist()):
        pos = sites.pos[sites.chrom == chrom]
        spans.append(f"{chrom}:{pos[0]}-{pos[-1]}")
    covered = listed.covers(sites)
    if covered.any():
        detail = f"{int(covered.sum())} panel sites lie at listed positions, but none is a SNV present in the targets"
    else:
        detail = "no panel site lies at a listed position (same chromosome names, same build?)"
    return (
        f"{listed.path}: no typed site: {len(listed.start)} positions listed on {names[:80]}; the panel covers "
        f"{', '.join(spans[:5])}, the targets have {int(present.sum())} of its sites; {detail}"
    )
