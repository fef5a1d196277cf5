"""The reference panel, in memory or on disk: sites, samples and their phased alleles."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.haplotypes import Haplotypes, StoredHaplotypes, packed_size
from ragimpute.panel.text_column import TextColumn

KIND = "panel"
TEXT_COLUMNS = ("chrom", "id", "ref", "alt")
Extents = Mapping[str, tuple[int, int]]  # the first and the last position of each chromosome, by its name


@dataclass(frozen=True)
class Sites:
    """S biallelic sites, sorted by position within each chromosome. One site is one (CHROM, POS, REF, ALT)."""

    chrom: np.ndarray  # [S] str
    pos: np.ndarray  # [S] int64, 1-based as in VCF
    id: np.ndarray | TextColumn  # [S] object (str), "." when absent
    ref: np.ndarray | TextColumn  # [S] object (str)
    alt: np.ndarray | TextColumn  # [S] object (str)
    cm: np.ndarray  # [S] float64, genetic position in centimorgan

    def __len__(self) -> int:
        return len(self.pos)

    def keys(self) -> list[tuple[str, int, str, str]]:
        """The identities (CHROM, POS, REF, ALT) of all sites, in order."""
        return list(zip(self.chrom.tolist(), self.pos.tolist(), self.ref.tolist(), self.alt.tolist(), strict=True))

    def chromosomes(self) -> list[str]:
        """The names of the chromosomes, each once, in the order of the sites."""
        return list(dict.fromkeys(self.chrom.tolist()))

    def extents(self) -> Extents:
        """The first and the last position of each chromosome."""
        bounds = chromosome_bounds(self.chrom) if len(self) else []
        return {str(self.chrom[start]): (int(self.pos[start]), int(self.pos[stop - 1])) for start, stop in bounds}

    def take(self, index: np.ndarray | slice) -> "Sites":
        """The sites at `index` (integers, a boolean mask or a slice), in that order."""
        columns = {name: getattr(self, name)[index] for name in self.__dataclass_fields__}
        return Sites(**columns)


def join_sites(parts: "Sequence[Sites]") -> Sites:
    """The sites of all parts, in their order."""
    names = Sites.__dataclass_fields__
    return Sites(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Panel:
    """Phased samples at S sites. A sample has one or two haplotypes (`ploidy`), which stand side by side."""

    sites: Sites
    samples: tuple[str, ...]
    alleles: Haplotypes  # [S, H]; an array uint8 is packed
    contigs: tuple[str, ...]  # the ##contig lines of the source VCF, kept for the VCFs that we write
    # [2, S] float32: what the samples show of the age of each minor allele (ragimpute.retrieval.allele_ages)
    ages: np.ndarray | None = None
    ploidy: np.ndarray | None = None  # [N] int8, 1 or 2 haplotypes of each sample; None: all samples have two

    def __post_init__(self) -> None:
        packed = Haplotypes.of(self.alleles)
        object.__setattr__(self, "alleles", packed)

    @property
    def n_haplotypes(self) -> int:
        """How many haplotypes the panel has."""
        return self.alleles.shape[1]

    @cached_property
    def haplotype_pairs(self) -> np.ndarray:
        """The first and the second haplotype of each sample: [N, 2] int64; the second is -1 where there is none."""
        if self.ploidy is None:
            n_samples = len(self.samples)
            return np.arange(2 * n_samples).reshape(-1, 2)
        stop = np.cumsum(self.ploidy, dtype=np.int64)
        first = stop - self.ploidy
        second = np.where(self.ploidy == 2, first + 1, -1)
        return np.stack([first, second], axis=1)

    def haplotypes_of(self, samples: np.ndarray) -> np.ndarray:
        """The haplotypes of `samples` [P], indices, those of each side by side: [J] int64."""
        pairs = self.haplotype_pairs[samples]
        found = pairs.reshape(-1)
        return found[found >= 0]

    @cached_property
    def sample_of_haplotype(self) -> np.ndarray:
        """The index of the sample that each haplotype belongs to: [H] int64."""
        samples = np.arange(len(self.samples))
        number_of_each = 2 if self.ploidy is None else self.ploidy
        return np.repeat(samples, number_of_each)

    def number_in_sample(self, haplotypes: np.ndarray) -> np.ndarray:
        """Whether each of `haplotypes` [J] is the first (1) or the second (2) of its sample: [J] int64."""
        samples = self.sample_of_haplotype[haplotypes]
        first = self.haplotype_pairs[samples, 0]
        return haplotypes - first + 1

    def allele_pairs(self) -> np.ndarray:
        """Alleles [S, N, 2] int8 of all samples; the second is -2 where a sample has one haplotype."""
        shape = (len(self.sites), len(self.samples), 2)
        alleles = self.alleles[:].view(np.int8)
        if self.ploidy is None:
            return alleles.reshape(shape)
        pairs = self.haplotype_pairs.reshape(-1)
        alleles = alleles[:, pairs]
        is_absent = pairs < 0
        alleles[:, is_absent] = -2
        return alleles.reshape(shape)

    def refuse_haploid(self, use: str) -> None:
        """Raise InputError when a sample has one haplotype: `use` needs two of each."""
        if self.ploidy is not None:
            raise InputError(f"{use} needs a panel of diploid samples; this one has haploid samples, as men on X are")

    @cached_property
    def allele_count(self) -> np.ndarray:
        """How many haplotypes carry ALT: [S] int64. All code that needs allele counts takes them from here."""
        return self.alleles.counts()

    @property
    def allele_frequency(self) -> np.ndarray:
        """The share of haplotypes that carry ALT: [S] float64."""
        return self.allele_count / self.n_haplotypes

    @property
    def polymorphic(self) -> np.ndarray:
        """Where [S] bool both alleles occur."""
        return (self.allele_count > 0) & (self.allele_count < self.n_haplotypes)

    @property
    def minor_is_ref(self) -> np.ndarray:
        """Where [S] bool the less frequent allele is REF."""
        return 2 * self.allele_count > self.n_haplotypes

    def of_samples(self, names: Sequence[str]) -> "Panel":
        """The panel of `names` only, in that order, without ages. Raises InputError when a name is unknown."""
        row = {name: i for i, name in enumerate(self.samples)}
        unknown = [name for name in names if name not in row]
        if unknown:
            listed = ", ".join(unknown[:5])
            raise InputError(f"samples not in the panel: {listed} ({len(unknown)} in all)")
        chosen = np.array([row[name] for name in names], dtype=np.int64)
        haplotypes = self.haplotypes_of(chosen)
        alleles = self.alleles.of_haplotypes(haplotypes)
        ploidy = None if self.ploidy is None else self.ploidy[chosen]
        return Panel(self.sites, tuple(names), alleles, self.contigs, ploidy=ploidy)

    def between(self, start: int, stop: int) -> "Panel":
        """The panel at its sites start .. stop - 1, in memory."""
        rows = slice(start, stop)
        return self.take(rows)

    def within(self, start: int, stop: int) -> "Panel":
        """The panel at its sites start .. stop - 1; alleles that lie in a file stay there."""
        rows = slice(start, stop)
        ages = None if self.ages is None else self.ages[:, rows]
        alleles = self.alleles.between(start, stop)
        return replace(self, sites=self.sites.take(rows), alleles=alleles, ages=ages)

    def in_memory(self) -> "Panel":
        """The panel with all its alleles in memory, packed: for what reads them again and again."""
        return self.take(slice(None))

    def take(self, rows: np.ndarray | slice) -> "Panel":
        """The panel at some of its sites, in memory."""
        ages = None if self.ages is None else self.ages[:, rows]
        sites = self.sites.take(rows)
        alleles = self.alleles.take(rows)
        return Panel(sites, self.samples, alleles, self.contigs, ages, self.ploidy)

    def save(self, path: str | os.PathLike) -> None:
        """Write the panel, alleles packed along the haplotypes (numpy.packbits, big-endian bits)."""
        arrays = self.columns()
        arrays["alleles"] = self.alleles.bits(slice(None))
        artefacts.save(path, KIND, arrays, {})

    def save_with_alleles(self, path: str | os.PathLike, content: Path, more: Mapping[str, np.ndarray]) -> None:
        """`save`, where the packed alleles are the bytes of the file `content`. `more`: further arrays of the file."""
        row_bytes = packed_size(self.n_haplotypes)
        shape = (len(self.sites), row_bytes)
        artefacts.save_with_large(path, KIND, {**self.columns(), **more}, {}, "alleles", shape, content)

    def columns(self) -> dict[str, np.ndarray]:
        """The arrays of the panel's file but the alleles."""
        sites = self.sites
        texts = {name: getattr(sites, name).tolist() for name in TEXT_COLUMNS}
        arrays = {name: artefacts.encode_strings(text) for name, text in texts.items()}
        arrays["pos"] = sites.pos
        arrays["cm"] = sites.cm
        arrays["samples"] = artefacts.encode_strings(self.samples)
        arrays["contigs"] = artefacts.encode_strings(self.contigs)
        if self.ages is not None:
            arrays["ages"] = self.ages
        if self.ploidy is not None:
            arrays["ploidy"] = self.ploidy
        return arrays

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Panel":
        """Open a panel written by `save`. Its alleles stay in the file and are read where they are indexed."""
        artefact, stored = artefacts.load_without(path, KIND, "alleles")
        arrays = artefact.arrays
        texts = {name: TextColumn(arrays[name]) for name in TEXT_COLUMNS}
        samples = tuple(artefacts.decode_strings(arrays["samples"]))
        chroms = np.array(texts["chrom"].tolist())
        sites = Sites(chroms, arrays["pos"], texts["id"], texts["ref"], texts["alt"], arrays["cm"])
        ages = arrays.get("ages")
        ploidy = arrays.get("ploidy")
        number = 2 * len(samples) if ploidy is None else int(ploidy.sum())
        alleles = StoredHaplotypes(path, stored.offset, len(sites), number)
        contigs = tuple(artefacts.decode_strings(arrays["contigs"]))
        return cls(sites, samples, alleles, contigs, ages, ploidy)


def strings(values: Sequence[str]) -> np.ndarray:
    """[S] object, not numpy's text of one width: a single long insertion would take its length at every site."""
    return np.array(values, dtype=object)


def chromosome_bounds(chrom: np.ndarray) -> list[tuple[int, int]]:
    """Where the sites of each chromosome start and stop, in the order of `chrom` [S]; none where S is 0."""
    if not len(chrom):
        return []
    begins = chrom[1:] != chrom[:-1]
    is_edge = np.r_[True, begins, True]
    edges = np.flatnonzero(is_edge)
    return list(pairwise(edges.tolist()))


def haplotype_index(samples: np.ndarray) -> np.ndarray:
    """Indices [2P] of the haplotypes of diploid samples [P], the two of each side by side; of a fold's queries.

    A panel's samples may be haploid: `Panel.haplotypes_of`.
    """
    first = 2 * samples[:, None]
    pairs = first + np.arange(2)
    return pairs.reshape(-1)
