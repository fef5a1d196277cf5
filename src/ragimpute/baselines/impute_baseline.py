"""The step `baseline` of a study: its targets, at all sites of the panel, by an established method."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ragimpute.baselines.beagle import run_beagle
from ragimpute.baselines.copying import run_copy_nearest, run_li_stephens
from ragimpute.baselines.frequency import run_frequency
from ragimpute.baselines.minimac4 import run_minimac4
from ragimpute.errors import InputError
from ragimpute.imputation.left_out import empirical_r2
from ragimpute.panel.allele_counts import count_alleles
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.roles import read_roles, reference_samples, target_samples
from ragimpute.panel.store import Panel
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.mask import read_typed
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.writer import write_imputed

FROM_ONE_PHASING = ("beagle_once", "frequency")


@dataclass(frozen=True, kw_only=True)
class BaselineOptions:
    """What some of the baselines are given beside their input."""

    genetic_map: GeneticMap
    parameters: Mapping[str, float]  # of Beagle; {} for its defaults
    minimac4_map: bool = False  # Minimac4 gets the map, too
    threads: int = 1
    memory_mb: int = 4000  # of Beagle
    seed: int = 1  # of Beagle


def impute_baseline(
    name: str, panel: Path, roles: Path, typed: Path, phasings: Path, out: Path, options: BaselineOptions
) -> None:
    """Impute the targets of a study with the baseline `name` and write `out`, VCF.gz or BCF, with index.

    Files are those of `ragimpute read-panel`, `assign-roles`, `mask` and `phase`. What is imputed from each phasing is
    averaged; the baselines of FROM_ONE_PHASING get the first. Raises InputError when a file is unusable, or the
    baseline's program is missing or fails.
    """
    whole = Panel.load(panel)
    samples = read_roles(roles)
    reference = whole.of_samples(reference_samples(samples))
    typed_sites = read_typed(typed, whole.sites)
    several = several_phasings.load_phasings(phasings, target_samples(samples), typed_sites)
    if name in FROM_ONE_PHASING:
        several = several[:1]
    method: Callable[[TargetGenotypes], Imputed]
    if name == "frequency":
        counts = count_alleles(whole, samples)
        frequency = counts["ac"] / counts["an"]
        method = partial(run_frequency, frequency.to_numpy(), whole.sites)
    else:
        method = _method(name, reference, options)
    imputed = impute_each_phasing(method, reference, several)
    first = several[0]
    given = first.given[:, first.has_haplotype]  # what phasing filled in tells nothing
    er2 = empirical_r2(reference, imputed.typed, given, options.threads)
    complete = replace(imputed, er2=er2, ploidy=first.ploidy)
    write_imputed(out, whole.sites, whole.contigs, complete, threads=options.threads)


def impute_each_phasing(
    method: Callable[[TargetGenotypes], Imputed], reference: Panel, several: list[TargetGenotypes]
) -> Imputed:
    """The mean of what `method` imputes from each of several phasings of the same samples."""
    alleles: list[np.ndarray] = [phasing.alleles for phasing in several]

    columns = np.arange(len(several[0].samples))

    def of_phasing(number: int) -> tuple[Imputed, np.ndarray]:
        return method(several[number]), columns

    typed_index = several[0].index
    return several_phasings.mean(reference.sites, typed_index, alleles, of_phasing)


def read_tuned_parameters(path: Path) -> dict[str, float]:
    """The parameters in a JSON of `ragimpute tune-beagle`. Raises InputError when it is none."""
    try:
        result = json.loads(path.read_text())
        parameters = result["parameters"]
        return {option: float(value) for option, value in parameters.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not the JSON of `ragimpute tune-beagle` ({error!r})") from None


def _method(name: str, reference: Panel, options: BaselineOptions) -> Callable[[TargetGenotypes], Imputed]:
    """The baseline `name` as a function of one phasing of the targets."""
    if name == "minimac4":
        genetic_map = options.genetic_map if options.minimac4_map else None
        return partial(run_minimac4, reference, genetic_map=genetic_map, threads=options.threads)
    if name == "li_stephens":
        return partial(run_li_stephens, reference, threads=options.threads)
    if name == "copy_nearest":
        return partial(run_copy_nearest, reference, threads=options.threads)
    if name not in ("beagle", "beagle_once", "beagle_tuned"):
        raise InputError(f"unknown baseline {name!r}")
    return partial(
        run_beagle,
        reference,
        genetic_map=options.genetic_map,
        parameters=options.parameters,
        threads=options.threads,
        memory_mb=options.memory_mb,
        seed=options.seed,
    )
