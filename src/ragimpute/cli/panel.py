"""The verbs of the stage panel: read-panel, assign-roles, frequencies."""

from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    GENOTYPES,
    OUT,
    apply_filters_option,
    map_option,
    panel_missing_option,
    panel_option,
    region_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
)
from ragimpute.cli.verb import verb


@verb("read-panel")
@click.option("--reference", type=GENOTYPES, required=True, help="Phased reference panel: VCF, VCF.gz or BCF.")
@map_option
@region_option
@click.option("--describe", is_flag=True, help="Compute the ages of the alleles too, which `impute` needs.")
@panel_missing_option
@apply_filters_option
@threads_option
@click.option("--out", type=OUT, required=True, help="The panel (safetensors).")
@click.option("--dropped", type=OUT, required=True, help="TSV of the records that were not kept, with the reason.")
def read_panel_command(
    reference: Path,
    map_path: Path | None,
    region: str | None,
    describe: bool,
    panel_missing: float,
    apply_filters: str | None,
    threads: int,
    out: Path,
    dropped: Path,
) -> None:
    """Read a phased reference panel once, checking it, into a compact file.

    Kept are biallelic records whose genotypes are phased and diploid, and complete or, up to --panel-missing, filled in
    by the panel itself. All others are listed in --dropped:
    split multiallelic records beforehand (bcftools norm -m -any) if you want them imputed.
    """
    start_logging()
    from ragimpute.panel.preparation import prepare_panel

    prepare_panel(
        reference,
        map_path,
        out,
        dropped,
        region=region,
        describe=describe,
        threads=threads,
        most_missing=panel_missing,
        apply_filters=apply_filters,
    )


@verb("assign-roles")
@panel_option
@click.option("--targets", type=FILE, help="VCF of the samples to impute; none of them may be in the panel.")
@click.option("--max-targets", type=click.IntRange(1), help="At most so many of them, evenly spread. Default: all.")
@click.option("--holdout", help="Instead of --targets: a fraction of the panel's samples, or a file of their names.")
@click.option("--samples", type=FILE, help="TSV of sample, population and (optional) family, with or without header.")
@click.option("--validation-fraction", default=0.1, show_default=True, help="Share of reference samples kept aside.")
@seed_option
@click.option("--out", type=OUT, required=True, help="TSV: sample role fold population family.")
def assign_roles_command(
    panel: Path,
    targets: Path | None,
    max_targets: int | None,
    holdout: str | None,
    samples: Path | None,
    validation_fraction: float,
    seed: int,
    out: Path,
) -> None:
    """Decide which samples are the reference, which of these are for validation, and which are to be imputed.

    Families of the samples table stay together. Validation samples choose between models; targets only ever give the
    final figures.
    """
    start_logging()
    import numpy as np

    from ragimpute.panel.role_assignment import assign_roles, parse_holdout, read_target_names
    from ragimpute.panel.roles import read_samples, write_roles
    from ragimpute.panel.store import Panel

    if (targets is None) == (holdout is None):
        raise click.UsageError("give either --targets or --holdout")
    if max_targets is not None and targets is None:
        raise click.UsageError("--max-targets chooses among --targets")
    table = assign_roles(
        Panel.load(panel),
        np.random.default_rng(seed),
        targets=None if targets is None else read_target_names(targets, max_targets),
        holdout=None if holdout is None else parse_holdout(holdout),
        samples=None if samples is None else read_samples(samples),
        validation_fraction=validation_fraction,
    )
    write_roles(table, out)


@verb("frequencies")
@panel_option
@roles_option
@click.option("--out", type=OUT, required=True, help="TSV: chrom pos ref alt ac an train_ac train_an.")
def frequencies_command(panel: Path, roles: Path, out: Path) -> None:
    """Count alleles among the reference samples (and among those outside the validation fold); never among targets."""
    start_logging()
    from ragimpute.panel.allele_counts import count_alleles
    from ragimpute.panel.roles import read_roles
    from ragimpute.panel.store import Panel
    from ragimpute.tables import write_table

    reference = Panel.load(panel)
    assigned = read_roles(roles)
    counts = count_alleles(reference, assigned)
    write_table(counts, out)
