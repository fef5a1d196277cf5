"""What is imputed on its own: the autosomes of a file, and each stretch of X, Y and MT in which ploidy is constant."""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragimpute.artefacts import is_safetensors
from ragimpute.errors import InputError, UnusableChromosome
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.regions import Regions
from ragimpute.panel.chromosome_names import equal_name, is_part_of_x, place_in_genome, plain_name, two_names
from ragimpute.panel.ploidy import ChosenRecords, PloidyRule
from ragimpute.panel.sex_chromosomes import PAR1, PAR2, Build, Kind, find_build, kind_of, stretches_of_x
from ragimpute.panel.sexes import Sex
from ragimpute.panel.store import Panel
from ragimpute.vcf.renamed import Renaming
from ragimpute.vcf.source import (
    FIRST_POSITION,
    LAST_POSITION,
    Region,
    chromosomes_with_records,
    contig_id,
    contig_lengths,
    read_header,
    records,
)

logger = logging.getLogger(__name__)

AUTOSOME = re.compile(r"(chr)?([1-9]|1[0-9]|2[0-2])")


@dataclass(frozen=True)
class Stretch:
    """A part of a file that is imputed as a whole: its own panel, phasing and windows."""

    name: str  # of its pieces
    files: ChromosomeFiles  # with the map of the stretch
    chosen: ChosenRecords

    @property
    def is_of_sex_chromosome(self) -> bool:
        """Whether it is of X, Y or MT."""
        region = self.chosen.region
        return region is not None and kind_of(region.chrom) is not None


@dataclass(frozen=True)
class Chromosome:
    """What is imputed, or left out, together: X, Y or MT of a file, or all of its other chromosomes."""

    name: str  # of its pieces
    files: ChromosomeFiles
    contig: str = ""  # of X, Y or MT in the file; empty: the others
    without: frozenset[str] = frozenset()  # X, Y and MT, where these are the others
    only: str = ""  # the chromosome of the regions that the run is limited to; empty: all of the file

    @property
    def title(self) -> str:
        """What it is called in messages and in the summary."""
        is_the_file = self.name == self.files.name
        return self.name if is_the_file else self.contig or self.only

    @property
    def kind(self) -> Kind | None:
        """Which of X, Y and MT it is."""
        return kind_of(self.contig) if self.contig else None

    def build(self, given: str | None) -> Build | None:
        """The build of X by the headers, or `given` by --build. Raises UnusableChromosome where they differ."""
        lengths = [_lengths(path, self.contig) for path in (self.files.reference, self.files.readable_targets)]
        return find_build(self.contig, lengths, given)

    def stretches(self, sexes: Mapping[str, Sex], build: str | None, regions: Regions) -> list[Stretch]:
        """The stretches to impute, in order, of those that `regions` touch.

        `sexes`: of the samples for whom --sex gives it. `build`: of --build, 37 or 38.
        Raises UnusableChromosome when the build of X is not known and sexes are.
        """
        if self.kind is None:
            within = Region(self.only) if self.only else None  # windows are those of the whole chromosome
            chosen = ChosenRecords(within, self.without)
            return [Stretch(self.name, self.files, chosen)]
        if self.kind != "X":
            rule = PloidyRule(self.kind, sexes)
            chosen = ChosenRecords(Region(self.contig), rule=rule)
            return [Stretch(self.name, self.files, chosen)]
        known = self.build(build)
        if known is None:
            return [self._of_unknown_build(sexes)]
        found = []
        for part, where in stretches_of_x(self.contig, known).items():
            if not regions.on(self.contig).touch(where):
                continue
            stretch = self._part_of_x(part, where, sexes)
            found.append(stretch)
        return found

    def _part_of_x(self, part: str, where: Region, sexes: Mapping[str, Sex]) -> Stretch:
        """The stretch of X called `part`, one of the names of `stretches_of_x`."""
        name = f"{self.name}.{part}" if part else self.name
        genetic_map = self.files.par_maps.get(part, self.files.genetic_map)
        files = replace(self.files, genetic_map=genetic_map)
        if part in (PAR1, PAR2):
            chosen = ChosenRecords(where, pseudoautosomal=True)
        else:
            rule = PloidyRule("X", sexes)
            chosen = ChosenRecords(where, rule=rule)
        return Stretch(name, files, chosen)

    def _of_unknown_build(self, sexes: Mapping[str, Sex]) -> Stretch:
        """All of X, where nothing says that a sample is haploid; haploid genotypes are refused when they are read."""
        if sexes:
            raise UnusableChromosome(
                f"{self.files.reference}: the length of contig {self.contig} in the header does not tell the genome's "
                "build, by which the pseudoautosomal regions are known: give --build 37 or 38"
            )
        logger.warning(
            "%s: the genome's build is not known, so that all samples are taken for diploid on all of %s; give --build "
            "37 or 38, and --sex, if men are among them",
            self.files.reference,
            self.contig,
        )
        chosen = ChosenRecords(Region(self.contig))
        return Stretch(self.name, self.files, chosen)


def chromosomes_in(files: ChromosomeFiles, regions: Regions) -> list[Chromosome]:
    """X, Y and MT of the reference, each on its own, after all other chromosomes; with `regions` only theirs.

    A file whose name in {chrom} is an autosome's is not looked into. Raises InputError where X, Y or MT has two names.
    """
    if regions:
        return _chromosomes_of_regions(files, regions.chromosomes)
    if AUTOSOME.fullmatch(files.name):
        return [Chromosome(files.name, files)]
    chroms = _chromosomes_of(files.reference)
    special = [chrom for chrom in chroms if kind_of(chrom) is not None]
    said = two_names([*special, *filter(is_part_of_x, chroms)], files.reference)
    if said:
        raise InputError(f"{files.reference}: {said}")
    if len(chroms) == len(special) == 1:
        return [Chromosome(files.name, files, special[0])]
    found = [Chromosome(f"{files.name}.{chrom}", files, chrom) for chrom in special]
    if len(special) < len(chroms) or not chroms:
        others = Chromosome(files.name, files, without=frozenset(special))
        return [others, *found]
    return found


def _chromosomes_of_regions(files: ChromosomeFiles, chroms: Sequence[str]) -> list[Chromosome]:
    """The chromosomes `chroms` of a file, in the order of the genome."""
    found = []
    for chrom in sorted(chroms, key=place_in_genome):
        name = files.name if len(chroms) == 1 else f"{files.name}.{chrom}"
        contig = chrom if kind_of(chrom) else ""
        found.append(Chromosome(name, files, contig, only=chrom))
    return found


def of_references(chromosomes: Sequence[Chromosome]) -> list[Chromosome]:
    """Chromosomes of regions without those that a reference has not and another one has; all others each once."""
    references = dict.fromkeys(one.files.reference for one in chromosomes if one.only)
    chroms_of = {path: set(all_chromosomes(path)) for path in references}  # each is looked through once
    there = [one for one in chromosomes if not one.only or one.only in chroms_of[one.files.reference]]
    found = {one.only for one in there}
    absent = {one.only: one for one in reversed(chromosomes) if one.only not in found}
    return [one for one in chromosomes if one in there or one is absent.get(one.only)]


def refuse_overlaps(files: Sequence[ChromosomeFiles]) -> None:
    """Raise InputError where a reference's part of a chromosome is not wholly after the parts in those before it.

    The output has the order of the references. A file for a {chrom} that is an autosome is not looked into.
    """
    several = [one.reference for one in files if not AUTOSOME.fullmatch(one.name)]
    if len(several) < 2:
        return
    chroms = {path: all_chromosomes(path) for path in several}
    counts = Counter(plain_name(chrom) for found in chroms.values() for chrom in found)
    shared = {chrom for chrom, number in counts.items() if number > 1}
    before: dict[str, tuple[int, Path]] = {}
    newest = ""
    for path in several:
        for chrom in chroms[path]:
            name = plain_name(chrom)
            is_apart, newest = name != newest, name
            if name not in shared:
                continue
            first, last = _extent(path, chrom)
            end, other = before.get(name, (0, path))
            if first <= end or (name in before and is_apart):
                raise InputError(
                    f"{path}: its records on {chrom}, from {first}, are not after those of {other}, to {end}; give the "
                    "parts of a chromosome in their order, and no position twice"
                )
            before[name] = (last, path)


def regions_of_panels(files: Sequence[ChromosomeFiles], texts: Sequence[str]) -> tuple[str, ...]:
    """Regions by the names that the panels have for their chromosomes: 20:1-9 for chr20:1-9.

    Raises InputError where a panel has two names for the chromosome of a region: one of them would not be read.
    """
    regions = [(text, Region.parse(text).chrom) for text in texts]
    wanted = {plain_name(chrom) for _, chrom in regions}
    known: dict[str, None] = {}
    for one in files if regions else ():
        names = [name for name in all_chromosomes(one.reference) if plain_name(name) in wanted]
        said = two_names(names, one.reference)
        if said:
            raise InputError(f"{one.reference}: {said}")
        known |= dict.fromkeys(names)
    found = []
    for text, chrom in regions:
        name = equal_name(chrom, known) or chrom
        if name != chrom:
            logger.info("region %s: the panel calls %s %s", text, chrom, name)
        found.append(name + text.removeprefix(chrom))
    return tuple(found)


def _extent(reference: Path, chrom: str) -> tuple[int, int]:
    """The first and the last position of a panel on a chromosome."""
    if is_safetensors(reference):
        return Panel.load(reference).sites.extents()[chrom]
    first, last = LAST_POSITION, FIRST_POSITION
    for record in records(reference, Region(chrom), samples=[]):
        pos = record.POS
        first, last = min(first, pos), max(last, pos)
    return first, last


def all_chromosomes(reference: Path) -> Sequence[str]:
    """The chromosomes that a panel has records on."""
    if is_safetensors(reference):
        return Panel.load(reference).sites.chromosomes()
    return chromosomes_with_records(reference)


def samples_of(path: Path) -> Sequence[str]:
    """The samples of a VCF or of a prepared panel."""
    if is_safetensors(path):
        return Panel.load(path).samples
    return read_header(path).samples


def _chromosomes_of(reference: Path) -> Sequence[str]:
    """The chromosomes of a panel. Where the header lists all and none is X, Y or MT, it is not read through."""
    if is_safetensors(reference):
        panel = Panel.load(reference)
        return panel.sites.chromosomes()
    header = read_header(reference)
    named = [contig_id(line) for line in header.contigs]
    if named and not any(kind_of(name) for name in named):
        return named
    return chromosomes_with_records(reference)


def _lengths(path: Path, contig: str) -> Mapping[str, int]:
    """The lengths of contigs that the header of a VCF, or a prepared panel, gives; `contig` has that name."""
    found = _lengths_in_header(path)
    renaming = Renaming([contig])
    return {renaming.name_of(name): length for name, length in found.items()}


def _lengths_in_header(path: Path) -> Mapping[str, int]:
    if is_safetensors(path):
        return contig_lengths(Panel.load(path).contigs)
    return contig_lengths(read_header(path).contigs)
