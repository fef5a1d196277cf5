"""The verbs of the stage study: study, config, provenance."""

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

import click

from ragimpute.cli.options import FILE, OUT
from ragimpute.cli.verb import Verb, verb

SNAKEMAKES = "snakemake_options"  # in the context: the words after --


class _WithSnakemakesOptions(Verb):
    """A command whose words after -- are not its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, given = args, []
        if "--" in args:
            place = args.index("--")
            own, given = args[:place], args[place + 1 :]
        ctx.meta[SNAKEMAKES] = given
        return super().parse_args(ctx, own)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- SNAKEMAKE OPTIONS]"]


@click.command("study", cls=_WithSnakemakesOptions)
@click.argument("config", type=FILE, required=False)
@click.option("--cores", default="all", show_default=True, help="How many cores to use.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where results/ is made. Default: the working directory.",
)
@click.pass_context
def study_command(ctx: click.Context, config: Path | None, cores: str, directory: Path | None) -> None:
    """Run a study: train, impute and compare on the panels of CONFIG, by default on the example that comes along.

    This is the package's Snakemake workflow; words after -- are options of snakemake, such as --dry-run or --unlock.
    """
    from ragimpute.errors import InputError
    from ragimpute.extras import missing
    from ragimpute.study.workflow_files import workflow_folder

    if importlib.util.find_spec("snakemake") is None:
        raise InputError(f"ragimpute study: {missing('snakemake')}")
    words = ["--snakefile", str(workflow_folder() / "Snakefile"), "--cores", cores]
    if directory is not None:
        words += ["--directory", str(directory)]
    words += ctx.meta[SNAKEMAKES]
    if config is not None:
        words += ["--configfile", str(config.absolute())]
    # -P: the working directory's modules are not Snakemake's
    status = run_to_its_end([sys.executable, "-P", "-m", "snakemake", *words])
    if status == 0 and not ctx.meta[SNAKEMAKES]:
        _print_results((directory or Path()) / "results")
    ctx.exit(status)


def run_to_its_end(command: list[str]) -> int:
    """Run a command and return its exit status, negative where a signal ended it.

    It ends in its own time: SIGTERM is passed on, and SIGINT is ignored here, because a terminal sends it to both.
    """
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return process.wait()


def _print_results(results: Path) -> None:
    """Print the summary table, and where the report is."""
    from ragimpute import tables
    from ragimpute.evaluation.result_tables import SUMMARY_COLUMNS
    from ragimpute.reporting.terminal import print_summary

    print_summary(tables.read_table(results / "summary.tsv", SUMMARY_COLUMNS))
    click.echo(f"Report: {(results / 'report.html').resolve()}")


@verb()
@click.option("--effective", metavar="JSON", help="Write this configuration, made by the workflow, as it is.")
@click.option(
    "--configfile",
    "configfiles",
    type=FILE,
    multiple=True,
    help="Your configuration, as for snakemake --configfile; may be repeated.",
)
@click.option("--out", type=OUT, help="File to write. Default: standard output.")
def config_command(effective: str | None, configfiles: tuple[Path, ...], out: Path | None) -> None:
    """Check a configuration and print what it means: merged, paths resolved, defaults filled in."""
    from ragimpute.artefacts import atomic_path
    from ragimpute.study.configuration import configuration_text, load_configuration
    from ragimpute.study.workflow_files import workflow_folder

    config = json.loads(effective) if effective else load_configuration(workflow_folder(), configfiles)
    text = configuration_text(config)
    if out is None:
        click.echo(text, nl=False)
        return
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


@verb()
@click.option(
    "--config",
    "config_path",
    type=FILE,
    required=True,
    help="The effective configuration, YAML.",
)
@click.option("--out", type=OUT, required=True, help="The record (JSON).")
def provenance_command(config_path: Path, out: Path) -> None:
    """Record what a run was made with: versions, seeds, hashes of configuration and input files, hardware."""
    from ragimpute.study.provenance import write_provenance

    write_provenance(config_path, out)
