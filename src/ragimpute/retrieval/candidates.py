"""Candidates of large panels: the haplotypes that stand next to a query in positional prefix order.

Li-Stephens costs one state for each reference haplotype, yet nearly all of its posterior lies on those that match the
query longest. In the positional prefix order of panel and queries (the positional Burrows-Wheeler transform, Durbin
2014, Bioinformatics 30:1266) the longest matches that end at a site are neighbours there, for a cost that does not
depend on how many are looked for. IMPUTE5 selects states likewise (Rubinacci, Delaneau & Marchini 2020, PLoS Genetics
16:e1009049).
"""

from itertools import pairwise

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads
from ragimpute.retrieval.prefix_order import move
from ragimpute.retrieval.selection import FEW, select_best

EXACT = 5000  # haplotypes up to which all of a panel are states (docs/scaling.md)
CANDIDATES = 768  # states of a query in a larger one (docs/scaling.md)
MANY = 20_000  # haplotypes above which it gets MOST_CANDIDATES and LONG_MARGIN_CM
MOST_CANDIDATES = 1024
NEAR = 24  # neighbours of a query that count on each side in each of the two orders
SPACING_CM = 0.005  # it looks at no more than one typed site in each such stretch
TIE_SEED = 1
PAIRS = 16_000_000  # of a query and a haplotype in memory at a time: 128 MB
# candidates are chosen anew for each stretch: its core, and what is looked at on each side of it
CORE_CM, MARGIN_CM, LONG_MARGIN_CM = 4.0, 1.0, 2.0


def number_of_candidates(n_haplotypes: int) -> int:
    """How many of a large panel's haplotypes are states of a query."""
    return MOST_CANDIDATES if n_haplotypes > MANY else CANDIDATES


def stretches(cm: np.ndarray, n_haplotypes: int, wanted: slice | None = None) -> list[tuple[int, int, int, int]]:
    """Cut the `wanted` ones (all) of typed sites at `cm` [T] into stretches of CORE_CM within margins.

    Returns (start, first, last, stop) of each: sites start .. stop - 1 are looked at, and the results of
    first .. last - 1 are kept. The margins are those of a panel of so many haplotypes.
    """
    wanted = wanted or slice(0, len(cm))
    margin_cm = LONG_MARGIN_CM if n_haplotypes > MANY else MARGIN_CM
    first_cm, last_cm = cm[wanted][[0, -1]]
    number = max(1, int(np.ceil((last_cm - first_cm) / CORE_CM)))
    inner_ends = np.linspace(first_cm, last_cm, number + 1)[1:-1]
    bounds = np.searchsorted(cm, inner_ends).tolist()
    found = []
    for first, last in pairwise([wanted.start, *bounds, wanted.stop]):
        if first < last:
            start = int(np.searchsorted(cm, cm[first] - margin_cm))
            stop = int(np.searchsorted(cm, cm[last - 1] + margin_cm, side="right"))
            found.append((start, first, last, stop))
    return found


@njit(cache=True, inline="always")
def _among(some, h):
    found = False
    for one in some:
        found |= one == h
    return found


@njit(cache=True, nogil=True)
def _vote(block, n_blocks, reference, asked, queries, excluded, lot, votes):
    """Add to votes [2, Q, H]: where `asked` [T], a query's nearest haplotypes above and below get NEAR, the next less.

    Those of haplotype h are at lot[h]. Direction 0 sorts by what lies before a site, direction 1 by what lies after it.
    """
    n_typed, n_hap = reference.shape
    n = n_hap + len(queries)
    for direction in range(block, 2, n_blocks):
        order, place = np.arange(n).astype(np.int32), np.empty(len(queries), np.int32)
        ones = np.empty(n, np.int32)
        alleles = np.empty(n, np.uint8)
        for step in range(n_typed):
            t = step if direction == 0 else n_typed - 1 - step
            count = 0
            for h in range(n_hap):
                alleles[h] = reference[t, h]
                count += reference[t, h]
            for q in range(len(queries)):  # a missing allele sorts with the more frequent one
                known = queries[q, t]
                alleles[n_hap + q] = known if known >= 0 else 2 * count > n_hap
            move(order, alleles, ones)
            if not asked[t]:
                continue
            for i in range(n):
                if order[i] >= n_hap:
                    place[order[i] - n_hap] = i
            for q in range(len(queries)):
                for towards in (-1, 1):
                    vote = NEAR
                    i = place[q] + towards
                    while 0 <= i < n and vote > 0:
                        h = order[i]
                        if h < n_hap and not _among(excluded[q], h):
                            votes[direction, q, lot[h]] += vote
                            vote -= 1
                        i += towards


@njit(cache=True, nogil=True)
def _select(block, n_blocks, votes, excluded, lot, drawn, best):
    """Fill best [Q, C]: the haplotypes with the most votes, ascending; ties go to the first in the lot."""
    n_hap = votes.shape[2]
    total, scratch, values = np.empty(n_hap, np.uint32), np.empty(n_hap, np.int32), np.empty(n_hap, np.uint32)
    few = np.empty(FEW + 1, np.uint32)
    for q in range(block, len(best), n_blocks):
        for i in range(n_hap):
            total[i] = votes[0, q, i] + votes[1, q, i] + np.uint32(1)
        for h in excluded[q]:
            if h >= 0:
                total[lot[h]] = np.uint32(0)
        select_best(total, best.shape[1], np.uint32(1), scratch, values, few, best[q], np.uint32(0))
        best[q] = np.sort(drawn[best[q]])


def choose_candidates(
    reference: np.ndarray, cm: np.ndarray, queries: np.ndarray, excluded: np.ndarray, threads: int = 1
) -> np.ndarray:
    """The C haplotypes [Q, C] int32, ascending, that stand nearest to each query over all typed sites.

    reference [T, H] uint8, cm [T], queries [T, Q] int8 (-1 missing), excluded [Q, E] int64 (haplotypes that a query may
    not copy, -1 pads): none of these is chosen. PAIRS of a query and a haplotype are in memory at a time. C is
    CANDIDATES, or MOST_CANDIDATES.
    """
    n_query = queries.shape[1]
    step = max(1, PAIRS // reference.shape[1])
    parts = []
    for start in range(0, max(n_query, 1), step):
        some = slice(start, start + step)
        parts.append(_choose(reference, cm, queries[:, some], excluded[some], threads))
    return np.concatenate(parts)


def _choose(
    reference: np.ndarray, cm: np.ndarray, queries: np.ndarray, excluded: np.ndarray, threads: int
) -> np.ndarray:
    n_query, n_hap = queries.shape[1], reference.shape[1]
    votes = np.zeros((2, n_query, n_hap), np.uint32)
    excluded = np.asarray(excluded, dtype=np.int64)
    # ties by a fixed lot: files are often sorted by population, and the first of the file are no fair choice
    lot = n_hap - 1 - np.random.default_rng(TIE_SEED).permutation(n_hap)
    drawn = np.argsort(lot)
    _, first_of_each = np.unique(cm // SPACING_CM, return_index=True)
    asked = np.zeros(len(cm), dtype=bool)
    asked[first_of_each] = True
    in_threads(_vote, threads, reference, asked, np.ascontiguousarray(queries.T), excluded, lot, votes)
    n_best = min(number_of_candidates(n_hap), n_hap - excluded.shape[1])
    best = np.empty((n_query, n_best), np.int32)
    in_threads(_select, threads, votes, excluded, lot, drawn, best)
    return best
