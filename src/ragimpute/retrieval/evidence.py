"""What a query's neighbours say of a site: the weighted share of them that carry ALT, for several kinds of weights.

The neighbours of the two typed sites that flank a site are pooled. A neighbour's weight is that at its typed site,
interpolated linearly in cM as Beagle does with copying probabilities (Browning, Zhou & Browning 2018, AJHG 103:338),
and divided by the sum of all neighbours' weights.
"""

import numpy as np
from numba import njit

from ragimpute.panel.folds import Fold
from ragimpute.parallel import in_threads
from ragimpute.retrieval.fold_neighbours import Flanks, FoldNeighbours, flanks, local_flanks
from ragimpute.retrieval.neighbours import RATES
from ragimpute.retrieval.selection import query_lot, site_lot

# The weights: the Li-Stephens posterior at each recombination rate, and powers of the length of a neighbour's match.
WEIGHTS = (
    *(f"posterior_{rate:g}" for rate in RATES),
    "length_2",  # of the exact match, squared
    "one_mismatch_2",  # of the match with one mismatch to each side, squared
    "shorter_side_2",  # of its shorter side, squared
    "one_mismatch_4",  # of the match with one mismatch to each side, to the fourth power
)


def neighbour_weights(features: np.ndarray) -> np.ndarray:
    """WEIGHTS [N, T, W, K] float32 of neighbours with features [N, T, K, F] float16 (`neighbours.FEATURES`)."""
    values = np.exp(np.moveaxis(features, 3, 2).astype(np.float32))  # [N, T, F, K]
    posterior = values[:, :, : len(RATES)]
    left, right, left_one, right_one = np.moveaxis(values[:, :, len(RATES) :], 2, 0)
    exact, longer = left + right, left_one + right_one
    lengths = (exact**2, longer**2, np.minimum(left_one, right_one) ** 2, longer**4)
    return np.concatenate([posterior, np.stack(lengths, axis=2)], axis=2)


@njit(fastmath=True, cache=True, nogil=True)
def _shares(block, n_blocks, neighbours, weights, left, right, share, alleles, out):
    n_weights, k = weights.shape[2:]
    here, there = np.empty(k, np.float32), np.empty(k, np.float32)
    for n in range(block, len(out), n_blocks):
        for site in range(len(left)):
            a, b, far = left[site], right[site], share[site]
            near = np.float32(1.0) - far
            for i in range(k):  # once for all weights: what follows is vectorised
                here[i] = near * np.float32(alleles[site, neighbours[n, a, i]])
                there[i] = far * np.float32(alleles[site, neighbours[n, b, i]])
            for w in range(n_weights):
                carried, total = np.float32(0.0), np.float32(0.0)
                first, second = weights[n, a, w], weights[n, b, w]
                for i in range(k):
                    carried += first[i] * here[i] + second[i] * there[i]
                    total += first[i] * near + second[i] * far
                out[n, site, w] = carried / total


def alternate_shares(
    neighbours: np.ndarray, weights: np.ndarray, beside: Flanks, alleles: np.ndarray, threads: int = 1
) -> np.ndarray:
    """The weighted share [N, L, W] float32 in [0, 1] of the neighbours that carry ALT, for each of the W weights.

    neighbours [N, T, K] int, weights [N, T, W, K] float32 > 0, at T typed sites; beside: the flanks of the L sites,
    indices into the T; alleles [L, H] uint8 of the reference.
    """
    out = np.empty((len(neighbours), len(alleles), weights.shape[2]), np.float32)
    arrays = (neighbours, weights, beside.left, beside.right, beside.share, np.ascontiguousarray(alleles), out)
    in_threads(_shares, threads, *arrays)
    return out


def mean_by_posterior(fold: Fold, found: FoldNeighbours, threads: int = 1, chunk: int = 256) -> np.ndarray:
    """Haplotype dosages [S, 2P] float32 of the neighbours alone: the mean of their shares by posterior, over the rates.

    found: as `retrieve_neighbours` returns it. The mean over all of WEIGHTS is worse (docs/experiments.md).
    """
    beside = flanks(fold)
    n_sites = len(fold.typed)
    dosage = np.empty((n_sites, 2 * fold.n_samples), dtype=np.float32)
    for start in range(0, n_sites, chunk):
        sites = slice(start, min(start + chunk, n_sites))
        local, typed = local_flanks(beside, sites)
        weights = neighbour_weights(found.features[:, typed])
        by_posterior = weights[:, :, : len(RATES)]
        alleles = fold.reference.alleles[sites]
        shares = alternate_shares(found.neighbours[:, typed], by_posterior, local, alleles, threads)
        dosage[sites] = shares.mean(axis=2).T
    return dosage


@njit(cache=True)
def _best(score, lots, first_site, best):
    n_hap, n_typed, k = score.shape
    for n in range(n_hap):
        for t in range(n_typed):
            # a lot of the lot: the first one chose the K of those that tie, and its remainders by two numbers that
            # share a factor go together, so that with it every second haplotype would never be the best
            lot = np.int64(site_lot(site_lot(lots[n], first_site + t), 0))
            for rank in range(best.shape[2]):
                largest, tied = np.float32(-0.5), 0
                for i in range(k):
                    if score[n, t, i] > largest:
                        largest, tied = score[n, t, i], 1
                    else:
                        tied += score[n, t, i] == largest
                number, chosen = lot % tied, -1  # of the tied ones, in their order
                while number >= 0:
                    chosen += 1
                    number -= score[n, t, chosen] == largest
                best[n, t, rank] = chosen
                score[n, t, chosen] = np.float32(-1.0)  # below all sums of posteriors


def best_neighbours(features: np.ndarray, lots: np.ndarray, first_site: int, n_best: int) -> np.ndarray:
    """Places [N, T, n_best] int64 among the K neighbours of those with the largest sum of posteriors, the best first.

    features [N, T, K, F] float16 of the T typed sites from `first_site` on; lots [N] uint32 of the queries
    (`query_lots`) decide between equal ones.
    """
    score = np.exp(features[..., : len(RATES)].astype(np.float32)).sum(axis=-1)
    best = np.empty((*score.shape[:2], n_best), np.int64)
    _best(score, lots, first_site, best)
    return best


@njit(cache=True)
def _lots(queries, lots):
    for q in range(len(queries)):
        lots[q] = query_lot(queries[q])


def query_lots(observed: np.ndarray) -> np.ndarray:
    """The lot [Q] uint32 of each query from its alleles, `observed` [T, Q]."""
    lots = np.empty(observed.shape[1], np.uint32)
    _lots(np.ascontiguousarray(observed.T).astype(np.int8), lots)
    return lots
