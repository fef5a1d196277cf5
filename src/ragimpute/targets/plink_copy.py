"""Targets in PLINK's files, as a VCF that all else reads: chromosomes named as in the panel, samples as PLINK does.

PLINK keeps of a chromosome a code, and of a .bed's alleles no order: A2 is written as REF and A1 as ALT, and reading
turns them by the panel (`ragimpute.targets.alleles`). Genotypes go through memory some variants at a time.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.artefacts import is_safetensors
from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.nouns import with_noun
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.panel.sexes import Sex
from ragimpute.panel.store import Panel, Sites
from ragimpute.panel.text_column import TextColumn
from ragimpute.tables import write_table
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.plink_files import (
    Fileset,
    GenotypeReader,
    Variants,
    find_fileset,
    read_samples,
    read_variants,
)
from ragimpute.vcf.source import chromosomes_with_records, contig_id, read_header
from ragimpute.vcf.writer import write_genotypes_of

logger = logging.getLogger(__name__)

POLICY = AllelePolicy(ordered=False)  # A1 and A2 of a .bed, and REF of a .pgen made of it, say nothing
UNPLACED = "no position"
NO_BASE = "N"  # REF of a variant of which no allele is known
MAX_ALLELE = 9  # the last one that the copy's genotypes name; those with others are missing


@dataclass(frozen=True)
class TargetsCopy:
    """A VCF made of PLINK's files, with an index."""

    path: Path
    sexes: Mapping[str, Sex]  # of .fam or .psam


def copy_targets(targets: str | os.PathLike, references: Iterable[str | os.PathLike], copy: Path) -> TargetsCopy | None:
    """Write `copy`, a VCF.gz, of the .bed or .pgen at `targets` unless it is there; None where it is neither.

    The chromosomes of `references` give theirs the names. Raises InputError when the files are unusable.
    """
    fileset = find_fileset(targets)
    if fileset is None:
        return None
    names, sexes = read_samples(fileset)
    if not copy.exists():
        variants = read_variants(fileset)
        of_panels = [chrom for path in dict.fromkeys(references) for chrom in _chromosomes_of(path)]
        _write(fileset, variants, names, of_panels, copy)
    return TargetsCopy(copy, sexes)


@contextmanager
def targets_as_vcf(targets: str | os.PathLike, references: Iterable[str | os.PathLike]) -> Iterator[Path]:
    """A VCF of the targets, temporary where they are PLINK's, else their own file. Raises InputError."""
    if find_fileset(targets) is None:
        yield Path(targets)
        return
    with temporary_folder("ragimpute-") as folder:
        copy = folder / "targets.vcf.gz"
        copy_targets(targets, references, copy)
        yield copy


def sample_names(targets: str | os.PathLike) -> tuple[str, ...]:
    """The names of the samples in a VCF, a BCF or PLINK's files. Raises InputError."""
    fileset = find_fileset(targets)
    if fileset is None:
        return read_header(targets).samples
    names, _ = read_samples(fileset)
    return names


def unplaced_beside(copy: Path) -> Path:
    """The table of the variants without a position beside a copy; there is none where all have one."""
    return copy.with_name(f"{copy.name}.unplaced.tsv")


def _chromosomes_of(reference: str | os.PathLike) -> Collection[str]:
    """The chromosomes of a panel; those of the header where it names any."""
    path = Path(reference)
    if is_safetensors(path):
        return Panel.load(path).sites.chromosomes()
    named = [contig_id(line) for line in read_header(path).contigs]
    return named or chromosomes_with_records(path)


def _write(
    fileset: Fileset, variants: Variants, names: tuple[str, ...], of_panels: Collection[str], copy: Path
) -> None:
    name_in_panel = {plain_name(chrom): chrom for chrom in reversed(list(of_panels))}
    codes = dict.fromkeys(variants.chrom.tolist())
    names_of_codes = {code: name_in_panel.get(plain_name(code), plain_name(code)) for code in codes}
    chroms = np.array([names_of_codes[code] for code in variants.chrom.tolist()], dtype=object)
    rank = {chrom: place for place, chrom in enumerate(dict.fromkeys(chroms.tolist()))}
    ranks = np.array([rank[chrom] for chrom in chroms.tolist()])
    order = np.lexsort((variants.pos, ranks))  # stable: X and its pseudoautosomal regions become one
    is_placed = variants.pos[order] > 0
    unplaced = order[~is_placed]
    order = order[is_placed]
    if len(unplaced):
        logger.warning("%s: variants without a position are left out: %d", fileset.variants, len(unplaced))
        columns = {name: getattr(variants, name)[unplaced] for name in ("chrom", "pos", "id", "ref", "alt")}
        write_table(pd.DataFrame(columns).assign(reason=UNPLACED), unplaced_beside(copy))
    if not len(order):
        raise InputError(f"{fileset.variants}: no variant has a position")
    refs, alts, turned = _alleles(variants.ref, variants.alt, order)
    no_map = np.zeros(len(order))
    sites = Sites(chroms[order], variants.pos[order], variants.id[order], refs, alts, no_map)
    reader = GenotypeReader(fileset, len(names), variants)

    def genotypes(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        alleles, phased = reader.read(order[start:stop])
        alleles[alleles > MAX_ALLELE] = -1
        is_turned = turned[start:stop, None, None] & (alleles >= 0)
        return np.where(is_turned, 1 - alleles, alleles), phased

    counts = with_noun(len(names), "sample"), with_noun(len(order), "variant")
    logger.info("%s: %s, %s of PLINK's files", fileset.genotypes, *counts)
    write_genotypes_of(copy, sites, (), names, genotypes)


def _alleles(refs: TextColumn, alts: TextColumn, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """REF and ALT [M] of the variants in `order`, and whether they are turned [M] bool: where REF alone is unknown."""
    ref, alt = refs[order], alts[order]
    turned = (ref == ".") & (alt != ".")
    has_none = (ref == ".") & (alt == ".")
    new_ref = np.where(turned, alt, np.where(has_none, NO_BASE, ref))
    new_alt = np.where(turned, ".", alt)
    return new_ref, new_alt, turned
