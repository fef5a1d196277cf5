"""Which haplotypes a target sample was imputed from at one site, and the weights that the network gave them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, suggest_keywords
from ragimpute.imputation.back_ends import KernelBackEnd
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.inputs import (
    FilePath,
    ImputationInputs,
    PreparedImputation,
    match_targets,
    panel_of,
    phase_targets,
)
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.stretches import Chromosome
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.contract import Segments
from ragimpute.panel.folds import Fold
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.sexes import read_sexes
from ragimpute.panel.store import Sites
from ragimpute.retrieval.neighbours import FEATURES, MIN_CM
from ragimpute.targets import several_phasings
from ragimpute.targets.plink_copy import targets_as_vcf
from ragimpute.vcf.source import Region, read_header

COLUMNS = (
    "haplotype",
    "flank",
    "typed_pos",
    "neighbour",
    "neighbour_haplotype",
    "allele",
    "weight",
    "left_cm",
    "right_cm",
)


@dataclass(frozen=True)
class Explanation:
    """One sample at one site."""

    sample: str
    site: str  # CHROM:POS REF>ALT
    cm: float
    flank_cm: tuple[float, float]  # of the typed sites to the left and to the right
    dosages: tuple[float, ...]  # of the one or two haplotypes, as `ragimpute impute` gives them
    neighbours: pd.DataFrame  # COLUMNS; heaviest first within each haplotype


@suggest_keywords
def explain(
    *,
    reference: FilePath,
    targets: FilePath,
    sample: str,
    site: str,
    genetic_map: FilePath | None = None,
    region: str | None = None,
    exclude_samples: FilePath | None = None,
    model: FilePath | None = None,
    threads: int = 2,
    memory_mb: int = 4000,
    seed: int = 1,
    n_phasings: int | None = None,
    sex: FilePath | None = None,
    build: str | None = None,
) -> pd.DataFrame:
    """Which haplotypes of the reference `sample` copies at `site`, and with what weight.

    `site` is 'CHROM:POS', or 'CHROM:POS:REF:ALT' where several records lie there. The other arguments are those of
    `impute`; give the same, and its result is the one explained. Only copy_rag, the default, can be asked.

    Returns a table with the columns of `explanation.COLUMNS`, heaviest first within each haplotype of the sample: see
    `explain_genotype`. Its `attrs` hold `sample`, `site` (with REF and ALT), `cm` and `dosages`, those of the sample's
    haplotypes: two, or one where it is haploid. Raises InputError as `explain_genotype` does.
    """
    inputs = ImputationInputs.of_paths(
        reference=reference,
        targets=targets,
        genetic_map=genetic_map,
        region=region,
        exclude_samples=exclude_samples,
        model=model,
        device="cpu",
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=n_phasings,
        sex=sex,
        build=build,
    )
    found = explain_genotype(inputs, sample, site)
    table = found.neighbours
    table.attrs = {"sample": found.sample, "site": found.site, "cm": found.cm, "dosages": found.dosages}
    return table


def explain_genotype(inputs: ImputationInputs, sample: str, site: str) -> Explanation:
    """Look up which haplotypes `sample` copies at `site`, 'CHROM:POS' or, where several records share it,
    'CHROM:POS:REF:ALT'.

    All targets are phased together, as `ragimpute impute` does it, so that its result is the one explained. In the
    table: `flank`, at which of the two typed sites around it the haplotype was retrieved (`typed_pos`); `allele` that
    it carries at `site`, 1 for ALT; `weight` among all that were retrieved for this haplotype of the sample, summing to
    1; `left_cm` and `right_cm`, how far it matches the sample around `typed_pos`, without a mismatch. Where several
    phasings are averaged, the table is of the one that is written, the dosages are the average.

    Raises InputError for an unknown sample, a site that is absent, ambiguous or typed, or where the sample has no
    haplotype (a woman on Y), and a network but copy_rag.
    """
    parse_site(site)
    with targets_as_vcf(inputs.targets, [inputs.reference]) as readable:
        _check_sample(inputs.targets, read_header(readable).samples, sample)
        ready, wanted = _prepared(inputs, site, None if readable == inputs.targets else readable)
    imputer = ready.imputer
    assert isinstance(imputer, KernelBackEnd)
    whole, core, in_whole = _fold_of_sample(ready, sample, wanted)
    needed = imputer.needed(whole, core)
    retrieved = imputer.retrieve(whole, needed)
    description = imputer.describe_sites(whole, needed)
    segments = Segments(retrieved, description)
    fold, local = whole.between(needed), in_whole - needed.start
    of_each_phasing = imputer.impute(fold, segments)
    imputed = several_phasings.mean_of_fold(of_each_phasing, whole, np.arange(whole.n_samples), needed)
    ploidy = _ploidy_of(ready, sample)
    dosages = imputed.hds[local, 0, :ploidy].tolist()
    flanks, carriers, weight = imputer.attention(fold, segments, local)
    left_cm, right_cm = _match_lengths(segments.retrieved.features[:, flanks])
    flank_sites = fold.typed_sites[flanks]
    tables = []
    for hap in range(ploidy):
        of_haplotype = carriers[hap], weight[hap], left_cm[hap], right_cm[hap]
        tables.append(_neighbour_table(fold, local, hap, flank_sites, *of_haplotype))
    here = fold.reference.sites.take(slice(local, local + 1))
    chrom, pos, ref, alt = here.keys()[0]
    title = f"{chrom}:{pos} {ref}>{alt}"
    cm = fold.reference.sites.cm
    before, after = cm[flank_sites].tolist()
    neighbours = pd.concat(tables, ignore_index=True)
    return Explanation(sample, title, float(cm[local]), (before, after), tuple(dosages), neighbours)


def parse_site(text: str) -> tuple[str, int, str | None, str | None]:
    """CHROM, POS, REF and ALT of 'CHROM:POS' or 'CHROM:POS:REF:ALT'. Raises InputError for another text."""
    match = re.fullmatch(r"(.+?):(\d+)(?::([^:]+):([^:]+))?", text)
    if not match:
        raise InputError(f"--site {text!r}: write it as CHROM:POS or CHROM:POS:REF:ALT")
    chrom, pos, ref, alt = match.groups()
    return chrom, int(pos), ref, alt


def find_site(sites: Sites, text: str) -> int:
    """Panel index of 'CHROM:POS' or 'CHROM:POS:REF:ALT'. Raises InputError unless it is exactly one of `sites`."""
    chrom, pos, ref, alt = parse_site(text)
    found = (sites.chrom == chrom) & (sites.pos == pos)
    if ref is not None:
        found &= (sites.ref == ref) & (sites.alt == alt)
    index = np.flatnonzero(found)
    if len(index) > 1:
        keys = sites.take(index).keys()
        texts = [":".join(map(str, key)) for key in keys]
        several = ", ".join(texts)
        raise InputError(f"--site {text}: {len(index)} sites of the panel lie there; choose from {several}")
    if not len(index):
        raise InputError(f"--site {text}: no such site among the {len(sites)} of the panel that are imputed")
    return int(index[0])


def _prepared(inputs: ImputationInputs, site: str, readable: Path | None) -> tuple[PreparedImputation, int]:
    """What imputing the chromosome of `site` needs, and the site's place in the panel.

    Of X, Y or MT it is the stretch of one ploidy that holds the site. All that may be wrong is said before the targets
    are phased. readable: the VCF or BCF of targets that are PLINK's files.
    """
    chosen = _records_around(inputs, site, readable)
    panel, unread = panel_of(inputs, chosen=chosen)
    matched = match_targets(inputs, panel, unread, readable, chosen)
    if not isinstance(matched.imputer, KernelBackEnd):
        raise InputError(f"{matched.model}: only copy_rag can be explained; this is another architecture's model")
    [part] = matched.wanted  # one region at most
    wanted = part.start + find_site(matched.panel.sites.take(part), site)
    if wanted in matched.typed.index:
        raise InputError(f"{site} is typed in the targets: the genotype was kept, and no haplotype was copied")
    phasings = phase_targets(inputs, matched, chosen)
    return matched.phased(phasings), wanted


def _records_around(inputs: ImputationInputs, site: str, readable: Path | None) -> ChosenRecords | None:
    """The records of the stretch of X, Y or MT that holds a site; None for another chromosome."""
    chrom, pos, _, _ = parse_site(site)
    if kind_of(chrom) is None:
        return None
    files = ChromosomeFiles(chrom, inputs.reference, inputs.targets, inputs.genetic_map, targets_copy=readable)
    sexes = {} if inputs.sex is None else read_sexes(inputs.sex)
    here = Regions((Region(chrom, pos, pos),))
    [stretch] = Chromosome(chrom, files, chrom).stretches(sexes, inputs.build, here)
    return stretch.chosen


def _ploidy_of(ready: PreparedImputation, sample: str) -> int:
    """How many haplotypes the sample has. Raises InputError where that is none."""
    if ready.typed.ploidy is None:
        return 2
    place = ready.typed.samples.index(sample)
    ploidy = int(ready.typed.ploidy[place])
    if not ploidy:
        chrom = ready.sites.chrom[0]
        raise InputError(f"sample {sample} has no haplotype of {chrom}: nothing was imputed")
    return ploidy


def _check_sample(targets: Path, names: Sequence[str], sample: str) -> None:
    """Raise InputError when the file, which has the samples `names`, has no such sample."""
    if sample not in names:
        listed = ", ".join(names[:5])
        raise InputError(f"{targets}: it has no sample {sample!r} (it has {listed}, ..)")


def _fold_of_sample(ready: PreparedImputation, sample: str, wanted: int) -> tuple[Fold, slice, int]:
    """One sample in all its phasings, in the window of the panel's site `wanted`; its core, and the site's place."""
    place = ready.typed.samples.index(sample)
    engine = Engine(ready.panel, ready.phasings, ready.imputer, WorkSize())
    [(window, _)] = engine.windows(slice(wanted, wanted + 1))
    of_all_samples = engine.fold(window)
    fold = several_phasings.first_phasings(of_all_samples, place, place + 1)
    return fold, window.core, wanted - window.start


def _match_lengths(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far neighbours match to the left and to the right, in cM, from their `features` [2P, 2, K, F]: [2P, 2 K]."""
    lengths = features.astype(np.float64)
    shape = (len(features), -1)
    log_left = lengths[..., FEATURES.index("log_left")]
    log_right = lengths[..., FEATURES.index("log_right")]
    left = np.maximum(np.exp(log_left) - MIN_CM, 0.0)
    right = np.maximum(np.exp(log_right) - MIN_CM, 0.0)
    return left.reshape(shape), right.reshape(shape)


def _neighbour_table(
    fold: Fold,
    site: int,
    haplotype: int,
    flank_sites: np.ndarray,
    carriers: np.ndarray,
    weight: np.ndarray,
    left_cm: np.ndarray,
    right_cm: np.ndarray,
) -> pd.DataFrame:
    """The 2 K neighbours of one haplotype of a sample, K of each flank, heaviest first: COLUMNS."""
    n_neighbours = len(carriers) // 2
    reference = fold.reference
    typed_pos = reference.sites.pos[flank_sites]
    samples = reference.sample_of_haplotype[carriers]
    flank = np.repeat(["left", "right"], n_neighbours)
    table = pd.DataFrame({"flank": flank})
    table["haplotype"] = haplotype + 1
    table["typed_pos"] = np.repeat(typed_pos, n_neighbours)
    table["neighbour"] = [reference.samples[i] for i in samples.tolist()]
    table["neighbour_haplotype"] = reference.number_in_sample(carriers)
    table["allele"] = reference.alleles[site, carriers]
    table["weight"] = weight
    table["left_cm"] = left_cm
    table["right_cm"] = right_cm
    heaviest_first = table.sort_values("weight", ascending=False, kind="stable")
    return heaviest_first[list(COLUMNS)]
