"""Imputing with copy_rag on a CPU: the network of ragimpute.models.copy_rag as one fused numba kernel.

The same formulas without gradients: what depends on the site alone is computed once for all people, and nothing of size
people x sites x width is ever stored. torch, which takes two seconds to import, is not needed. The tests hold the two
together.
"""

import math
from collections.abc import Mapping

import numba
import numpy as np
from numba import njit, prange

from ragimpute.folds import Fold
from ragimpute.models import copy_rag_inputs as inputs
from ragimpute.models.copy_kernels import attend, fill_keys, from_half, gather, weigh
from ragimpute.vcf.imputed import Imputed

MASK = 2  # the token of an untyped allele


def impute(weights: Mapping[str, np.ndarray], fold: Fold, segments: dict[str, np.ndarray], threads: int = 1) -> Imputed:
    """The imputed genotypes of the people of `fold`, none of whom is in its reference, at all S sites.

    `weights` are those of ragimpute.models.copy_rag.CopyRag by their names; `segments` as for its architecture. Typed
    sites keep the observed alleles, and a site with one allele in the whole reference gets that one.
    """
    about = inputs.SiteInputs(fold, segments)
    sites = np.flatnonzero(~fold.typed)
    p = _contiguous(weights)
    before, log_frequencies = _embed(p, about, sites)
    width = before.shape[1]
    query = _query(p, before)
    unseen = _linear(p, "background", before) + log_frequencies  # [L, 2]
    calibration = _linear(p, "calibration", before)  # [L, 2], log scale and bias
    # the interaction reads 2 before + V c1 + V c2: its first layer, folded over the value projection of the contexts
    first = p["interaction.0.weight"]  # [J, D + 2]
    fixed = 2 * (before + p["value.bias"]) @ first[:, :width].T + p["interaction.0.bias"]  # [L, J]
    folded = np.ascontiguousarray((first[:, :width] @ p["value.weight"]).T)  # [D, J]
    n_sites, n_people = len(fold.typed), fold.n_people
    hds = np.empty((n_sites, n_people, 2), dtype=np.float32)
    both = np.empty((n_sites, n_people), dtype=np.float32)
    numba.set_num_threads(threads)
    _impute(
        segments["features"].view(np.uint16),
        segments["neighbours"],
        *_first_layer(p),
        p["key.2.weight"],
        p["key.2.bias"],
        sites,
        about.left[sites],
        about.right[sites],
        about.minor,
        about.flipped,
        np.ascontiguousarray(query[:, :width]),
        np.ascontiguousarray(query[:, width:]),
        unseen,
        np.exp(calibration[:, 0]),
        calibration[:, 1],
        fixed,
        folded,
        np.ascontiguousarray(first[:, width:].T),
        p["interaction.2.weight"],
        p["interaction.2.bias"],
        hds,
        both,
    )
    return Imputed.of_fold(fold, hds, both)


def attention(
    weights: Mapping[str, np.ndarray], fold: Fold, segments: dict[str, np.ndarray], site: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whom each of the 2P haplotypes of `fold` would copy at the untyped site `site`, arguments as for `impute`.

    Returns flanks [2] int64, the typed sites to the left and to the right; carriers [2P, 2K] int64, the haplotypes
    retrieved at the one and then at the other; and their weight [2P, 2K] float32, the softmax of the network's
    attention scores, which sums to 1.
    """
    about, sites, p = inputs.SiteInputs(fold, segments), np.array([site]), _contiguous(weights)
    before, _ = _embed(p, about, sites)
    query = _query(p, before)[0]
    n_hap, _, k = segments["neighbours"].shape
    flanks = np.array([about.left[site], about.right[site]])
    carriers, weight = np.empty((n_hap, 2 * k), np.int64), np.empty((n_hap, 2 * k), np.float32)
    _attention(
        np.ascontiguousarray(segments["features"][:, flanks]).view(np.uint16),
        np.ascontiguousarray(segments["neighbours"][:, flanks]),
        *_first_layer(p),
        p["key.2.weight"],
        p["key.2.bias"],
        query[: before.shape[1]],
        query[before.shape[1] :],
        carriers,
        weight,
    )
    return flanks, carriers, weight


def _contiguous(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}


def _embed(p: Mapping[str, np.ndarray], about: inputs.SiteInputs, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the network knows of `sites` [L] before it looks at anybody: [L, D], and log frequencies [L, 2]."""
    site, log_maf, log_major = (x[0] for x in about.features(np.array([0]), sites))
    before = p["token.weight"][MASK] + _embedded(p, np.nan_to_num(_normalised(site)))
    return before, np.stack([log_maf, log_major], axis=1)


def _query(p: Mapping[str, np.ndarray], before: np.ndarray) -> np.ndarray:
    """Queries [L, D + 2]; the last two are what a site adds to left and to right keys."""
    return _linear(p, "query", before) / np.float32(math.sqrt(before.shape[1]))


def _linear(p: Mapping[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _embedded(p: Mapping[str, np.ndarray], site: np.ndarray) -> np.ndarray:
    """The site network: three linear layers with GELU between them."""
    hidden = _gelu(_linear(p, "site.0", site))
    return _linear(p, "site.4", _gelu(_linear(p, "site.2", hidden)))


@numba.vectorize(cache=True)
def _gelu(x):
    return np.float32(0.5) * x * np.float32(1.0 + math.erf(x / math.sqrt(2.0)))


def _normalised(site: np.ndarray) -> np.ndarray:
    mean, spread = np.array(inputs.SITE_MEAN, np.float32), np.array(inputs.SITE_SPREAD, np.float32)
    return (site - mean) / spread


def _first_layer(p: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The keys' first layer with the normalisation of the features folded in."""
    mean, spread = np.array(inputs.FEATURE_MEAN, np.float32), np.array(inputs.FEATURE_SPREAD, np.float32)
    weight = p["key.0.weight"] / spread
    return np.ascontiguousarray(weight), p["key.0.bias"] - weight @ mean


@njit(fastmath=True, cache=True, inline="always")
def _log_add_exp(a, b):
    top = max(a, b)
    return top + np.log(np.float32(1.0) + np.exp(min(a, b) - top))


@njit(fastmath=True, cache=True)
def _attention(halves, neighbours, weight1, bias1, weight2, bias2, query, side, carriers, weight):
    n_hap, n_flanks, k, n_features = halves.shape
    features = np.empty((k, n_features), np.float32)
    columns, hidden = np.empty((n_features, k), np.float32), np.empty((len(bias1), k), np.float32)
    keys = np.empty((n_flanks, len(bias2), k), np.float32)
    both, bits = np.empty((len(bias2), 2 * k), np.float32), np.empty(2 * k, np.int32)
    for hap in range(n_hap):
        for t in range(n_flanks):
            from_half(halves[hap, t], features)
            fill_keys(features, weight1, bias1, weight2, bias2, columns, hidden, keys[t])
        gather(keys, neighbours[hap], 0, 1, both, carriers[hap])
        weigh(query, side, both, weight[hap], bits, bits.view(np.float32))
        weight[hap] /= weight[hap].sum()


@njit(parallel=True, fastmath=True, cache=True)
def _impute(
    halves, neighbours, weight1, bias1, weight2, bias2, sites, left, right, minor, flipped, query, side, unseen,
    scale, bias, fixed, folded, pair_weight, last_weight, last_bias, hds, both_alt,
):  # fmt: skip
    n_hap, n_typed, k, n_features = halves.shape
    length, depth = query.shape
    width = fixed.shape[1]
    for person in prange(n_hap // 2):
        features = np.empty((k, n_features), np.float32)
        columns, hidden = np.empty((n_features, k), np.float32), np.empty((len(bias1), k), np.float32)
        keys = np.empty((2, n_typed, depth, k), np.float32)
        for side_of in range(2):
            hap = 2 * person + side_of
            for t in range(n_typed):
                from_half(halves[hap, t], features)
                fill_keys(features, weight1, bias1, weight2, bias2, columns, hidden, keys[side_of, t])
        weight, carries = np.empty(2 * k, np.float32), np.empty(2 * k, np.float32)
        bits = np.empty(2 * k, np.int32)
        power = bits.view(np.float32)
        both, carriers = np.empty((2, depth, 2 * k), np.float32), np.empty((2, 2 * k), np.int64)
        context = np.empty((2, depth), np.float32)
        logit, pair = np.empty(2, np.float32), np.empty(width, np.float32)
        for i in range(length):
            s, a, b = sites[i], left[i], right[i]
            for which in range(2):
                hap = 2 * person + which
                if i == 0 or a != left[i - 1] or b != right[i - 1]:
                    gather(keys[which], neighbours[hap], a, b, both[which], carriers[which])
                top = weigh(query[i], side[i], both[which], weight, bits, power)
                log_carried, log_others = attend(
                    weight, top, both[which], carriers[which], minor[s], carries, context[which]
                )
                evidence = _log_add_exp(log_carried, unseen[i, 0]) - _log_add_exp(log_others, unseen[i, 1])
                logit[which] = scale[i] * evidence + bias[i]
            first, second = np.tanh(logit[0] / np.float32(4.0)), np.tanh(logit[1] / np.float32(4.0))
            total, product = first + second, first * second
            for j in range(width):
                pair[j] = fixed[i, j] + pair_weight[0, j] * total + pair_weight[1, j] * product
            for d in range(depth):
                value = context[0, d] + context[1, d]
                for j in range(width):
                    pair[j] += folded[d, j] * value
            none, one, two = last_bias[0], last_bias[1], last_bias[2]
            for j in range(width):
                value = max(pair[j], np.float32(0.0))
                none += last_weight[0, j] * value
                one += last_weight[1, j] * value
                two += last_weight[2, j] * value
            # softmax over minor alleles (0, 0), (0, 1), (1, 0), (1, 1)
            z1, z2, z3 = one + logit[1] - none, one + logit[0] - none, two + logit[0] + logit[1] - none
            high = max(max(np.float32(0.0), z1), max(z2, z3))
            p0, p1 = np.exp(-high), np.exp(z1 - high)
            p2, p3 = np.exp(z2 - high), np.exp(z3 - high)
            inverse = np.float32(1.0) / (p0 + p1 + p2 + p3)
            if flipped[s]:
                hds[s, person, 0] = (p0 + p1) * inverse
                hds[s, person, 1] = (p0 + p2) * inverse
                both_alt[s, person] = p0 * inverse
            else:
                hds[s, person, 0] = (p2 + p3) * inverse
                hds[s, person, 1] = (p1 + p3) * inverse
                both_alt[s, person] = p3 * inverse
