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
        at_own_rate = trainings["learning_rate"].isna()
        settings = loss_table.group_trainings(trainings[at_own_rate])
        table = loss_table.loss_table(settings)
        judged = judged_claims.judge_claims(settings)
        return cls(settings, table, judged, trainings)

    def with_study(self, *studies: str) -> list[MethodTrainings]:
        """The settings that trainings of one of `studies` belong to."""
        wanted = set(studies)
        return [one for one in self.settings if wanted.intersection(one.studies)]

    def rows(self, table: pd.DataFrame, trained: MethodTrainings) -> pd.DataFrame:
        """The rows of one setting, of a table with the columns of its keys."""
        same = np.ones(len(table), dtype=bool)
        for name, value in trained.keys().items():
            has_value = table[name] == value
            same &= has_value.to_numpy()
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
    second_mask = found.with_study(SECOND_MASK)
    text["second_mask"] = _each(found, second_mask, _claims_of("primary"), _scores)
    gpu = found.with_study(GPU)
    text["gpu"] = _each(found, gpu, _scores, _training, _monitors, absent=GPU_NOT_RUN)
    return text


Table = Callable[[Found, MethodTrainings], str]


def _each(found: Found, settings: Sequence[MethodTrainings], *write: Table, absent: str = NOT_RUN) -> str:
    """The tables of each setting under a line that states the setting."""
    parts = []
    for one in settings:
        parts.append(_title(one))
        parts += [table(found, one) for table in write]
    return "\n\n".join(part for part in parts if part) or absent


def _title(one: MethodTrainings) -> str:
    network = f"size {one.size}, mask {one.mask} of panel {one.panel}"
    training = f"{one.steps} steps, up to {one.n_seeds()} seeds, {one.n_samples} samples scored"
    return f"**{one.architecture}** ({network}, {training})"


def _runs(runs: pd.DataFrame) -> str:
    rows = []
    for row in runs.itertuples():
        made_by = [f"`{cell}`" for cell in (row.study, row.command, row.commit)]
        rows.append([*made_by, row.hardware, row.date, row.cpu_minutes])
    present = set(runs["study"])
    missing = [name for name in STUDIES if name not in present]
    for name in missing:
        rows.append([f"`{name}`", "not run", "", "", "", ""])
    head = ["study", "command", "commit", "hardware", "date", "CPU minutes by rule"]
    return markdown_table(head, rows)


def _counts(found: Found, one: MethodTrainings) -> str:
    judged = found.rows(found.judged, one)
    judged = judged[judged["family"] != "definition"]
    present = set(judged["verdict"])
    shown = [verdict for verdict in VERDICTS if verdict in present]
    rows = []
    for (family, scores), group in judged.groupby(["family", "scores"]):
        counts = group["verdict"].value_counts()
        numbers = [str(counts.get(verdict, 0)) for verdict in shown]
        rows.append([f"{family}, {scores}", *numbers])
    return markdown_table(["family", *shown], rows)


def _claims_of(family: str) -> Table:
    """A table of the claims of a family: raw and, for F1, after temperature."""

    def table(found: Found, one: MethodTrainings) -> str:
        rows = []
        judged = found.rows(found.judged, one)
        for row in claim_rows(judged):
            if row["family"] != family:
                continue
            cells = [row["text"], row["original"], row["region"]]
            for scores in SUFFIX:
                measured, interval = row[f"measured_{scores}"], row[f"interval_{scores}"]
                value = f"{measured} {interval}"
                cells += [value.strip(), row[f"verdict_{scores}"]]
            reason = row["reason"]
            if reason:
                cells[4] += f" ({reason})"
            rows.append(cells)
        head = ["claim", "the original's words", "region", "raw", "verdict", "after temperature", "verdict"]
        return markdown_table(head, rows)

    return table


def _power(found: Found, one: MethodTrainings) -> str:
    rows = []
    for row in judged_claims.power(one).itertuples():
        numbers = [claim_text(value) for value in (row.sd_seeds, row.error, row.detectable)]
        rows.append([row.text, row.scores, *numbers])
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
    wide = rows.pivot(index="loss", columns="measure", values=column)
    return wide.reindex(ranked(rows))


def _scores(found: Found, one: MethodTrainings) -> str:
    """Values and paired differences to no_recon, raw and recalibrated; bold where Holm's correction leaves them."""
    columns = ("value", "difference", "difference_low", "difference_high", "p_holm", "rank_best", "rank_worst")
    wide = {column: _wide(found, one, column) for column in columns}
    rows = []
    for loss in wide["value"].index:
        at = {column: frame.loc[loss] for column, frame in wide.items()}
        n_seeds = len(one.losses[loss]["f1_overall"].seeds)
        cells = [f"`{loss}`", str(n_seeds)]
        for measure in COMPARED:
            for suffix in SUFFIX.values():
                of_measure = {column: values[measure + suffix] for column, values in at.items()}
                cells.append(_score(of_measure))
        for measure in LEVELS:
            levels = [claim_text(at["value"][measure + suffix]) for suffix in SUFFIX.values()]
            cells.append(" / ".join(levels))
        for suffix in SUFFIX.values():
            name = f"f1_overall{suffix}"
            rank = rank_range(at["rank_best"][name], at["rank_worst"][name])
            cells.append(rank)
        rows.append(cells)
    pairs = [f"{label}, {scores}" for label in COMPARED.values() for scores in (RAW, CALIBRATED)]
    levels = [f"{label}, raw / calibrated" for label in LEVELS.values()]
    head = ["loss", "seeds", *pairs, *levels, "rank by F1, raw", "calibrated"]
    return markdown_table(head, rows)


def _score(row: dict[str, float]) -> str:
    """A value, its difference to no_recon, bold where Holm's correction leaves it, and the difference's interval."""
    value = claim_text(row["value"])
    difference = "" if np.isnan(row["difference"]) else claim_text(row["difference"])
    mark = "**" if row["p_holm"] < ALPHA else ""
    interval = interval_text(row["difference_low"], row["difference_high"])
    parts = (value, f"{mark}{difference}{mark}", interval)
    return " ".join(part for part in parts if part)


def _plain(wide: pd.DataFrame, measures: dict[str, str], extra: dict[str, list[str]]) -> str:
    rows = []
    for i, (loss, row) in enumerate(wide.iterrows()):
        measured = [claim_text(row[name]) for name in measures]
        others = [values[i] for values in extra.values()]
        rows.append([f"`{loss}`", *measured, *others])
    return markdown_table(["loss", *measures.values(), *extra], rows)


def _training(found: Found, one: MethodTrainings) -> str:
    wide = _wide(found, one, "value")
    return _plain(wide, TRAINING, {})


def _monitors(found: Found, one: MethodTrainings) -> str:
    wide = _wide(found, one, "value")
    verdicts = [verdict_of(row.to_dict()).outcome for _, row in wide.iterrows()]
    return _plain(wide, MONITORS, {"verdict": verdicts})


def _rates(found: Found) -> str:
    """Each loss at each learning rate, and C minus A at each rate and at each loss's best rate by validation F1."""
    rows = found.trainings
    at_other_rate = rows["learning_rate"].notna()
    varied = set(rows.loc[at_other_rate, "loss"])
    of_varied = rows[rows["loss"].isin(varied)]
    parts = []
    for one in loss_table.group_trainings(of_varied):
        methods = {label: f"{one.architecture}.{label}" for label in one.losses}
        of_setting = rows[rows["method"].isin(methods.values())]
        named = of_setting.drop_duplicates("method").set_index("method")
        labels = {label: named.loc[method] for label, method in methods.items()}
        if any(np.isfinite(row["learning_rate"]) for row in labels.values()):
            parts += [_title(one), _rate_table(one, labels), _rate_differences(one, labels)]
    return "\n\n".join(part for part in parts if part) or NOT_RUN


def _rate(row: pd.Series) -> str:
    rate = row["learning_rate"]
    return "the size's own" if np.isnan(rate) else f"{rate:g}"


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
    rows = []
    for label in order:
        training = labels[label]
        measured = one.losses[label]
        n_seeds = len(measured["f1_overall"].seeds)
        values = [_shown(measured[name]) for name in measures]
        rows.append([f"`{training['loss']}`", _rate(training), str(n_seeds), *values])
    head = ["loss", "learning rate", "seeds", *measures.values()]
    return markdown_table(head, rows)


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
        c, a = best[C], best[A]
        chosen = f"each at its best by validation F1: {_rate(labels[c])}, {_rate(labels[a])}"
        pairs.append((chosen, c, a))
    rows = []
    for rate, c, a in pairs:
        names = [f"f1_overall{suffix}" for suffix in SUFFIX.values()]
        differences = [one.losses[c][name] - one.losses[a][name] for name in names]
        rows.append([rate, *map(_shown, differences)])
    if not rows:
        return ""
    return markdown_table(["C − A at the learning rate", "F1, raw", "calibrated"], rows)


def _shown(measured: Measured) -> str:
    found = contrast(measured)
    interval = interval_text(*found.interval())
    text = f"{claim_text(found.mean)} {interval}"
    return text.strip()
