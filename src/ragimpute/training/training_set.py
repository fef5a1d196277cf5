"""The step `training-set` of a genome: stretches of its chromosomes and some samples, to train one network on.

A study's panel with a file for each chromosome is too large to find the neighbours of all samples at all typed sites:
34 GB for chr20 of 1000 Genomes. The network sees a share of the (sample, window) pairs anyway. So all steps of a
training work on a panel of its own: stretches whose segments take no more megabytes than the configuration says.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.panel.roles import COPIED, read_roles, target_samples, write_roles
from ragimpute.panel.site_tables import SITE_COLUMNS, write_extents
from ragimpute.panel.store import Panel, join_sites
from ragimpute.retrieval.fold_neighbours import NEIGHBOURS
from ragimpute.retrieval.neighbours import FEATURES
from ragimpute.tables import read_table
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.targets.mask import write_typed
from ragimpute.vcf.writer import write_genotypes

logger = logging.getLogger(__name__)

SHORTEST_CM = 2.0  # of a stretch: neighbours near its ends are found from one side only
FEWEST_QUERIES = 128  # samples of a fold, where all of them do not fit
# of a sample: at a typed site the indices (int32) of its neighbours and their features (float16); at any site what
# copy_rag keeps of the reference without the sample
BYTES_TYPED = 2 * NEIGHBOURS * (4 + 2 * len(FEATURES))
BYTES_SITE = 16
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ChromosomeInputs:
    """The files of one chromosome that a training set is cut from."""

    panel: Path  # of `ragimpute read-panel`
    typed: Path  # of `ragimpute mask --out`
    typed_genotypes: Path  # of `ragimpute mask --typed-genotypes`


@dataclass(frozen=True)
class TrainingSetOutputs:
    """The files of a training set; with them the steps of training work as on a panel of one file."""

    panel: Path  # safetensors
    roles: Path  # TSV; reference samples that are no longer in fold train or validation are in fold copied
    typed: Path  # TSV
    typed_genotypes: Path  # VCF.gz
    genetic_map: Path  # in PLINK layout
    chromosomes: Path  # TSV; all chromosomes, those that nothing was cut from among them


@dataclass(frozen=True)
class Contents:
    """How much of a panel a training set takes: shares of the sites and numbers of samples."""

    share: float  # of the genome's length in cM
    n_train: int
    n_validation: int


@dataclass(frozen=True)
class Chromosome:
    """A chromosome's panel with its typed sites."""

    panel: Panel
    table: pd.DataFrame  # typed.tsv: columns typed, random1 ..

    @property
    def typed(self) -> np.ndarray:
        """[S] bool."""
        return self.table["typed"].to_numpy() == 1

    @property
    def length(self) -> float:
        """In cM."""
        cm = self.panel.sites.cm
        return float(cm[-1] - cm[0])


def make_training_set(
    inputs: Sequence[ChromosomeInputs], roles: Path, outputs: TrainingSetOutputs, *, segments_mb: float, seed: int = 1
) -> None:
    """Cut one stretch of the same share of each chromosome, and write the training set.

    Where a share of every chromosome would be shorter than SHORTEST_CM, fewer chromosomes are taken, evenly spread.
    `segments_mb`: the size of the segments of all folds of one training. `seed`: of where the stretches lie.
    Raises InputError when a file is unusable, or the panels have different samples.
    """
    chromosomes = [_read_chromosome(files) for files in inputs]
    samples = read_roles(roles)
    _check_same_samples(inputs, chromosomes)
    contents = choose_contents(chromosomes, samples, segments_mb)
    generator = np.random.default_rng(seed)
    stretches = choose_stretches([one.length for one in chromosomes], contents.share, generator)
    parts = []
    for number, (first_cm, last_cm) in stretches.items():
        chromosome = chromosomes[number]
        cm = chromosome.panel.sites.cm - chromosome.panel.sites.cm[0]
        start, stop = np.searchsorted(cm, (first_cm, last_cm + 1e-9))
        if chromosome.typed[start:stop].any():
            parts.append((inputs[number], chromosome, slice(int(start), int(stop))))
    if not parts:
        raise InputError("the training set has no typed site; raise training.segments_mb")
    chosen_roles = limit_folds(samples, contents)
    _write(parts, chosen_roles, outputs)
    extents: dict[str, tuple[int, int]] = {}
    for chromosome in chromosomes:
        extents |= chromosome.panel.sites.extents()
    write_extents(outputs.chromosomes, extents)
    length = sum(last - first for first, last in stretches.values())
    logger.info(
        "training set: %.1f cM of %d of %d chromosomes, %d samples of fold train, %d of fold validation",
        length,
        len(parts),
        len(chromosomes),
        contents.n_train,
        contents.n_validation,
    )


def choose_contents(chromosomes: Sequence[Chromosome], roles: pd.DataFrame, segments_mb: float) -> Contents:
    """All samples at all sites where their segments fit into `segments_mb`; else fewer samples, then fewer sites."""
    n_folds = 1 + sum(name.startswith("random") for name in chromosomes[0].table)
    of_all_sites = sum(_sample_bytes(one) for one in chromosomes)
    n_train = int((roles["fold"] == "train").sum())
    n_validation = int((roles["fold"] == "validation").sum())
    affordable = int(segments_mb * MEGABYTE / of_all_sites)  # samples, at all sites
    if n_folds * n_train + n_validation <= affordable:
        return Contents(1.0, n_train, n_validation)
    n_validation = min(n_validation, FEWEST_QUERIES)
    at_most = (affordable - n_validation) // n_folds
    n_train = min(n_train, max(FEWEST_QUERIES, at_most))
    share = segments_mb * MEGABYTE / (of_all_sites * (n_folds * n_train + n_validation))
    return Contents(min(1.0, share), n_train, n_validation)


def _sample_bytes(chromosome: Chromosome) -> float:
    """Bytes of the segments of one sample at all sites of a chromosome."""
    n_typed = int(chromosome.typed.sum())
    return n_typed * BYTES_TYPED + len(chromosome.table) * BYTES_SITE


def choose_stretches(
    lengths: Sequence[float], share: float, generator: np.random.Generator
) -> dict[int, tuple[float, float]]:
    """The first and the last cM, from its start, of the stretch of each chosen chromosome, by its number.

    `lengths`: in cM. Each stretch is `share` of its chromosome, or longer where fewer chromosomes are taken.
    """
    total = share * sum(lengths)
    n_chosen = min(len(lengths), max(1, int(total / SHORTEST_CM)))
    if share >= 1:
        n_chosen = len(lengths)
    places = (np.arange(n_chosen) + 0.5) * len(lengths) / n_chosen
    chosen = places.astype(int).tolist()
    longer = total / sum(lengths[number] for number in chosen)
    stretches = {}
    for number in chosen:
        length = min(1.0, longer) * lengths[number]
        first = generator.uniform(0.0, lengths[number] - length)
        stretches[number] = (first, first + length)
    return stretches


def limit_folds(roles: pd.DataFrame, contents: Contents) -> pd.DataFrame:
    """`roles` with so many samples in the folds train and validation, evenly spread; the others are in fold copied.

    They stay in the reference that the samples of both folds are imputed from.
    """
    limited = roles.copy()
    for fold, wanted in (("train", contents.n_train), ("validation", contents.n_validation)):
        members = np.flatnonzero(roles["fold"] == fold)
        places = np.linspace(0, len(members) - 1, wanted).round().astype(int)
        others = np.setdiff1d(members, members[places])
        limited.loc[others, "fold"] = COPIED
    return limited


def _read_chromosome(files: ChromosomeInputs) -> Chromosome:
    panel = Panel.load(files.panel)
    table = read_table(files.typed, {**SITE_COLUMNS, "typed": int})
    if len(table) != len(panel.sites):
        raise InputError(f"{files.typed}: {len(table)} rows, but {files.panel} has {len(panel.sites)} sites")
    return Chromosome(panel, table)


def _check_same_samples(inputs: Sequence[ChromosomeInputs], chromosomes: Sequence[Chromosome]) -> None:
    first = chromosomes[0].panel.samples
    for files, other in zip(inputs, chromosomes, strict=True):
        if other.panel.samples != first:
            raise InputError(f"{files.panel}: its samples are not those of {inputs[0].panel}, in their order")


def _write(
    parts: Sequence[tuple[ChromosomeInputs, Chromosome, slice]], roles: pd.DataFrame, outputs: TrainingSetOutputs
) -> None:
    """Write the files of a training set that consists of `parts`: a slice of the sites of each chromosome."""
    panels = [chromosome.panel.between(sites.start, sites.stop) for _, chromosome, sites in parts]
    joined = join_panels(panels)
    joined.save(outputs.panel)
    write_roles(roles, outputs.roles)
    tables = [chromosome.table.iloc[sites] for _, chromosome, sites in parts]
    columns = pd.concat(tables, ignore_index=True)
    random = [name for name in columns if name.startswith("random")]
    masks = columns[random].astype(int).to_numpy().astype(bool)
    write_typed(outputs.typed, joined.sites, columns["typed"].to_numpy() == 1, masks)
    targets = target_samples(roles)
    found = [
        read_genotypes(files.typed_genotypes, panel.sites, targets, announce=False)
        for (files, _, _), panel in zip(parts, panels, strict=True)
    ]
    offsets = np.cumsum([0, *(len(panel.sites) for panel in panels)])
    index = np.concatenate([one.index + offset for one, offset in zip(found, offsets[:-1], strict=True)])
    alleles = np.concatenate([one.alleles for one in found])
    phased = np.concatenate([one.phased for one in found])
    write_genotypes(outputs.typed_genotypes, joined.sites.take(index), joined.contigs, targets, alleles, phased)
    chroms = list(dict.fromkeys(joined.sites.chrom.tolist()))
    GeneticMap.through(joined.sites).write_plink(outputs.genetic_map, chroms)


def join_panels(panels: Sequence[Panel]) -> Panel:
    """One panel of the sites of all `panels`, which have the same samples, in memory."""
    first = panels[0]
    bits = np.concatenate([panel.alleles.bits(slice(None)) for panel in panels])
    alleles = Haplotypes(bits, first.n_haplotypes)
    contigs = tuple(dict.fromkeys(line for panel in panels for line in panel.contigs))
    return replace(first, sites=join_sites([panel.sites for panel in panels]), alleles=alleles, contigs=contigs)
