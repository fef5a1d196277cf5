"""Samples of the panel that stand for the targets: chosen by likeness at the typed sites, and given their gaps.

Accuracy depends on the population of a sample. Each target is represented by one of the panel's samples that are
nearest to it in the first principal components of the typed genotypes, which need no table of populations.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes

MOST_SITES = 4000  # typed sites that the components are computed from
MOST_CANDIDATES, MOST_TARGETS = 1500, 500  # samples of the panel, and targets, that are looked at
COMPONENTS = 10  # their variances weigh them, so that a few more than there are populations change nothing
NEAREST = 5  # samples of the panel that can stand for a target; more of them where targets are few:
FEWEST_NEAR = 100  # of all targets together


@dataclass(frozen=True)
class LeftOutSamples:
    """L samples of the panel, each with the number of targets that it stands for and one of these."""

    samples: np.ndarray  # [L] int64, of the panel, each once
    weights: np.ndarray  # [L] float64
    targets: np.ndarray  # [L] int64: the target whose missing genotypes and phase the sample gets

    def part(self, rows: slice) -> "LeftOutSamples":
        """Some of them."""
        return LeftOutSamples(self.samples[rows], self.weights[rows], self.targets[rows])


def choose_left_out(
    panel: Panel, typed: TargetGenotypes, number: int, generator: np.random.Generator
) -> LeftOutSamples:
    """At most `number` samples of a diploid panel that stand for the targets `typed`.

    Targets are taken in random order, again and again; each gets one of the samples nearest to it that is not taken
    yet, or adds to the weight of one that is.
    """
    candidates = some_of(len(panel.samples), MOST_CANDIDATES, generator)
    targets = some_of(len(typed.samples), MOST_TARGETS, generator)
    components = _components(panel, typed, candidates, targets)
    of_panel, of_targets = components[: len(candidates)], components[len(candidates) :]
    distance = (of_targets**2).sum(axis=1)[:, None] + (of_panel**2).sum(axis=1) - 2 * of_targets @ of_panel.T
    n_nearest = max(NEAREST, -(-FEWEST_NEAR // len(targets)))
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :n_nearest]
    number = min(number, len(candidates))
    weight: dict[int, float] = {}
    stands_for: dict[int, int] = {}
    for place in _in_turns(len(targets), number, generator):
        near = generator.permutation(nearest[place]).tolist()
        free = [sample for sample in near if sample not in weight]
        chosen = free[0] if free else near[0]
        weight[chosen] = weight.get(chosen, 0.0) + 1
        stands_for.setdefault(chosen, place)
    rows = np.array(list(weight))
    weights = np.array(list(weight.values()))
    return LeftOutSamples(candidates[rows], weights, targets[[stands_for[row] for row in rows.tolist()]])


def hidden_genotypes(panel: Panel, typed: TargetGenotypes, chosen: LeftOutSamples) -> TargetGenotypes:
    """The chosen samples as if they were targets: their typed genotypes, in the state of the targets they stand for.

    A genotype that the target lacks is missing. Where all heterozygotes of the target are phased, the sample keeps the
    panel's phase; else its phase is unknown. `panel` and `typed.index` are of the same sites.
    """
    alleles = panel.alleles[typed.index].reshape(len(typed.index), -1, 2)[:, chosen.samples].astype(np.int8)
    given = typed.alleles[:, chosen.targets]
    alleles[(given < 0).any(axis=2)] = -1
    is_settled = typed.phased | (typed.alleles[..., 0] == typed.alleles[..., 1]) | (typed.alleles < 0).any(axis=2)
    came_phased = is_settled.all(axis=0)[chosen.targets]
    phased = np.broadcast_to(came_phased, alleles.shape[:2]).copy()
    unphased = alleles[:, ~came_phased]
    unphased.sort(axis=2)  # their order tells nothing
    alleles[:, ~came_phased] = unphased
    names = tuple(panel.samples[i] for i in chosen.samples)
    return TargetGenotypes(names, typed.index, alleles, phased, pd.DataFrame())


def some_of(number: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """All of `number` things, or `most` of them at random, in order."""
    if number <= most:
        return np.arange(number)
    return np.sort(generator.choice(number, most, replace=False))


def _in_turns(number: int, wanted: int, generator: np.random.Generator) -> np.ndarray:
    """`wanted` of the numbers 0 .. number - 1, in random order; none comes again before all others came as often."""
    n_turns = -(-wanted // number)
    turns = [generator.permutation(number) for _ in range(n_turns)]
    return np.concatenate(turns)[:wanted]


def _components(panel: Panel, typed: TargetGenotypes, candidates: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Principal components [C + T, COMPONENTS] of the typed genotypes of both, scaled by their standard deviations."""
    n_typed = len(typed.index)
    rows = np.arange(n_typed) if n_typed <= MOST_SITES else np.linspace(0, n_typed - 1, MOST_SITES).astype(np.int64)
    alleles = panel.alleles[typed.index[rows]].reshape(len(rows), -1, 2)[:, candidates]
    given = typed.alleles[rows][:, targets].astype(np.float32)
    of_targets = np.where((given < 0).any(axis=2), np.nan, given.sum(axis=2))
    counts = np.hstack([alleles.sum(axis=2, dtype=np.float32), of_targets]).astype(np.float32)
    mean = np.nanmean(counts, axis=1)
    variance = mean * (1 - mean / 2)
    varies = variance > 0
    counts = (counts[varies] - mean[varies, None]) / np.sqrt(variance[varies, None])
    counts[np.isnan(counts)] = 0.0
    values, vectors = np.linalg.eigh(counts.T @ counts)
    largest = slice(-COMPONENTS, None)
    return vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0.0))
