"""copy_rag without torch: the part of the network that reads a site alone, and the first layer of the keys."""

import math
from collections.abc import Mapping

import numba
import numpy as np

from ragimpute.models.copy_rag import site_inputs as inputs

MASK = 2  # the token of an untyped allele

Weights = Mapping[str, np.ndarray]  # of ragimpute.models.copy_rag.network.CopyRag by their names, float32


def contiguous(weights: Weights) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}


def known_of_sites(p: Weights, about: inputs.SiteInputs, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the network knows of `sites` [L] without any neighbour: [L, D], and log frequencies [L, 2]."""
    known = about.features(np.array([0]), sites)
    site = np.nan_to_num(_normalised(known.features[0]))
    return embedded(p, site), np.stack([known.log_maf[0], known.log_major[0]], axis=1)


def embedded(p: Weights, site: np.ndarray) -> np.ndarray:
    """The embedding [L, D] of sites with normalised features [L, Q]: three linear layers with GELU between them."""
    hidden = _gelu(linear(p, "site.0", site))
    return p["token.weight"][MASK] + linear(p, "site.4", _gelu(linear(p, "site.2", hidden)))


def queries(p: Weights, before: np.ndarray) -> np.ndarray:
    """Queries [L, D + 2]; the last two are what a site adds to left and to right keys."""
    return linear(p, "query", before) / np.float32(math.sqrt(before.shape[1]))


def linear(p: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def first_key_layer(p: Weights) -> tuple[np.ndarray, np.ndarray]:
    """The keys' first layer with the normalisation of the features folded in."""
    mean, spread = np.array(inputs.FEATURE_MEAN, np.float32), np.array(inputs.FEATURE_SPREAD, np.float32)
    weight = p["key.0.weight"] / spread
    return np.ascontiguousarray(weight), p["key.0.bias"] - weight @ mean


@numba.vectorize(cache=True)
def _gelu(x):
    return np.float32(0.5) * x * np.float32(1.0 + math.erf(x / math.sqrt(2.0)))


def _normalised(site: np.ndarray) -> np.ndarray:
    mean, spread = np.array(inputs.SITE_MEAN, np.float32), np.array(inputs.SITE_SPREAD, np.float32)
    return (site - mean) / spread
