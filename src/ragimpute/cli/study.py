"""The verbs of the stage study: config, provenance."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--effective", metavar="JSON", help="Write this configuration, made by the workflow, as it is.")
@click.option(
    "--configfile",
    "configfiles",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Your configuration, as for snakemake --configfile; may be repeated.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: standard output.")
def config_command(effective: str | None, configfiles: tuple[Path, ...], out: Path | None) -> None:
    """Check a configuration and print what it means: merged, paths resolved, defaults filled in."""
    import yaml

    from ragimpute.artefacts import atomic_path
    from ragimpute.study.configuration import load_configuration

    content = json.loads(effective) if effective else load_configuration(Path(__file__).parents[3], configfiles)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if out is None:
        click.echo(text, nl=False)
        return
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


@click.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The effective configuration, YAML.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The record (JSON).")
def provenance_command(config_path: Path, out: Path) -> None:
    """Record what a run was made with: versions, seeds, hashes of configuration and input files, hardware."""
    import yaml

    from ragimpute.artefacts import atomic_path
    from ragimpute.study.provenance import provenance_record

    content = provenance_record(yaml.safe_load(config_path.read_text(encoding="utf-8")))
    with atomic_path(out) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
