"""Which files belong to which chromosome: names with {chrom} in them, and several references."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from ragimpute.artefacts import is_safetensors
from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import MARK, existing_chromosomes, list_chromosomes
from ragimpute.panel.sex_chromosomes import PAR1, PAR2, kind_of
from ragimpute.vcf.other_formats import refuse_other_formats


@dataclass(frozen=True)
class ChromosomeFiles:
    """The files of one part of a genome."""

    name: str  # the chromosome's in the files' names; without {chrom}, the reference's without its suffixes
    reference: Path
    targets: Path
    genetic_map: Path | None
    # par1, par2: maps of the pseudoautosomal regions of X, where there are files of their own
    par_maps: Mapping[str, Path] = field(default_factory=dict)
    targets_copy: Path | None = None  # a VCF of targets that are PLINK's files

    @property
    def readable_targets(self) -> Path:
        """The targets as a VCF or BCF."""
        return self.targets_copy or self.targets


def chromosome_files(
    references: Sequence[str],
    targets: str,
    genetic_map: str | None = None,
    chromosomes: str | None = None,
) -> list[ChromosomeFiles]:
    """The files of each chromosome, in the order of the genome.

    Arguments:
        references: panel files. One name with {chrom} stands for a file of each chromosome; several files, without
            {chrom}, are imputed one after the other, in the order given.
        targets: a file of all chromosomes, or a name with {chrom}.
        genetic_map: likewise; None: no map. With {chrom}, X may have maps called X_par1 and X_par2 beside its own, and
            Y and MT need none.
        chromosomes: those to impute, such as '1-22,X'; None: all whose reference exists. Needs {chrom} in `references`.

    Raises InputError when a file is missing, no reference exists, or {chrom} stands where it means nothing.
    """
    patterns = [name for name in references if MARK in name]
    if patterns and len(references) > 1:
        raise InputError(f"--reference {patterns[0]}: a name with {MARK} stands for all chromosomes; give it alone")
    if patterns:
        pattern = patterns[0]
        names = list_chromosomes(chromosomes) if chromosomes else existing_chromosomes(pattern)
        return [_of_chromosome(name, pattern, targets, genetic_map) for name in names]
    for option, text in (("--targets", targets), ("--map", genetic_map)):
        if text is not None and MARK in text:
            raise InputError(f"{option} {text}: {MARK} must stand in --reference too")
    if chromosomes is not None:
        raise InputError(f"--chromosomes {chromosomes}: needs {MARK} in --reference")
    found_map = None if genetic_map is None else _existing("--map", genetic_map)
    found_targets = _genotypes("--targets", targets)
    files = [_genotypes("--reference", name) for name in references]
    for number, path in enumerate(files):
        if any(path.samefile(other) for other in files[:number]):
            raise InputError(f"--reference {path}: given twice; give each file once")
    return [
        ChromosomeFiles(name, path, found_targets, found_map) for name, path in zip(_names(files), files, strict=True)
    ]


def _of_chromosome(name: str, reference: str, targets: str, genetic_map: str | None) -> ChromosomeFiles:
    found_reference = _genotypes("--reference", reference.replace(MARK, name))
    found_targets = _genotypes("--targets", targets.replace(MARK, name))
    if genetic_map is None:
        return ChromosomeFiles(name, found_reference, found_targets, None)
    map_name = genetic_map.replace(MARK, name)
    kind = kind_of(name)
    if kind in ("Y", "MT") and not Path(map_name).is_file():
        return ChromosomeFiles(name, found_reference, found_targets, None)
    par_maps = {}
    if kind == "X" and MARK in genetic_map:
        for part in (PAR1, PAR2):
            of_part = Path(genetic_map.replace(MARK, f"{name}_{part}"))
            if of_part.is_file():
                par_maps[part] = of_part
    found_map = _existing("--map", map_name)
    return ChromosomeFiles(name, found_reference, found_targets, found_map, par_maps)


def refuse_other_files(files: Sequence[ChromosomeFiles]) -> None:
    """Raise InputError when a file of genotypes is of a format that is not read, or a folder: by first bytes alone."""
    for one in files:
        for option, path in (("--reference", one.reference), ("--targets", one.targets)):
            if option == "--reference" and is_safetensors(path):
                continue
            refuse_other_formats(path)
            if path.is_dir():
                raise InputError(f"{option} {path}: a folder, where a file is needed")


def _genotypes(option: str, name: str) -> Path:
    """The path of genotypes, which may be a folder of another format. Raises InputError when there is none."""
    path = Path(name)
    return path if path.is_dir() else _existing(option, name)


def _existing(option: str, name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InputError(f"{option} {name}: no such file")
    return path


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each file; those that only their folders tell apart have a number."""
    stems = [_stem(path) for path in paths]
    names: list[str] = []
    for stem in stems:
        numbered = (f"{stem}.{number}" for number in count(2))
        names.append(next(name for name in chain([stem], numbered) if name not in names))
    return names


def _stem(path: Path) -> str:
    return re.sub(r"(\.vcf|\.bcf|\.gz|\.safetensors)+$", "", path.name)
