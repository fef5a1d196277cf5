"""The files that come before retrieval, of a tiny panel whose last two samples are the targets."""

from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.panel.roles import write_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import write_typed
from ragimpute.vcf.writer import write_genotypes
from training_data import samples_of


def write_cohort(folder: Path, panel: Panel, typed: np.ndarray) -> None:
    """Write `panel` of all samples but two, `roles.tsv`, `typed.tsv` and `phased.vcf.gz`, these two's genotypes.

    `typed` is bool, one value per site.
    """
    reference, targets = panel.of_samples(panel.samples[:-2]), panel.samples[-2:]
    reference.save(folder / "panel")
    rows = [(p.sample, p.role, p.fold, p.population, p.family) for p in samples_of(reference)]
    rows += [(name, "target", "targets", "NA", "NA") for name in targets]
    roles = pd.DataFrame(rows, columns=["sample", "role", "fold", "population", "family"])
    write_roles(roles, folder / "roles.tsv")
    write_typed(folder / "typed.tsv", reference.sites, typed, np.zeros((len(typed), 0), dtype=bool))
    alleles = panel.alleles[typed][:, -4:].reshape(-1, 2, 2).astype(np.int8)
    sites = reference.sites.take(np.flatnonzero(typed))
    write_genotypes(folder / "phased.vcf.gz", sites, reference.contigs, targets, alleles, True)
