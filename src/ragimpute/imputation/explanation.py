"""Which haplotypes a target sample was imputed from at some sites, and the weights that the network gave them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, suggest_keywords
from ragimpute.imputation.back_ends import KernelBackEnd
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.explanation_cache import ExplanationCache
from ragimpute.imputation.inputs import (
    FilePath,
    ImputationInputs,
    PreparedImputation,
    match_targets,
    panel_of,
    phase_targets,
)
from ragimpute.imputation.named_sites import find_site, is_id, parse_site, sites_of_ids
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
    "site",
    "haplotype",
    "flank",
    "typed_pos",
    "neighbour",
    "neighbour_haplotype",
    "allele",
    "weight",
    "left_cm",
    "right_cm",
    "left_bp",
    "right_bp",
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
    site: str | Sequence[str],
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
    cache: FilePath | None = None,
) -> pd.DataFrame:
    """Which haplotypes of the reference `sample` copies at `site`, and with what weight.

    `site` is 'CHROM:POS', 'CHROM:POS:REF:ALT' where several records lie there, or an ID of the reference such as
    'rs123'; or several of these. `cache`: a folder where the panel and the phased targets are kept, so that a further
    call with the same files need not read and phase them. The other arguments are those of `impute`; give the same, and
    its result is the one explained. Only copy_rag, the default, can be asked.

    Returns a table with the columns of `explanation.COLUMNS`, heaviest first within each site and haplotype of the
    sample: see `explain_genotypes`. Its `attrs` hold `sample`, and of a single site `site` (with REF and ALT), `cm` and
    `dosages`, those of the sample's haplotypes: two, or one where it is haploid; of several sites `sites`, a list of
    these. Raises InputError as `explain_genotypes` does.
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
    named = [site] if isinstance(site, str) else list(site)
    found = explain_genotypes(inputs, sample, named, None if cache is None else Path(cache))
    table = pd.concat([one.neighbours for one in found], ignore_index=True)
    of_sites = [{"site": one.site, "cm": one.cm, "dosages": one.dosages} for one in found]
    table.attrs = {"sample": sample, **of_sites[0]} if isinstance(site, str) else {"sample": sample, "sites": of_sites}
    return table


def explain_genotypes(
    inputs: ImputationInputs, sample: str, sites: Sequence[str], cache: Path | None = None
) -> list[Explanation]:
    """Look up which haplotypes `sample` copies at each of `sites`, named as in `named_sites`, in their order.

    All targets are phased together, as `ragimpute impute` does it, so that its result is the one explained. In the
    table: `flank`, at which of the two typed sites around it the haplotype was retrieved (`typed_pos`); `allele` that
    it carries at `site`, 1 for ALT; `weight` among all that were retrieved for this haplotype of the sample, summing to
    1; `left_cm` and `right_cm`, how far it matches the sample around `typed_pos`, without a mismatch. Where several
    phasings are averaged, the table is of the one that is written, the dosages are the average.

    `cache` is the folder of `ExplanationCache`; what it holds is neither read nor phased again.

    Raises InputError for an unknown sample, a site that is absent, ambiguous or typed, or where the sample has no
    haplotype (a woman on Y), and a network but copy_rag.
    """
    ids = [site for site in sites if is_id(site)]
    kept = None if cache is None else ExplanationCache(cache, inputs)
    of_ids = sites_of_ids(inputs.reference, ids)
    found: dict[str, Explanation] = {}
    for stretch in _by_stretch([of_ids.get(site, site) for site in sites], inputs):
        ready = _ready(inputs, sample, stretch, kept)
        for site in stretch:
            found[site] = _explained(ready, sample, site)
    return [found[of_ids.get(site, site)] for site in sites]


def _by_stretch(sites: Sequence[str], inputs: ImputationInputs) -> list[list[str]]:
    """The sites that are imputed together: those of the autosomes, and those of each part of X, Y and MT."""
    groups: list[tuple[ChosenRecords | None, list[str]]] = []
    for site in dict.fromkeys(sites):
        chosen = _records_around(inputs, site)
        same = [group for other, group in groups if other == chosen]
        if same:
            same[0].append(site)
        else:
            groups.append((chosen, [site]))
    return [group for _, group in groups]


def _explained(ready: PreparedImputation, sample: str, site: str) -> Explanation:
    """One site of a stretch that is ready."""
    wanted = _place(ready.panel.sites, ready.wanted, site)
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
    lengths = _match_lengths(segments.retrieved.features[:, flanks])
    left_cm, right_cm = (length / whole.cm_scale for length in lengths)
    flank_sites = fold.typed_sites[flanks]
    chrom, pos, ref, alt = fold.reference.sites.take(slice(local, local + 1)).keys()[0]
    tables = []
    for hap in range(ploidy):
        of_haplotype = carriers[hap], weight[hap], left_cm[hap], right_cm[hap]
        table = _neighbour_table(fold, local, hap, flank_sites, *of_haplotype)
        tables.append(_with_base_pairs(table, whole.reference.sites))
    neighbours = pd.concat(tables, ignore_index=True)
    neighbours["site"] = f"{chrom}:{pos}:{ref}:{alt}"
    cm = fold.reference.sites.cm
    before, after = cm[flank_sites].tolist()
    title = f"{chrom}:{pos} {ref}>{alt}"
    return Explanation(sample, title, float(cm[local]), (before, after), tuple(dosages), neighbours[list(COLUMNS)])


def _with_base_pairs(table: pd.DataFrame, sites: Sites) -> pd.DataFrame:
    """The table with `left_bp` and `right_bp`: how far `left_cm` and `right_cm` reach, by the map of `sites`."""
    pos = table["typed_pos"].to_numpy()
    cm = np.interp(pos, sites.pos, sites.cm)
    left = np.interp(cm - table["left_cm"], sites.cm, sites.pos)
    right = np.interp(cm + table["right_cm"], sites.cm, sites.pos)
    left_bp = np.rint(np.maximum(pos - left, 0)).astype(np.int64)
    right_bp = np.rint(np.maximum(right - pos, 0)).astype(np.int64)
    return table.assign(left_bp=left_bp, right_bp=right_bp)


def _ready(
    inputs: ImputationInputs, sample: str, sites: Sequence[str], kept: ExplanationCache | None
) -> PreparedImputation:
    """What imputing the stretch of `sites` needs, from what is `kept`, or read and phased, and then kept.

    All that may be wrong with the sites is said before the targets are phased.
    """
    chosen = _records_around(inputs, sites[0])
    found = None if kept is None else kept.load(chosen)
    if found is not None:
        _check_sample(inputs.targets, found.typed.samples, sample)
        for site in sites:
            _refuse_typed(found.typed.index, _place(found.panel.sites, found.wanted, site), site)
        _require_kernel(found.imputer, found.model)
        return found
    with targets_as_vcf(inputs.targets, [inputs.reference]) as readable:
        _check_sample(inputs.targets, read_header(readable).samples, sample)
        ready = _read_and_phased(inputs, sites, None if readable == inputs.targets else readable)
    if kept is not None:
        kept.save(chosen, ready)
    return ready


def _read_and_phased(inputs: ImputationInputs, sites: Sequence[str], readable: Path | None) -> PreparedImputation:
    """Read the stretch of `sites` and phase the targets there. `readable`: the VCF of targets in PLINK's files.

    All targets are phased together, as `ragimpute impute` does it, so that its result is the one explained.
    """
    chosen = _records_around(inputs, sites[0], readable)
    panel, unread = panel_of(inputs, chosen=chosen)
    matched = match_targets(inputs, panel, unread, readable, chosen)
    _require_kernel(matched.imputer, matched.model)
    for site in sites:
        _refuse_typed(matched.typed.index, _place(matched.panel.sites, matched.wanted, site), site)
    phasings = phase_targets(inputs, matched, chosen)
    return matched.phased(phasings)


def _place(sites: Sites, wanted: Sequence[slice], site: str) -> int:
    """The index of a named site in the panel, among those that are wanted: of one region at most."""
    [part] = wanted
    return part.start + find_site(sites.take(part), site)


def _refuse_typed(typed: np.ndarray, place: int, site: str) -> None:
    if place in typed:
        raise InputError(f"{site} is typed in the targets: the genotype was kept, and no haplotype was copied")


def _require_kernel(imputer: object, model: Path) -> None:
    if not isinstance(imputer, KernelBackEnd):
        raise InputError(f"{model}: only copy_rag can be explained; this is another architecture's model")


def _records_around(inputs: ImputationInputs, site: str, readable: Path | None = None) -> ChosenRecords | None:
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
    return heaviest_first
