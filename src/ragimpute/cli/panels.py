"""Verbs that turn VCFs into a panel, roles, typed sites and allele counts."""

from pathlib import Path
from typing import Literal

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    allele_options,
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
def read_panel(
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
    from ragimpute.genetic_map import GeneticMap
    from ragimpute.vcf.reader import read_panel as read

    genetic_map = GeneticMap.read(map_path) if map_path else GeneticMap.uniform()
    panel, table = read(reference, region, genetic_map)
    with atomic_path(dropped) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
    if describe:
        from dataclasses import replace

        from ragimpute.retrieval.ages import allele_ages

        panel = replace(panel, ages=allele_ages(panel, threads))
    panel.save(out)


@click.command("assign-roles")
@panel_option
@click.option("--targets", type=FILE, help="VCF of the people to impute; none of them may be in the panel.")
@click.option("--max-targets", type=click.IntRange(1), help="At most so many of them, evenly spread. Default: all.")
@click.option("--holdout", help="Instead of --targets: a fraction of the panel's people, or a file of their names.")
@click.option("--samples", type=FILE, help="TSV of sample, population and (optional) family, with or without header.")
@click.option("--validation-fraction", default=0.1, show_default=True, help="Share of reference people kept aside.")
@seed_option
@click.option("--out", type=OUT, required=True, help="TSV: sample role fold population family.")
def assign_roles(
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

    Families of the samples table stay together. Validation people choose between models; targets only ever give the
    final figures.
    """
    start_logging()
    import numpy as np

    from ragimpute import roles
    from ragimpute.errors import InputError
    from ragimpute.panel import Panel
    from ragimpute.vcf.reader import read_header

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
        click.echo(f"{targets}: {len(chosen)} of {len(names)} people are imputed (--max-targets)", err=True)
    table = roles.assign_roles(
        Panel.load(panel),
        np.random.default_rng(seed),
        targets=chosen,
        holdout=held_out,
        people=roles.read_samples(samples) if samples else None,
        validation_fraction=validation_fraction,
    )
    roles.write_roles(table, out)


@click.command("mask")
@panel_option
@roles_option
@click.option("--sites", required=True, help="A table 'chrom position', BED or VCF; or 'targets'; or a fraction.")
@click.option("--targets", type=FILE, required=True, help="VCF with the target people (the reference for a hold-out).")
@click.option("--random-masks", default=0, show_default=True, type=click.IntRange(0), help="Extra random site sets.")
@click.option(
    "--phase",
    type=click.Choice(["keep", "erase"]),
    help="Keep the targets' phase or erase it. Default: erase for a hold-out, keep otherwise.",
)
@click.option("--scored", is_flag=True, help="--targets is the truth, too: refuse a mask that leaves nothing to score.")
@allele_options
@seed_option
@click.option("--out", type=OUT, required=True, help="TSV: chrom pos ref alt typed random1.. (0/1), all panel sites.")
@click.option("--targets-out", type=OUT, required=True, help="VCF.gz of the target people at typed sites only.")
@click.option("--dropped", type=OUT, help="TSV of target records that were not used, with the reason.")
@click.option("--recoded", type=OUT, help="TSV of target records used with swapped or flipped alleles.")
def mask(
    panel: Path,
    roles: Path,
    sites: str,
    targets: Path,
    random_masks: int,
    phase: str | None,
    scored: bool,
    swapped: Literal["fix", "drop"],
    flipped: Literal["fix", "drop"],
    ambiguous: Literal["keep", "frequency", "drop"],
    seed: int,
    out: Path,
    targets_out: Path,
    dropped: Path | None,
    recoded: Path | None,
) -> None:
    """Choose the typed sites and write the only target genotypes that later steps may see.

    With a list of positions, typed are the panel's biallelic SNVs at these positions that the targets have. All
    other genotypes of the targets are withheld from phasing, imputation and baselines.
    """
    start_logging()
    import numpy as np
    import pandas as pd

    from ragimpute import mask as masks
    from ragimpute.artefacts import atomic_path
    from ragimpute.errors import InputError
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people, target_people
    from ragimpute.vcf.alleles import AllelePolicy
    from ragimpute.vcf.panel_reader import ALL_MISSING, unused_sites
    from ragimpute.vcf.reader import read_genotypes
    from ragimpute.vcf.writer import write_genotypes

    people, table = Panel.load(panel), read_roles(roles)
    reference = reference_people(table)
    frequency = people.people(reference).alleles.mean(axis=1)
    policy = AllelePolicy(swapped, flipped, ambiguous)
    found = read_genotypes(targets, people.sites, target_people(table), policy, frequency)
    chosen, drawn = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    typed = masks.typed_sites(people, reference, found, masks.parse_spec(sites), chosen)
    if scored and not masks.leaves_truth(typed, found, frequency):
        raise InputError(
            f"{targets}: nothing to score: at sites that vary in the reference it has no genotype but the "
            f"{int(typed.sum())} typed ones; name a file with more of them as the panel's truth, or say sites: targets"
        )
    is_holdout = set(found.samples) <= set(people.samples)
    visible = masks.select_sites(found, typed, erase_phase=phase == "erase" or (phase is None and is_holdout))
    extra = masks.random_masks(people, reference, typed, random_masks, drawn)
    unknown = unused_sites(people.sites.take(found.index[~found.known]), ALL_MISSING)
    unused = pd.concat([found.dropped, unknown], ignore_index=True) if len(unknown) else found.dropped
    for path, records in ((dropped, unused), (recoded, found.recoded)):
        if path is not None:
            with atomic_path(path) as temporary:
                records.to_csv(temporary, sep="\t", index=False)
    kept = people.sites.take(visible.index)
    write_genotypes(targets_out, kept, people.contigs, visible.samples, visible.alleles, visible.phased)
    masks.write_typed(out, people.sites, typed, extra)


@click.command("frequencies")
@panel_option
@roles_option
@click.option("--out", type=OUT, required=True, help="TSV: chrom pos ref alt ac an train_ac train_an.")
def frequencies(panel: Path, roles: Path, out: Path) -> None:
    """Count alleles among the reference people (and among those outside the validation fold); never among targets."""
    start_logging()
    from ragimpute.frequencies import count_alleles, write_frequencies
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles

    write_frequencies(count_alleles(Panel.load(panel), read_roles(roles)), out)
