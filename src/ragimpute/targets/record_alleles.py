"""Target records with other alleles than REF and one ALT: merged multiallelics, spanning deletions, gVCFs.

Such a record is matched by each of its alleles. A genotype with an allele that the panel lacks is missing. An allele
that another record of the panel has at the position is no ALT of this one: it counts as REF, as in the split records of
`bcftools norm -m -any`. The alleles <NON_REF>, <*> and <X> of sequencing calls stand for "any other" and are ignored.
"""

from dataclasses import dataclass

import numpy as np

from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import BASES, NOT_IN_REFERENCE, Match, SiteIndex, allele_key, is_ambiguous

ANY_OTHER = frozenset(("<NON_REF>", "<*>", "<X>"))
OTHER = -1  # code of an allele that the site lacks: its genotypes are missing
NO_EVIDENCE = ("GQ", "DP", "MIN_DP")  # FORMAT keys whose 0 says that a reference block has no reads


@dataclass(frozen=True)
class Reading:
    """A record read as one of a site: which site, and what its alleles 0, 1, .. are there: 0, 1 or OTHER."""

    match: Match
    codes: np.ndarray | None = None  # int8; None: REF is 0 and the only ALT is 1


def base_alleles(alts: list[str]) -> list[str]:
    """The ALT alleles that are written as bases: without <NON_REF>, * and other symbols."""
    return [alt for alt in alts if BASES.match(alt)]


def is_any_other(alts: list[str]) -> bool:
    """Whether ALT is <NON_REF>, <*> or <X> alone: nobody carries an allele that has a name."""
    return bool(alts) and all(alt.upper() in ANY_OTHER for alt in alts)


def alternatives(alts: list[str]) -> dict[str, np.ndarray | None]:
    """The ways to read a target record before its site is known: its ALT ('.': none) -> codes as in `Reading`."""
    named = base_alleles(alts)
    if is_any_other(alts):
        return {".": _codes(len(alts), {})}
    if len(alts) < 2 or not named:
        return {",".join(alts) or ".": None}
    return {alt: _codes(len(alts), {alts.index(alt): 1}) for alt in named}


def readings(index: SiteIndex, chrom: str, pos: int, ref: str, alts: list[str]) -> list[Reading]:
    """The sites of a record, or one reading that says why there is none."""
    named = base_alleles(alts)
    if len(alts) < 2 or not named:
        match = index.match(chrom, pos, ref, alts[:1])
        return [Reading(match)]
    found = _sites_of(index, chrom, pos, ref, alts)
    if found:
        return [_reading_at(site, number, found, ref, alts) for site, number in found.items()]
    if len(named) == 1:
        match = index.match(chrom, pos, ref, named)
        return [Reading(match, _codes(len(alts), {alts.index(named[0]): 1}))]
    reason = "alleles differ" if index.between(chrom, pos, pos) else NOT_IN_REFERENCE
    return [Reading(Match(-1, reason))]


def trimmed(ref: str, alt: str) -> tuple[str, str]:
    """REF and ALT in capitals without the bases that both end with, as another ALT of a record makes them longer."""
    ref, alt = allele_key(ref, [alt])
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return ref, alt


def _sites_of(index: SiteIndex, chrom: str, pos: int, ref: str, alts: list[str]) -> dict[int, int]:
    """The sites whose alleles a record has as they stand: site -> number of the allele among `alts`."""
    here = {trimmed(*pair): site for pair, site in reversed(index.at(chrom, pos).items())}
    found: dict[int, int] = {}
    for number, alt in enumerate(alts):
        pair = trimmed(ref, alt)
        if BASES.match(alt) and pair in here:
            found.setdefault(here[pair], number)
    return found


def _reading_at(site: int, number: int, found: dict[int, int], ref: str, alts: list[str]) -> Reading:
    """The record as one of `site`, whose ALT is its allele `number`; alleles of other sites in `found` are no ALT."""
    codes = dict.fromkeys(found.values(), 0)
    codes[number] = 1
    pair = trimmed(ref, alts[number])
    match = Match(site, "", is_ambiguous(*pair))
    return Reading(match, _codes(len(alts), codes))


def _codes(n_alts: int, codes: dict[int, int]) -> np.ndarray:
    """The codes of REF and all ALT alleles, from those of some of the ALT alleles; the others are OTHER."""
    return np.array([0, *(codes.get(number, OTHER) for number in range(n_alts))], dtype=np.int8)


def recoded(genotypes: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Genotypes [N, 3] with their alleles as `codes` says, and how many are set missing, as one of theirs is OTHER.

    Alleles that are missing (-1) or absent (-2) stay.
    """
    alleles = genotypes[:, :2]
    read = np.where(alleles >= 0, codes[np.maximum(alleles, 0)], alleles)
    has_other = ((alleles >= 0) & (read == OTHER)).any(axis=1)
    read[has_other] = -1
    found = genotypes.copy()
    found[:, :2] = read
    return found, int(has_other.sum())


def is_reference_block(record) -> bool:
    """Whether a record says that samples carry REF over a stretch: INFO END or <NON_REF>, and no allele with a name."""
    if is_any_other(record.ALT):
        return True
    return not record.ALT and record.end > record.POS + len(record.REF) - 1


def reference_genotypes(record, genotypes: np.ndarray) -> np.ndarray:
    """The genotypes [N, 3] of a reference block: REF, or missing where they say otherwise or rest on no read."""
    found = genotypes.copy()
    is_reference = (genotypes[:, :2] == 0).all(axis=1)
    for key in NO_EVIDENCE:
        values = record.format(key) if key in record.FORMAT else None
        if values is not None:
            is_reference &= values[:, 0] != 0
    found[~is_reference, :2] = -1
    return found


def reference_sites(index: SiteIndex, sites: Sites, record) -> list[int]:
    """The panel's single-nucleotide sites within a reference block."""
    within = index.between(record.CHROM, record.POS, record.end)
    return [site for site in within if len(sites.ref[site]) == len(sites.alt[site]) == 1]
