"""The verb `check`: what is wrong with the inputs, all at once, before anything is computed."""

from pathlib import Path
from typing import Literal

import click

from ragimpute.cli.options import GENOTYPES, OUT, map_option, region_option
from ragimpute.cli.output import json_option, print_json, quiet_option
from ragimpute.cli.verb import verb


@verb()
@click.option("--reference", type=GENOTYPES, required=True, help="Phased reference panel: VCF, VCF.gz or BCF.")
@click.option("--targets", type=GENOTYPES, required=True, help="VCF or BCF of the samples to impute.")
@map_option
@region_option
@click.option("--held-out", is_flag=True, help="The targets are samples of the reference that will leave it.")
@click.option(
    "--leak",
    type=click.Choice(["error", "warning"]),
    default="warning",
    show_default=True,
    help="How bad it is that a sample is in both files: an error where accuracy is to be measured.",
)
@json_option
@quiet_option("Print errors and warnings only.")
@click.option("--out", type=OUT, help="The findings as TSV too: level file code message.")
def check_command(
    reference: Path,
    targets: Path,
    map_path: Path | None,
    region: str | None,
    held_out: bool,
    leak: Literal["error", "warning"],
    as_json: bool,
    quiet: bool,
    out: Path | None,
) -> None:
    """Look through the inputs for everything that is, or may be, wrong, and say all of it at once.

    Exit codes: 0, nothing or warnings only; 1, errors; 2, an unusable command line.
    """
    from dataclasses import asdict

    from ragimpute.check.all_checks import check_inputs
    from ragimpute.check.findings import write_findings
    from ragimpute.vcf.source import Region

    within = Region.parse(region) if region else None
    findings = check_inputs(reference, targets, map_path, within, held_out=held_out, leak=leak)
    shown = [finding for finding in findings if not (quiet and finding.level == "info")]
    if as_json:
        print_json([asdict(finding) for finding in shown])
    else:
        for finding in shown:
            click.echo(str(finding))
    if out is not None:
        write_findings(findings, out)
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        count = "1 error" if errors == 1 else f"{errors} errors"
        click.echo(f"ragimpute: error: {count} in the inputs, listed above with what to do", err=True)
        raise SystemExit(1)
