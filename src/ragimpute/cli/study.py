"""The verbs of the stage study: config, provenance."""

import json
from pathlib import Path

import click

from ragimpute.cli.options import FILE, OUT
from ragimpute.cli.verb import verb


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

    config = json.loads(effective) if effective else load_configuration(Path(__file__).parents[3], configfiles)
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
