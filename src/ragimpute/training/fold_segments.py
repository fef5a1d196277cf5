"""The folds of a training with their segments, from files."""

from dataclasses import dataclass
from pathlib import Path

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models.contract import Segments
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import Fold
from ragimpute.retrieval.segments_file import KIND


@dataclass(frozen=True)
class FoldSegments:
    """A fold and what was retrieved for its samples."""

    fold: Fold
    segments: Segments


def load_fold_segments(
    path: Path,
    cohort: Cohort,
    architecture: str,
    size: str,
    folds: tuple[str, ...],
    validation: Path | None = None,
) -> FoldSegments:
    """One of `folds` (a name, or `random` for all random masks) with its segments, made from the files of `cohort`.

    `validation` is the VCF of the validation samples' phased typed genotypes; None for other folds, and for validation
    samples in the panel's phase. Raises InputError when the segments are of another architecture, size, fold, panel,
    roles, typed sites or validation file.
    """
    artefact = artefacts.load(path, KIND)
    found = artefact.metadata
    provenance = cohort.provenance(validation)
    expected = {"architecture": architecture, "size": size, "validation_sha256": None, **provenance}
    for key, wanted in expected.items():
        if found.get(key) != wanted:
            what = key.removesuffix("_sha256")
            detail = "" if what != key else f" {found.get(key)!r}, expected {wanted!r}"
            raise InputError(f"{path}: made for another {what}{detail}; run `ragimpute retrieve` again")
    name = found["fold"]
    if name.rstrip("0123456789") not in folds:
        raise InputError(f"{path}: segments of fold {name}, expected {' or '.join(folds)}")
    return FoldSegments(cohort.fold(name, validation), Segments.from_arrays(artefact.arrays))
