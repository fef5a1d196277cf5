"""What `ragimpute impute` does, from files to file: read, match, phase where needed, impute, write."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.models import pretrained
from ragimpute.panel.from_vcf import read_panel, unused_sites
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.roles import read_names
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets.alleles import NOT_IN_REFERENCE
from ragimpute.targets.genotypes import TargetGenotypes, read_genotypes
from ragimpute.targets.phasing import phase_repeatedly
from ragimpute.vcf.format_kernel import FIELDS
from ragimpute.vcf.source import Region

if TYPE_CHECKING:
    from ragimpute.imputation.back_ends import BackEnd

logger = logging.getLogger(__name__)

UNTYPED_CHROMOSOME = "no typed site on the chromosome"
FLANK = 2_000_000  # base pairs that are read at each end of a region: matches reach beyond it (docs/impute.md)
FEW_TARGETS = 10  # R2, estimated over the samples of the file, says little of fewer than this
FEW_TYPED = 20  # fewer typed sites than this on a chromosome deserve a word


@dataclass(frozen=True, kw_only=True)
class ImputationInputs:
    """What is imputed from what; the fields are options of `ragimpute impute` and `ragimpute explain`."""

    reference: Path
    targets: Path
    genetic_map: GeneticMap | None
    region: str | None
    exclude_samples: Path | None
    model: Path | None  # None: the pretrained weights
    device: str
    threads: int
    memory_mb: int
    seed: int
    n_phasings: int | None  # of unphased targets; None: several where typed sites are sparse


@dataclass(frozen=True, kw_only=True)
class Request(ImputationInputs):
    """One call of `ragimpute impute`."""

    out: Path
    fields: tuple[str, ...]
    keep_unmatched: bool


@dataclass(frozen=True)
class Prepared:
    """Everything that imputing needs."""

    panel: Panel
    phasings: list[TargetGenotypes]  # complete; several where phase is uncertain
    imputer: "BackEnd"
    model: Path
    unused: pd.DataFrame  # sites and records of the reference that are not imputed: chrom, pos, id, ref, alt, reason
    wanted: slice  # of the panel's sites: those of the region, the others are its flanks

    @property
    def typed(self) -> TargetGenotypes:
        """The targets in the phase that is written."""
        return self.phasings[0]

    @property
    def sites(self) -> Sites:
        """The sites that are written."""
        return self.panel.sites.take(np.arange(self.wanted.start, self.wanted.stop))

    @property
    def n_typed(self) -> int:
        """How many of `sites` are typed."""
        rows = self.typed.rows(self.wanted.start, self.wanted.stop)
        return rows.stop - rows.start


def impute_files(request: Request) -> dict[str, str | int]:
    """Impute, write the result and the tables of dropped and recoded records, and tell what was done.

    Raises InputError when a file is unusable, nothing is typed, or Beagle is needed and missing.
    """
    from ragimpute.imputation import unmatched
    from ragimpute.vcf.writer import check_request

    check_request(request.out, request.fields)
    ready = prepare(request)
    sites, n_samples = ready.sites, len(ready.typed.samples)
    if n_samples < FEW_TARGETS:
        logger.warning("%s: so few samples (%d) make R2 unreliable; filter by GP instead", request.targets, n_samples)

    def write(path: Path) -> None:
        source = f"ragimpute impute, weights {ready.model.name}"
        write_imputation(
            path, ready.panel, ready.phasings, ready.imputer, ready.wanted, source, request.fields, request.threads
        )

    unused = ready.typed.dropped
    kept = unused[unused["reason"].eq(NOT_IN_REFERENCE) & unused["chrom"].isin(sites.chrom)]
    if request.keep_unmatched and len(kept):
        unmatched.write_with(request.out, request.targets, kept, write)
        unused = unused.drop(kept.index)
    else:
        write(request.out)
    dropped = (ready.unused.assign(file="reference"), unused.assign(file="targets"))
    _write_table(request.out, "dropped", pd.concat(dropped, ignore_index=True))
    _write_table(request.out, "recoded", ready.typed.recoded)
    return {
        "out": str(request.out),
        "samples": n_samples,
        "reference_samples": len(ready.panel.samples),
        "typed_sites": ready.n_typed,
        "imputed_sites": len(sites) - ready.n_typed,
        "unused_records": len(ready.unused) + len(unused),
        "recoded_records": len(ready.typed.recoded),
        "weights": ready.model.name,
    }


def write_imputation(
    path: Path,
    panel: Panel,
    phasings: list[TargetGenotypes],
    imputer: "BackEnd",
    wanted: slice | None = None,
    source: str = "ragimpute",
    fields: tuple[str, ...] = FIELDS,
    threads: int = 1,
) -> None:
    """Impute the `wanted` sites of the panel (all) from the targets' phasings, and write them window by window.

    `ragimpute impute` and the workflow's rule `predict` both impute here.
    """
    from ragimpute.imputation.engine import imputed_parts
    from ragimpute.progress import share_of_work
    from ragimpute.vcf.writer import write_parts

    wanted = wanted or slice(0, len(panel.sites))
    sites = panel.sites.take(np.arange(wanted.start, wanted.stop))
    with share_of_work("imputing") as progress:
        parts = imputed_parts(panel, phasings, imputer, wanted, threads=threads, on_progress=progress)
        write_parts(path, sites, panel.contigs, phasings[0].samples, parts, source, fields=fields, threads=threads)


def prepare(inputs: ImputationInputs) -> Prepared:
    """Read the files, say what was found in them, load the weights and phase the targets. Raises InputError."""
    from ragimpute.imputation import back_ends

    region = None if inputs.region is None else Region.parse(inputs.region)
    around = None if region is None else region.widened(FLANK)
    panel, unread = open_panel(inputs, around)
    model = inputs.model or pretrained.choose_weights(panel.sites, panel.alleles.shape[1])
    imputer = back_ends.load_back_end(model, inputs.device, inputs.threads)
    logger.info("%s; weights %s", imputer.describe(), model.name)
    typed = read_genotypes(inputs.targets, panel.sites, region=around)
    typed = _known_to_somebody(typed, inputs.targets)
    _report(inputs, panel, typed, unread)
    panel, typed, untyped = keep_typed_chromosomes(panel, typed)
    wanted = _wanted(panel.sites, region, inputs.reference)
    if region is not None:
        unread, dropped, recoded = (
            table[region.holds(table["chrom"], table["pos"])] if len(table) else table
            for table in (unread, typed.dropped, typed.recoded)
        )
        typed = replace(typed, dropped=dropped, recoded=recoded)
        beside = len(panel.sites) - (wanted.stop - wanted.start)
        logger.info("%d of the sites lie up to %d Mb beside the region and are not written", beside, FLANK // 1_000_000)
    phasings = phase_repeatedly(
        panel,
        typed,
        inputs.genetic_map or GeneticMap.of_sites(panel.sites),
        memory_mb=inputs.memory_mb,
        seed=inputs.seed,
        n_phasings=inputs.n_phasings,
    )
    if len(phasings) > 1:
        logger.info("the result is the average over %d phasings of the targets", len(phasings))
    return Prepared(panel, phasings, imputer, model, pd.concat([unread, untyped], ignore_index=True), wanted)


def open_panel(inputs: ImputationInputs, region: Region | None) -> tuple[Panel, pd.DataFrame]:
    """The reference panel at the sites of `region`, without the excluded samples, and its unusable records.

    The file may be a VCF, a BCF, or a panel prepared by `ragimpute read-panel`, which knows its genetic positions.
    """
    if inputs.reference.suffix == ".safetensors":
        panel, dropped = Panel.load(inputs.reference), pd.DataFrame()
        if region is not None:
            wanted = _wanted(panel.sites, region, inputs.reference)
            panel = panel.between(wanted.start, wanted.stop)
        if inputs.genetic_map is not None:
            panel = replace(panel, sites=inputs.genetic_map.locate(panel.sites), ages=None)
    else:
        genetic_map = inputs.genetic_map
        if genetic_map is None:
            genetic_map = GeneticMap.uniform()
            logger.warning("no --map: 1 cM per Mb is assumed everywhere")
        panel, dropped = read_panel(inputs.reference, region, genetic_map)
    if inputs.exclude_samples is not None:
        excluded = set(read_names(inputs.exclude_samples))
        kept = [name for name in panel.samples if name not in excluded]
        if not kept:
            raise InputError(f"{inputs.exclude_samples}: it leaves out all {len(panel.samples)} samples of the panel")
        if len(kept) == len(panel.samples):
            raise InputError(
                f"{inputs.exclude_samples}: none of its {len(excluded)} names is in the panel (one name a line; the "
                f"panel has {panel.samples[0]}, ..)"
            )
        unknown = excluded.difference(panel.samples)
        if unknown:
            logger.warning(
                "%s: %d names are not in the panel: %s, ..", inputs.exclude_samples, len(unknown), min(unknown)
            )
        logger.info("%d of %d reference samples are left out", len(panel.samples) - len(kept), len(panel.samples))
        panel = panel.of_samples(kept)
    return panel, dropped


def _wanted(sites: Sites, region: Region | None, path: Path) -> slice:
    """Those of `sites`, read from `path`, that lie in the region; all of them without one."""
    if region is None:
        return slice(0, len(sites))
    inside = np.flatnonzero(region.holds(sites.chrom, sites.pos))
    if not len(inside):
        raise InputError(f"{path}: no site in region {region}")
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _known_to_somebody(typed: TargetGenotypes, path: Path) -> TargetGenotypes:
    """The targets, read from `path`, without sites at which all genotypes are missing: imputed like untyped ones."""
    known = typed.known
    if not known.any():
        raise InputError(f"{path}: all genotypes are missing at the sites of the panel; export the file again")
    if not known.all():
        logger.info("%s: %d sites where all genotypes are missing are imputed", path, np.count_nonzero(~known))
    return typed.at(np.flatnonzero(known))


def keep_typed_chromosomes(panel: Panel, typed: TargetGenotypes) -> tuple[Panel, TargetGenotypes, pd.DataFrame]:
    """The panel at the chromosomes that the targets have sites of, and its other sites as dropped records."""
    found = set(panel.sites.chrom[typed.index].tolist())
    kept = np.array([chrom in found for chrom in panel.sites.chrom.tolist()])
    if kept.all():
        return panel, typed, pd.DataFrame()
    absent = dict.fromkeys(panel.sites.chrom[~kept].tolist())
    logger.warning(
        "%d panel sites on %s are not imputed: no typed site there", int((~kept).sum()), ", ".join(list(absent)[:5])
    )
    place = np.cumsum(kept) - 1
    table = unused_sites(panel.sites.take(~kept), UNTYPED_CHROMOSOME)
    panel = panel.take(kept)
    return panel, replace(typed, index=place[typed.index]), table


def _report(inputs: ImputationInputs, panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> None:
    """Say what was read, what was left out, and what looks wrong."""
    logger.info(
        "reference: %d samples, %d sites (%d records not usable); targets: %d samples, %d of %d records are typed",
        len(panel.samples),
        len(panel.sites),
        len(unread),
        len(typed.samples),
        len(typed.index),
        len(typed.index) + len(typed.dropped),
    )
    for path, table in ((inputs.reference, unread), (inputs.targets, typed.dropped)):
        for reason, count in table.get("reason", pd.Series(dtype=object)).value_counts().items():
            logger.info("%s: %d records not used: %s", path.name, count, reason)
    both = set(panel.samples) & set(typed.samples)
    if both:
        logger.warning(
            "%d samples are in both files (%s, ..) and are imputed from themselves; --exclude-samples leaves them out",
            len(both),
            min(both),
        )
    chroms, counts = np.unique(panel.sites.chrom[typed.index], return_counts=True)
    for chrom, count in zip(chroms.tolist(), counts.tolist(), strict=True):
        if count < FEW_TYPED:
            logger.warning("%s: only %d typed sites on chromosome %s", inputs.targets, count, chrom)


def _write_table(out: Path, kind: str, records: pd.DataFrame) -> None:
    """Write `records` beside `out`, named by their `kind`; no file when there is none."""
    path = out.with_name(f"{out.name.removesuffix('.vcf.gz').removesuffix('.bcf')}.{kind}.tsv")
    if records.empty:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        records.to_csv(temporary, sep="\t", index=False)
    logger.info("%d %s records are listed in %s", len(records), kind, path)
