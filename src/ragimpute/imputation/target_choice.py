"""Which targets are imputed: those that --keep-samples names and that --max-missing does not leave out."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.stretch_run import UNCALLED, GenomeRequest
from ragimpute.imputation.stretches import all_chromosomes
from ragimpute.imputation.uncalled import LISTED
from ragimpute.nouns import with_noun
from ragimpute.panel.roles import read_names
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.targets.plink_copy import sample_names
from ragimpute.vcf.source import genotypes, read_header, records, sample_order

logger = logging.getLogger(__name__)


def kept_targets(keep_samples: Path | None, targets: Path) -> list[str] | None:
    """The samples that --keep-samples names, in the order of the targets; None: all. Raises InputError for others."""
    if keep_samples is None:
        return None
    names = set(read_names(keep_samples))
    samples = sample_names(targets)
    absent = sorted(names.difference(samples))
    if absent or not names:
        problem = f"{absent[0]!r} is not in {targets}" if absent else "no sample is named"
        raise InputError(f"{keep_samples}: {problem}; write one name a line, such as {samples[0]}")
    return [name for name in samples if name in names]


def with_chosen_samples(request: GenomeRequest) -> tuple[GenomeRequest, pd.DataFrame]:
    """The request for the samples that are imputed, and a table of those that --max-missing leaves out: UNCALLED.

    The order of the samples is that of the first file of targets.
    """
    inputs = request.inputs
    first = request.files[0]
    kept = kept_targets(inputs.keep_samples, first.targets)
    left_out = pd.DataFrame(columns=list(UNCALLED))
    if inputs.max_missing is not None:
        regions = Regions.parse(inputs.regions)
        every = [chrom for files in request.files for chrom in all_chromosomes(files.reference)]
        chroms = regions.chromosomes or list(dict.fromkeys(every))
        names = read_header(first.readable_targets).samples if kept is None else kept
        kept, left_out = samples_within(request.files, names, chroms, inputs.max_missing)
    chosen = None if kept is None else tuple(kept)
    return replace(request, inputs=replace(inputs, target_samples=chosen)), left_out


def samples_within(
    files: Sequence[ChromosomeFiles], names: Sequence[str], chroms: Sequence[str], max_missing: float
) -> tuple[list[str], pd.DataFrame]:
    """Those of the samples `names` that lack at most the share `max_missing` of each chromosome's genotypes.

    And a table of the others: UNCALLED. `chroms`: the chromosomes that count, if they are not Y.
    Raises InputError when none is left.
    """
    first = files[0].targets
    missing: dict[str, np.ndarray] = {}
    n_records: dict[str, int] = {}
    counted = [chrom for chrom in chroms if kind_of(chrom) != "Y"]
    for path in dict.fromkeys(of_one.readable_targets for of_one in files):
        _count_missing(path, names, counted, missing, n_records)
    rows = []
    for chrom, number in missing.items():
        share = number / n_records[chrom]
        for sample in np.flatnonzero(share > max_missing).tolist():
            reason = f"left out: {share[sample]:.1%} of the genotypes are missing"
            rows.append((names[sample], chrom, reason))
    table = pd.DataFrame(rows, columns=list(UNCALLED))
    left_out = set(table["sample"])
    kept = [name for name in names if name not in left_out]
    if not kept:
        raise InputError(f"{first}: all samples lack more than {max_missing:g} of their genotypes (--max-missing)")
    if left_out:
        shown = ", ".join(list(dict.fromkeys(table["sample"]))[:LISTED])
        logger.warning("%s: left out by --max-missing: %s (%s)", first, with_noun(len(left_out), "sample"), shown)
    return kept, table


def _count_missing(
    path: Path,
    names: Sequence[str],
    chroms: Collection[str],
    missing: dict[str, np.ndarray],
    n_records: dict[str, int],
) -> None:
    """Add to `missing` [N] and `n_records`, by chromosome, the samples' missing genotypes and the records of a file."""
    order = sample_order(path, read_header(path).samples, names)
    for record in records(path, samples=names, known=chroms):
        chrom = record.CHROM
        array = genotypes(record) if chrom in chroms else None
        if array is None:
            continue
        incomplete = (array[order, :-1] == -1).any(axis=1)
        missing[chrom] = missing.get(chrom, 0) + incomplete.astype(np.int64)
        n_records[chrom] = n_records.get(chrom, 0) + 1
