"""Nearest reference haplotypes by Hamming distance: the retrieval of bert_rag."""

import numpy as np


def hamming_distances(queries: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Numbers of differing sites [Q, H] int64 between queries [t, Q] and reference [t, H], alleles in {0, 1}.

    |q - r| = q + r - 2qr, so one matrix product does it; float32 is exact for counts below 2^24.
    """
    a, b = queries.astype(np.float32), reference.astype(np.float32)
    return np.rint(a.sum(axis=0)[:, None] + b.sum(axis=0)[None, :] - 2 * (a.T @ b)).astype(np.int64)


def nearest_haplotypes(
    queries: np.ndarray, reference: np.ndarray, excluded: np.ndarray, k: int, chunk: int = 1024
) -> np.ndarray:
    """The `k` nearest reference haplotypes [Q, k] int32 of each query, nearest first, ties broken by index.

    queries [t, Q], reference [t, H] uint8 at the same typed sites; excluded [Q, E] reference haplotypes that may not
    be returned (-1: none). Raises ValueError when fewer than `k` haplotypes are left for some query.
    """
    n_reference = reference.shape[1]
    nearest = np.empty((queries.shape[1], k), dtype=np.int32)
    index = np.arange(n_reference, dtype=np.int64)
    beyond = (len(queries) + 1) * n_reference  # above every key of an allowed haplotype
    for start in range(0, queries.shape[1], chunk):
        block = slice(start, start + chunk)
        key = hamming_distances(queries[:, block], reference) * n_reference + index
        row, column = np.nonzero(excluded[block] >= 0)
        key[row, excluded[block][row, column]] = beyond
        best = np.partition(key, k - 1, axis=1)[:, :k] if k < n_reference else key
        best = np.sort(best, axis=1)[:, :k]
        if best.shape[1] < k or (best >= beyond).any():
            raise ValueError(f"fewer than {k} reference haplotypes are left after leaving out the query's own")
        nearest[block] = best % n_reference
    return nearest
