"""The step `predict` of a study: its targets, at all sites of the panel, by a trained network."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ragimpute import artefacts
from ragimpute.imputation import back_ends
from ragimpute.imputation.result_files import write_imputation
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models import pretrained
from ragimpute.panel.roles import read_roles, reference_samples, target_samples
from ragimpute.panel.store import Panel
from ragimpute.panel.windows import windows
from ragimpute.targets.mask import read_typed
from ragimpute.targets.several_phasings import load_phasings
from ragimpute.vcf.final_file import check_request, longest_position
from ragimpute.vcf.format_kernel import FIELDS
from ragimpute.vcf.writer import SOURCE, imputed_header, join_pieces

logger = logging.getLogger(__name__)


def predict_targets(
    panel: Path,
    roles: Path,
    typed: Path,
    phasings: Path,
    model: Path,
    out: Path,
    *,
    part: tuple[int, int] | None = None,
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
    `part`, (N, M): the Nth of M shares of the panel's windows, whose records `out` gets, for `gather_windows`.
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
    records_of = None if part is None else share_of_windows(reference, *part, work or WorkSize())
    write_imputation(out, reference, several, imputer, records_of, threads=threads, work=work)


def share_of_windows(reference: Panel, number: int, total: int, work: WorkSize) -> slice:
    """The sites of the share `number`, from 1 on, of `total` shares of the panel's windows; none in a short panel."""
    cores = list(windows(reference, work.core_cm))
    starts = [window.first for window in cores] + [len(reference.sites)]
    begin = len(cores) * (number - 1) // total
    end = len(cores) * number // total
    return slice(starts[begin], starts[end])


def gather_windows(panel: Path, roles: Path, records: Sequence[Path], out: Path) -> None:
    """Join `records`, those of all shares of the panel's windows in order, to the file of `predict_targets`.

    Raises InputError when a file is unusable, or `out` is not a VCF.gz or BCF.
    """
    check_request(out, FIELDS)
    whole = Panel.load(panel)
    samples = target_samples(read_roles(roles))
    header = imputed_header(whole.sites.chromosomes(), whole.contigs, samples, SOURCE, FIELDS)
    join_pieces(out, longest_position(whole.sites, whole.contigs), header, records)


def _weights_for(model: Path, reference: Panel) -> Path:
    """The file whose weights impute from `reference`: `model`, or one of the pretrained files where it holds such."""
    metadata = artefacts.load(model, pretrained.KIND).metadata
    if metadata.get("weights") != "pretrained":
        return model
    return pretrained.choose_weights(reference.sites.extents(), reference.n_haplotypes)
