"""Which sites count as typed, and the only target genotypes that anything downstream may see."""

import gzip
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.store import Panel, Sites, chromosome_bounds
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.vcf.source import records

logger = logging.getLogger(__name__)

SITE_COLUMNS = ["chrom", "pos", "ref", "alt"]


@dataclass(frozen=True)
class SiteList:
    """Listed positions, or intervals, 1-based and inclusive."""

    chrom: np.ndarray  # [R] str
    start: np.ndarray  # [R] int64
    end: np.ndarray  # [R] int64
    path: str

    def covers(self, sites: Sites) -> np.ndarray:
        """Whether each site's position [S] bool is listed."""
        listed = np.zeros(len(sites), dtype=bool)
        for chrom in dict.fromkeys(sites.chrom.tolist()):
            here = np.flatnonzero(sites.chrom == chrom)
            rows = self.chrom == chrom
            starts, ends = np.sort(self.start[rows]), np.sort(self.end[rows])
            opened = np.searchsorted(starts, sites.pos[here], side="right")
            closed = np.searchsorted(ends, sites.pos[here], side="left")
            listed[here] = opened > closed  # inside more intervals opened than closed before it
        return listed


def parse_spec(text: str) -> SiteList | str | float:
    """What `--sites` means: 'targets', the content of an existing file, or a fraction."""
    if text == "targets":
        return text
    if Path(text).is_file():
        return read_site_list(text)
    try:
        return float(text)
    except ValueError:
        raise InputError(f"sites {text!r}: no such file, and neither 'targets' nor a fraction") from None


def read_site_list(path: str | os.PathLike) -> SiteList:
    """Read positions from a headerless table `chrom position` (blanks or tabs), a BED (0-based) or a VCF/BCF.

    Raises InputError with file and line for anything else.
    """
    name = os.fspath(path).lower()
    if name.endswith((".vcf", ".vcf.gz", ".bcf")):
        found = [(record.CHROM, record.POS) for record in records(path)]
        chroms, positions = [chrom for chrom, _ in found], np.array([pos for _, pos in found], dtype=np.int64)
        return SiteList(np.array(chroms, dtype=str), positions, positions, os.fspath(path))
    is_bed = name.endswith((".bed", ".bed.gz"))
    chroms, starts, ends = [], [], []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#") or (is_bed and fields[0] in ("track", "browser")):
            continue
        expected = "chrom start end (BED, 0-based)" if is_bed else "chrom position"
        try:
            start, end = int(fields[1]), int(fields[2 if is_bed else 1])
            if not is_bed and len(fields) > 2 and fields[2].isdecimal() and int(fields[2]) > start:
                raise InputError(
                    f"{path}:{number}: looks like BED, whose positions count from 0; name the file .bed, or leave "
                    "'chrom position' in its lines"
                )
        except (IndexError, ValueError):
            raise InputError(f"{path}:{number}: expected '{expected}', found {line.strip()[:80]!r}") from None
        chroms.append(fields[0])
        starts.append(start + 1 if is_bed else start)
        ends.append(end)
    return SiteList(
        np.array(chroms, dtype=str), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), os.fspath(path)
    )


def is_snv(sites: Sites) -> np.ndarray:
    """Whether each site [S] bool is a single-nucleotide variant of A, C, G, T (symbols and indels are not)."""
    bases = np.array(list("ACGTacgt"))
    return np.isin(sites.ref, bases) & np.isin(sites.alt, bases)


def typed_sites(
    panel: Panel,
    reference: Sequence[str],
    targets: TargetGenotypes,
    spec: SiteList | str | float,  # as parse_spec returns it
    rng: np.random.Generator,
) -> np.ndarray:
    """Which panel sites [S] bool are typed, given the sites at which the targets have genotypes.

    A site list: biallelic SNVs at a listed position and present in the targets. 'targets': every site of the targets
    that is in the panel. A fraction: that share, drawn at random, of the SNVs polymorphic among the `reference` samples
    and present in the targets. Raises InputError when no site is typed or the fraction is not in (0, 1).
    """
    present = np.zeros(len(panel.sites), dtype=bool)
    present[targets.index[targets.known]] = True
    if isinstance(spec, SiteList):
        typed = present & is_snv(panel.sites) & spec.covers(panel.sites)
        if not typed.any():
            raise InputError(_nothing_typed(spec, panel.sites, present))
    elif isinstance(spec, str):
        typed = present
    else:
        if not 0 < spec < 1:
            raise InputError(f"the fraction of typed sites {spec} must lie between 0 and 1")
        eligible = np.flatnonzero(present & _polymorphic_snv(panel, reference))
        if not len(eligible):
            raise InputError(
                f"no site can be typed: none of the {int(present.sum())} sites that panel and targets share is a "
                "single-nucleotide variant that varies among the reference samples"
            )
        typed = _drawn(panel.sites, eligible, max(1, round(spec * len(eligible))), rng)
    if not typed.any():
        raise InputError("no site is typed: the targets share no usable site with the panel")
    return typed


def random_masks(
    panel: Panel, reference: Sequence[str], typed: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Seeded random sets [S, count] bool of SNVs polymorphic among the reference samples.

    Each has as many as are typed, and one more on each chromosome that got none.
    """
    eligible = np.flatnonzero(_polymorphic_snv(panel, reference))
    size = min(int(typed.sum()), len(eligible))
    masks = [_drawn(panel.sites, eligible, size, rng) for _ in range(count)]
    return np.stack(masks, axis=1) if masks else np.zeros((len(typed), 0), dtype=bool)


def _drawn(sites: Sites, eligible: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Marks [S] bool of `size` of the sites `eligible` [E], and of one more on each chromosome that got none."""
    drawn = np.zeros(len(sites), dtype=bool)
    drawn[rng.choice(eligible, size=size, replace=False)] = True
    for start, stop in chromosome_bounds(sites.chrom):
        here = eligible[(eligible >= start) & (eligible < stop)]
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
    table = pd.DataFrame({name: getattr(sites, name) for name in SITE_COLUMNS})
    table["typed"] = typed.astype(int)
    for column in range(masks.shape[1]):
        table[f"random{column + 1}"] = masks[:, column].astype(int)
    with artefacts.atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)


def read_typed(path: str | os.PathLike, sites: Sites, column: str = "typed") -> np.ndarray:
    """One column [S] bool of a typed.tsv. Raises InputError when its rows are not the panel's sites."""
    try:
        table = pd.read_csv(path, sep="\t", dtype={"chrom": str, "ref": str, "alt": str}, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table of typed sites ({error})") from None
    if column not in table or not set(SITE_COLUMNS) <= set(table.columns):
        raise InputError(f"{path}: no column {column!r}; it has {', '.join(table.columns)}")
    same = len(table) == len(sites) and all(
        np.array_equal(table[name].to_numpy(), getattr(sites, name)) for name in SITE_COLUMNS
    )
    if not same:
        raise InputError(f"{path}: its rows are not the panel's {len(sites)} sites; make it again with this panel")
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


def _polymorphic_snv(panel: Panel, reference: Sequence[str]) -> np.ndarray:
    chosen = panel.of_samples(reference)
    carriers = chosen.allele_count
    return is_snv(panel.sites) & (carriers > 0) & (carriers < chosen.alleles.shape[1])


def _nothing_typed(listed: SiteList, sites: Sites, present: np.ndarray) -> str:
    names = ", ".join(dict.fromkeys(listed.chrom.tolist()).keys()) or "no chromosome"
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


def _text(path: str | os.PathLike) -> str:
    try:
        content = Path(path).read_bytes()
        return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of sites ({error})") from None
