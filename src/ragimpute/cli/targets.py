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
from ragimpute.cli.verb import verb

typed_genotypes_option = click.option(
    "--typed-genotypes",
    type=FILE,
    required=True,
    help="The targets at the typed sites, from `ragimpute mask --typed-genotypes`.",
)


@verb("mask")
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
@click.option(
    "--typed-genotypes", type=OUT, required=True, help="VCF.gz of the target samples' genotypes at typed sites only."
)
@click.option("--dropped", type=OUT, help="TSV of target records that were not used, with the reason.")
@click.option("--recoded", type=OUT, help="TSV of target records used with swapped or flipped alleles.")
def mask_command(
    panel: Path,
    roles: Path,
    sites: str,
    targets: Path,
    random_masks: int,
    phase: Literal["keep", "erase"] | None,
    scored: bool,
    swapped: Literal["fix", "drop"],
    flipped: Literal["fix", "drop"],
    ambiguous: Literal["keep", "frequency", "drop"],
    seed: int,
    out: Path,
    typed_genotypes: Path,
    dropped: Path | None,
    recoded: Path | None,
) -> None:
    """Choose the typed sites and write the only target genotypes that later steps may see.

    With a list of positions, typed are the panel's biallelic SNVs at these positions that the targets have. All
    other genotypes of the targets are withheld from phasing, imputation and baselines.
    """
    start_logging()
    from ragimpute.panel.roles import read_roles
    from ragimpute.panel.store import Panel
    from ragimpute.targets.alleles import AllelePolicy
    from ragimpute.targets.mask import make_mask
    from ragimpute.targets.site_list import parse_sites

    samples = Panel.load(panel)
    assigned = read_roles(roles)
    wanted = parse_sites(sites)
    policy = AllelePolicy(swapped, flipped, ambiguous)
    mask = make_mask(
        samples,
        assigned,
        targets,
        wanted,
        policy,
        phase=phase,
        random_masks=random_masks,
        scored=scored,
        seed=seed,
    )
    mask.write(samples, out, typed_genotypes, dropped, recoded)


@verb("phase")
@panel_option
@roles_option
@typed_genotypes_option
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of complete, phased typed genotypes.")
@n_phasings_option
@click.option("--phasings", "phasings_path", type=OUT, help="Further phasings to average over (safetensors).")
def phase_command(
    panel: Path,
    roles: Path,
    typed_genotypes: Path,
    map_path: Path | None,
    memory_mb: int,
    seed: int,
    out: Path,
    n_phasings: int | None,
    phasings_path: Path | None,
) -> None:
    """Phase the typed genotypes with Beagle against the reference samples, and fill in missing ones.

    Genotypes that are phased and complete already are copied, and Beagle is not needed. --phasings gets
    further phasings, drawn from Beagle's, too: networks and baselines average over them.
    """
    start_logging()
    from ragimpute.panel.genetic_map import GeneticMap
    from ragimpute.panel.roles import read_roles
    from ragimpute.panel.store import Panel
    from ragimpute.targets.phasing import phase_targets, write_phased
    from ragimpute.targets.several_phasings import save_phasings

    samples = Panel.load(panel)
    assigned = read_roles(roles)
    genetic_map = GeneticMap.from_option(map_path)
    done = phase_targets(
        samples,
        assigned,
        typed_genotypes,
        genetic_map,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=1 if phasings_path is None else n_phasings,
    )
    first = done[0]
    write_phased(out, samples, first)
    if phasings_path is not None:
        save_phasings(phasings_path, out, done)


@verb("phase-validation")
@panel_option
@roles_option
@typed_genotypes_option
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of the validation samples' phased typed genotypes.")
def phase_validation_command(
    panel: Path, roles: Path, typed_genotypes: Path, map_path: Path | None, memory_mb: int, seed: int, out: Path
) -> None:
    """Write the validation samples' typed genotypes in the state that the targets are in when they are imputed.

    Where the targets came phased, the validation samples keep the panel's phase. Otherwise it is erased, and inferred
    by Beagle against the train fold alone, once.
    """
    start_logging()
    from ragimpute.panel.genetic_map import GeneticMap
    from ragimpute.panel.roles import read_roles
    from ragimpute.panel.store import Panel
    from ragimpute.targets.phasing import phase_validation, write_phased

    samples = Panel.load(panel)
    assigned = read_roles(roles)
    genetic_map = GeneticMap.from_option(map_path)
    done = phase_validation(
        samples,
        assigned,
        typed_genotypes,
        genetic_map,
        memory_mb=memory_mb,
        seed=seed,
    )
    write_phased(out, samples, done)
