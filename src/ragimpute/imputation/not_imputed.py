"""The records of a chromosome, or of a part of it, that is not imputed: listed with the reason."""

from pathlib import Path

import pandas as pd

from ragimpute.artefacts import is_safetensors
from ragimpute.errors import InputError
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.stretches import Chromosome
from ragimpute.panel.dropped_records import DROPPED_COLUMNS, RECORD, dropped_of, unused_records, unused_sites
from ragimpute.panel.store import Panel
from ragimpute.tables import join_tables
from ragimpute.vcf.source import Region

UNUSABLE = "chromosome not imputed: the run's warnings say why"
NO_SITE = "no usable site of the reference in this part of the chromosome"


def targets_there(targets: Path, where: Region, reason: str, regions: Regions) -> pd.DataFrame:
    """The targets' records of a stretch that is not imputed: LISTED. None where they cannot be read, as is said."""
    try:
        found = unused_records(targets, reason, where, [where.chrom])
    except InputError:
        found = pd.DataFrame(columns=DROPPED_COLUMNS)
    return regions.within(found).assign(file="targets")


def sites_there(chromosome: Chromosome) -> pd.DataFrame:
    """The reference's records of a chromosome that is not imputed: DROPPED_COLUMNS."""
    path = chromosome.files.reference
    chrom = chromosome.contig or chromosome.only
    if not is_safetensors(path):
        return unused_records(path, UNUSABLE, Region(chrom))
    sites = Panel.load(path).sites
    is_here = sites.chrom == chrom
    unread = dropped_of(path)
    tables = [unread[unread["chrom"] == chrom], unused_sites(sites.take(is_here), UNUSABLE)]
    return join_tables(tables, RECORD)
