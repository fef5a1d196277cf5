"""The step `predict` of a study: its targets, at all sites of the panel, by a trained network."""

import logging
from pathlib import Path

from ragimpute import artefacts
from ragimpute.imputation import back_ends
from ragimpute.imputation.result_files import write_imputation
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models import pretrained
from ragimpute.panel.roles import read_roles, reference_samples, target_samples
from ragimpute.panel.store import Panel
from ragimpute.targets.mask import read_typed
from ragimpute.targets.several_phasings import load_phasings

logger = logging.getLogger(__name__)


def predict_targets(
    panel: Path,
    roles: Path,
    typed: Path,
    phasings: Path,
    model: Path,
    out: Path,
    *,
    calibrated: bool = False,
    device: str = "auto",
    threads: int = 1,
    work: WorkSize | None = None,
) -> None:
    """Impute the targets of a study from its reference samples, and write `out`, VCF.gz or BCF, with index.

    Arguments are files of `ragimpute read-panel`, `assign-roles`, `mask`, `phase` and `train`. `calibrated`: the
    genotype logits are divided by the temperature that the model holds.
    A model that holds pretrained weights as they are imputes with those that have not seen this panel, which may be a
    chromosome of many: the weights that `ragimpute impute` takes.
    Raises InputError when a file is unusable, or not of the panel, roles and typed sites.
    """
    whole = Panel.load(panel)
    samples = read_roles(roles)
    is_typed = read_typed(typed, whole.sites)
    several = load_phasings(phasings, target_samples(samples), is_typed)
    reference = whole.of_samples(reference_samples(samples))
    del whole
    weights = _weights_for(model, reference)
    imputer = back_ends.load_back_end(model, device, threads, calibrated, weights)
    logger.info("%s; weights %s", imputer.describe(), weights.name)
    write_imputation(out, reference, several, imputer, threads=threads, work=work)


def _weights_for(model: Path, reference: Panel) -> Path:
    """The file whose weights impute from `reference`: `model`, or one of the pretrained files where it holds such."""
    metadata = artefacts.load(model, pretrained.KIND).metadata
    if metadata.get("weights") != "pretrained":
        return model
    return pretrained.choose_weights(reference.sites.extents(), reference.n_haplotypes)
