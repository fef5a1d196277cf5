"""What `impute` and `explain` say of their inputs before they begin."""

import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.nouns import with_noun
from ragimpute.panel.store import Panel
from ragimpute.tables import counts_by_reason
from ragimpute.targets import variants_only
from ragimpute.targets.genotypes import TargetGenotypes

BLOCK = 4096  # sites whose frequencies are counted at a time
logger = logging.getLogger(__name__)

FEW_TARGETS = 10  # R2, estimated over the samples of the file, says little of fewer than this
FEW_TYPED = 20  # fewer typed sites than this on a chromosome deserve a word


def report_inputs(reference: Path, targets: Path, panel: Panel, typed: TargetGenotypes, unread: pd.DataFrame) -> None:
    """Log what was read from the two files, what was not used, and what looks wrong.

    unread: unusable records of the reference; `typed.dropped` are those of the targets.
    """
    n_typed = len(typed.index)
    n_records = typed.n_used + len(typed.dropped)
    logger.info(
        "reference: %s, %s (%s not usable); targets: %s, %s (%d of %d records used)",
        with_noun(len(panel.samples), "sample"),
        with_noun(len(panel.sites), "site"),
        with_noun(len(unread), "record"),
        with_noun(len(typed.samples), "sample"),
        with_noun(n_typed, "typed site"),
        typed.n_used,
        n_records,
    )
    _report_unused(reference, unread)
    _report_unused(targets, typed.dropped)
    in_both = set(panel.samples) & set(typed.samples)
    if in_both:
        logger.warning(
            "samples that are in both files are imputed from themselves: %d (%s%s); --exclude-samples leaves them out",
            len(in_both),
            min(in_both),
            ", .." if len(in_both) > 1 else "",
            extra={"code": "same-names"},
        )
    typed_chroms = panel.sites.chrom[typed.index]
    chroms, counts = np.unique(typed_chroms, return_counts=True)
    for chrom, count in zip(chroms.tolist(), counts.tolist(), strict=True):
        if count < FEW_TYPED:
            logger.warning("%s: only %s on chromosome %s", targets, with_noun(count, "typed site"), chrom)


def report_phasing(typed: TargetGenotypes) -> None:
    """Log that unphased targets depend on each other."""
    if len(typed.samples) > 1 and not typed.complete:
        logger.info(
            "the %d targets are phased together: alone or in another batch a sample may be phased otherwise",
            len(typed.samples),
        )


def warn_of_few_samples(targets: Path, n_samples: int) -> None:
    """Warn that R2 is unreliable where it is estimated from fewer than FEW_TARGETS samples."""
    if n_samples < FEW_TARGETS:
        logger.warning("%s: so few samples (%d) make R2 unreliable; filter by GP instead", targets, n_samples)


def warn_of_strangers(sex: Path, given: Collection[str], known: Iterable[Sequence[str]]) -> None:
    """Warn that the table of --sex, of the samples `given`, names none of those `known`, by file: it has no effect."""
    files = list(known)
    if not any(name in given for names in files for name in names):
        logger.warning(
            "%s: none of its %d samples is in the targets or the panel, which have %s, ..; men are told by their "
            "genotypes alone",
            sex,
            len(given),
            next((names[0] for names in files if names), "none"),
        )


def warn_of_variants_only(targets: Path, panel: Panel, typed: TargetGenotypes) -> None:
    """Warn when the targets' file lists only variants that a sample carries."""
    is_known = typed.alleles[..., 0] >= 0
    is_homozygous = (typed.alleles == 0).all(axis=2)
    n_known, n_homozygous = is_known.sum(axis=1), is_homozygous.sum(axis=1)
    if n_homozygous.any() and len(typed.samples) > variants_only.FEW_SAMPLES:
        return
    blocks = [typed.index[start : start + BLOCK] for start in range(0, len(typed.index), BLOCK)]
    frequency = np.concatenate([panel.alleles[block].mean(axis=1) for block in blocks])
    if variants_only.lists_variants_only(n_known, n_homozygous, frequency, len(typed.samples)):
        logger.warning("%s: %s", targets, variants_only.ABSENT_SITES, extra={"code": "variants-only"})


def _report_unused(path: Path, records: pd.DataFrame) -> None:
    """Log how many records of `path` were not used, by reason."""
    if records.empty:
        return
    for reason, count in counts_by_reason(records).items():
        logger.info("%s: %s not used: %s", path.name, with_noun(count, "record"), reason)
