"""A painting: target haplotypes as a mosaic of the reference haplotypes that retrieval finds along a chromosome."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ragimpute.panel.folds import Fold

BEST = 4  # a piece is of a haplotype that is among so many best ones at each of its typed sites
COLUMNS: dict[str, type] = {
    **{"mask": str, "sample": str, "haplotype": int, "chrom": str, "start": int, "end": int, "cm": float},
    **{"n_typed": int, "neighbour": str, "neighbour_haplotype": int, "population": str},
}


def spread_over_populations(populations: Mapping[str, str], number: int) -> list[str]:
    """`number` of the samples of `populations` (sample -> population): one of each population, then another, .."""
    table = pd.Series(populations).rename_axis("sample").reset_index(name="population")
    turn = table.groupby("population").cumcount()
    return sorted(table["sample"].iloc[np.argsort(turn, kind="stable")[:number]])


def paint_haplotypes(
    fold: Fold, samples: Sequence[str], populations: Mapping[str, str], threads: int = 1
) -> pd.DataFrame:
    """The pieces (COLUMNS without mask) of the haplotypes of `samples` of fold targets, on its first chromosome.

    populations: reference sample -> population. A piece reaches to the start of the next one; `cm` is its length.
    """
    from ragimpute.retrieval.neighbours import (
        find_neighbours,  # brings numba, which those who only want COLUMNS do not need
    )

    part = fold.chromosomes()[0]
    index = np.array([part.samples.index(name) for name in samples])
    columns = (2 * index[:, None] + np.arange(2)).reshape(-1)
    sites = part.reference.sites.take(part.typed)
    neighbours, _ = find_neighbours(
        part.reference.alleles[part.typed],
        sites.cm,
        part.observed[:, columns].astype(np.int8),
        np.repeat(part.excluded_haplotypes(index), 2, axis=0),
        BEST,
        threads,
    )
    rows = []
    for query, best in enumerate(neighbours):
        found = pieces(best)
        stops = [first for first, _ in found[1:]] + [len(sites) - 1]
        for (first, copied), stop in zip(found, stops, strict=True):
            sample = part.reference.samples[copied // 2]
            rows.append(
                {
                    **{"sample": samples[query // 2], "haplotype": query % 2 + 1, "chrom": str(sites.chrom[0])},
                    **{"start": int(sites.pos[first]), "end": int(sites.pos[stop])},
                    **{"cm": float(sites.cm[stop] - sites.cm[first]), "n_typed": stop - first},
                    **{"neighbour": sample, "neighbour_haplotype": copied % 2 + 1},
                    "population": populations.get(sample, "NA"),
                }
            )
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "mask"])


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
