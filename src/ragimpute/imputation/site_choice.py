"""Which of the sites that were read are imputed, and which of the typed ones are typed in fact."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import NoTypedSites
from ragimpute.panel.dropped_records import unused_sites
from ragimpute.panel.from_vcf import ALL_MISSING
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes

logger = logging.getLogger(__name__)

UNTYPED_CHROMOSOME = "no typed site on the chromosome"


def keep_typed_chromosomes(panel: Panel, typed: TargetGenotypes) -> tuple[Panel, TargetGenotypes, pd.DataFrame]:
    """The panel at the chromosomes that the targets have sites of, and its other sites as dropped records."""
    chroms = panel.sites.chrom
    typed_chroms = np.unique(chroms[typed.index])
    kept = np.isin(chroms, typed_chroms)
    if kept.all():
        return panel, typed, pd.DataFrame()
    is_left_out = ~kept
    absent = list(dict.fromkeys(chroms[is_left_out].tolist()))
    listed = ", ".join(absent[:5])
    n_left_out = int(is_left_out.sum())
    logger.warning("panel sites on %s are not imputed: %d; no typed site there", listed, n_left_out)
    table = unused_sites(panel.sites.take(is_left_out), UNTYPED_CHROMOSOME)
    panel = panel.take(kept)
    place = np.cumsum(kept) - 1
    index = place[typed.index]
    return panel, replace(typed, index=index, used=typed.used.at_places(place)), table


def known_at_some_site(typed: TargetGenotypes, path: Path) -> TargetGenotypes:
    """The targets, read from `path`, without sites at which all genotypes are missing: imputed like untyped ones.

    Records of such sites alone are listed as dropped.
    """
    known = typed.known
    unknown = typed.index[~known]
    known_rows = np.flatnonzero(known)
    found = typed.at(known_rows).without_records_of(unknown, ALL_MISSING)
    if not known.any():
        message = f"{path}: all genotypes are missing at the sites of the panel; export the file again"
        raise NoTypedSites(message, found.dropped)
    if len(unknown):
        logger.info("%s: sites where all genotypes are missing are imputed: %d", path, len(unknown))
    return found
