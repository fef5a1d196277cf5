"""What `ragimpute impute` does, from files to file: read, match, phase where needed, impute, write."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute import pretrained
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.genetic_map import GeneticMap
from ragimpute.panel import Panel
from ragimpute.phasing import phase
from ragimpute.vcf.genotype_reader import TargetGenotypes, read_genotypes
from ragimpute.vcf.panel_reader import read_panel
from ragimpute.vcf.source import Region

logger = logging.getLogger(__name__)

FEW_TYPED = 20  # fewer typed sites than this on a chromosome deserve a word


@dataclass(frozen=True)
class Request:
    """One call of `ragimpute impute`; the fields are its options."""

    reference: Path
    targets: Path
    out: Path
    genetic_map: GeneticMap | None
    region: str | None
    exclude_samples: Path | None
    model: Path | None  # None: the pretrained weights
    fields: tuple[str, ...]
    device: str
    threads: int
    memory_mb: int
    seed: int


def run(request: Request) -> None:
    """Impute, and write the result and the table of dropped records.

    Raises InputError when a file is unusable, nothing is typed, or Beagle is needed and missing.
    """
    from ragimpute import imputers
    from ragimpute.impute import impute
    from ragimpute.progress import share_of_work
    from ragimpute.vcf.imputed import concatenate
    from ragimpute.vcf.writer import check_request, write_imputed

    check_request(request.out, request.fields)
    panel, unread = open_panel(request)
    model = request.model or pretrained.choose(panel.sites)
    imputer = imputers.load(model, request.device, request.threads)
    logger.info("%s; weights %s", imputer.describe(), model.name)
    typed = read_genotypes(request.targets, panel.sites)
    panel, typed = keep_typed_chromosomes(panel, typed)
    _report(request, panel, typed, unread)
    typed = phase(
        panel,
        typed,
        request.genetic_map or GeneticMap.uniform(),
        threads=request.threads,
        memory_mb=request.memory_mb,
        seed=request.seed,
    )
    with share_of_work("imputing") as progress:
        parts = list(impute(panel, typed, imputer, on_progress=progress))
    imputed = concatenate(parts)
    source = f"ragimpute impute, weights {model.name}"
    write_imputed(
        request.out, panel.sites, panel.contigs, imputed, source, fields=request.fields, threads=request.threads
    )
    dropped = pd.concat([unread.assign(file="reference"), typed.dropped.assign(file="targets")], ignore_index=True)
    _write_dropped(request.out, dropped)


def open_panel(request: Request) -> tuple[Panel, pd.DataFrame]:
    """The reference panel, without the excluded people, and its unusable records.

    The file may be a VCF, a BCF, or a panel prepared by `ragimpute read-panel`, which knows its genetic positions.
    """
    if request.reference.suffix == ".safetensors":
        panel, dropped = Panel.load(request.reference), pd.DataFrame()
        if request.region is not None:
            panel = _within(panel, Region.parse(request.region), request.reference)
        if request.genetic_map is not None:
            panel = replace(panel, sites=request.genetic_map.locate(panel.sites))
    else:
        genetic_map = request.genetic_map
        if genetic_map is None:
            genetic_map = GeneticMap.uniform()
            logger.warning("no --map: 1 cM per Mb is assumed everywhere")
        panel, dropped = read_panel(request.reference, request.region, genetic_map)
    if request.exclude_samples is not None:
        excluded = set(request.exclude_samples.read_text().split())
        kept = [name for name in panel.samples if name not in excluded]
        if not kept:
            raise InputError(f"{request.exclude_samples}: it leaves out all {len(panel.samples)} people of the panel")
        logger.info("%d of %d reference people are left out", len(panel.samples) - len(kept), len(panel.samples))
        panel = panel.people(kept)
    return panel, dropped


def _within(panel: Panel, region: Region, path: Path) -> Panel:
    sites = panel.sites
    inside = (sites.chrom == region.chrom) & (sites.pos >= region.start) & (sites.pos <= region.end)
    if not inside.any():
        raise InputError(f"{path}: no site in region {region}")
    start, stop = np.flatnonzero(inside)[[0, -1]]
    return panel.between(int(start), int(stop) + 1)


def keep_typed_chromosomes(panel: Panel, typed: TargetGenotypes) -> tuple[Panel, TargetGenotypes]:
    """The panel at the chromosomes that the targets have sites of; the others are named in the log."""
    found = set(panel.sites.chrom[typed.index].tolist())
    kept = np.array([chrom in found for chrom in panel.sites.chrom.tolist()])
    if kept.all():
        return panel, typed
    absent = dict.fromkeys(panel.sites.chrom[~kept].tolist())
    logger.warning(
        "%d panel sites on %s are not imputed: no typed site there", int((~kept).sum()), ", ".join(list(absent)[:5])
    )
    place = np.cumsum(kept) - 1
    alleles = np.ascontiguousarray(panel.alleles[kept])
    return replace(panel, sites=panel.sites.take(kept), alleles=alleles), replace(typed, index=place[typed.index])


def _report(request: Request, panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> None:
    """Say what was read, what was left out, and what looks wrong."""
    logger.info(
        "reference: %d people, %d sites (%d records not usable); targets: %d people, %d of their %d records are typed",
        len(panel.samples),
        len(panel.sites),
        len(unread),
        len(typed.samples),
        len(typed.index),
        len(typed.index) + len(typed.dropped),
    )
    for path, table in ((request.reference, unread), (request.targets, typed.dropped)):
        for reason, count in table.get("reason", pd.Series(dtype=object)).value_counts().items():
            logger.info("%s: %d records not used: %s", path.name, count, reason)
    both = set(panel.samples) & set(typed.samples)
    if both:
        logger.warning(
            "%d people are in both files (%s, ..): they are imputed from themselves; --exclude-samples leaves them out",
            len(both),
            min(both),
        )
    chroms, counts = np.unique(panel.sites.chrom[typed.index], return_counts=True)
    for chrom, count in zip(chroms.tolist(), counts.tolist(), strict=True):
        if count < FEW_TYPED:
            logger.warning("%s: only %d typed sites on chromosome %s", request.targets, count, chrom)


def _write_dropped(out: Path, dropped: pd.DataFrame) -> None:
    path = out.with_name(out.name.removesuffix(".vcf.gz").removesuffix(".bcf") + ".dropped.tsv")
    if dropped.empty:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        dropped.to_csv(temporary, sep="\t", index=False)
    logger.info("%d records that were not used are listed in %s", len(dropped), path)
