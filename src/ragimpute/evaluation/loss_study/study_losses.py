"""The step `loss-study`: tables of trainings, losses, claims and curves, from the evaluations of one study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ragimpute import tables
from ragimpute.evaluation.evaluation_file import load_evaluation
from ragimpute.evaluation.loss_study import judged_claims, loss_table, training_curves, trainings_table
from ragimpute.evaluation.result_tables import ALL, write_result_table
from ragimpute.evaluation.summary import Histories


@dataclass(frozen=True)
class LossStudyTables:
    """The files that `study_losses` writes."""

    trainings: Path
    losses: Path
    claims: Path
    curves: Path


def study_losses(
    statistics: Sequence[Path], histories: Histories, config: Mapping[str, Any], study: str, outputs: LossStudyTables
) -> pd.DataFrame:
    """Write the tables of the loss study, and return that of the claims.

    Args: statistics, the files of `evaluate_method`; histories, of `result_tables.read_histories`; config, the
    effective configuration; study, the name in the column study. All tables but the curves are computed from the
    written table of trainings.
    """
    curves = training_curves.training_curves(histories)
    write_result_table(curves, training_curves.COLUMNS, outputs.curves)
    loaded = [load_evaluation(path) for path in statistics]
    evaluations = [evaluation for evaluation in loaded if evaluation.chrom == ALL]
    rows = trainings_table.training_rows(evaluations, histories, config, study)
    write_result_table(rows, trainings_table.COLUMNS, outputs.trainings, trainings_table.DIGITS)
    trainings = tables.read_table(outputs.trainings, trainings_table.COLUMNS)
    settings = loss_table.group_trainings(trainings)
    losses = loss_table.loss_table(settings)
    write_result_table(losses, loss_table.COLUMNS, outputs.losses)
    claims = judged_claims.judge_claims(settings)
    write_result_table(claims, judged_claims.COLUMNS, outputs.claims)
    return claims
