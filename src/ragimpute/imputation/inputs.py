"""From a user's files to all that imputing needs: read, matched, limited to what can be imputed, phased."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ragimpute.artefacts import is_safetensors
from ragimpute.check.findings import Finding, say
from ragimpute.check.judgement import judge
from ragimpute.errors import InputError, NoTypedSites
from ragimpute.external import naming_files
from ragimpute.imputation import messages
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.site_choice import keep_typed_chromosomes, known_at_some_site
from ragimpute.imputation.site_ids import check_template, with_ids_of_targets
from ragimpute.models import pretrained
from ragimpute.panel.dropped_records import dropped_of
from ragimpute.panel.from_vcf import read_records_of_panel, write_records_of_panel
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.roles import without_samples
from ragimpute.panel.sex_chromosomes import BUILDS
from ragimpute.panel.store import Panel, Sites, join_sites
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.targets.lost_sites import MAX_LOST, refuse_lost_sites
from ragimpute.targets.phasing import phase_repeatedly
from ragimpute.targets.plink_copy import POLICY
from ragimpute.targets.plink_files import is_plink
from ragimpute.vcf.filter_counts import parse_filters
from ragimpute.vcf.source import Region

if TYPE_CHECKING:
    from ragimpute.imputation.back_ends import BackEnd

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike
DEVICES = ("auto", "cpu", "cuda")
PRETRAINED = "pretrained"  # a model's name: the weights that come with the package
OF_RECORDS = ("dropped", "recoded", "set_missing", "used")  # of TargetGenotypes
UNTYPED_STRETCH = "no typed site in this part of the chromosome"


@dataclass(frozen=True, kw_only=True)
class ImputationInputs:
    """What is imputed from what; the fields are options of `ragimpute impute` and `ragimpute explain`."""

    reference: Path
    targets: Path
    genetic_map: Path | None = None
    regions: tuple[str, ...] = ()  # empty: all that the files cover
    keep_samples: Path | None = None  # names of targets, one a line; None: all
    exclude_samples: Path | None = None
    sex: Path | None = None  # table of samples and their sex, for X and Y
    build: str | None = None  # of the genome, 37 or 38; None: by the length of contig X
    model: Path | None = None  # None: the pretrained weights
    device: str = "auto"
    threads: int = 2
    memory_mb: int = 4000  # of Beagle
    seed: int = 1
    n_phasings: int | None = None  # of unphased targets; None: several where typed sites are sparse
    panel_missing: float = MOST_MISSING  # share of missing genotypes up to which a panel's record is filled in
    max_lost_sites: float = MAX_LOST  # share of typed sites that the panel's unusable records may cost
    apply_filters: str | None = None  # values of FILTER, with commas, of which a record must have one; None: any
    set_ids: str | None = None  # template of the IDs that are written; None: those of the files
    drop_discordant: bool = False  # leave typed sites out whose genotypes look inverted
    max_missing: float | None = None  # share of a target's genotypes on a chromosome; more leave it out; None: any
    target_samples: tuple[str, ...] | None = None  # those to impute, by `target_choice`; None: all

    def __post_init__(self) -> None:
        if self.build is not None and self.build not in BUILDS:
            builds = ", ".join(BUILDS)
            raise InputError(f"build {self.build!r}: choose from {builds}")
        if self.device not in DEVICES:
            devices = ", ".join(DEVICES)
            raise InputError(f"device {self.device!r}: choose from {devices}")
        if self.threads < 1:
            raise InputError(f"threads {self.threads}: at least one is needed")
        Regions.parse(self.regions)
        if self.set_ids is not None:
            check_template(self.set_ids)
        for name in ("panel_missing", "max_lost_sites", "max_missing"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"{name} {share:g}: a share between 0 and 1 is needed")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}: a number from 0 is needed")
        if self.n_phasings is not None and self.n_phasings < 1:
            raise InputError(f"n_phasings {self.n_phasings}: at least one is needed")

    @cached_property
    def map_of_file(self) -> GeneticMap | None:
        """What the file `genetic_map` holds; None without one. It is read once."""
        return None if self.genetic_map is None else GeneticMap.read(self.genetic_map)

    def choosing(self, chosen: ChosenRecords | None) -> ChosenRecords:
        """`chosen` (None: all records) by the options that say which records are used."""
        filters = parse_filters(self.apply_filters)
        return replace(chosen or ChosenRecords(), most_missing=self.panel_missing, filters=filters)

    @classmethod
    def of_paths(
        cls,
        *,
        reference: FilePath,
        targets: FilePath,
        genetic_map: FilePath | None,
        exclude_samples: FilePath | None,
        model: FilePath | None,
        keep_samples: FilePath | None = None,
        sex: FilePath | None = None,
        region: str | Sequence[str] | None = None,
        **others: Any,
    ) -> "ImputationInputs":
        """Inputs whose files are text or paths; a `model` called 'pretrained' is None. `others`: the other fields."""
        if region is not None:
            others["regions"] = (region,) if isinstance(region, str) else tuple(region)
        if model == PRETRAINED:
            model = None
        optional = {"genetic_map": genetic_map, "exclude_samples": exclude_samples, "model": model, "sex": sex}
        optional["keep_samples"] = keep_samples
        for name, path in optional.items():
            if path is not None:
                others[name] = Path(path)
        return cls(reference=Path(reference), targets=Path(targets), **others)


@dataclass(frozen=True)
class PreparedImputation:
    """Everything that imputing needs."""

    panel: Panel
    phasings: list[TargetGenotypes]  # complete; several where phase is uncertain
    imputer: "BackEnd"
    model: Path
    unused: pd.DataFrame  # sites and records of the reference that are not imputed: chrom, pos, id, ref, alt, reason
    wanted: list[slice]  # runs of the panel's sites: those of the regions, the others are their flanks

    @property
    def typed(self) -> TargetGenotypes:
        """The targets in the phase that is written."""
        return self.phasings[0]

    @cached_property
    def sites(self) -> Sites:
        """The sites that are written."""
        parts = [self.panel.sites.take(part) for part in self.wanted]
        return parts[0] if len(parts) == 1 else join_sites(parts)

    @property
    def n_typed(self) -> int:
        """How many of `sites` are typed."""
        rows = [self.typed.rows(part.start, part.stop) for part in self.wanted]
        return sum(part.stop - part.start for part in rows)


@dataclass(frozen=True)
class MatchedInputs:
    """A panel and the targets' genotypes at its sites, which may have to be phased."""

    panel: Panel
    typed: TargetGenotypes
    imputer: "BackEnd"
    model: Path
    unused: pd.DataFrame
    wanted: list[slice]

    def phased(self, phasings: list[TargetGenotypes]) -> PreparedImputation:
        """The same with the targets' phasings."""
        tables: dict[str, Any] = {name: getattr(self.typed, name) for name in OF_RECORDS}
        with_tables = [replace(phasing, **tables) for phasing in phasings]
        return PreparedImputation(self.panel, with_tables, self.imputer, self.model, self.unused, self.wanted)


def panel_of(
    inputs: ImputationInputs, prepared: Path | None = None, chosen: ChosenRecords | None = None
) -> tuple[Panel, pd.DataFrame]:
    """The panel of `inputs`, without the samples that are to be left out, and its unusable records.

    `prepared` is a file for the panel of a VCF: written unless it is there, and then read window by window. None: such
    a panel is in memory. `chosen`: the records that are read; None: those of the region's chromosome, or all.
    """
    if chosen is None and inputs.regions:
        chrom = Regions.parse(inputs.regions).chromosomes[0]
        chosen = ChosenRecords(Region(chrom))  # windows are those of the whole chromosome
    chosen = inputs.choosing(chosen)
    genetic_map = genetic_map_of(inputs, chosen)
    panel, unread = open_panel(inputs.reference, genetic_map, chosen, prepared)
    if inputs.exclude_samples is not None:
        panel = without_samples(panel, inputs.exclude_samples)
    return panel, unread


def genetic_map_of(inputs: ImputationInputs, chosen: ChosenRecords) -> GeneticMap | None:
    """The genetic map of `inputs`, for the stretch that `chosen` is."""
    found = inputs.map_of_file
    if found is None or chosen.region is None:
        return found
    return found.of_stretch(chosen.region.chrom)


def match_targets(
    inputs: ImputationInputs,
    panel: Panel,
    unread: pd.DataFrame,
    targets_copy: Path | None = None,
    chosen: ChosenRecords | None = None,
) -> MatchedInputs:
    """Read the targets at the sites of `panel`, say what was found, and load the weights.

    `unread`: the panel's unusable records. `targets_copy`: a copy of the targets, with an index. `chosen`: the records
    that the panel was read from, which are read of the targets too.
    Raises NoTypedSites when no site is typed, InputError for unusable files.
    """
    from ragimpute.imputation import back_ends

    model = inputs.model or pretrained.choose_weights(panel.sites.extents(), panel.n_haplotypes)
    imputer = back_ends.load_back_end(model, inputs.device, inputs.threads)
    logger.info("%s; weights %s", imputer.describe(), model.name)
    found = read_matched(inputs, panel, unread, targets_copy, chosen)
    say(found.findings)
    return MatchedInputs(found.panel, found.typed, imputer, model, found.unused, found.wanted)


@dataclass(frozen=True)
class MatchedFiles:
    """What `read_matched` finds: as `MatchedInputs`, without a network, and what is to be said of it."""

    panel: Panel
    typed: TargetGenotypes
    unused: pd.DataFrame
    wanted: list[slice]
    findings: list[Finding]


def read_matched(
    inputs: ImputationInputs,
    panel: Panel,
    unread: pd.DataFrame,
    targets_copy: Path | None = None,
    chosen: ChosenRecords | None = None,
) -> MatchedFiles:
    """Read the targets at the sites of `panel`; arguments and errors are those of `match_targets`."""
    regions = Regions.parse(inputs.regions)
    chosen = inputs.choosing(chosen)
    genetic_map = genetic_map_of(inputs, chosen)
    chroms = np.unique(panel.sites.chrom)
    if chosen.region is None and len(chroms) == 1:
        whole = Region(str(chroms[0]))
        chosen = replace(chosen, region=whole)  # read by index, where there is one
    with naming_files({str(targets_copy): str(inputs.targets)}):
        policy = POLICY if is_plink(inputs.targets) else None
        try:
            found = read_genotypes(
                inputs.targets,
                panel.sites,
                inputs.target_samples,
                policy=policy,
                chosen=chosen,
                records_of=targets_copy,
            )
        except NoTypedSites as error:
            if error.dropped is not None:
                refuse_lost_sites(inputs.reference, unread, error.dropped, 0, inputs.max_lost_sites)
            raise
    refuse_lost_sites(inputs.reference, unread, found.dropped, len(found.index), inputs.max_lost_sites)
    panel = replace(panel, sites=with_ids_of_targets(panel.sites, found.ids))
    messages.warn_of_variants_only(inputs.targets, panel, found)
    typed = known_at_some_site(found, inputs.targets)
    messages.report_inputs(inputs.reference, inputs.targets, panel, typed, unread)
    findings = judge(inputs.reference, inputs.targets, panel, found, unread, genetic_map)
    panel, typed, untyped = keep_typed_chromosomes(panel, typed)
    unread = regions.within(unread)
    wanted = regions.slices(panel.sites, inputs.reference, unread)
    unused = pd.concat([unread, untyped], ignore_index=True)
    return MatchedFiles(panel, typed, unused, wanted, findings)


def read_panel(
    reference: FilePath,
    genetic_map: FilePath | None = None,
    region: str | None = None,
    exclude_samples: FilePath | None = None,
) -> Panel:
    """The reference panel as `impute` reads it: its usable sites, samples, and phased alleles.

    `reference` is a VCF, a BCF or a file of `ragimpute read-panel`. Without `genetic_map` a VCF has 1 cM per Mb.
    `region` is 'CHROM' or 'CHROM:START-END' (1-based, inclusive). `exclude_samples` names samples to leave out, one a
    line. Raises InputError when a file is unusable or no site is left.
    """
    found_map = None if genetic_map is None else GeneticMap.read(genetic_map)
    within = None if region is None else Region.parse(region)
    chosen = ChosenRecords(within)
    panel, _ = open_panel(Path(reference), found_map, chosen)
    if exclude_samples is None:
        return panel
    return without_samples(panel, Path(exclude_samples))


def open_panel(
    reference: Path,
    genetic_map: GeneticMap | None = None,
    chosen: ChosenRecords | None = None,
    prepared: Path | None = None,
) -> tuple[Panel, pd.DataFrame]:
    """The reference panel at the records `chosen`, and those that are unusable: chrom, pos, id, ref, alt, reason.

    `prepared`: where the panel of a VCF is written to, and read from, instead of being in memory.

    The file may be a VCF, a BCF, or a panel prepared by `ragimpute read-panel`, which knows its genetic positions;
    `genetic_map` replaces those. A VCF without a map gets 1 cM per Mb, and a warning says so.
    """
    chosen = chosen or ChosenRecords()
    if is_safetensors(reference):
        panel = Panel.load(reference)
        unusable = dropped_of(reference)
        if chosen.region is not None:
            region = Regions((chosen.region,))
            unusable = region.within(unusable)
            [wanted] = region.slices(panel.sites, reference, unusable)
            panel = panel.within(wanted.start, wanted.stop)
        elif chosen.without:
            passed_over = np.isin(panel.sites.chrom, list(chosen.without))
            panel = panel.take(~passed_over)
            unusable = unusable[~unusable["chrom"].isin(list(chosen.without))]
        if genetic_map is not None:
            sites = genetic_map.locate(panel.sites)
            is_same_map = np.array_equal(sites.cm, panel.sites.cm)
            ages = panel.ages if is_same_map else None  # they are lengths in cM
            panel = replace(panel, sites=sites, ages=ages)
        return panel, unusable
    if genetic_map is None:
        genetic_map = GeneticMap({})  # not `uniform`, which would say the same once more
        logger.warning("no genetic map: 1 cM per Mb is assumed everywhere", extra={"code": "map"})
    if prepared is None:
        return read_records_of_panel(reference, chosen, genetic_map)
    if not prepared.exists():
        write_records_of_panel(reference, chosen, genetic_map, prepared)
    return Panel.load(prepared), dropped_of(prepared)


def phase_targets(
    inputs: ImputationInputs, matched: MatchedInputs, chosen: ChosenRecords | None = None
) -> list[TargetGenotypes]:
    """The targets phased as often as the inputs say; errors of Beagle name the user's files."""
    genetic_map = genetic_map_of(inputs, chosen or ChosenRecords())
    in_beagle = {"reference.vcf.gz": str(inputs.reference), "targets.vcf.gz": str(inputs.targets)}
    if inputs.genetic_map is not None:
        in_beagle["map.plink"] = str(inputs.genetic_map)
    if genetic_map is None:
        genetic_map = GeneticMap.of_sites(matched.panel.sites)
    messages.report_phasing(matched.typed)
    with naming_files(in_beagle):
        phasings = phase_repeatedly(
            matched.panel,
            matched.typed,
            genetic_map,
            memory_mb=inputs.memory_mb,
            seed=inputs.seed,
            n_phasings=inputs.n_phasings,
            threads=inputs.threads,
        )
    if len(phasings) > 1:
        logger.info("the result is the average over %d phasings of the targets", len(phasings))
    return phasings
