"""Verbs that run the established programs: phasing, baseline imputation and the tuning of Beagle."""

import json
from dataclasses import replace
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

BASELINES = ("beagle", "beagle_tuned", "minimac4", "li_stephens", "frequency")


@click.command("phase")
@panel_option
@roles_option
@click.option("--targets", type=FILE, required=True, help="Typed genotypes from `ragimpute mask --targets-out`.")
@map_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="VCF.gz of complete, phased typed genotypes.")
@n_phasings_option
@click.option("--phasings", "phasings_path", type=OUT, help="Further phasings for the networks (safetensors).")
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
    makes of other seeds, too: the networks average over them.
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


@click.command("baseline")
@click.argument("name", type=click.Choice(BASELINES))
@panel_option
@roles_option
@typed_option
@click.option("--frequencies", type=FILE, required=True, help="The table from `ragimpute frequencies`.")
@click.option("--targets", type=FILE, required=True, help="Phased typed genotypes from `ragimpute phase`.")
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
    map_path: Path | None,
    parameters: Path | None,
    minimac4_map: bool,
    threads: int,
    memory_mb: int,
    seed: int,
    out: Path,
) -> None:
    """Impute with an established method: the same input as the networks get, the same fields as they write.

    beagle: as a user runs it. beagle_tuned: parameters chosen on held-out panel people. minimac4. li_stephens: a
    plain copying model. frequency: the reference's allele frequency for everyone, the floor.
    """
    start_logging()
    import numpy as np

    from ragimpute import baselines
    from ragimpute.empirical import empirical_r2
    from ragimpute.errors import InputError
    from ragimpute.frequencies import read_frequencies
    from ragimpute.mask import read_typed
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people, target_people
    from ragimpute.vcf.reader import read_genotypes
    from ragimpute.vcf.writer import write_imputed

    people, table = Panel.load(panel), read_roles(roles)
    reference = people.people(reference_people(table))
    found = read_genotypes(targets, people.sites, target_people(table))
    if not np.array_equal(np.flatnonzero(read_typed(typed_path, people.sites)), found.index):
        raise InputError(
            f"{targets}: its sites are not those that {typed_path} marks as typed; run mask and phase again"
        )
    if name in ("beagle", "beagle_tuned"):
        setting = _parameters(name, parameters)
        imputed = baselines.run_beagle(
            reference,
            found,
            _genetic_map(map_path),
            parameters=setting,
            threads=threads,
            memory_mb=memory_mb,
            seed=seed,
        )
    elif name == "minimac4":
        genetic_map = _genetic_map(map_path) if minimac4_map else None
        imputed = baselines.run_minimac4(reference, found, genetic_map, threads=threads)
    elif name == "li_stephens":
        imputed = baselines.run_li_stephens(reference, found, threads=threads)
    else:
        counts = read_frequencies(frequencies, people.sites)
        imputed = baselines.run_frequency((counts["ac"] / counts["an"]).to_numpy(), people.sites, found)
    er2 = empirical_r2(reference, imputed.typed, found.haplotypes(), threads)
    write_imputed(out, people.sites, people.contigs, replace(imputed, er2=er2), threads=threads)


@click.command("tune-beagle")
@panel_option
@roles_option
@typed_option
@map_option
@threads_option
@memory_option
@seed_option
@click.option("--out", type=OUT, required=True, help="JSON: the best parameters and the score of each setting tried.")
def tune_beagle(
    panel: Path,
    roles: Path,
    typed_path: Path,
    map_path: Path | None,
    threads: int,
    memory_mb: int,
    seed: int,
    out: Path,
) -> None:
    """Choose Beagle's ne, err, cluster and imp-states on the validation people, imputed from the train fold.

    Targets play no part in it.
    """
    start_logging()
    from ragimpute import tuning
    from ragimpute.artefacts import atomic_path
    from ragimpute.mask import read_typed
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people

    people, table = Panel.load(panel), read_roles(roles)
    result = tuning.tune_beagle(
        people,
        reference_people(table, "train"),
        reference_people(table, "validation"),
        read_typed(typed_path, people.sites),
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
    """The tuned parameters; {} for plain Beagle."""
    from ragimpute.errors import InputError

    if name == "beagle":
        return {}
    if path is None:
        raise click.UsageError("beagle_tuned needs --parameters, the JSON from `ragimpute tune-beagle`")
    try:
        parameters = json.loads(path.read_text())["parameters"]
        return {option: float(value) for option, value in parameters.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the JSON of `ragimpute tune-beagle` ({error!r})") from None
