"""A painting: target haplotypes as a mosaic of the reference haplotypes that retrieval finds along a chromosome."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ragimpute.panel.folds import Fold
from ragimpute.panel.store import Sites

if TYPE_CHECKING:
    from ragimpute.panel.cohort import Cohort

BEST = 4  # a piece is of a haplotype that is among so many best ones at each of its typed sites
COLUMNS: dict[str, type] = {
    "mask": str,
    "sample": str,
    "haplotype": int,
    "chrom": str,
    "start": int,
    "end": int,
    "cm": float,
    "n_typed": int,
    "neighbour": str,
    "neighbour_haplotype": int,
    "population": str,
}


def paint_targets(cohort: "Cohort", phased: Path, number: int, mask_name: str, threads: int = 1) -> pd.DataFrame:
    """The painting (COLUMNS) of `number` targets, spread over the populations, on the panel's first chromosome.

    `phased` is the VCF of the targets' phased typed genotypes; `mask_name` stands in the column mask.
    """
    populations = {sample.sample: sample.population for sample in cohort.samples}
    fold = cohort.fold("targets", phased)
    of_targets = {name: populations[name] for name in fold.samples}
    chosen = spread_over_populations(of_targets, number)
    table = paint_haplotypes(fold, chosen, populations, threads)
    return table.assign(mask=mask_name)[list(COLUMNS)]


def spread_over_populations(populations: Mapping[str, str], number: int) -> list[str]:
    """`number` of the samples of `populations` (sample -> population): one of each population, then another, .."""
    table = pd.Series(populations).rename_axis("sample").reset_index(name="population")
    turn = table.groupby("population").cumcount()
    by_turn = np.argsort(turn, kind="stable")
    return sorted(table["sample"].iloc[by_turn[:number]])


def paint_haplotypes(
    fold: Fold, samples: Sequence[str], populations: Mapping[str, str], threads: int = 1
) -> pd.DataFrame:
    """The pieces (COLUMNS without mask) of the haplotypes of `samples` of fold targets, on its first chromosome.

    populations: reference sample -> population. A piece reaches to the start of the next one; `cm` is its length.
    """
    # brings numba, which the modules that only want COLUMNS do not need
    from ragimpute.retrieval.fold_neighbours import chromosome_neighbours

    part = fold.chromosomes()[0]
    index = np.array([part.samples.index(name) for name in samples])
    found = chromosome_neighbours(part, index, BEST, threads)
    sites = part.reference.sites.take(part.typed)
    rows = []
    for query, best in enumerate(found.neighbours):
        for first, last, copied in _stretches(best):
            neighbour = part.reference.samples[part.reference.sample_of_haplotype[copied]]
            row = _extent(sites, first, last)
            row["sample"] = samples[query // 2]
            row["haplotype"] = query % 2 + 1
            row["neighbour"] = neighbour
            row["neighbour_haplotype"] = int(part.reference.number_in_sample(np.array(copied)))
            row["population"] = populations.get(neighbour, "NA")
            rows.append(row)
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "mask"])


def _extent(sites: Sites, first: int, last: int) -> dict:
    """The columns that say where a piece from typed site `first` to `last` lies."""
    return {
        "chrom": str(sites.chrom[0]),
        "start": int(sites.pos[first]),
        "end": int(sites.pos[last]),
        "cm": float(sites.cm[last] - sites.cm[first]),
        "n_typed": last - first,
    }


def _stretches(best: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """First site, first site of the next piece (at the end the last site), and haplotype of each of the `pieces`."""
    found = pieces(best)
    next_starts = [first for first, _ in found[1:]]
    for (first, haplotype), stop in zip(found, [*next_starts, len(best) - 1], strict=True):
        yield first, stop, haplotype


def pieces(best: np.ndarray) -> list[tuple[int, int]]:
    """The fewest pieces (first site, haplotype) such that each one's haplotype is among `best` [T, K] all along it."""
    out: list[tuple[int, int]] = []
    alive: set[int] = set()
    first = 0
    for site, row in enumerate(best.tolist()):
        still = alive.intersection(row)
        if not still:
            if alive:
                out.append((first, min(alive)))
            first, still = site, set(row)
        alive = still
    return [*out, (first, min(alive))]
