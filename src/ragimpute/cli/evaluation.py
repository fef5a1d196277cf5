"""Verbs that measure: evaluate, collect, summarise, loss-study."""

from pathlib import Path
from typing import Literal

import click

from ragimpute.cli.options import allele_options
from ragimpute.cli.output import json_option, print_json, quiet_option

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--imputed", type=EXISTING, required=True, help="Imputed VCF or BCF.")
@click.option("--truth", type=EXISTING, help="VCF with the targets' true genotypes; optional.")
@click.option("--panel", type=EXISTING, required=True, help="panel.safetensors of read-panel.")
@click.option("--roles", type=EXISTING, required=True, help="roles.tsv of assign-roles.")
@click.option("--typed", type=EXISTING, required=True, help="typed.tsv of mask; only untyped sites are scored.")
@click.option("--frequencies", type=EXISTING, required=True, help="frequencies.tsv: strata are the reference's counts.")
@click.option("--panel-name", required=True, help="Name in the panel column.")
@click.option("--mask-name", required=True, help="Name in the mask column.")
@click.option("--method", required=True, help="Name in the method column.")
@click.option("--architecture", default="NA", show_default=True, help="Architecture; NA for a baseline.")
@click.option("--loss", default="NA", show_default=True, help="Loss; NA for a baseline.")
@click.option("--weights", default="NA", show_default=True, help="scratch, pretrained, fine_tuned or NA (baselines).")
@click.option("--seed", type=int, required=True, help="Seed of the method, in the seed column.")
@allele_options
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Resamples of samples.")
@click.option("--bootstrap-seed", type=click.IntRange(0), default=1, show_default=True, help="One for all methods.")
@click.option("--out", type=NEW, required=True, help="Metrics of this file, TSV.")
@click.option("--statistics", type=NEW, required=True, help="Per-sample statistics for paired comparisons.")
@click.option("--along", "along_path", type=NEW, required=True, help="Accuracy along the chromosomes, TSV.")
def evaluate_command(
    imputed: Path,
    truth: Path | None,
    panel: Path,
    roles: Path,
    typed: Path,
    frequencies: Path,
    panel_name: str,
    mask_name: str,
    swapped: Literal["fix", "drop"],
    flipped: Literal["fix", "drop"],
    ambiguous: Literal["keep", "frequency", "drop"],
    bootstraps: int,
    bootstrap_seed: int,
    out: Path,
    statistics: Path,
    along_path: Path,
    **names,
) -> None:
    """Score one imputed VCF against the truth at the untyped sites, with intervals over target samples.

    Leave-one-out r2 (INFO ER2) is averaged over the typed sites; with estimated R2 it is all there is without truth.
    """
    from ragimpute import tables
    from ragimpute.evaluation import by_position, result_tables, scorer
    from ragimpute.evaluation import store as store
    from ragimpute.evaluation.untyped import read_untyped
    from ragimpute.panel.store import Panel
    from ragimpute.targets.alleles import AllelePolicy

    run = result_tables.RunNames(panel_name, mask_name, **names)
    setting = scorer.Setting(bootstraps, bootstrap_seed)
    policy = AllelePolicy(swapped, flipped, ambiguous)
    sites = Panel.load(panel).sites
    found = read_untyped(imputed, truth, sites, roles, typed, frequencies, policy)
    result_tables.write_result_table(
        by_position.accuracy_by_position(run, sites, found), by_position.COLUMNS, along_path
    )
    scored = None
    if found.genotypes is None:
        table = scorer.score_estimates(run, found.counts, found.info_r2, len(found.samples))
    else:
        table, scored = scorer.score(
            run, found.genotypes, found.counts, found.info_r2, found.samples, found.populations, setting
        )
    left_out = scorer.score_typed(run, found.typed_counts, found.er2, len(found.samples))
    result_tables.write_result_table(
        tables.join_tables([table, left_out], result_tables.METRIC_COLUMNS), result_tables.METRIC_COLUMNS, out
    )
    store.save_evaluation(statistics, store.Evaluation(run, setting, scored))


@click.command()
@click.option("--evaluation", "evaluations", type=EXISTING, multiple=True, required=True, help="TSV of evaluate; many.")
@click.option("--statistics", type=EXISTING, multiple=True, required=True, help="Its statistics.")
@click.option("--along", type=EXISTING, multiple=True, required=True, help="Its accuracy along the chromosomes.")
@click.option("--out", type=NEW, required=True, help="All metrics, TSV.")
@click.option("--comparisons", type=NEW, required=True, help="Paired differences between methods, TSV.")
@click.option("--along-out", type=NEW, required=True, help="Accuracy along the chromosomes of all, TSV.")
def collect_command(
    evaluations: tuple[Path, ...],
    statistics: tuple[Path, ...],
    along: tuple[Path, ...],
    out: Path,
    comparisons: Path,
    along_out: Path,
) -> None:
    """Join the evaluations of all methods and compare them pairwise on the same samples, sites and resamples."""
    from ragimpute import tables
    from ragimpute.evaluation import by_position as windows
    from ragimpute.evaluation import result_tables
    from ragimpute.evaluation import store as store

    parts = [tables.read_table(path, windows.COLUMNS) for path in along]
    result_tables.write_result_table(tables.join_tables(parts, windows.COLUMNS), windows.COLUMNS, along_out)
    measured = [tables.read_table(path, result_tables.METRIC_COLUMNS) for path in evaluations]
    result_tables.write_result_table(
        tables.join_tables(measured, result_tables.METRIC_COLUMNS), result_tables.METRIC_COLUMNS, out
    )
    compared = store.compare_methods([store.load_evaluation(path) for path in statistics])
    result_tables.write_result_table(compared, result_tables.COMPARISON_COLUMNS, comparisons)


@click.command()
@click.option("--metrics", type=EXISTING, required=True, help="metrics.tsv of collect.")
@click.option(
    "--history",
    "histories",
    type=(str, str, EXISTING),
    multiple=True,
    metavar="MASK METHOD TSV",
    help="history.tsv of train with its mask and method; repeat.",
)
@click.option("--out", type=NEW, required=True, help="Summary table, TSV.")
@quiet_option("Do not print the table.")
@json_option
def summarise_command(
    metrics: Path, histories: tuple[tuple[str, str, Path], ...], out: Path, quiet: bool, as_json: bool
) -> None:
    """One row per method, averaged over seeds; `selected` marks the trained row with the best validation r2."""
    from ragimpute import tables
    from ragimpute.evaluation import result_tables, summary

    measured = tables.read_table(metrics, result_tables.METRIC_COLUMNS)
    table = summary.summary_table(measured, _read_histories(histories))
    result_tables.write_result_table(table, result_tables.SUMMARY_COLUMNS, out)
    if as_json:
        print_json(table.to_dict(orient="records"))
    elif not quiet:
        from ragimpute.reporting.terminal import print_summary

        print_summary(table)


@click.command("loss-study")
@click.option("--statistics", type=EXISTING, multiple=True, help="Statistics of evaluate; repeat.")
@click.option(
    "--history",
    "histories",
    type=(str, str, EXISTING),
    multiple=True,
    metavar="MASK METHOD TSV",
    help="history.tsv of train with its mask and method; repeat.",
)
@click.option("--config", type=EXISTING, required=True, help="The effective configuration, YAML.")
@click.option("--study", default="default", show_default=True, help="Name in the study column.")
@click.option("--trainings", type=NEW, required=True, help="One row for each training, TSV.")
@click.option("--out", type=NEW, required=True, help="Measures of each loss and differences to no_recon, TSV.")
@click.option("--claims", type=NEW, required=True, help="Predicted against measured, TSV.")
@click.option("--curves", type=NEW, required=True, help="Training curves and monitors by epoch, TSV.")
def loss_study_command(
    statistics: tuple[Path, ...],
    histories: tuple[tuple[str, str, Path], ...],
    config: Path,
    study: str,
    trainings: Path,
    out: Path,
    claims: Path,
    curves: Path,
) -> None:
    """Compare the losses of each architecture over seeds and samples, and judge what had been predicted of them.

    Everything but the curves is computed from the table of trainings.
    """
    import yaml

    from ragimpute import tables
    from ragimpute.evaluation import claims as predictions
    from ragimpute.evaluation import loss_study as losses
    from ragimpute.evaluation import result_tables
    from ragimpute.evaluation import store as store
    from ragimpute.evaluation import training_curves as courses
    from ragimpute.evaluation import trainings as rows

    read = _read_histories(histories)
    result_tables.write_result_table(courses.training_curves(read), courses.COLUMNS, curves)
    effective = yaml.safe_load(config.read_text(encoding="utf-8"))
    gathered = rows.training_rows([store.load_evaluation(path) for path in statistics], read, effective, study)
    result_tables.write_result_table(gathered, rows.COLUMNS, trainings, rows.DIGITS)
    settings = losses.group(tables.read_table(trainings, rows.COLUMNS))
    result_tables.write_result_table(losses.loss_table(settings), losses.COLUMNS, out)
    judged = predictions.judge(settings)
    result_tables.write_result_table(judged, predictions.COLUMNS, claims)
    for row in judged[judged["verdict"] != predictions.NOT_RUN].itertuples():
        click.echo(f"{row.architecture} ({row.size}), {row.scores}: {row.verdict}: {row.text}")


def _read_histories(histories: tuple[tuple[str, str, Path], ...]) -> dict[tuple[str, str], list]:
    """History tables by mask and method."""
    from ragimpute import tables
    from ragimpute.evaluation import result_tables

    read: dict[tuple[str, str], list] = {}
    for mask, method, path in histories:
        read.setdefault((mask, method), []).append(tables.read_table(path, result_tables.HISTORY_COLUMNS))
    return read
