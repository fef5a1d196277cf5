"""Verbs that show: plot, report."""

from pathlib import Path

import click

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--metrics", type=EXISTING, required=True, help="metrics.tsv of collect.")
@click.option("--summary", type=EXISTING, required=True, help="summary.tsv of summarise.")
@click.option("--comparisons", type=EXISTING, required=True, help="comparisons.tsv of collect.")
@click.option("--loss-study", type=EXISTING, required=True, help="loss_study.tsv of loss-study.")
@click.option("--claims", type=EXISTING, required=True, help="claims.tsv of loss-study.")
@click.option(
    "--history",
    "histories",
    type=(str, str, EXISTING),
    multiple=True,
    metavar="MASK METHOD TSV",
    help="history.tsv of train with its mask and method; repeat.",
)
@click.option("--out-dir", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of figures.")
def plot(
    metrics: Path,
    summary: Path,
    comparisons: Path,
    loss_study: Path,
    claims: Path,
    histories: tuple[tuple[str, str, Path], ...],
    out_dir: Path,
) -> None:
    """Draw all figures as {figure}.{mask}.svg and .png."""
    from ragimpute.evaluation import claims as predictions
    from ragimpute.evaluation import loss_study as study
    from ragimpute.evaluation import tables
    from ragimpute.reporting.plot import plot_all

    read: dict[tuple[str, str], list] = {}
    for mask, method, path in histories:
        read.setdefault((mask, method), []).append(tables.read(path, tables.HISTORY_COLUMNS))
    plot_all(
        tables.read(metrics, tables.METRIC_COLUMNS),
        tables.read(summary, tables.SUMMARY_COLUMNS),
        tables.read(comparisons, tables.COMPARISON_COLUMNS),
        tables.read(loss_study, study.COLUMNS),
        tables.read(claims, predictions.COLUMNS),
        read,
        out_dir,
    )


@click.command()
@click.option("--summary", type=EXISTING, required=True, help="summary.tsv of summarise.")
@click.option("--metrics", type=EXISTING, required=True, help="metrics.tsv of collect.")
@click.option("--comparisons", type=EXISTING, required=True, help="comparisons.tsv of collect.")
@click.option("--loss-study", type=EXISTING, required=True, help="loss_study.tsv of loss-study.")
@click.option("--claims", type=EXISTING, required=True, help="claims.tsv of loss-study.")
@click.option("--figures", type=FOLDER, required=True, help="Folder of the figures that plot drew.")
@click.option("--config", type=EXISTING, required=True, help="The effective configuration, YAML.")
@click.option(
    "--check",
    "checks",
    type=(str, EXISTING),
    multiple=True,
    metavar="PANEL TSV",
    help="Findings of the input check of a panel; repeat.",
)
@click.option(
    "--dropped",
    type=(str, EXISTING),
    multiple=True,
    metavar="NAME TSV",
    help="Dropped records of a panel or mask; repeat.",
)
@click.option("--benchmarks", type=FOLDER, help="Folder of Snakemake's benchmark files.")
@click.option("--provenance", type=EXISTING, help="provenance.json of the run.")
@click.option("--out", type=NEW, required=True, help="One HTML file that needs no network.")
def report(
    summary: Path,
    metrics: Path,
    comparisons: Path,
    loss_study: Path,
    claims: Path,
    figures: Path,
    config: Path,
    checks: tuple[tuple[str, Path], ...],
    dropped: tuple[tuple[str, Path], ...],
    benchmarks: Path | None,
    provenance: Path | None,
    out: Path,
) -> None:
    """Write the report: verdict, tables, figures, methods text, provenance."""
    from ragimpute.evaluation import claims as predictions
    from ragimpute.evaluation import loss_study as study
    from ragimpute.evaluation import tables
    from ragimpute.reporting.page import Inputs, write_report

    inputs = Inputs(
        summary=tables.read(summary, tables.SUMMARY_COLUMNS),
        metrics=tables.read(metrics, tables.METRIC_COLUMNS),
        comparisons=tables.read(comparisons, tables.COMPARISON_COLUMNS),
        loss_study=tables.read(loss_study, study.COLUMNS),
        claims=tables.read(claims, predictions.COLUMNS),
        figures=figures,
        config=config,
        checks=checks,
        dropped=dropped,
        benchmarks=benchmarks,
        provenance=provenance,
    )
    write_report(inputs, out)
