"""The verb `check`: what is wrong with the inputs, all at once, before anything is computed."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from ragimpute.cli.options import (
    apply_filters_option,
    build_option,
    chromosomes_option,
    exclude_option,
    map_of_chromosomes_option,
    max_lost_sites_option,
    panel_missing_option,
    references_option,
    region_option,
    seed_option,
    sex_option,
    two_threads_option,
)
from ragimpute.cli.output import json_option, print_json, quiet_option
from ragimpute.cli.verb import verb
from ragimpute.nouns import with_noun
from ragimpute.output_places import check_outputs
from ragimpute.panel.chromosome_names import MARK

FINDINGS = ".findings.tsv"


@verb()
@references_option
@click.option(
    "--targets",
    required=True,
    metavar="FILE",
    help="VCF, BCF, PLINK .bed or .pgen of the samples to impute; {chrom} as above.",
)
@map_of_chromosomes_option
@chromosomes_option
@region_option
@exclude_option
@sex_option
@build_option
@click.option("--held-out", is_flag=True, help="The targets are samples of the reference that will leave it.")
@click.option(
    "--leak",
    type=click.Choice(["error", "warning"]),
    default="warning",
    show_default=True,
    help="How bad it is that a sample is in both files: an error where accuracy is to be measured.",
)
@panel_missing_option
@max_lost_sites_option
@apply_filters_option
@click.option(
    "--expected-accuracy",
    is_flag=True,
    help="Also tell what r2 to expect, by allele frequency: samples of the panel are left out, imputed and scored. It "
    "takes up to a minute, and Beagle where targets are unphased.",
)
@seed_option
@two_threads_option
@json_option
@quiet_option("Print errors and warnings only.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.tsv|PREFIX|FOLDER",
    help="Write the findings (TSV: level file code message). With a prefix or a folder, also lists of the target "
    "records that are flipped, swapped, discordant, duplicate, unmatched or unusable, for bcftools and PLINK.",
)
def check_command(
    references: tuple[str, ...],
    targets: str,
    map_path: str | None,
    chromosomes: str | None,
    region: str | None,
    exclude_samples: Path | None,
    sex: Path | None,
    build: str | None,
    held_out: bool,
    leak: Literal["error", "warning"],
    panel_missing: float,
    max_lost_sites: float,
    apply_filters: str | None,
    expected_accuracy: bool,
    seed: int,
    threads: int,
    as_json: bool,
    quiet: bool,
    out: Path | None,
) -> None:
    """Look through the inputs for everything that is, or may be, wrong, and say all of it at once.

    An error is what `ragimpute impute` would fail with. Exit codes: 0, nothing or warnings only; 1, errors; 2, an
    unusable command line.
    """
    from ragimpute.check.all_checks import check_inputs
    from ragimpute.check.findings import write_findings
    from ragimpute.check.forecast import ACCURACY
    from ragimpute.check.site_lists import EVERY_KIND, SiteLists, paths_of
    from ragimpute.check.verdict import check_imputation
    from ragimpute.imputation.impute import files_and_inputs
    from ragimpute.vcf.source import Region

    of_study = held_out or leak == "error"  # a study reads its files otherwise than `impute`
    if of_study:
        unused: dict[str, object] = {
            "--expected-accuracy": expected_accuracy,
            "--exclude-samples": exclude_samples,
            "--sex": sex,
        }
        unused |= {"--build": build, "--chromosomes": chromosomes, "a further --reference": len(references) > 1}
        unused |= {f"{MARK} in a name": any(MARK in name for name in (*references, targets, map_path or ""))}
        unused |= {"--out with a prefix or folder": out is not None and _table_of_findings(out) != out}
        _refuse_unused("--held-out" if held_out else "--leak error", unused)
    table = None if out is None else _table_of_findings(out)
    lists = None if table in (None, out) else SiteLists()
    prefix = "" if table is None else os.fspath(table).removesuffix(FINDINGS)
    for name in (*references, targets, *([] if map_path is None else [map_path])):
        if MARK not in name and not Path(name).exists():
            raise click.UsageError(f"{name}: no such file")
    reading: dict[str, Any] = {"panel_missing": panel_missing, "max_lost_sites": max_lost_sites}
    reading["apply_filters"] = apply_filters
    files, inputs = files_and_inputs(
        references,
        targets,
        map_path,
        chromosomes,
        region=region,
        exclude_samples=exclude_samples,
        sex=sex,
        build=build,
        threads=threads,
        seed=seed,
        **reading,
    )
    if table is not None:
        of_samples = [("--exclude-samples", exclude_samples), ("--sex", sex)]
        read: list[tuple[str, Path]] = [(option, path) for option, path in of_samples if path is not None]
        for one in files:
            read += [("--targets", one.targets), ("--reference", one.reference)]
            read += [] if one.genetic_map is None else [("--map", one.genetic_map)]
        written = [("--out", table)]
        if lists is not None:
            written += [(f"the list of {kind} records", path) for kind in EVERY_KIND for path in paths_of(prefix, kind)]
        check_outputs(written, read)
    if of_study:
        within = Region.parse(region) if region else None
        ours = inputs.reference, inputs.targets, inputs.genetic_map
        findings = check_inputs(*ours, within, held_out=held_out, leak=leak, **reading)
    else:
        findings = check_imputation(files, inputs, lists, expected_accuracy)
    shown = [finding for finding in findings if finding.level != "info" or finding.code == ACCURACY or not quiet]
    if as_json:
        print_json([finding.as_json() for finding in shown])
    else:
        for finding in shown:
            click.echo(str(finding))
            if finding.fix:
                click.echo(f"  fix: {finding.fix}")
            if finding.code == ACCURACY:
                _print_accuracy(finding.numbers.get("strata", []))
    if table is not None:
        write_findings(findings, table)
        if lists is not None:
            lists.write(prefix)
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        counted = with_noun(errors, "error")
        click.echo(f"ragimpute: error: {counted} in the inputs, listed above with what to do", err=True)
        raise SystemExit(1)


def _refuse_unused(option: str, unused: Mapping[str, object]) -> None:
    """Raise UsageError for the first of the other options, by name, that is given and has no effect with `option`."""
    for name, given in unused.items():
        if given:
            raise click.UsageError(f"{option} checks the files of a study, and does not take {name}")


def _print_accuracy(rows: Sequence[Mapping[str, Any]]) -> None:
    """The expected r2 of each stratum, as a table."""
    from ragimpute.reporting.terminal import print_table

    cells = []
    for row in rows:
        interval = f"{row['r2_low']:.3f} {row['r2_high']:.3f}"
        cells.append([row["stratum"], f"{row['sites']:,}", f"{row['r2']:.3f}", interval, f"{row['r2_of_panel']:.3f}"])
    header = ["stratum", "sites", "expected r2", "95 % interval", "of the panel's samples"]
    print_table("accuracy to expect at untyped sites", header, cells)


def _table_of_findings(out: Path) -> Path:
    """Where the findings go: `out` where it is called .tsv; else beside the lists, in a folder or with a prefix."""
    if out.is_dir():
        return out / f"check{FINDINGS}"
    return out if out.suffix == ".tsv" else out.with_name(f"{out.name}{FINDINGS}")
