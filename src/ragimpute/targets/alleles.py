"""Matching the alleles of a record to those of the panel: the same, swapped, or read from the other strand.

REF of a VCF is the genome's own base, so that files which name it otherwise come from arrays: either REF and ALT are
swapped (A/B alleles, or the minor allele first) or both are given on the other strand. Only single-nucleotide variants
are judged: an insertion with swapped alleles is a deletion, another variant. A/T and C/G look alike on both strands.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ragimpute.panel.store import Sites

BASES = re.compile(r"[ACGTNacgtn]+\Z")
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}
SWAPPED = "alleles swapped"
FLIPPED = "strand flipped"
BOTH = "strand flipped and alleles swapped"
SWAPS = (SWAPPED, BOTH)  # relations in which ALT of the record is REF of the site
AMBIGUOUS = "ambiguous strand"
NOT_IN_REFERENCE = "not in the reference"  # the panel has nothing at this position
MAX_MINOR_FREQUENCY = 0.4  # above it a panel's frequency does not tell strands apart: populations differ by as much
MIN_LOG_ODDS = math.log(1000)  # of one orientation to the other


@dataclass(frozen=True)
class AllelePolicy:
    """What becomes of records whose alleles are not the panel's as they stand.

    `swapped` and `flipped`: recode them ("fix") or drop them. `ambiguous` (A/T and C/G): take those for granted whose
    REF and ALT are the panel's ("keep"), judge all of them by the panel's allele frequency, or drop all of them.
    Where alleles are not `ordered`, as in a .bed, "keep" takes them for granted in either order, as long as no other
    record of the file is on the other strand.
    """

    swapped: Literal["fix", "drop"] = "fix"
    flipped: Literal["fix", "drop"] = "fix"
    ambiguous: Literal["keep", "frequency", "drop"] = "keep"
    ordered: bool = True


@dataclass(frozen=True)
class Match:
    """The panel's site that a record belongs to (-1: none), and how its alleles relate to the site's."""

    site: int
    relation: str  # "" (the same), SWAPPED, FLIPPED or BOTH; without a site, why there is none
    ambiguous: bool = False


class SiteIndex:
    """The panel's sites by position and alleles."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._chromosomes = {chrom: self._by_position(chrom) for chrom in sites.chromosomes()}

    def _by_position(self, chrom: str) -> tuple[np.ndarray, np.ndarray]:
        """The sites of a chromosome, in the order of their positions, and these: int64 [L] both."""
        index = np.flatnonzero(self._sites.chrom == chrom)
        positions = self._sites.pos[index]
        order = np.argsort(positions, kind="stable")
        return index[order], positions[order]

    def between(self, chrom: str, first: int, last: int) -> list[int]:
        """The sites at the positions first .. last."""
        if chrom not in self._chromosomes:
            return []
        index, positions = self._chromosomes[chrom]
        start, stop = np.searchsorted(positions, (first, last + 1)).tolist()
        return index[start:stop].tolist()

    def at(self, chrom: str, pos: int) -> dict[tuple[str, str], int]:
        """The sites at a position, by REF and ALT in capital letters."""
        found = {}
        for site in self.between(chrom, pos, pos):
            ref = self._sites.ref[site].upper()
            alt = self._sites.alt[site].upper()
            found[ref, alt] = site
        return found

    def match(self, chrom: str, pos: int, ref: str, alts: list[str]) -> Match:
        """The site of a record, or why there is none."""
        ref, *alts = allele_key(ref, alts)
        here = self.at(chrom, pos)
        if not alts:
            return _without_alt(here, ref)
        pair = ref, alts[0]
        if len(alts) == 1 and pair in here:
            site = here[pair]
            return Match(site, "", is_ambiguous(*pair))
        reason = unusable_alleles(ref, alts)
        if reason:
            return Match(-1, reason)
        if not here:
            return Match(-1, NOT_IN_REFERENCE)
        readings = _readings(*pair)
        found = [other for other in readings if other in here]
        if len(found) != 1:
            return Match(-1, "alleles differ")
        reading = found[0]
        site = here[reading]
        return Match(site, readings[reading], is_ambiguous(*pair))


def _without_alt(here: dict[tuple[str, str], int], ref: str) -> Match:
    """The single-nucleotide site of a record without ALT, as files of few samples have where all carry REF."""
    pairs = list(here)
    if len(pairs) != 1 or ref not in pairs[0] or not set(pairs[0]) <= COMPLEMENT.keys():
        return Match(-1, "no ALT allele")
    pair = pairs[0]
    site = here[pair]
    site_ref = pair[0]
    relation = "" if ref == site_ref else SWAPPED
    return Match(site, relation, is_ambiguous(*pair))


def resolve(match: Match, policy: AllelePolicy, alt_count: int, n_alleles: int, frequency: float) -> tuple[str, str]:
    """What `policy` makes of a matched record: (why it is dropped or "", its relation to the site).

    `alt_count` of `n_alleles` target alleles are the record's ALT; `frequency` is that of the site's ALT in the
    reference. Both are looked at for an ambiguous record under the policy "frequency" only.
    """
    relation = match.relation
    if match.ambiguous:
        if policy.ambiguous == "drop" or (policy.ambiguous == "keep" and policy.ordered and relation):
            return AMBIGUOUS, relation
        if policy.ambiguous == "frequency":
            odds = log_odds_as_read(alt_count, n_alleles, frequency)
            if min(frequency, 1 - frequency) > MAX_MINOR_FREQUENCY or abs(odds) < MIN_LOG_ODDS:
                return AMBIGUOUS, relation
            relation = _relation_by_frequency(bool(relation), odds)
    drop_swapped = policy.swapped == "drop" and relation in SWAPS
    drop_flipped = policy.flipped == "drop" and relation in (FLIPPED, BOTH)
    reason = relation if drop_swapped or drop_flipped else ""
    return reason, relation


def _relation_by_frequency(letters_are_swapped: bool, odds: float) -> str:
    """How an ambiguous record relates to its site, which has the same two letters, by `log_odds_as_read`."""
    if odds > 0:  # ALT of the record is ALT of the site: swapped letters are those of the other strand
        return FLIPPED if letters_are_swapped else ""
    return SWAPPED if letters_are_swapped else BOTH


def log_odds_as_read(alt_count: int, n_alleles: int, frequency: float) -> float:
    """Log odds that ALT of the record is the site's ALT rather than its REF, the targets being like the reference.

    The binomial likelihood ratio of `frequency` and 1 - `frequency`.
    """
    p = min(max(frequency, 1e-3), 1 - 1e-3)
    ref_count = n_alleles - alt_count
    log_odds_of_one = math.log(p / (1 - p))
    return (alt_count - ref_count) * log_odds_of_one


def is_ambiguous(ref: str, alt: str) -> bool:
    """Whether a variant is A/T or C/G, the same pair on both strands."""
    return COMPLEMENT.get(ref) == alt


def allele_key(ref: str, alts: list[str]) -> tuple[str, ...]:
    """REF and each ALT in capitals, by which records at one position differ; VCF 4.3 allows letters of either case."""
    capitals = [alt.upper() for alt in alts]
    return ref.upper(), *capitals


def unusable_alleles(ref: str, alts: list[str], *, alt_needed: bool = True) -> str:
    """Why a record's alleles cannot be imputed, or ''. Multiallelic records must be split (bcftools norm -m -any).

    A panel's records need an ALT; those of targets without one may still belong to a site (`SiteIndex.match`).
    """
    if not alts:
        return "no ALT allele" if alt_needed else ""
    if len(alts) > 1:
        return "multiallelic"
    if not BASES.match(alts[0]) or not BASES.match(ref):
        return "symbolic"
    return ""


def _readings(ref: str, alt: str) -> dict[tuple[str, str], str]:
    """Other ways to read a single-nucleotide variant: (REF, ALT) of the site -> the relation."""
    if ref not in COMPLEMENT or alt not in COMPLEMENT:
        return {}
    readings = {(alt, ref): SWAPPED}
    if not is_ambiguous(ref, alt):
        other_ref = COMPLEMENT[ref]
        other_alt = COMPLEMENT[alt]
        readings[other_ref, other_alt] = FLIPPED
        readings[other_alt, other_ref] = BOTH
    return readings
