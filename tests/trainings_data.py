"""Synthetic tables of trainings, with planted measures, for the tests of the loss study and its page."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_study.original_claims import CROSS_ENTROPY
from ragimpute.evaluation.loss_study.trainings_table import COLUMNS, GROUPS, JACKKNIFED, pack

SEEDS = tuple(range(1, 11))
SCATTER = np.array([-1.0, 0.5, 0.0, 1.0, -0.5, 0.8, -0.9, 0.3, -0.4, 0.2])  # of ten seeds; its mean is 0
SHIFT = np.linspace(-1, 1, GROUPS)  # of the groups of samples; its mean is 0


def planted(
    losses: Mapping[str, Mapping[str, float]],
    seeds: Sequence[int] = SEEDS,
    spread: float = 0.001,
    sampling: float = 0.0001,
    **keys: object,
) -> pd.DataFrame:
    """Rows with the given measures (loss, or the name of its row -> measure -> mean over seeds).

    Every measure scatters over seeds by `spread`, in another order for each loss; F1 by `sampling` over the groups of
    samples, all losses alike. keys: what differs from the setting below.
    """
    setting: dict[str, object] = {"study": "study_primary", "panel": "example", "mask": "omni"}
    setting |= {"architecture": "bert_rag", "size": "small", "n_samples": 203, "steps": 270, **keys}
    rows = []
    for k, (label, measures) in enumerate(losses.items()):
        scatter = spread * np.roll(SCATTER, k)
        for i, seed in enumerate(seeds):
            loss = str(keys.get("loss", label))
            gamma = 2.5 if loss.endswith("gamma2p5") else 0.0 if loss in (CROSS_ENTROPY,) else 5.0
            row: dict[str, object] = {**setting, "method": f"{setting['architecture']}.{label}", "loss": loss}
            row |= {"gamma": gamma, "learning_rate": np.nan, "seed": seed, "temperature": np.nan, **keys}
            for name, value in measures.items():
                relative = 1.0 if name.startswith(("f1_", "r2_")) else abs(value)
                row[name] = value + relative * scatter[i]
            for name in (*JACKKNIFED, *(f"{name}_calibrated" for name in JACKKNIFED)):
                has = name in measures
                row[f"{name}_without"] = pack(float(row[name]) + sampling * SHIFT) if has else "NA"  # type: ignore[arg-type]
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))
