"""The verbs of the stage panel: read-panel, assign-roles, frequencies."""

from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    map_option,
    panel_option,
    region_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
)


@click.command("read-panel")
@click.option("--reference", type=FILE, required=True, help="Phased reference panel: VCF, VCF.gz or BCF.")
@map_option
@region_option
@click.option("--describe", is_flag=True, help="Also find what `impute` needs to know of each allele, once for all.")
@threads_option
@click.option("--out", type=OUT, required=True, help="The panel (safetensors).")
@click.option("--dropped", type=OUT, required=True, help="TSV of the records that were not kept, with the reason.")
def read_panel_command(
    reference: Path,
    map_path: Path | None,
    region: str | None,
    describe: bool,
    threads: int,
    out: Path,
    dropped: Path,
) -> None:
    """Read a phased reference panel once, checking it, into a compact file.

    Kept are biallelic records whose genotypes are phased, complete and diploid. All others are listed in --dropped:
    split multiallelic records beforehand (bcftools norm -m -any) if you want them imputed.
    """
    start_logging()
    from ragimpute.artefacts import atomic_path
    from ragimpute.panel.from_vcf import read_panel as read
    from ragimpute.panel.genetic_map import GeneticMap

    genetic_map = GeneticMap.read(map_path) if map_path else GeneticMap.uniform()
    panel, table = read(reference, region, genetic_map)
    with atomic_path(dropped) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
    if describe:
        from dataclasses import replace

        from ragimpute.retrieval.allele_ages import allele_ages

        panel = replace(panel, ages=allele_ages(panel, threads))
    panel.save(out)


@click.command("assign-roles")
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
    """Decide who is reference, who is validation and who is to be imputed.

    Families of the samples table stay together. Validation samples choose between models; targets only ever give the
    final figures.
    """
    start_logging()
    import numpy as np

    from ragimpute.errors import InputError
    from ragimpute.panel import roles
    from ragimpute.panel.store import Panel
    from ragimpute.vcf.source import read_header

    if (targets is None) == (holdout is None):
        raise click.UsageError("give either --targets or --holdout")
    if max_targets is not None and targets is None:
        raise click.UsageError("--max-targets chooses among --targets")
    held_out: float | list[str] | None = None
    if holdout is not None:
        if Path(holdout).is_file():
            held_out = roles.read_names(holdout)
        else:
            try:
                held_out = float(holdout)
            except ValueError:
                raise InputError(f"--holdout {holdout}: neither an existing file nor a fraction") from None
    names = read_header(targets).samples if targets else None
    if targets and not names:
        raise InputError(f"{targets}: the file has no samples")
    chosen = roles.evenly_spread(names, max_targets) if names else None
    if names and chosen and len(chosen) < len(names):
        click.echo(f"{targets}: {len(chosen)} of {len(names)} samples are imputed (--max-targets)", err=True)
    table = roles.assign_roles(
        Panel.load(panel),
        np.random.default_rng(seed),
        targets=chosen,
        holdout=held_out,
        samples=roles.read_samples(samples) if samples else None,
        validation_fraction=validation_fraction,
    )
    roles.write_roles(table, out)


@click.command("frequencies")
@panel_option
@roles_option
@click.option("--out", type=OUT, required=True, help="TSV: chrom pos ref alt ac an train_ac train_an.")
def frequencies_command(panel: Path, roles: Path, out: Path) -> None:
    """Count alleles among the reference samples (and among those outside the validation fold); never among targets."""
    start_logging()
    from ragimpute.panel.allele_counts import count_alleles, write_frequencies
    from ragimpute.panel.roles import read_roles
    from ragimpute.panel.store import Panel

    write_frequencies(count_alleles(Panel.load(panel), read_roles(roles)), out)
