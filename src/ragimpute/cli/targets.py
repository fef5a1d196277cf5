"""The verbs of the stage targets: mask, phase, phase-validation."""

from pathlib import Path
from typing import Literal

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    allele_options,
    map_option,
    memory_option,
    n_phasings_option,
    panel_option,
    roles_option,
    seed_option,
    start_logging,
)


@click.command("mask")
@panel_option
@roles_option
@click.option("--sites", required=True, help="A table 'chrom position', BED or VCF; or 'targets'; or a fraction.")
@click.option("--targets", type=FILE, required=True, help="VCF with the target samples (the reference for a hold-out).")
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
@click.option("--targets-out", type=OUT, required=True, help="VCF.gz of the target samples at typed sites only.")
@click.option("--dropped", type=OUT, help="TSV of target records that were not used, with the reason.")
@click.option("--recoded", type=OUT, help="TSV of target records used with swapped or flipped alleles.")
def mask_command(
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

    from ragimpute.artefacts import atomic_path
    from ragimpute.errors import InputError
    from ragimpute.panel.from_vcf import ALL_MISSING, unused_sites
    from ragimpute.panel.roles import read_roles, reference_samples, target_samples
    from ragimpute.panel.store import Panel
    from ragimpute.targets import mask as masks
    from ragimpute.targets.alleles import AllelePolicy
    from ragimpute.targets.genotypes import read_genotypes
    from ragimpute.vcf.writer import write_genotypes

    samples, table = Panel.load(panel), read_roles(roles)
    reference = reference_samples(table)
    frequency = samples.of_samples(reference).frequency
    policy = AllelePolicy(swapped, flipped, ambiguous)
    found = read_genotypes(targets, samples.sites, target_samples(table), policy, frequency)
    chosen, drawn = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    typed = masks.typed_sites(samples, reference, found, masks.parse_spec(sites), chosen)
    if scored and not masks.leaves_truth(typed, found, frequency):
        raise InputError(
            f"{targets}: nothing to score: at sites that vary in the reference it has no genotype but the "
            f"{int(typed.sum())} typed ones; name a file with more of them as the panel's truth, or say sites: targets"
        )
    is_holdout = set(found.samples) <= set(samples.samples)
    visible = masks.select_sites(found, typed, erase_phase=phase == "erase" or (phase is None and is_holdout))
    extra = masks.random_masks(samples, reference, typed, random_masks, drawn)
    unknown = unused_sites(samples.sites.take(found.index[~found.known]), ALL_MISSING)
    unused = pd.concat([found.dropped, unknown], ignore_index=True) if len(unknown) else found.dropped
    for path, records in ((dropped, unused), (recoded, found.recoded)):
        if path is not None:
            with atomic_path(path) as temporary:
                records.to_csv(temporary, sep="\t", index=False)
    kept = samples.sites.take(visible.index)
    write_genotypes(targets_out, kept, samples.contigs, visible.samples, visible.alleles, visible.phased)
    masks.write_typed(out, samples.sites, typed, extra)


@click.command("phase")
@panel_option
@roles_option
@click.option("--targets", type=FILE, required=True, help="Typed genotypes from `ragimpute mask --targets-out`.")
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of complete, phased typed genotypes.")
@n_phasings_option
@click.option("--phasings", "phasings_path", type=OUT, help="Further phasings to average over (safetensors).")
def phase_command(
    panel: Path,
    roles: Path,
    targets: Path,
    map_path: Path | None,
    memory_mb: int,
    seed: int,
    out: Path,
    n_phasings: int | None,
    phasings_path: Path | None,
) -> None:
    """Phase the typed genotypes with Beagle against the reference samples, and fill in missing ones.

    Genotypes that are phased and complete already are copied, and Beagle is not needed. --phasings gets what Beagle
    makes of other seeds, too: networks and baselines average over them.
    """
    start_logging()
    from ragimpute.panel.roles import read_roles, reference_samples, target_samples
    from ragimpute.panel.store import Panel
    from ragimpute.targets import several_phasings
    from ragimpute.targets.genotypes import read_genotypes
    from ragimpute.targets.phasing import phase as once
    from ragimpute.targets.phasing import phase_repeatedly
    from ragimpute.vcf.writer import write_genotypes

    samples, table = Panel.load(panel), read_roles(roles)
    found = read_genotypes(targets, samples.sites, target_samples(table))
    reference = samples.of_samples(reference_samples(table))
    genetic_map = _genetic_map(map_path)
    if phasings_path is None:
        done = [once(reference, found, genetic_map, memory_mb=memory_mb, seed=seed)]
    else:
        done = phase_repeatedly(reference, found, genetic_map, memory_mb=memory_mb, seed=seed, n_phasings=n_phasings)
    first = done[0]
    write_genotypes(out, samples.sites.take(first.index), samples.contigs, first.samples, first.alleles, True)
    if phasings_path is not None:
        several_phasings.save_phasings(phasings_path, out, done)


@click.command("phase-validation")
@panel_option
@roles_option
@click.option("--targets", type=FILE, required=True, help="Typed genotypes from `ragimpute mask --targets-out`.")
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of the validation samples' phased typed genotypes.")
def phase_validation_command(
    panel: Path, roles: Path, targets: Path, map_path: Path | None, memory_mb: int, seed: int, out: Path
) -> None:
    """Write the validation samples' typed genotypes in the state that the targets are in when they are imputed.

    Where the targets came phased, the validation samples keep the panel's phase. Otherwise it is erased, and inferred
    by Beagle against the train fold alone, once.
    """
    start_logging()
    from ragimpute.panel.roles import read_roles, reference_samples, target_samples
    from ragimpute.panel.store import Panel
    from ragimpute.targets.genotypes import read_genotypes
    from ragimpute.targets.phasing import as_targets
    from ragimpute.vcf.writer import write_genotypes

    samples, table = Panel.load(panel), read_roles(roles)
    done = as_targets(
        samples.of_samples(reference_samples(table, "train")),
        samples.of_samples(reference_samples(table, "validation")),
        read_genotypes(targets, samples.sites, target_samples(table)),
        _genetic_map(map_path),
        memory_mb=memory_mb,
        seed=seed,
    )
    write_genotypes(out, samples.sites.take(done.index), samples.contigs, done.samples, done.alleles, True)


def _genetic_map(path: Path | None):
    from ragimpute.panel.genetic_map import GeneticMap

    return GeneticMap.read(path) if path else GeneticMap.uniform()
