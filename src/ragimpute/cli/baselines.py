"""The verbs of the stage baselines: baseline, tune-beagle."""

from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    map_option,
    memory_option,
    panel_option,
    phasings_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
)
from ragimpute.cli.verb import verb

BASELINES = ("beagle", "beagle_once", "beagle_tuned", "minimac4", "li_stephens", "copy_nearest", "frequency")


@verb("baseline")
@click.argument("name", type=click.Choice(BASELINES))
@panel_option
@roles_option
@typed_option
@phasings_option
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
    phasings_path: Path,
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
    copying model. copy_nearest: what bert_rag is given, without the network. Each of these five is the mean of what it
    imputes from each phasing, as it is with the networks. beagle_once: Beagle as it is usually run, from the first
    phasing alone. frequency: the reference's allele frequency for every sample, the floor.
    """
    start_logging()
    from ragimpute.baselines.impute_baseline import BaselineOptions, impute_baseline, read_tuned_parameters
    from ragimpute.panel.genetic_map import GeneticMap

    if name == "beagle_tuned" and parameters is None:
        raise click.UsageError("beagle_tuned needs --parameters, the JSON from `ragimpute tune-beagle`")
    tuned = read_tuned_parameters(parameters) if name == "beagle_tuned" and parameters is not None else {}
    genetic_map = GeneticMap.from_option(map_path)
    options = BaselineOptions(
        genetic_map=genetic_map,
        parameters=tuned,
        minimac4_map=minimac4_map,
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
    )
    impute_baseline(name, panel, roles, typed_path, phasings_path, out, options)


@verb("tune-beagle")
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
    from ragimpute.baselines.tuning import choose_parameters
    from ragimpute.panel.genetic_map import GeneticMap

    genetic_map = GeneticMap.from_option(map_path)
    choose_parameters(
        panel, roles, typed_path, validation, out, genetic_map, threads=threads, memory_mb=memory_mb, seed=seed
    )
