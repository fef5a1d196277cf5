"""Verbs that show: plot, report."""

from pathlib import Path

import click

from ragimpute.cli.options import FILE, OUT
from ragimpute.cli.verb import verb

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


TABLES = {
    "metrics": "metrics.tsv of collect.",
    "summary": "summary.tsv of summarise.",
    "comparisons": "comparisons.tsv of collect.",
    "loss_study": "loss_study.tsv of loss-study.",
    "claims": "claims.tsv of loss-study.",
    "curves": "curves.tsv of loss-study.",
    "along": "along.tsv of collect.",
}


def table_options(command):
    """Add an option for each table of `ragimpute.reporting.study_tables.StudyTables`."""
    for name, text in reversed(TABLES.items()):
        command = click.option(f"--{name.replace('_', '-')}", type=FILE, required=True, help=text)(command)
    return click.option("--painting", type=FILE, multiple=True, help="painting.tsv of paint, of a mask; repeat.")(
        command
    )


@verb()
@table_options
@click.option("--out-dir", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of figures.")
def plot_command(out_dir: Path, painting: tuple[Path, ...], **paths: Path) -> None:
    """Draw all figures as {figure}.{mask}.json (a Vega-Lite specification, with its data), .svg and .png."""
    from ragimpute.reporting.plot import plot_all
    from ragimpute.reporting.study_tables import StudyTables

    tables = StudyTables.read(paths, painting)
    plot_all(tables, out_dir)


@verb()
@table_options
@click.option("--figures", type=FOLDER, required=True, help="Folder of the figures that plot drew.")
@click.option("--config", type=FILE, required=True, help="The effective configuration, YAML.")
@click.option(
    "--check",
    "checks",
    type=(str, FILE),
    multiple=True,
    metavar="PANEL TSV",
    help="Findings of the input check of a panel; repeat.",
)
@click.option(
    "--dropped",
    type=(str, FILE),
    multiple=True,
    metavar="NAME TSV",
    help="Dropped records of a panel or mask; repeat.",
)
@click.option("--benchmarks", type=FOLDER, help="Folder of Snakemake's benchmark files.")
@click.option("--provenance", type=FILE, help="provenance.json of the run.")
@click.option("--out", type=OUT, required=True, help="One HTML file that needs no network.")
def report_command(
    figures: Path,
    config: Path,
    checks: tuple[tuple[str, Path], ...],
    dropped: tuple[tuple[str, Path], ...],
    benchmarks: Path | None,
    provenance: Path | None,
    out: Path,
    painting: tuple[Path, ...],
    **paths: Path,
) -> None:
    """Write the report: verdict, tables, figures, methods text, provenance."""
    from ragimpute.reporting.report_page import ReportInputs, write_report
    from ragimpute.reporting.study_tables import StudyTables

    inputs = ReportInputs(
        tables=StudyTables.read(paths, painting),
        figures=figures,
        config=config,
        checks=checks,
        dropped=dropped,
        benchmarks=benchmarks,
        provenance=provenance,
    )
    write_report(inputs, out)
