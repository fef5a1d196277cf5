"""docs/loss_study.md and its data: `python -m ragimpute.reporting.loss_page --help`.

`add` puts the trainings of a finished study into docs/data; `fill` writes the page's tables and figure from there. The
page's prose is written by hand; everything between `<!-- NAME -->` and `<!-- end -->` is written by `fill`.
"""

from datetime import date
from pathlib import Path

import click
import pandas as pd

from ragimpute import tables
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.loss_study import trainings_table
from ragimpute.reporting import chart, loss_figures
from ragimpute.reporting.loss_page_tables import PRIMARY, SECONDARY, Found, blocks
from ragimpute.reporting.page_blocks import fill_blocks, hardware_text

CHECKOUT = Path(__file__).parents[3]
DOCS = CHECKOUT / "docs"
TRAININGS, RUNS = "loss_study.tsv", "loss_study_runs.tsv"  # in docs/data
# cpu_minutes: by rule, the longest first
RUN_COLUMNS: dict[str, type] = dict.fromkeys(("study", "command", "commit", "hardware", "date", "cpu_minutes"), str)


def add_study(results: Path, study: str, command: str, commit: str, docs: Path) -> None:
    """Put the trainings of a results folder into the page's data, in place of those of the same study.

    The machine is that of the results' provenance.json. Raises InputError when a file is missing or has no training.
    """
    made = results / "trainings.tsv"
    trainings = tables.read_table(made, trainings_table.COLUMNS)
    new = trainings.assign(study=study)
    if new.empty:
        raise InputError(f"{made}: no training from scratch; is this the results folder of a study?")
    day = date.fromtimestamp(made.stat().st_mtime)
    run = {"study": study, "command": command, "commit": commit}
    run["hardware"] = hardware_text(results)
    run["date"] = day.isoformat()
    run["cpu_minutes"] = cpu_minutes(results)
    data = docs / "data"
    _replace(data / TRAININGS, trainings_table.COLUMNS, new, study, trainings_table.DIGITS)
    _replace(data / RUNS, RUN_COLUMNS, pd.DataFrame([run]), study)


def fill_page(docs: Path) -> None:
    """Write the page's tables and its figure from docs/data. Raises InputError when the page lacks a block."""
    data = docs / "data"
    trainings = read_loss_rows(data / TRAININGS, trainings_table.COLUMNS)
    runs = read_loss_rows(data / RUNS, RUN_COLUMNS)
    found = Found.of(trainings)
    page = docs / "loss_study.md"
    if not page.is_file():
        raise InputError(f"{page}: no such file; give the folder that has it with --docs")
    text = page.read_text(encoding="utf-8")
    filled = fill_blocks(page, text, blocks(found, runs))
    settings = found.with_study(PRIMARY, SECONDARY)
    if settings:
        losses = pd.concat([found.rows(found.table, one) for one in settings])
        claims = pd.concat([found.rows(found.judged, one) for one in settings])
        figure = loss_figures.loss_figure(losses, claims)
        chart.save_figure(figure, docs / "images" / "loss_study.svg")
    with atomic_path(page) as temporary:
        temporary.write_text(filled, encoding="utf-8")


def read_loss_rows(path: Path, columns: dict[str, type]) -> pd.DataFrame:
    """A table of docs/data; one without rows where there is no such file yet."""
    return tables.read_table(path, columns) if path.exists() else tables.join_tables([], columns)


def _replace(path: Path, columns: dict[str, type], new: pd.DataFrame, study: str, digits: int = 6) -> None:
    """Write the table at `path` with the rows of `study` replaced by `new`."""
    old = read_loss_rows(path, columns)
    of_others = old[old["study"] != study]
    rows = tables.join_tables([of_others, new], columns)
    result_tables.write_result_table(rows, columns, path, digits)


def cpu_minutes(results: Path) -> str:
    """Processor minutes of each rule by Snakemake's benchmark files, the longest first: `train 34.0; predict 29.1`."""
    folder = results / "benchmarks"
    seconds: dict[str, float] = {}
    for path in sorted(folder.rglob("*.tsv")):
        first_part, *_ = path.relative_to(folder).parts
        rule = first_part.removesuffix(".tsv")
        benchmark = pd.read_csv(path, sep="\t")
        times = pd.to_numeric(benchmark["cpu_time"], errors="coerce")
        seconds[rule] = seconds.get(rule, 0.0) + float(times.sum())
    ordered = sorted(seconds.items(), key=lambda pair: (-pair[1], pair[0]))
    minutes = {rule: time / 60 for rule, time in ordered if time >= 3}
    return "; ".join(f"{rule} {time:.1f}" for rule, time in minutes.items())


docs_option = click.option(
    "--docs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DOCS,
    help="Folder with loss_study.md, data and images. Default: the checkout's docs.",
)


@click.group()
def main() -> None:
    """Write docs/loss_study.md: `add` the results of a study to its data, then `fill` its tables from them."""


@main.command("add")
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Results folder of a finished study.",
)
@click.option("--study", required=True, help="Name of the study: that of its file in config.")
@click.option("--command", required=True, help="The command that made the results.")
@click.option("--commit", required=True, help="The commit that they were made with.")
@docs_option
def add_command(results: Path, study: str, command: str, commit: str, docs: Path) -> None:
    """Put the trainings of a results folder into the page's data, in place of those of the same study."""
    add_study(results, study, command, commit, docs)


@main.command("fill")
@docs_option
def fill_command(docs: Path) -> None:
    """Write the page's tables and its figure from docs/data."""
    fill_page(docs)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
