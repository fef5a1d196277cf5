"""`ragimpute impute`: from two VCFs to an imputed one, with a trained network and nothing to configure."""

from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    map_option,
    memory_option,
    n_phasings_option,
    region_option,
    seed_option,
    start_logging,
)
from ragimpute.cli.output import json_option, print_json, quiet_option
from ragimpute.cli.training import device_option

ALL_FIELDS = "GT,DS,HDS,GP"
PRETRAINED = "pretrained"


reference_option = click.option(
    "--reference", type=FILE, required=True, help="Phased panel: VCF, BCF, or the file of `read-panel`."
)
targets_option = click.option(
    "--targets", type=FILE, required=True, help="VCF or BCF of the people to impute, phased or not."
)


def _model(ctx: click.Context, param: click.Parameter, value: str) -> Path | None:
    """The file of the network, None for the pretrained one."""
    return None if value == PRETRAINED else FILE.convert(value, param, ctx)


model_option = click.option(
    "--model",
    default=PRETRAINED,
    show_default=True,
    callback=_model,
    help="`pretrained`, or a model written by `train`.",
)
exclude_option = click.option(
    "--exclude-samples", type=FILE, help="Reference people to leave out: one name on each line."
)
threads_option = click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads to use.")


@click.command("impute")
@reference_option
@targets_option
@click.option("--out", type=OUT, required=True, help="Imputed VCF.gz (or BCF), with index.")
@map_option
@region_option
@threads_option
@seed_option
@n_phasings_option
@click.option("--format", "fields", default=ALL_FIELDS, show_default=True, help="FORMAT fields to write.")
@click.option("--keep-unmatched", is_flag=True, help="Also write target records at positions that the panel lacks.")
@model_option
@exclude_option
@device_option
@memory_option
@quiet_option("Print warnings and errors only.")
@json_option
def impute(
    reference: Path,
    targets: Path,
    out: Path,
    map_path: Path | None,
    region: str | None,
    threads: int,
    seed: int,
    n_phasings: int | None,
    fields: str,
    keep_unmatched: bool,
    model: Path | None,
    exclude_samples: Path | None,
    device: str,
    memory_mb: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Impute people from a reference panel with a trained network. Nothing is trained and nothing configured.

    Every record of TARGETS that is in the panel is used and kept; single-nucleotide ones whose alleles are swapped or
    read from the other strand are recoded to the panel's. Phased genotypes are taken as they are; unphased ones are
    phased by Beagle first. Beside OUT, .dropped.tsv lists the records of both files that were not used, with the
    reason, and .recoded.tsv the recoded ones.
    """
    start_logging()
    from ragimpute import imputation_run
    from ragimpute.genetic_map import GeneticMap

    facts = imputation_run.run(
        imputation_run.Request(
            reference=reference,
            targets=targets,
            out=out,
            genetic_map=GeneticMap.read(map_path) if map_path else None,
            region=region,
            exclude_samples=exclude_samples,
            model=model,
            fields=tuple(field.strip() for field in fields.split(",") if field.strip()),
            keep_unmatched=keep_unmatched,
            device=device,
            threads=threads,
            memory_mb=memory_mb,
            seed=seed,
            n_phasings=n_phasings,
        )
    )
    if as_json:
        print_json(facts)
    elif not quiet:
        from ragimpute.reporting.terminal import print_facts

        print_facts(out.name, {name.replace("_", " "): str(fact) for name, fact in facts.items()})
