"""Typed sites that are lost because the panel's record there cannot be used."""

import os

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.panel.from_vcf import LOSSES
from ragimpute.panel.ploidy import OTHER_PLOIDY
from ragimpute.panel.store import Sites
from ragimpute.tables import tally
from ragimpute.targets.alleles import NOT_IN_REFERENCE, SiteIndex

OF_GENOTYPES = (*LOSSES, "haploid", "polyploid", OTHER_PLOIDY)  # records that another file of the panel would save
MAX_LOST = 0.1  # share of the typed sites, by default: more is an error
UNMATCHED = (NOT_IN_REFERENCE, "alleles differ", "no ALT allele")


def refuse_lost_sites(
    reference: str | os.PathLike, unread: pd.DataFrame, dropped: pd.DataFrame, n_typed: int, max_lost: float
) -> None:
    """Raise InputError when more than the share `max_lost` of the typed sites is lost.

    `unread`, `dropped`: the records of the panel and of the targets that are not used; `n_typed` sites are.
    """
    lost = lost_records(unread, dropped)
    n_lost = len(lost)
    n_all = n_lost + n_typed
    if n_lost > max_lost * n_all:
        raise InputError(lost_message(reference, n_lost, n_all, tally(lost)))


def lost_message(reference: str | os.PathLike, n_lost: int, n_all: int, reasons: str) -> str:
    """What to say of `n_lost` of `n_all` typed sites that are lost."""
    return (
        f"{reference}: {n_lost} of the {n_all} typed sites are lost, as the panel's records there are not usable "
        f"({reasons}); complete and phase the panel, or raise --panel-missing or --max-lost-sites"
    )


def lost_records(unread: pd.DataFrame, dropped: pd.DataFrame) -> pd.DataFrame:
    """The rows of `unread` that a record of `dropped` is of, each once."""
    if unread.empty or dropped.empty:
        return unread.iloc[:0]
    of_genotypes = unread[unread["reason"].isin(OF_GENOTYPES)].reset_index(drop=True)
    columns = {name: of_genotypes[name].to_numpy() for name in ("chrom", "pos", "id", "ref", "alt")}
    index = SiteIndex(Sites(**columns, cm=np.zeros(len(of_genotypes))))
    positions = set(zip(of_genotypes["chrom"], of_genotypes["pos"], strict=True))
    unmatched = dropped[dropped["reason"].isin(UNMATCHED)]
    found = set()
    for row in unmatched.itertuples():
        if (row.chrom, row.pos) in positions:
            alts = [] if row.alt == "." else row.alt.split(",")
            found.add(index.match(row.chrom, row.pos, row.ref, alts).site)
    return of_genotypes.iloc[sorted(found - {-1})]
