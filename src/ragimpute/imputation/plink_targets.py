"""Targets of a run that are PLINK's files: a VCF of them is one of the run's pieces; their families stay with them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.pieces import Pieces
from ragimpute.imputation.stretch_run import LISTED, GenomeRequest
from ragimpute.panel.dropped_records import RECORD
from ragimpute.panel.sexes import Sex
from ragimpute.tables import join_tables, read_table
from ragimpute.targets.plink_copy import copy_targets, unplaced_beside
from ragimpute.targets.plink_files import find_fileset, read_families


def with_targets_as_vcf(request: GenomeRequest, pieces: Pieces) -> tuple[GenomeRequest, dict[str, Sex]]:
    """The request with a VCF of each targets file that is PLINK's, and the sex of samples that these files give.

    Raises InputError when a file is unusable.
    """
    sexes: dict[str, Sex] = {}
    copies: dict[Path, Path | None] = {}
    references = [files.reference for files in request.files]
    for number, targets in enumerate(dict.fromkeys(files.targets for files in request.files)):
        copy = copy_targets(targets, references, pieces.path(f"targets.{number}.vcf.gz"))
        copies[targets] = None if copy is None else copy.path
        if copy is not None:
            sexes |= copy.sexes
    files = [replace(of_one, targets_copy=copies[of_one.targets]) for of_one in request.files]
    return replace(request, files=files), sexes


def families_of(request: GenomeRequest) -> dict[str, str]:
    """The FID, by the sample's name, of the targets that are PLINK's files. Raises InputError."""
    families: dict[str, str] = {}
    for targets in dict.fromkeys(files.targets for files in request.files):
        fileset = find_fileset(targets)
        if fileset is not None:
            families |= read_families(fileset)
    return families


def unplaced_targets(request: GenomeRequest, files: Sequence[ChromosomeFiles]) -> pd.DataFrame:
    """The variants without a position of PLINK's files that are first used among `files`, as records: LISTED."""
    first_use = {one.targets_copy: one for one in reversed(request.files)}
    copies = [copy for copy, one in first_use.items() if copy is not None and one in files]
    tables = [unplaced_beside(copy) for copy in copies]
    found = [read_table(path, RECORD).assign(file="targets") for path in tables if path.exists()]
    return join_tables(found, LISTED)
