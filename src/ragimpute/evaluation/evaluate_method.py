"""The step `evaluate`: score one imputed VCF and write its metrics, its sums and its accuracy by position."""

from dataclasses import dataclass
from pathlib import Path

from ragimpute import tables
from ragimpute.evaluation import accuracy_by_position, result_tables, scorer
from ragimpute.evaluation.evaluation_file import Evaluation, save_evaluation
from ragimpute.evaluation.evaluation_inputs import read_method_result
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import BootstrapSettings
from ragimpute.panel.roles import read_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.alleles import AllelePolicy


@dataclass(frozen=True)
class EvaluationInputs:
    """The files that an evaluation reads."""

    imputed: Path  # VCF or BCF
    truth: Path | None  # VCF or BCF; without it only estimates are reported
    panel: Path  # panel.safetensors
    roles: Path  # roles.tsv
    typed: Path  # typed.tsv


@dataclass(frozen=True)
class EvaluationOutputs:
    """The files that an evaluation writes."""

    metrics: Path  # TSV, result_tables.METRIC_COLUMNS
    statistics: Path  # safetensors, of evaluation_file
    along: Path  # TSV, accuracy_by_position.COLUMNS


def evaluate_method(
    inputs: EvaluationInputs,
    run: RunNames,
    setting: BootstrapSettings,
    policy: AllelePolicy,
    outputs: EvaluationOutputs,
) -> None:
    """Score one method at the untyped sites and write `outputs`.

    `policy` says what becomes of records of the truth whose alleles are not the panel's. Raises InputError when a file
    cannot be read, belongs to another panel, or leaves nothing to score.
    """
    panel = Panel.load(inputs.panel)
    roles = read_roles(inputs.roles)
    found = read_method_result(inputs.imputed, inputs.truth, panel, roles, inputs.typed, policy)
    along = accuracy_by_position.accuracy_by_position(run, panel.sites, found)
    result_tables.write_result_table(along, accuracy_by_position.COLUMNS, outputs.along)
    n_samples = len(found.samples)
    scored = None
    if found.genotypes is None:
        measured = scorer.score_estimates(run, found.counts, found.info_r2, n_samples)
    else:
        measured, scored = scorer.score(
            run, found.genotypes, found.counts, found.info_r2, found.samples, found.populations, setting
        )
    left_out = scorer.score_typed(run, found.typed_counts, found.er2, n_samples)
    joined = tables.join_tables([measured, left_out], result_tables.METRIC_COLUMNS)
    result_tables.write_result_table(joined, result_tables.METRIC_COLUMNS, outputs.metrics)
    save_evaluation(outputs.statistics, Evaluation(run, setting, scored))
