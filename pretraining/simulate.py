"""Simulated reference panels of many demographies, recombination rates, sizes and array densities.

No real genome is in them: weights that are trained on them can say nothing about anybody.
"""

from dataclasses import dataclass

import msprime
import numpy as np

from ragimpute.panel.store import Panel, Sites

MUTATION_RATE = 1.25e-8
SAMPLES = (60, 4000)  # in a panel
GENERATION_YEARS = 25
SITES_DIFFER = 2.5  # spread of the log of sites' error rates
LEAST_WRONG = 0.05  # share of the errors of an allele at 50 % that a very rare one has


@dataclass(frozen=True)
class Simulated:
    """A panel, and the sites that an array types in it."""

    panel: Panel
    typed: np.ndarray  # [S] bool
    description: str


def out_of_africa() -> msprime.Demography:
    """Africa, Europe and East Asia (Gutenkunst et al. 2009, PLoS Genetics 5:e1000695)."""
    europe_growth, asia_growth = 0.004, 0.0055
    split, old, ancient = 21.2e3 / GENERATION_YEARS, 140e3 / GENERATION_YEARS, 220e3 / GENERATION_YEARS
    demography = msprime.Demography()
    demography.add_population(name="AFR", initial_size=12300)
    demography.add_population(name="EUR", initial_size=1000 * np.exp(europe_growth * split), growth_rate=europe_growth)
    demography.add_population(name="ASIA", initial_size=510 * np.exp(asia_growth * split), growth_rate=asia_growth)
    demography.set_symmetric_migration_rate(["AFR", "EUR"], 3e-5)
    demography.set_symmetric_migration_rate(["AFR", "ASIA"], 1.9e-5)
    demography.set_symmetric_migration_rate(["EUR", "ASIA"], 9.6e-5)
    # back in time: Asia joins Europe, which is then the bottleneck out of Africa, and that joins Africa
    demography.add_mass_migration(time=split, source="ASIA", dest="EUR", proportion=1)
    demography.add_migration_rate_change(time=split, rate=0)
    demography.add_symmetric_migration_rate_change(time=split, populations=["AFR", "EUR"], rate=25e-5)
    demography.add_population_parameters_change(time=split, population="EUR", initial_size=2100, growth_rate=0)
    demography.add_mass_migration(time=old, source="EUR", dest="AFR", proportion=1)
    demography.add_migration_rate_change(time=old, rate=0)
    demography.add_population_parameters_change(time=ancient, population="AFR", initial_size=7300)
    return demography


def isolate(bottleneck: float, generations: int) -> msprime.Demography:
    """A population founded by `bottleneck` samples some `generations` ago that has grown since."""
    demography = msprime.Demography()
    demography.add_population(name="A", initial_size=40_000, growth_rate=np.log(40_000 / bottleneck) / generations)
    demography.add_population_parameters_change(time=generations, initial_size=8_000, growth_rate=0)
    demography.add_population_parameters_change(time=2_000, initial_size=14_000)
    return demography


def explosive() -> msprime.Demography:
    """Europe with recent faster growth (Tennessen et al. 2012, Science 337:64): many rare alleles."""
    demography = msprime.Demography()
    demography.add_population(name="A", initial_size=500_000, growth_rate=0.0195)
    demography.add_population_parameters_change(time=205, initial_size=9_300, growth_rate=0.00307)
    demography.add_population_parameters_change(time=920, initial_size=1_861, growth_rate=0)
    demography.add_population_parameters_change(time=2_040, initial_size=14_474)
    demography.add_population_parameters_change(time=5_920, initial_size=7_310)
    return demography


def samples_of(n_samples: int, rng: np.random.Generator) -> tuple[msprime.Demography, dict[str, int], str]:
    """A demography and how many samples come from each of its populations."""
    kind = rng.choice(["europe", "asia", "africa", "world", "isolate", "explosive"])
    if kind == "isolate":
        founders, generations = int(rng.integers(100, 1500)), int(rng.integers(20, 120))
        return isolate(founders, generations), {"A": n_samples}, f"isolate of {founders} founders"
    if kind == "explosive":
        return explosive(), {"A": n_samples}, "explosive growth"
    shares = {"europe": (0, 1, 0), "asia": (0, 0, 1), "africa": (1, 0, 0), "world": rng.dirichlet((1, 1, 1))}[kind]
    counts = rng.multinomial(n_samples, shares)
    counted = {name: int(n) for name, n in zip(("AFR", "EUR", "ASIA"), counts, strict=True) if n}
    return out_of_africa(), counted, str(kind)


def rate_map(length: int, mean_cm_per_mb: float, rng: np.random.Generator) -> msprime.RateMap:
    """Recombination with hotspots: log-normal rates in stretches of 2 to 50 kb, scaled to the mean."""
    cuts = np.cumsum(rng.uniform(2_000, 50_000, size=length // 10_000 + 10))
    position = np.r_[0, cuts[cuts < length], length]
    rate = np.exp(rng.normal(0, 1.3, size=len(position) - 1))
    rate *= mean_cm_per_mb * 1e-8 * length / (rate * np.diff(position)).sum()
    return msprime.RateMap(position=position, rate=rate)


def simulate(rng: np.random.Generator, n_range: tuple[int, int] = SAMPLES, clean: float = 0) -> Simulated:
    """Draw a panel at random, its number of samples in `n_range`; with probability `clean` it has no errors."""
    n_samples = int(np.exp(rng.uniform(np.log(n_range[0]), np.log(n_range[1]))))
    mean_rate = float(np.exp(rng.uniform(np.log(0.4), np.log(8))))
    length = int(np.clip(3e6 * (600 / (2 * n_samples)) ** 0.3, 1.0e6, 4e6))
    demography, samples, description = samples_of(n_samples, rng)
    recombination = rate_map(length, mean_rate, rng)
    tree_sequence = msprime.sim_ancestry(
        samples=samples,
        demography=demography,
        sequence_length=length,
        recombination_rate=recombination,
        gene_conversion_rate=float(rng.choice([0, 5e-9])),
        gene_conversion_tract_length=300,
        random_seed=int(rng.integers(1, 2**31)),
    )
    mutated = msprime.sim_mutations(
        tree_sequence, rate=MUTATION_RATE, model=msprime.BinaryMutationModel(), random_seed=int(rng.integers(1, 2**31))
    )
    alleles = mutated.genotype_matrix().astype(np.uint8)
    position = mutated.sites_position.astype(np.int64)
    count = alleles.sum(axis=1, dtype=np.int64)
    kept = (count > 0) & (count < alleles.shape[1])
    alleles, position = alleles[kept], position[kept]
    if not (clean and rng.random() < clean):
        alleles = unsettle_phase(alleles, rng)
    cm = recombination.get_cumulative_mass(position) * 100
    if rng.random() < 0.2:  # as by a user without a map
        cm = position / 1e6
    typed = array_sites(alleles, length, rng)
    text = [np.full(len(position), value) for value in ("1", ".", "A", "C")]
    sites = Sites(text[0], position + 1, text[1], text[2], text[3], cm)
    samples_names = tuple(f"P{i}" for i in range(n_samples))
    description = (
        f"{description}, {n_samples} samples, {length / 1e6:.1f} Mb, {mean_rate:.1f} cM/Mb, {len(position)} sites, "
        f"{int(typed.sum())} typed"
    )
    return Simulated(Panel(sites, samples_names, np.ascontiguousarray(alleles), ()), typed, description)


def unsettle_phase(
    alleles: np.ndarray, rng: np.random.Generator, wrong_rate: float | None = None, missed: float | None = None
) -> np.ndarray:
    """Genotypes as panels have them: singletons phased by chance, a few switches, some wrong, rare alleles missed.

    wrong_rate: of all alleles, on average; missed: share of rare alleles that a shallow sequencing overlooks. None:
    drawn. Some sites are much worse than others, and alleles are mistaken where both are frequent.
    """
    n_sites, n_hap = alleles.shape
    switched = alleles.copy()
    for sample in range(n_hap // 2):
        pair = switched[:, 2 * sample : 2 * sample + 2]
        for at in rng.integers(n_sites, size=rng.poisson(n_sites * 1e-4)):
            pair[at:] = pair[at:, ::-1]
    for site in np.flatnonzero(alleles.sum(axis=1, dtype=np.int64) == 1):
        if rng.random() < 0.3:
            carrier = int(np.flatnonzero(switched[site])[0])
            switched[site, [carrier, carrier ^ 1]] = 0, 1
    if wrong_rate is None:
        wrong_rate = float(rng.choice([0, 2e-5, 1e-4, 5e-4]))
    frequency = alleles.mean(axis=1)
    weight = np.exp(rng.normal(0, SITES_DIFFER, size=n_sites)) * (LEAST_WRONG + 4 * frequency * (1 - frequency))
    number = rng.poisson(wrong_rate * n_hap * weight / weight.mean())  # [S]
    np.bitwise_xor.at(switched, (np.repeat(np.arange(n_sites), number), rng.integers(n_hap, size=number.sum())), 1)
    if missed is None:
        missed = float(rng.choice([0, 0.01, 0.03]))
    rare = alleles.mean(axis=1) < 0.05
    switched[rare] &= rng.random((int(rare.sum()), n_hap)) >= missed
    count = switched.sum(axis=1, dtype=np.int64)
    constant = (count == 0) | (count == n_hap)
    switched[constant] = alleles[constant]
    return switched


def array_sites(alleles: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Typed sites [S] bool: mostly common, at 50 to 1,000 per Mb, and at least 150."""
    frequency = alleles.mean(axis=1)
    minor = np.minimum(frequency, 1 - frequency)
    preference = np.clip(minor / 0.1, 0, 1) ** float(rng.uniform(0.3, 1.5)) * (minor > 0.002)
    per_mb = float(np.exp(rng.uniform(np.log(50), np.log(1000))))
    wanted = int(np.clip(per_mb * length / 1e6, 150, 0.4 * (preference > 0).sum()))
    typed = np.zeros(len(alleles), dtype=bool)
    typed[rng.choice(len(alleles), size=wanted, replace=False, p=preference / preference.sum())] = True
    return typed
