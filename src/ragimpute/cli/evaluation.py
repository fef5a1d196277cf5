"""Verbs that measure: evaluate, pool-chromosomes, collect, summarise, loss-study."""

from pathlib import Path
from typing import Literal

import click

from ragimpute.cli.options import FILE, GENOTYPES, OUT, allele_options, plot_option, start_logging
from ragimpute.cli.output import json_option, print_json, quiet_option
from ragimpute.cli.verb import verb

history_option = click.option(
    "--history",
    "histories",
    type=(str, str, FILE),
    multiple=True,
    metavar="MASK METHOD TSV",
    help="history.tsv of train with its mask and method; repeat.",
)


@verb()
@click.option("--imputed", type=GENOTYPES, required=True, help="Imputed VCF or BCF.")
@click.option("--truth", type=GENOTYPES, help="VCF with the targets' true genotypes; optional.")
@click.option("--panel", type=FILE, required=True, help="panel.safetensors of read-panel.")
@click.option("--roles", type=FILE, required=True, help="roles.tsv of assign-roles.")
@click.option("--typed", type=FILE, required=True, help="typed.tsv of mask; only untyped sites are scored.")
@click.option("--panel-name", "panel_name", required=True, help="Name in the panel column.")
@click.option("--mask-name", "mask_name", required=True, help="Name in the mask column.")
@click.option("--method", required=True, help="Name in the method column.")
@click.option("--architecture", default="NA", show_default=True, help="Architecture; NA for a baseline.")
@click.option("--loss", default="NA", show_default=True, help="Loss; NA for a baseline.")
@click.option("--weights", default="NA", show_default=True, help="scratch, pretrained, fine_tuned or NA (baselines).")
@click.option("--seed", type=int, required=True, help="Seed of the method, in the seed column.")
@click.option("--chrom", default="all", show_default=True, help="The chromosome, where a panel has a file for each.")
@click.option("--windows", type=click.IntRange(1), default=60, show_default=True, help="Windows along the panel.")
@allele_options
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Resamples of samples.")
@click.option("--bootstrap-seed", type=click.IntRange(0), default=1, show_default=True, help="One for all methods.")
@click.option("--out", type=OUT, required=True, help="Metrics of this file, TSV.")
@click.option("--statistics", type=OUT, required=True, help="Per-sample statistics for paired comparisons.")
@click.option("--along", type=OUT, required=True, help="Accuracy along the chromosomes, TSV.")
def evaluate_command(
    imputed: Path,
    truth: Path | None,
    panel: Path,
    roles: Path,
    typed: Path,
    panel_name: str,
    mask_name: str,
    method: str,
    architecture: str,
    loss: str,
    weights: str,
    seed: int,
    chrom: str,
    windows: int,
    swapped: Literal["fix", "drop"],
    flipped: Literal["fix", "drop"],
    ambiguous: Literal["keep", "frequency", "drop"],
    bootstraps: int,
    bootstrap_seed: int,
    out: Path,
    statistics: Path,
    along: Path,
) -> None:
    """Score one imputed VCF against the truth at the untyped sites, with intervals over target samples.

    Strata are those of the allele counts of the reference samples. Leave-one-out r2 (INFO ER2) is averaged over the
    typed sites. Without truth, it and the mean of INFO R2 are the only metrics. Of a genome, evaluate each chromosome
    with --chrom, and join them with `ragimpute pool-chromosomes`; a chromosome may have no site to score.
    """
    from ragimpute.evaluation.evaluate_method import EvaluationInputs, EvaluationOutputs, evaluate_method
    from ragimpute.evaluation.evaluation_sums import BootstrapSettings
    from ragimpute.evaluation.result_tables import RunNames
    from ragimpute.targets.alleles import AllelePolicy

    evaluate_method(
        EvaluationInputs(imputed, truth, panel, roles, typed),
        RunNames(panel_name, mask_name, method, architecture, loss, weights, seed),
        BootstrapSettings(bootstraps, bootstrap_seed),
        AllelePolicy(swapped, flipped, ambiguous),
        EvaluationOutputs(metrics=out, statistics=statistics, along=along),
        chrom,
        windows,
    )


@verb("pool-chromosomes")
@click.option("--statistics", type=FILE, multiple=True, required=True, help="Of evaluate --chrom; each chromosome.")
@click.option("--along", type=FILE, multiple=True, required=True, help="Its accuracy along the chromosome; each.")
@click.option("--out", type=OUT, required=True, help="Metrics of all chromosomes and of each, TSV.")
@click.option("--pooled", type=OUT, required=True, help="Per-sample statistics of all chromosomes.")
@click.option("--along-out", type=OUT, required=True, help="Accuracy along all chromosomes, TSV.")
def pool_chromosomes_command(
    statistics: tuple[Path, ...], along: tuple[Path, ...], out: Path, pooled: Path, along_out: Path
) -> None:
    """Add up the evaluations of one method's chromosomes: the metrics are those of all their sites together."""
    from ragimpute.evaluation.pool_chromosomes import PooledOutputs, pool_chromosomes

    outputs = PooledOutputs(metrics=out, statistics=pooled, along=along_out)
    pool_chromosomes(statistics, along, outputs)


@verb()
@click.option("--evaluation", "evaluations", type=FILE, multiple=True, required=True, help="TSV of evaluate; many.")
@click.option(
    "--statistics", type=FILE, multiple=True, required=True, help="Its statistics; also those of its chromosomes."
)
@click.option("--along", type=FILE, multiple=True, required=True, help="Its accuracy along the chromosomes.")
@click.option("--out", type=OUT, required=True, help="All metrics, TSV.")
@click.option("--comparisons", type=OUT, required=True, help="Paired differences between methods, TSV.")
@click.option("--along-out", type=OUT, required=True, help="Accuracy along the chromosomes of all, TSV.")
def collect_command(
    evaluations: tuple[Path, ...],
    statistics: tuple[Path, ...],
    along: tuple[Path, ...],
    out: Path,
    comparisons: Path,
    along_out: Path,
) -> None:
    """Join the evaluations of all methods and compare them pairwise on the same samples, sites and resamples."""
    from ragimpute.evaluation.collect_evaluations import CollectedTables, collect_evaluations

    outputs = CollectedTables(out, comparisons, along_out)
    collect_evaluations(evaluations, statistics, along, outputs)


@verb()
@click.option("--metrics", type=FILE, required=True, help="metrics.tsv of collect.")
@history_option
@click.option("--out", type=OUT, required=True, help="Summary table, TSV.")
@quiet_option("Do not print the table.")
@json_option
def summarise_command(
    metrics: Path, histories: tuple[tuple[str, str, Path], ...], out: Path, quiet: bool, as_json: bool
) -> None:
    """One row per method, averaged over seeds; `selected` marks the trained row with the best validation r2."""
    from ragimpute.evaluation.result_tables import read_histories
    from ragimpute.evaluation.summary import summarise_metrics
    from ragimpute.reporting.terminal import print_summary

    trainings = read_histories(histories)
    table = summarise_metrics(metrics, trainings, out)
    if as_json:
        print_json(table.to_dict(orient="records"))
    elif not quiet:
        print_summary(table)


@verb("loss-study")
@click.option("--statistics", type=FILE, multiple=True, help="Statistics of evaluate; repeat.")
@history_option
@click.option("--config", type=FILE, required=True, help="The effective configuration, YAML.")
@click.option("--study", default="default", show_default=True, help="Name in the study column.")
@click.option("--trainings", type=OUT, required=True, help="One row for each training, TSV.")
@click.option("--out", type=OUT, required=True, help="Measures of each loss and differences to no_recon, TSV.")
@click.option("--claims", type=OUT, required=True, help="Predicted against measured, TSV.")
@click.option("--curves", type=OUT, required=True, help="Training curves and monitors by epoch, TSV.")
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
    """Compare the losses of each architecture over seeds and samples, and judge the claims about them.

    Everything but the curves is computed from the table of trainings.
    """
    import yaml

    from ragimpute.evaluation.loss_study.judged_claims import NOT_RUN
    from ragimpute.evaluation.loss_study.study_losses import LossStudyTables, study_losses
    from ragimpute.evaluation.result_tables import read_histories

    text = config.read_text(encoding="utf-8")
    effective = yaml.safe_load(text)
    outputs = LossStudyTables(trainings, out, claims, curves)
    of_trainings = read_histories(histories)
    judged = study_losses(statistics, of_trainings, effective, study, outputs)
    was_run = judged["verdict"] != NOT_RUN
    for row in judged[was_run].itertuples():
        click.echo(f"{row.architecture} ({row.size}), {row.scores}: {row.verdict}: {row.text}")


@verb()
@click.option("--imputed", type=GENOTYPES, required=True, help="Imputed VCF or BCF with DS or HDS, of any program.")
@click.option("--truth", type=GENOTYPES, required=True, help="VCF or BCF with the true genotypes.")
@click.option("--reference", type=GENOTYPES, help="The panel; its allele counts make the strata. Default: the truth's.")
@click.option("--typed", type=FILE, help="Sites that are not scored: a table, BED or VCF. Default: what INFO says.")
@click.option("--against", type=GENOTYPES, help="Another imputed file: score both alike, and their difference.")
@click.option("--bootstraps", type=click.IntRange(1), default=1000, show_default=True, help="Resamples of samples.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Random seed of the resamples.")
@click.option("--out", type=OUT, help="All metrics, TSV.")
@plot_option("A figure of r2 by allele frequency: .svg or .png.")
@quiet_option("Do not print the table.")
@json_option
def score_command(
    imputed: Path,
    truth: Path,
    reference: Path | None,
    typed: Path | None,
    against: Path | None,
    bootstraps: int,
    seed: int,
    out: Path | None,
    plot: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score an imputed file against the truth, by allele frequency, with intervals over samples.

    Scored are the sites that are in both files and not typed, of the samples that are in both. With --against these are
    the sites and samples of all three files, and the difference of both results has an interval of its own: that of
    paired resamples.
    """
    start_logging()
    from ragimpute.evaluation.score_files import AGAINST, DIFFERENCE, IMPUTED, score
    from ragimpute.reporting.terminal import print_differences, print_scores

    table = score(
        imputed=imputed,
        truth=truth,
        reference=reference,
        typed=typed,
        against=against,
        out=out,
        bootstraps=bootstraps,
        seed=seed,
    )
    if plot is not None:
        from ragimpute.reporting import chart
        from ragimpute.reporting.score_figure import score_figure

        files = {IMPUTED: imputed} if against is None else {IMPUTED: imputed, AGAINST: against}
        are_told_apart = len({path.name for path in files.values()}) == len(files)
        names = {file: path.name if are_told_apart else str(path) for file, path in files.items()}
        chart.save_figure(score_figure(table, names), plot)
    if as_json:
        print_json(table.to_dict(orient="records"))
    elif quiet:
        return
    elif against is None:
        print_scores("untyped sites", table)
    else:
        for path, name in ((imputed, IMPUTED), (against, AGAINST)):
            print_scores(f"untyped sites of both, {path}", table[table["file"] == name])
        print_differences(f"{imputed} minus {against}", table[table["file"] == DIFFERENCE])
