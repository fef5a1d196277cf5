"""The verbs of the stage baselines: baseline, tune-beagle."""

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
    panel_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
)

BASELINES = ("beagle", "beagle_once", "beagle_tuned", "minimac4", "li_stephens", "copy_nearest", "frequency")
FROM_ONE_PHASING = ("beagle_once", "frequency")


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
def baseline_command(
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
    from ragimpute.baselines import methods
    from ragimpute.imputation.left_out import empirical_r2
    from ragimpute.panel.allele_counts import read_frequencies
    from ragimpute.panel.roles import read_roles, reference_samples, target_samples
    from ragimpute.panel.store import Panel
    from ragimpute.targets import several_phasings
    from ragimpute.targets.mask import read_phased
    from ragimpute.vcf.writer import write_imputed

    samples, table = Panel.load(panel), read_roles(roles)
    reference = samples.of_samples(reference_samples(table))
    first = read_phased(targets, samples.sites, target_samples(table), typed_path)
    if phasings_path is None or name in FROM_ONE_PHASING:
        several = [first]
    else:
        several = several_phasings.load_phasings(phasings_path, targets, first)
    if name == "minimac4":
        genetic_map = _genetic_map(map_path) if minimac4_map else None
        impute = partial(methods.run_minimac4, reference, genetic_map=genetic_map, threads=threads)
    elif name == "li_stephens":
        impute = partial(methods.run_li_stephens, reference, threads=threads)
    elif name == "copy_nearest":
        impute = partial(methods.run_copy_nearest, reference, threads=threads)
    elif name == "frequency":
        counts = read_frequencies(frequencies, samples.sites)
        impute = partial(methods.run_frequency, (counts["ac"] / counts["an"]).to_numpy(), samples.sites)
    else:
        impute = partial(
            methods.run_beagle,
            reference,
            genetic_map=_genetic_map(map_path),
            parameters=_parameters(name, parameters),
            threads=threads,
            memory_mb=memory_mb,
            seed=seed,
        )
    alleles = [one.alleles for one in several]
    imputed = several_phasings.mean(samples.sites, first.index, alleles, lambda number: impute(several[number]))
    er2 = empirical_r2(reference, imputed.typed, first.haplotypes(), threads)
    write_imputed(out, samples.sites, samples.contigs, replace(imputed, er2=er2), threads=threads)


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
def tune_beagle_command(
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
    from ragimpute.artefacts import atomic_path
    from ragimpute.baselines import tuning
    from ragimpute.panel.roles import read_roles, reference_samples
    from ragimpute.panel.store import Panel
    from ragimpute.targets.mask import read_phased

    samples, table = Panel.load(panel), read_roles(roles)
    result = tuning.tune_beagle(
        samples,
        reference_samples(table, "train"),
        read_phased(validation, samples.sites, reference_samples(table, "validation"), typed_path),
        _genetic_map(map_path),
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
    )
    with atomic_path(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def _genetic_map(path: Path | None):
    from ragimpute.panel.genetic_map import GeneticMap

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
