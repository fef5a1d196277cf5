"""The step `retrieve`: the segments of a fold, its neighbours with their features, and what they were made from."""

from pathlib import Path

from ragimpute.artefacts import Artefact
from ragimpute.errors import InputError
from ragimpute.panel.cohort import Cohort

KIND = "segments"  # of the artefact file


def retrieve_segments(
    cohort: Cohort,
    fold_name: str,
    architecture: str,
    size: str,
    *,
    validation: Path | None = None,
    threads: int = 1,
) -> Artefact:
    """The arrays that `architecture` of `size` needs of a training or validation fold, and metadata to know them by.

    `validation` is the VCF of the validation samples' phased typed genotypes; it counts for fold validation alone.
    Raises InputError for an unknown architecture, size or fold.
    """
    from ragimpute.models import architecture as find_architecture
    from ragimpute.models import segments

    found = find_architecture(architecture)
    if size not in found.sizes:
        raise InputError(f"--size {size}: {architecture} has {', '.join(found.sizes)}")
    phased = validation if fold_name == "validation" else None
    fold = cohort.fold(fold_name, phased)
    provenance = cohort.provenance(phased)
    arrays = segments(found, size, fold, threads).arrays()
    return Artefact(arrays, {"architecture": architecture, "size": size, "fold": fold_name, **provenance})
