"""Allele counts of the reference samples; targets are never counted."""

import numpy as np
import pandas as pd

from ragimpute.panel.roles import reference_samples
from ragimpute.panel.site_tables import SITE_COLUMNS, site_table
from ragimpute.panel.store import Panel

COUNTS: dict[str, type] = {"ac": int, "an": int, "train_ac": int, "train_an": int}
COLUMNS = [*SITE_COLUMNS, *COUNTS]


def count_alleles(panel: Panel, roles: pd.DataFrame) -> pd.DataFrame:
    """Alternate allele count and number of alleles at each of the panel's sites (COLUMNS).

    `ac`, `an` count all reference samples, `train_ac`, `train_an` those outside the validation fold. `roles` is the
    table of `ragimpute.panel.roles.read_roles`. Raises InputError when it names a reference sample that the panel
    lacks.
    """
    counts: dict[str, np.ndarray] = {}
    n_sites = len(panel.sites)
    for prefix, fold in (("", None), ("train_", "train")):
        samples = reference_samples(roles, fold)
        counted = panel.of_samples(samples)
        counts[f"{prefix}ac"] = counted.allele_count
        counts[f"{prefix}an"] = np.full(n_sites, counted.n_haplotypes)
    return site_table(panel.sites, counts)
