"""The step `evaluate`: score one imputed VCF and write its metrics, its sums and its accuracy by position."""

from dataclasses import dataclass
from pathlib import Path

from ragimpute.evaluation import accuracy_by_position, metric_rows, result_tables, scorer
from ragimpute.evaluation.evaluation_file import save_evaluation
from ragimpute.evaluation.evaluation_inputs import method_results
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.result_tables import ALL, RunNames
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
    chrom: str = ALL,
    windows: int = accuracy_by_position.WINDOWS,
) -> None:
    """Score one method at the untyped sites and write `outputs`.

    `policy` says what becomes of records of the truth whose alleles are not the panel's. `chrom`: the panel's name in a
    genome of several; `windows`: about how many there are along it. Raises InputError when a file cannot be read,
    belongs to another panel, or leaves nothing to score (of ALL).
    """
    panel = Panel.load(inputs.panel)
    roles = read_roles(inputs.roles)
    whole = chrom == ALL
    along = accuracy_by_position.AlongSites(panel.sites, windows)
    scores = scorer.Scorer(run, setting, chrom)
    for found in method_results(inputs.imputed, inputs.truth, panel, roles, inputs.typed, policy, whole=whole):
        along.add(found)
        scores.add(found)
    evaluation = scores.evaluation()
    by_position = along.table(run, chrom)
    result_tables.write_result_table(by_position, accuracy_by_position.COLUMNS, outputs.along)
    measured = metric_rows.metric_table(evaluation)
    result_tables.write_result_table(measured, result_tables.METRIC_COLUMNS, outputs.metrics)
    save_evaluation(outputs.statistics, evaluation)
