"""The tables of docs/loss_study.md, each the text of one block, from the committed trainings of all studies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.evaluation.loss_diagnosis import verdict_of
from ragimpute.evaluation.loss_study import judged_claims, loss_table
from ragimpute.evaluation.loss_study.judged_claims import CALIBRATED, RAW, SUFFIX, VERDICTS
from ragimpute.evaluation.loss_study.loss_table import STUDIES, MethodTrainings
from ragimpute.evaluation.loss_study.original_claims import DEFINITIONS, A, C
from ragimpute.evaluation.loss_study.significance import ALPHA, Measured, contrast
from ragimpute.reporting.loss_figures import claim_rows, claim_text, interval_text, rank_range, ranked
from ragimpute.reporting.page_blocks import markdown_table

PRIMARY, SECONDARY, _, SECOND_MASK, GPU = STUDIES
COMPARED = {"f1_overall": "F1", "f1_rare": "rare F1"}
LEVELS = {"r2_overall": "r²", "r2_rare": "rare r²", "ece": "calibration error"}
TRAINING = {
    **{"epochs_to_best": "epochs to best F1", "steps_to_best99": "steps to 99 % of own best F1"},
    **{"steps_to_level": "steps to 90 % of C's best F1", "level_censored": "never reached", "loss_sd": "sd of loss"},
    **{"loss_sd_normalised": "sd / weights", "f1_gap": "train − validation F1", "probe_r2": "r² of linear probe"},
}
MONITORS = {
    **{"recon_start": "recon at start", "recon_middle": "middle", "recon_end": "end"},
    **{"ratio_of_means": "mean recon / mean hap", "mean_of_ratios": "mean of batch ratios"},
    **{"share_dominates": "batches > 1", "share_negligible": "batches < .1", "switched_share": "steps switched"},
    **{"switches": "switches", "branch_jump": "branches' ratio", "recon_after_switch": "recon 10 steps after a switch"},
    **{"grad_cosine": "cosine", "grad_recon_share": "recon's share of gradient", "grad_recon_cancels": "cancelled"},
    **{"focal_share_90": "sites with 90 % of gradient", "effective_gradient": "effective gradient"},
    **{"embedding_variance": "variance of after", "target_variance": "of the target"},
}
FIGURE = "![Predicted and measured F1, and differences to no_recon](images/loss_study.svg)"
NOT_RUN = "This has not been run: there are no rows of it in `docs/data/loss_study.tsv`."
GPU_NOT_RUN = "The full size has not been run."


@dataclass(frozen=True)
class Found:
    """The studies' settings at the sizes' own learning rates, with what is computed from them, and all trainings."""

    settings: list[MethodTrainings]
    table: pd.DataFrame  # loss_study.tsv's columns
    judged: pd.DataFrame  # claims.tsv's columns
    trainings: pd.DataFrame

    @classmethod
    def of(cls, trainings: pd.DataFrame) -> "Found":
        """Of the rows of docs/data/loss_study.tsv."""
        settings = loss_table.group_trainings(trainings[trainings["learning_rate"].isna()])
        return cls(settings, loss_table.loss_table(settings), judged_claims.judge_claims(settings), trainings)

    def with_study(self, *studies: str) -> list[MethodTrainings]:
        """The settings that trainings of one of `studies` belong to."""
        return [one for one in self.settings if set(one.studies) & set(studies)]

    def rows(self, table: pd.DataFrame, trained: MethodTrainings) -> pd.DataFrame:
        """The rows of one setting, of a table with the columns of its keys."""
        same = np.ones(len(table), dtype=bool)
        for name, value in trained.keys().items():
            same &= (table[name] == value).to_numpy()
        return table[same]


def blocks(found: Found, runs: pd.DataFrame) -> dict[str, str]:
    """The text of every block of the page. Args: runs, rows of docs/data/loss_study_runs.tsv."""
    main = found.with_study(PRIMARY, SECONDARY)
    primary = found.with_study(PRIMARY)
    text = {"figure": FIGURE if main else NOT_RUN, "runs": _runs(runs)}
    text["counts"] = _each(found, main, _counts)
    text["primary"] = _each(found, primary, _claims_of("primary"))
    text["power"] = _each(found, primary, _power)
    text["secondary"] = _each(found, main, _claims_of("secondary"))
    text["definitions"] = _definitions()
    text["scores"] = _each(found, main, _scores)
    text["training"] = _each(found, main, _training)
    text["monitors"] = _each(found, main, _monitors)
    text["rates"] = _rates(found)
    text["second_mask"] = _each(found, found.with_study(SECOND_MASK), _claims_of("primary"), _scores)
    text["gpu"] = _each(found, found.with_study(GPU), _scores, _training, _monitors, absent=GPU_NOT_RUN)
    return text


Table = Callable[[Found, MethodTrainings], str]


def _each(found: Found, settings: Sequence[MethodTrainings], *write: Table, absent: str = NOT_RUN) -> str:
    """The tables of each setting under a line that states the setting."""
    parts = [part for one in settings for part in (_title(one), *(table(found, one) for table in write))]
    return "\n\n".join(part for part in parts if part) or absent


def _title(one: MethodTrainings) -> str:
    return (
        f"**{one.architecture}** (size {one.size}, mask {one.mask} of panel {one.panel}, {one.steps} steps, up to "
        f"{one.n_seeds()} seeds, {one.n_samples} samples scored)"
    )


def _runs(runs: pd.DataFrame) -> str:
    rows = [
        [f"`{row.study}`", f"`{row.command}`", f"`{row.commit}`", row.hardware, row.date, row.cpu_minutes]
        for row in runs.itertuples()
    ]
    missing = [name for name in STUDIES if name not in set(runs["study"])]
    rows += [[f"`{name}`", *["not run", "", "", "", ""]] for name in missing]
    return markdown_table(["study", "command", "commit", "hardware", "date", "CPU minutes by rule"], rows)


def _counts(found: Found, one: MethodTrainings) -> str:
    judged = found.rows(found.judged, one)
    judged = judged[judged["family"] != "definition"]
    shown = [verdict for verdict in VERDICTS if verdict in set(judged["verdict"])]
    rows = [
        [f"{family}, {scores}", *(str(int((group["verdict"] == verdict).sum())) for verdict in shown)]
        for (family, scores), group in judged.groupby(["family", "scores"])
    ]
    return markdown_table(["family", *shown], rows)


def _claims_of(family: str) -> Table:
    """A table of the claims of a family: raw and, for F1, after temperature."""

    def table(found: Found, one: MethodTrainings) -> str:
        rows = []
        for row in claim_rows(found.rows(found.judged, one)):
            if row["family"] != family:
                continue
            cells = [row["text"], row["original"], row["region"]]
            for scores in SUFFIX:
                cells += [f"{row[f'measured_{scores}']} {row[f'interval_{scores}']}".strip(), row[f"verdict_{scores}"]]
            if row["reason"]:
                cells[4] += f" ({row['reason']})"
            rows.append(cells)
        head = ["claim", "the original's words", "region", "raw", "verdict", "after temperature", "verdict"]
        return markdown_table(head, rows)

    return table


def _power(found: Found, one: MethodTrainings) -> str:
    rows = [
        [row.text, row.scores, claim_text(row.sd_seeds), claim_text(row.error), claim_text(row.detectable)]
        for row in judged_claims.power(one).itertuples()
    ]
    if not rows:
        return "No difference has two seeds."
    seeds = judged_claims.PLANNED_SEEDS
    head = ["difference", "scores", "sd over seeds", f"error with {seeds} seeds", "found with 80 %"]
    return markdown_table(head, rows)


def _definitions() -> str:
    rows = [[one.text, one.original, one.reason, judged_claims.BY_DEFINITION] for one in DEFINITIONS]
    return markdown_table(["claim", "the original's words", "why", "verdict"], rows)


def _wide(found: Found, one: MethodTrainings, column: str) -> pd.DataFrame:
    """`column` of loss_study.tsv by loss (the best overall F1 first) and measure."""
    rows = found.rows(found.table, one)
    return rows.pivot(index="loss", columns="measure", values=column).reindex(ranked(rows))


def _scores(found: Found, one: MethodTrainings) -> str:
    """Values and paired differences to no_recon, raw and recalibrated; bold where Holm's correction leaves them."""
    columns = ("value", "difference", "difference_low", "difference_high", "p_holm", "rank_best", "rank_worst")
    wide = {column: _wide(found, one, column) for column in columns}
    rows = []
    for loss in wide["value"].index:
        at = {column: frame.loc[loss] for column, frame in wide.items()}
        cells = [f"`{loss}`", str(len(one.losses[loss]["f1_overall"].seeds))]
        for measure in COMPARED:
            for suffix in SUFFIX.values():
                name = measure + suffix
                limits = interval_text(at["difference_low"][name], at["difference_high"][name])
                difference = "" if np.isnan(at["difference"][name]) else claim_text(at["difference"][name])
                mark = "**" if at["p_holm"][name] < ALPHA else ""
                parts = (claim_text(at["value"][name]), f"{mark}{difference}{mark}", limits)
                cells.append(" ".join(part for part in parts if part))
        for measure in LEVELS:
            cells.append(" / ".join(claim_text(at["value"][measure + suffix]) for suffix in SUFFIX.values()))
        for suffix in SUFFIX.values():
            name = f"f1_overall{suffix}"
            cells.append(rank_range(at["rank_best"][name], at["rank_worst"][name]))
        rows.append(cells)
    pairs = [f"{label}, {scores}" for label in COMPARED.values() for scores in (RAW, CALIBRATED)]
    head = ["loss", "seeds", *pairs, *(f"{label}, raw / calibrated" for label in LEVELS.values())]
    return markdown_table([*head, "rank by F1, raw", "calibrated"], rows)


def _plain(wide: pd.DataFrame, measures: dict[str, str], extra: dict[str, list[str]]) -> str:
    rows = [
        [f"`{loss}`", *(claim_text(row[name]) for name in measures), *(values[i] for values in extra.values())]
        for i, (loss, row) in enumerate(wide.iterrows())
    ]
    return markdown_table(["loss", *measures.values(), *extra], rows)


def _training(found: Found, one: MethodTrainings) -> str:
    return _plain(_wide(found, one, "value"), TRAINING, {})


def _monitors(found: Found, one: MethodTrainings) -> str:
    wide = _wide(found, one, "value")
    return _plain(wide, MONITORS, {"verdict": [verdict_of(row.to_dict()).outcome for _, row in wide.iterrows()]})


def _rates(found: Found) -> str:
    """Each loss at each learning rate, and C minus A at each rate and at each loss's best rate by validation F1."""
    rows = found.trainings
    varied = set(rows.loc[rows["learning_rate"].notna(), "loss"])
    parts = []
    for one in loss_table.group_trainings(rows[rows["loss"].isin(varied)]):
        of_setting = rows[rows["method"].isin([f"{one.architecture}.{label}" for label in one.losses])]
        named = of_setting.drop_duplicates("method").set_index("method")
        labels = {label: named.loc[f"{one.architecture}.{label}"] for label in one.losses}
        if any(np.isfinite(row["learning_rate"]) for row in labels.values()):
            parts += [_title(one), _rate_table(one, labels), _rate_differences(one, labels)]
    return "\n\n".join(part for part in parts if part) or NOT_RUN


def _rate(row: pd.Series) -> str:
    return "the size's own" if np.isnan(row["learning_rate"]) else f"{row['learning_rate']:g}"


def _rate_table(one: MethodTrainings, labels: dict[str, pd.Series]) -> str:
    measures = {
        **{"f1_overall": "F1, raw", "f1_overall_calibrated": "calibrated", "f1_rare": "rare F1, raw"},
        **{
            "f1_rare_calibrated": "calibrated",
            "val_f1": "best validation F1",
            "steps_to_best99": "steps to 99 % of it",
        },
    }
    order = sorted(labels, key=lambda label: (labels[label]["loss"], np.nan_to_num(labels[label]["learning_rate"])))
    cells = [
        [f"`{labels[label]['loss']}`", _rate(labels[label]), str(len(one.losses[label]["f1_overall"].seeds))]
        + [_shown(one.losses[label][name]) for name in measures]
        for label in order
    ]
    return markdown_table(["loss", "learning rate", "seeds", *measures.values()], cells)


def _rate_differences(one: MethodTrainings, labels: dict[str, pd.Series]) -> str:
    """C minus A: at each rate that both have, and each at its best rate."""
    by_rate = {(row["loss"], _rate(row)): label for label, row in labels.items()}
    rates = [rate for loss, rate in by_rate if loss == C and (A, rate) in by_rate]
    pairs = [(rate, by_rate[C, rate], by_rate[A, rate]) for rate in rates]
    best = {}
    for loss in (C, A):
        own = [label for label, row in labels.items() if row["loss"] == loss]
        means = {label: contrast(one.losses[label]["val_f1"]).mean for label in own}
        known = {label: mean for label, mean in means.items() if np.isfinite(mean)}
        if known:
            best[loss] = max(known, key=lambda label: known[label])
    if len(best) == 2:
        chosen = f"each at its best by validation F1: {_rate(labels[best[C]])}, {_rate(labels[best[A]])}"
        pairs.append((chosen, best[C], best[A]))
    rows = [
        [rate, *(_shown(one.losses[c][f"f1_overall{s}"] - one.losses[a][f"f1_overall{s}"]) for s in SUFFIX.values())]
        for rate, c, a in pairs
    ]
    return markdown_table(["C − A at the learning rate", "F1, raw", "calibrated"], rows) if rows else ""


def _shown(measured: Measured) -> str:
    found = contrast(measured)
    return f"{claim_text(found.mean)} {interval_text(*found.interval())}".strip()
