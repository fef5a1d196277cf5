"""Verbs that run the established programs: phasing, baseline imputation and the tuning of Beagle."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    map_option,
    memory_option,
    n_phasings_option,
    panel_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
)

BASELINES = ("beagle", "beagle_once", "beagle_tuned", "minimac4", "li_stephens", "copy_nearest", "frequency")
FROM_ONE_PHASING = ("beagle_once", "frequency")


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
def phase(
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
    """Phase the typed genotypes with Beagle against the reference people, and fill in missing ones.

    Genotypes that are phased and complete already are copied, and Beagle is not needed. --phasings gets what Beagle
    makes of other seeds, too: networks and baselines average over them.
    """
    start_logging()
    from ragimpute import phasings
    from ragimpute.panel import Panel
    from ragimpute.phasing import phase as once
    from ragimpute.phasing import phase_repeatedly
    from ragimpute.roles import read_roles, reference_people, target_people
    from ragimpute.vcf.reader import read_genotypes
    from ragimpute.vcf.writer import write_genotypes

    people, table = Panel.load(panel), read_roles(roles)
    found = read_genotypes(targets, people.sites, target_people(table))
    reference = people.people(reference_people(table))
    genetic_map = _genetic_map(map_path)
    if phasings_path is None:
        done = [once(reference, found, genetic_map, memory_mb=memory_mb, seed=seed)]
    else:
        done = phase_repeatedly(reference, found, genetic_map, memory_mb=memory_mb, seed=seed, n_phasings=n_phasings)
    first = done[0]
    write_genotypes(out, people.sites.take(first.index), people.contigs, first.samples, first.alleles, True)
    if phasings_path is not None:
        phasings.save(phasings_path, out, done)


@click.command("phase-validation")
@panel_option
@roles_option
@click.option("--targets", type=FILE, required=True, help="Typed genotypes from `ragimpute mask --targets-out`.")
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of the validation samples' phased typed genotypes.")
def phase_validation(
    panel: Path, roles: Path, targets: Path, map_path: Path | None, memory_mb: int, seed: int, out: Path
) -> None:
    """Write the validation samples' typed genotypes in the state that the targets are in when they are imputed.

    Where the targets came phased, the validation samples keep the panel's phase. Otherwise it is erased, and inferred
    by Beagle against the train fold alone, once.
    """
    start_logging()
    from ragimpute.panel import Panel
    from ragimpute.phasing import as_targets
    from ragimpute.roles import read_roles, reference_people, target_people
    from ragimpute.vcf.reader import read_genotypes
    from ragimpute.vcf.writer import write_genotypes

    people, table = Panel.load(panel), read_roles(roles)
    done = as_targets(
        people.people(reference_people(table, "train")),
        people.people(reference_people(table, "validation")),
        read_genotypes(targets, people.sites, target_people(table)),
        _genetic_map(map_path),
        memory_mb=memory_mb,
        seed=seed,
    )
    write_genotypes(out, people.sites.take(done.index), people.contigs, done.samples, done.alleles, True)


@click.command("baseline")
@click.argument("name", type=click.Choice(BASELINES))
@panel_option
@roles_option
@typed_option
@click.option("--frequencies", type=FILE, required=True, help="The table from `ragimpute frequencies`.")
@click.option("--targets", type=FILE, required=True, help="Phased typed genotypes from `ragimpute phase`.")
@click.option(
    "--phasings",
    "phasings_path",
    type=FILE,
    help="Further phasings of the targets, from `ragimpute phase`, to average over.",
)
@map_option
@click.option("--parameters", type=FILE, help="beagle_tuned only: the JSON from `ragimpute tune-beagle`.")
@click.option("--minimac4-map", is_flag=True, help="Give Minimac4 the map too; without it, it runs on its defaults.")
@threads_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="Imputed VCF.gz, indexed, in the same form for every method.")
def baseline(
    name: str,
    panel: Path,
    roles: Path,
    typed_path: Path,
    frequencies: Path,
    targets: Path,
    phasings_path: Path | None,
    map_path: Path | None,
    parameters: Path | None,
    minimac4_map: bool,
    threads: int,
    memory_mb: int,
    seed: int,
    out: Path,
) -> None:
    """Impute with an established method: the same input as the networks get, the same fields as they write.

    beagle: at its defaults. beagle_tuned: parameters chosen on held-out panel samples. minimac4. li_stephens: a plain
    copying model. copy_nearest: what bert_rag is given, without the network. With --phasings each of these five is the
    mean of what it imputes from each phasing, as it is with the networks. beagle_once: Beagle as it is usually run,
    from the first phasing alone. frequency: the reference's allele frequency for everyone, the floor.
    """
    start_logging()
    from ragimpute import baselines, phasings
    from ragimpute.empirical import empirical_r2
    from ragimpute.frequencies import read_frequencies
    from ragimpute.mask import read_phased
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people, target_people
    from ragimpute.vcf.writer import write_imputed

    people, table = Panel.load(panel), read_roles(roles)
    reference = people.people(reference_people(table))
    first = read_phased(targets, people.sites, target_people(table), typed_path)
    if phasings_path is None or name in FROM_ONE_PHASING:
        several = [first]
    else:
        several = phasings.load(phasings_path, targets, first)
    if name == "minimac4":
        genetic_map = _genetic_map(map_path) if minimac4_map else None
        impute = partial(baselines.run_minimac4, reference, genetic_map=genetic_map, threads=threads)
    elif name == "li_stephens":
        impute = partial(baselines.run_li_stephens, reference, threads=threads)
    elif name == "copy_nearest":
        impute = partial(baselines.run_copy_nearest, reference, threads=threads)
    elif name == "frequency":
        counts = read_frequencies(frequencies, people.sites)
        impute = partial(baselines.run_frequency, (counts["ac"] / counts["an"]).to_numpy(), people.sites)
    else:
        impute = partial(
            baselines.run_beagle,
            reference,
            genetic_map=_genetic_map(map_path),
            parameters=_parameters(name, parameters),
            threads=threads,
            memory_mb=memory_mb,
            seed=seed,
        )
    alleles = [one.alleles for one in several]
    imputed = phasings.mean(people.sites, first.index, alleles, lambda number: impute(several[number]))
    er2 = empirical_r2(reference, imputed.typed, first.haplotypes(), threads)
    write_imputed(out, people.sites, people.contigs, replace(imputed, er2=er2), threads=threads)


@click.command("tune-beagle")
@panel_option
@roles_option
@typed_option
@click.option(
    "--validation",
    type=FILE,
    required=True,
    help="The validation samples' genotypes from `ragimpute phase-validation`.",
)
@map_option
@threads_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="JSON: the chosen parameters and the score of each setting tried.")
def tune_beagle(
    panel: Path,
    roles: Path,
    typed_path: Path,
    validation: Path,
    map_path: Path | None,
    threads: int,
    memory_mb: int,
    seed: int,
    out: Path,
) -> None:
    """Choose Beagle's ne, err, cluster and imp-states on the validation samples, imputed from the train fold.

    The defaults stay unless a setting is surely better. Targets play no part in it.
    """
    start_logging()
    from ragimpute import tuning
    from ragimpute.artefacts import atomic_path
    from ragimpute.mask import read_phased
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people

    people, table = Panel.load(panel), read_roles(roles)
    result = tuning.tune_beagle(
        people,
        reference_people(table, "train"),
        read_phased(validation, people.sites, reference_people(table, "validation"), typed_path),
        _genetic_map(map_path),
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
    )
    with atomic_path(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def _genetic_map(path: Path | None):
    from ragimpute.genetic_map import GeneticMap

    return GeneticMap.read(path) if path else GeneticMap.uniform()


def _parameters(name: str, path: Path | None) -> dict[str, float]:
    """The tuned parameters; {} for Beagle at its defaults."""
    from ragimpute.errors import InputError

    if name != "beagle_tuned":
        return {}
    if path is None:
        raise click.UsageError("beagle_tuned needs --parameters, the JSON from `ragimpute tune-beagle`")
    try:
        parameters = json.loads(path.read_text())["parameters"]
        return {option: float(value) for option, value in parameters.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the JSON of `ragimpute tune-beagle` ({error!r})") from None
