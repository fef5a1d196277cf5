"""Scores of copy_rag in few coordinates: the queries of sites differ in two or three directions, whatever their width.

A score is the product of a site's query and a neighbour's key, D numbers each. It is written as x . y, where x[0] is 1
and the other x say how the query differs from the mean query. Most directions add nearly nothing to the scores: they
are left out as far as a tolerance allows. What is typical is taken from sites and neighbours whose normalised features
are drawn at random, so that it depends on the weights alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ragimpute.models.copy_rag import site_network

DRAWN = 4096  # sites and neighbours
SEED = 0
STEP = 4  # the number of coordinates is a multiple of it, as the kernels take four at a time
LEFT_OUT = 0.25  # of the tolerance: the most that the directions that are left out may add to a score
FLOOR = 1e-7  # of the largest variance of keys: directions without any variance have to be divided by something


@dataclass(frozen=True)
class Coordinates:
    """R coordinates of queries, whose differences are in units of a typical spread of scores, and of keys; float32."""

    mean_query: np.ndarray  # [D], the query at x = (1, 0, 0, ..)
    of_query: np.ndarray  # [D, R], what a query's difference from the mean adds to x
    key_weight: np.ndarray  # [R, J], y from the hidden layer of a neighbour's features
    key_bias: np.ndarray  # [R]
    to_key: np.ndarray  # [D, R], the key that is most likely given its y
    key_constant: np.ndarray  # [D], what is added to it

    def of_queries(self, query: np.ndarray) -> np.ndarray:
        """x [L, R] of queries [L, D]."""
        x = (query - self.mean_query) @ self.of_query
        x[:, 0] = 1.0
        return np.ascontiguousarray(x)


def coordinates(p: Mapping[str, np.ndarray], tolerance: float) -> Coordinates:
    """The coordinates for a network with the weights `p`, float32 arrays by their names.

    tolerance: of scores, in units of their typical spread over the neighbours of a site; with 0 nothing is left out.
    """
    rng = np.random.default_rng(SEED)
    key = _drawn_keys(p, rng)
    query = _drawn_queries(p, rng)
    mean_query = query.mean(axis=0)
    spread, inverse = _roots(np.cov(key.T))
    differences = (query - mean_query) @ spread  # [N, D], in units of scores
    variance, directions = np.linalg.eigh(np.cov(differences.T))
    variance, directions = variance[::-1], directions[:, ::-1]  # the largest first
    n = -(-(_number_needed(variance, LEFT_OUT * tolerance) + 1) // STEP) * STEP
    width = key.shape[1]
    kept = min(width, n - 1)  # what fills up the last four costs nothing
    of_query, of_key = np.zeros((width, n)), np.zeros((n, width))
    of_query[:, 1 : kept + 1] = spread @ directions[:, :kept]
    of_key[0] = mean_query
    of_key[1 : kept + 1] = directions[:, :kept].T @ inverse
    y = key @ of_key.T
    known = np.column_stack([y, np.ones(len(y))])
    back = np.linalg.lstsq(known, key, rcond=1e-9)[0]  # [R + 1, D]
    arrays = (
        mean_query,
        of_query,
        of_key @ p["key.2.weight"],
        of_key @ p["key.2.bias"],
        back[:-1].T,
        back[-1],
    )
    return Coordinates(*(np.ascontiguousarray(array, dtype=np.float32) for array in arrays))


def _drawn_keys(p: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The keys [N, D] of neighbours with random features, float64."""
    features = rng.standard_normal((DRAWN, p["key.0.weight"].shape[1]))
    hidden = np.maximum(features @ p["key.0.weight"].T + p["key.0.bias"], 0)
    return hidden @ p["key.2.weight"].T + p["key.2.bias"]


def _drawn_queries(p: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The queries [N, D] of sites with random features, float64."""
    site = rng.standard_normal((DRAWN, p["site.0.weight"].shape[1])).astype(np.float32)
    width = p["token.weight"].shape[1]
    return site_network.queries(p, site_network.embedded(p, site))[:, :width].astype(np.float64)


def _roots(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The symmetric square root of a covariance [D, D], and its inverse."""
    variance, directions = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(variance, FLOOR * variance[-1]))
    return (directions * root) @ directions.T, (directions / root) @ directions.T


def _number_needed(variance: np.ndarray, most: float) -> int:
    """How many of the directions with `variance` [D], in falling order, leave no more than `most` to the others."""
    left_out = np.cumsum(np.maximum(variance, 0)[::-1])[::-1]  # [D], of this direction and all later ones
    return int((left_out > most**2).sum())
