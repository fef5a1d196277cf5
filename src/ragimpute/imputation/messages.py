"""What `impute` and `explain` say of their inputs before they begin."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes

logger = logging.getLogger(__name__)

FEW_TARGETS = 10  # R2, estimated over the samples of the file, says little of fewer than this
FEW_TYPED = 20  # fewer typed sites than this on a chromosome deserve a word


def report_inputs(reference: Path, targets: Path, panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> None:
    """Log what was read from the two files, what was not used, and what looks wrong.

    unread: unusable records of the reference; `typed.dropped` are those of the targets.
    """
    n_typed = len(typed.index)
    n_records = n_typed + len(typed.dropped)
    numbers = (len(panel.samples), len(panel.sites), len(unread), len(typed.samples))
    logger.info(
        "reference: %d samples, %d sites (%d records not usable); targets: %d samples, %d of %d records are typed",
        *numbers,
        n_typed,
        n_records,
    )
    _report_unused(reference, unread)
    _report_unused(targets, typed.dropped)
    in_both = set(panel.samples) & set(typed.samples)
    if in_both:
        logger.warning(
            "%d samples are in both files (%s, ..) and are imputed from themselves; --exclude-samples leaves them out",
            len(in_both),
            min(in_both),
            extra={"code": "same-names"},
        )
    typed_chroms = panel.sites.chrom[typed.index]
    chroms, counts = np.unique(typed_chroms, return_counts=True)
    for chrom, count in zip(chroms.tolist(), counts.tolist(), strict=True):
        if count < FEW_TYPED:
            logger.warning("%s: only %d typed sites on chromosome %s", targets, count, chrom)


def warn_of_few_samples(targets: Path, n_samples: int) -> None:
    """Warn that R2 is unreliable where it is estimated from fewer than FEW_TARGETS samples."""
    if n_samples < FEW_TARGETS:
        logger.warning("%s: so few samples (%d) make R2 unreliable; filter by GP instead", targets, n_samples)


def _report_unused(path: Path, records: pd.DataFrame) -> None:
    """Log how many records of `path` were not used, by reason."""
    if records.empty:
        return
    counts = records["reason"].value_counts()
    for reason, count in counts.items():
        logger.info("%s: %d records not used: %s", path.name, count, reason)
