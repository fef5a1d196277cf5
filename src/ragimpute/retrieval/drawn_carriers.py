"""The haplotypes that stand for all carriers of each site's minor allele: a few of them, drawn in a fixed order."""

import numpy as np
from numba import njit

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import unpack_row

MOST = 64  # carriers of a site that are looked at: the first in a fixed random order
ORDER_SEED = 0
STRIDE = 128  # haplotypes


def draw_carriers(alleles: np.ndarray | Haplotypes, flipped: np.ndarray, threads: int) -> np.ndarray:
    """The first MOST carriers of each site in a random order, always the same: haplotypes [S, C] int32, -1 pads.

    alleles [S, H]; flipped [S] bool: carriers have ALT, where flipped REF.
    """
    packed = Haplotypes.of(alleles)
    n_sites, n_hap = packed.shape
    order = np.random.default_rng(ORDER_SEED).permutation(n_hap)
    kept = np.full((n_sites, min(MOST, n_hap)), -1, np.int32)
    in_threads(_draw, threads, packed.bits(slice(None)), flipped, order, np.argsort(order), kept)
    return kept


@njit(cache=True, inline="always")
def _number(row, flipped):
    total = np.int64(0)
    for h in range(len(row)):
        total += row[h]
    return len(row) - total if flipped else total


@njit(cache=True, nogil=True)
def _draw(block, n_blocks, packed, flipped, order, rank, kept):
    row = np.empty(len(order), np.uint8)
    for s in range(block, len(packed), n_blocks):
        unpack_row(packed[s], row)
        found = kept[s]
        n = 0
        if _number(row, flipped[s]) > len(found):
            for h in order:
                if row[h] != flipped[s]:
                    found[n] = h
                    n += 1
                    if n == len(found):
                        break
            continue
        for start in range(0, len(row), STRIDE):  # few carriers: most strides have none, which a sum tells at once
            stride = row[start : start + STRIDE]
            if _number(stride, flipped[s]) == 0:
                continue
            for h in range(start, start + len(stride)):
                if row[h] != flipped[s]:
                    i = n
                    while i > 0 and rank[found[i - 1]] > rank[h]:
                        found[i] = found[i - 1]
                        i -= 1
                    found[i] = h
                    n += 1
