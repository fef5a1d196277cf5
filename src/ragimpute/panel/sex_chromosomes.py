"""X, Y and MT: their names, and the stretches of X in which no sample's ploidy changes, by the genome's build."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ragimpute.errors import UnusableChromosome
from ragimpute.panel.chromosome_names import bare_name, plain_name
from ragimpute.vcf.source import LAST_POSITION, X_NAMES, Region

Kind = Literal["X", "Y", "MT"]
NAMES: dict[str, Kind] = {**dict.fromkeys(X_NAMES, "X"), "Y": "Y", "MT": "MT", "M": "MT"}
PAR1 = "par1"
PAR2 = "par2"


@dataclass(frozen=True)
class Build:
    """What tells the pseudoautosomal regions of X in one build of the human genome; positions are 1-based."""

    name: str
    par1_end: int  # the last position of the first region
    par2_start: int  # the first position of the second one
    x_length: int


# Genome Reference Consortium, "Human Genome Assembly": regions PAR#1 and PAR#2 of GRCh37 and GRCh38
# (https://www.ncbi.nlm.nih.gov/grc/human)
BUILDS = {
    "37": Build("37", 2_699_520, 154_931_044, 155_270_560),
    "38": Build("38", 2_781_479, 155_701_383, 156_040_895),
}

# of the chromosomes in GRCh37 and GRCh38, from the same place
CHROMOSOME_LENGTHS = {
    "1": (249_250_621, 248_956_422),
    "2": (243_199_373, 242_193_529),
    "3": (198_022_430, 198_295_559),
    "4": (191_154_276, 190_214_555),
    "5": (180_915_260, 181_538_259),
    "6": (171_115_067, 170_805_979),
    "7": (159_138_663, 159_345_973),
    "8": (146_364_022, 145_138_636),
    "9": (141_213_431, 138_394_717),
    "10": (135_534_747, 133_797_422),
    "11": (135_006_516, 135_086_622),
    "12": (133_851_895, 133_275_309),
    "13": (115_169_878, 114_364_328),
    "14": (107_349_540, 107_043_718),
    "15": (102_531_392, 101_991_189),
    "16": (90_354_753, 90_338_345),
    "17": (81_195_210, 83_257_441),
    "18": (78_077_248, 80_373_285),
    "19": (59_128_983, 58_617_616),
    "20": (63_025_520, 64_444_167),
    "21": (48_129_895, 46_709_983),
    "22": (51_304_566, 50_818_468),
    "X": (155_270_560, 156_040_895),
    "Y": (59_373_566, 57_227_415),
}


def kind_of(chrom: str) -> Kind | None:
    """Which of X, Y and MT a chromosome is, by its name; None for any other."""
    return NAMES.get(bare_name(chrom).upper())


def find_build(chrom: str, lengths: Iterable[Mapping[str, int]], given: str | None) -> Build | None:
    """The build whose X has the length of contig `chrom` in one of the headers' `lengths`, or the one that is `given`.

    None when neither tells. Raises UnusableChromosome when they contradict each other.
    """
    by_length = {build.x_length: build.name for build in BUILDS.values()}
    x_lengths = [of_file.get(chrom) for of_file in lengths]
    told = {by_length[length] for length in x_lengths if length in by_length}
    if given is not None:
        told.add(given)
    if len(told) > 1:
        said = "--build and the length" if given is not None else "the lengths"
        raise UnusableChromosome(f"{said} of contig {chrom} in the headers are of different builds of the genome")
    return BUILDS[told.pop()] if told else None


def build_of(lengths: Mapping[str, int]) -> str | None:
    """The build, 37 or 38, that contigs of these `lengths` are of; None where none or both are."""
    told = set()
    for name, length in lengths.items():
        of_builds = CHROMOSOME_LENGTHS.get(plain_name(name), ())
        told |= {build for build, known in zip(BUILDS, of_builds, strict=False) if known == length}
    return told.pop() if len(told) == 1 else None


def stretches_of_x(chrom: str, build: Build) -> dict[str, Region]:
    """The three stretches of X in their order: PAR1, the part beyond (its name is empty), PAR2."""
    first = Region(chrom, end=build.par1_end)
    beyond = Region(chrom, build.par1_end + 1, build.par2_start - 1)
    second = Region(chrom, build.par2_start, LAST_POSITION)
    return {PAR1: first, "": beyond, PAR2: second}


def may_be_haploid(chrom: str, pos: int, lengths: Mapping[str, int]) -> bool:
    """Whether haploid genotypes are in place here: on Y, on MT, and on X beyond its pseudoautosomal regions.

    `lengths`: those of the contigs in the file's header, which tell the build; nowhere on X where they do not.
    """
    kind = kind_of(chrom)
    if kind != "X":
        return kind is not None
    build = find_build(chrom, [lengths], None)
    return build is not None and build.par1_end < pos < build.par2_start
