"""Several target records of one site, such as two probes of an array: merged genotype by genotype.

The record with the most genotypes counts (of equal ones the first). The others fill in what it lacks. Where two of them
know a genotype and disagree, it is missing. A record that disagrees with the main one at more than a tenth of the
genotypes that both know, and at five or more, is not of the same variant, or failed: it is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_DISCORDANT = 0.1  # share of the genotypes that two records of a site know
FEWEST_DISCORDANT = 5  # fewer tell nothing of a record as a whole


@dataclass(frozen=True)
class MergedRecords:
    """The genotypes of K records of a site as one."""

    genotypes: np.ndarray  # [N, 3]: two alleles, -1 missing, and the phase
    main: int  # the record that counts
    discordant: np.ndarray  # [K] int64: genotypes that differ from the main record's
    compared: np.ndarray  # [K] int64: genotypes that both know
    is_refused: np.ndarray  # [K] bool


def merge_records(records: Sequence[np.ndarray]) -> MergedRecords:
    """Merge the genotypes [N, 3] of K records, in the order of the file."""
    alleles = np.stack([record[:, :2] for record in records])
    unordered = np.sort(alleles, axis=2)
    known = unordered[..., 0] >= 0  # [K, N]: a genotype that lacks one allele lacks both
    main = int(known.sum(axis=1).argmax())
    both_known = known & known[main]
    differs = both_known & (unordered != unordered[main]).any(axis=2)
    discordant = differs.sum(axis=1)
    compared = both_known.sum(axis=1)
    is_refused = (discordant >= FEWEST_DISCORDANT) & (discordant > MOST_DISCORDANT * compared)
    genotypes = records[main].copy()
    others = [number for number in range(len(records)) if number != main and not is_refused[number]]
    is_discordant = np.zeros(len(genotypes), dtype=bool)
    for number in others:
        record = records[number]
        now_known = genotypes[:, 0] >= 0
        now = np.sort(genotypes[:, :2], axis=1)
        is_same = (now == unordered[number]).all(axis=1)
        is_discordant |= now_known & known[number] & ~is_same
        fills = ~now_known & known[number]
        phases = now_known & is_same & (genotypes[:, 2] == 0) & (record[:, 2] == 1)
        taken = fills | phases
        genotypes[taken] = record[taken]
    genotypes[is_discordant, :2] = -1
    return MergedRecords(genotypes, main, discordant, compared, is_refused)
