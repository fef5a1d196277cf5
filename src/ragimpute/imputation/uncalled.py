"""Samples without a genotype on a chromosome, which are imputed by frequency, and listed.

Nothing of such a sample is known there, so that whatever a network copies for it is worse than the frequency of the
allele: its haplotype dosages are those of the reference panel's frequency at all sites, typed ones too.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed

logger = logging.getLogger(__name__)

COLUMNS = ("sample", "chrom", "reason")
BY_FREQUENCY = "no genotype: the dosages are those of the frequency in the reference"
LISTED = 5


def uncalled_samples(targets: TargetGenotypes, chrom: np.ndarray) -> dict[str, np.ndarray]:
    """The samples [K] int64 without a genotype on each chromosome that has any. `chrom` [M]: of the typed sites.

    `targets` are phased: `filled` says what the file lacks.
    """
    if targets.filled is None:
        return {}
    found = {}
    for name in dict.fromkeys(chrom.tolist()):
        is_here = chrom == name
        samples = np.flatnonzero(targets.filled[is_here].all(axis=0))
        if len(samples):
            found[name] = samples
    return found


def by_frequency(parts: Iterator[Imputed], samples: np.ndarray, frequency: np.ndarray) -> Iterator[Imputed]:
    """`parts` of consecutive sites, with the dosages of `samples` [K] those of the `frequency` [S] of ALT."""
    start = 0
    for part in parts:
        stop = start + len(part.typed)
        here = frequency[start:stop, None].astype(np.float32)
        hds, both = part.hds.copy(), part.both.copy()
        hds[:, samples] = here[..., None]
        both[:, samples] = here**2
        yield replace(part, hds=hds, both=both)
        start = stop


def listed_uncalled(targets: Path, samples: Sequence[str], uncalled: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The table of samples that are imputed by frequency, by chromosome, and a warning for each chromosome."""
    rows = []
    for chrom, columns in uncalled.items():
        names = [samples[i] for i in columns.tolist()]
        rows += [(name, chrom, BY_FREQUENCY) for name in names]
        shown = ", ".join(names[:LISTED])
        more = ", .." if len(names) > LISTED else ""
        logger.warning(
            "%s: samples without a genotype on chromosome %s get the dosages of the frequency: %d (%s%s); "
            "--max-missing leaves them out",
            targets,
            chrom,
            len(names),
            shown,
            more,
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
