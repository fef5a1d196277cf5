"""Imputing with copy_rag on a CPU: the network of ragimpute.models.copy_rag.network as one fused numba kernel.

The same formulas without gradients: what depends on the site alone is computed once for all samples, and nothing of
size samples x sites x width is ever stored. torch, which takes two seconds to import, is not needed. The tests hold the
two together.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numba import njit

from ragimpute.models.contract import Segments, SiteDescription
from ragimpute.models.copy_rag import site_inputs as inputs
from ragimpute.models.copy_rag.attention_kernels import AT_A_TIME, BLOCK, fill_keys, from_half, gather_rows, weigh
from ragimpute.models.copy_rag.inference_kernels import attend_block, fill_genotypes, fill_logits
from ragimpute.panel.folds import Fold
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import unpack_row
from ragimpute.vcf.imputed import Imputed

MASK = 2  # the token of an untyped allele
CHUNK = 64  # blocks whose genotypes are computed together: what they need stays in the cache


@dataclass(frozen=True)
class SiteTables:
    """What the kernel reads of the sites of a fold, the same for all its samples: L sites in M blocks of BLOCK."""

    sites: np.ndarray  # [L] int64; a short block repeats its last site
    left: np.ndarray  # [M] int64, the typed site to the left of each block
    right: np.ndarray  # [M] int64
    carriers: np.ndarray  # [M, H] uint8, of which bit i is of the block's site i
    flipped: np.ndarray  # [S] bool, where the minor allele is REF
    query: np.ndarray  # [M, BLOCK, D] float32
    side: np.ndarray  # [M, BLOCK, 2] float32, what a site adds to left and to right keys
    unseen: np.ndarray  # [chunks, 2, CHUNK * BLOCK] float32, log weight of what is not among the neighbours
    calibration: np.ndarray  # [chunks, 2, CHUNK * BLOCK] float32, log scale and bias
    fixed: np.ndarray  # [chunks, J, CHUNK * BLOCK] float32, the interaction's part that is the site's alone


def site_tables(
    weights: Mapping[str, np.ndarray], fold: Fold, described: SiteDescription, threads: int = 1
) -> SiteTables:
    """The tables of the untyped sites of `fold`; `described` as for its architecture."""
    about = inputs.SiteInputs(fold, described)
    p = _contiguous(weights)
    sites, left, right, carriers = _blocks(about, np.flatnonzero(~fold.typed), threads)
    before, log_frequencies = _embed(p, about, sites)
    width = before.shape[1]
    query = _query(p, before)
    query_blocks = np.ascontiguousarray(query[:, :width]).reshape(-1, BLOCK, width)
    side_blocks = np.ascontiguousarray(query[:, width:]).reshape(-1, BLOCK, 2)
    unseen = _linear(p, "background", before) + log_frequencies  # [L, 2]
    calibration = _linear(p, "calibration", before)  # [L, 2], log scale and bias
    calibration[:, 0] = calibration[:, 0].clip(-inputs.MOST_LOG_SCALE, inputs.MOST_LOG_SCALE)
    # the interaction reads 2 before + V c1 + V c2: its first layer, folded over the value projection of the contexts
    of_embedding = p["interaction.0.weight"][:, :width]  # [J, D]
    fixed = 2 * (before + p["value.bias"]) @ of_embedding.T + p["interaction.0.bias"]  # [L, J]
    return SiteTables(
        sites, left, right, carriers, about.flipped, query_blocks, side_blocks,
        _chunks(unseen), _chunks(calibration), _chunks(fixed),
    )  # fmt: skip


def kernel_dosages(
    weights: Mapping[str, np.ndarray],
    fold: Fold,
    segments: Segments,
    threads: int = 1,
    temperature: float = 1.0,
    tables: SiteTables | None = None,
) -> Imputed:
    """The imputed genotypes of the samples of `fold`, none of which is in its reference, at all S sites.

    `weights` are those of ragimpute.models.copy_rag.network.CopyRag by their names; `segments` as for its
    architecture; `tables` are `site_tables` of any samples at these sites, computed here without them. The logits of
    genotypes are divided by `temperature`. Typed sites keep the observed alleles, and a site with one allele in the
    whole reference gets that one.
    """
    tables = tables or site_tables(weights, fold, segments.described, threads)
    p = _contiguous(weights)
    width = tables.query.shape[2]
    first = p["interaction.0.weight"]  # [J, D + 2]
    of_embedding, of_pair = first[:, :width], np.ascontiguousarray(first[:, width:])
    folded = of_embedding @ p["value.weight"]  # [J, D]
    halves = segments.retrieved.features.view(np.uint16)
    key_weight, key_bias = _first_layer(p)
    sharpness = np.float32(1 / temperature)  # 1 leaves the logits as they are, to the last bit
    n_sites, n_samples = len(fold.typed), fold.n_samples
    hds = np.empty((n_sites, n_samples, 2), dtype=np.float32)
    both = np.empty((n_sites, n_samples), dtype=np.float32)
    in_threads(
        _impute,
        threads,
        halves,
        segments.retrieved.neighbours,
        key_weight,
        key_bias,
        p["key.2.weight"],
        p["key.2.bias"],
        tables.sites,
        tables.left,
        tables.right,
        tables.carriers,
        tables.flipped,
        tables.query,
        tables.side,
        tables.unseen,
        tables.calibration,
        tables.fixed,
        folded,
        of_pair,
        p["interaction.2.weight"],
        p["interaction.2.bias"],
        sharpness,
        hds,
        both,
    )
    return Imputed.of_fold(fold, hds, both)


def _blocks(about: inputs.SiteInputs, untyped: np.ndarray, threads: int) -> tuple[np.ndarray, ...]:
    """The untyped sites in blocks of BLOCK between the same two typed sites; a short block repeats its last site.

    The last block is repeated until there are whole chunks of M blocks. Returns sites [M * BLOCK] int64; left, right
    [M] int64, the typed sites around each block; and carriers [M, H] uint8, whose bit i tells whether the haplotype
    carries the minor allele of the block's site i.
    """
    left, right = about.left[untyped], about.right[untyped]
    changes = (np.diff(left, prepend=-1) != 0) | (np.diff(right, prepend=-1) != 0)
    starts = np.flatnonzero(changes)  # of each interval
    sizes = np.diff(starts, append=len(untyped))
    n_blocks = -(-sizes // BLOCK)
    blocks_before = np.repeat(np.cumsum(n_blocks) - n_blocks, n_blocks)
    number = np.arange(n_blocks.sum()) - blocks_before  # within the interval
    first = np.repeat(starts, n_blocks) + BLOCK * number
    last = np.repeat(starts + sizes - 1, n_blocks)
    n_whole = -(-len(first) // CHUNK) * CHUNK
    whole = np.minimum(np.arange(n_whole), len(first) - 1)
    first, last = first[whole], last[whole]
    places = np.minimum(first[:, None] + np.arange(BLOCK), last[:, None])
    sites = untyped[places]  # [M, BLOCK]
    packed = about.fold.reference.alleles
    carriers = np.empty((len(sites), packed.shape[1]), np.uint8)
    in_threads(_fill_carriers, threads, packed.bits(slice(None)), about.flipped, sites, carriers)
    return sites.reshape(-1), left[first], right[first], carriers


@njit(cache=True, nogil=True)
def _fill_carriers(block, n_blocks, packed, flipped, sites, carriers):
    row = np.empty(carriers.shape[1], np.uint8)
    for m in range(block, len(sites), n_blocks):
        for i in range(sites.shape[1]):
            unpack_row(packed[sites[m, i]], row)
            minor_is_ref = np.uint8(flipped[sites[m, i]])
            for h in range(len(row)):
                bit = np.uint8((row[h] ^ minor_is_ref) << np.uint8(i))
                carriers[m, h] = bit if i == 0 else carriers[m, h] | bit


def _chunks(x: np.ndarray) -> np.ndarray:
    """[L, C] as [chunks, C, CHUNK * BLOCK]."""
    chunks = x.reshape(-1, CHUNK * BLOCK, x.shape[1])
    return np.ascontiguousarray(chunks.transpose(0, 2, 1))


def attention(
    weights: Mapping[str, np.ndarray], fold: Fold, segments: Segments, site: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each of the 2P haplotypes of `fold` would copy at the untyped site `site`; arguments of `kernel_dosages`.

    Returns flanks [2] int64, the typed sites to the left and to the right; carriers [2P, 2K] int64, the haplotypes
    retrieved at the one and then at the other; and their weight [2P, 2K] float32, the softmax of the network's
    attention scores, which sums to 1.
    """
    about = inputs.SiteInputs(fold, segments.described)
    p = _contiguous(weights)
    before, _ = _embed(p, about, np.array([site]))
    query = _query(p, before)[0]
    n_hap, _, k = segments.retrieved.neighbours.shape
    flanks = np.array([about.left[site], about.right[site]])
    carriers, weight = np.empty((n_hap, 2 * k), np.int64), np.empty((n_hap, 2 * k), np.float32)
    features = np.ascontiguousarray(segments.retrieved.features[:, flanks])
    haplotypes = np.ascontiguousarray(segments.retrieved.neighbours[:, flanks])
    key_weight, key_bias = _first_layer(p)
    width = before.shape[1]
    _attention(
        features.view(np.uint16),
        haplotypes,
        key_weight,
        key_bias,
        p["key.2.weight"],
        p["key.2.bias"],
        query[:width],
        query[width:],
        carriers,
        weight,
    )
    return flanks, carriers, weight


def _contiguous(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}


def _embed(p: Mapping[str, np.ndarray], about: inputs.SiteInputs, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the network knows of `sites` [L] without any neighbour: [L, D], and log frequencies [L, 2]."""
    known = about.features(np.array([0]), sites)
    site = np.nan_to_num(_normalised(known.features[0]))
    before = p["token.weight"][MASK] + _embedded(p, site)
    return before, np.stack([known.log_maf[0], known.log_major[0]], axis=1)


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
def _keys(halves, first, weight1, bias1, weight2, bias2, features, columns, hidden, wide, keys):
    """Fill keys [n, D, K] of the typed sites from `first` on, all from `halves` [T, K, F]; the others are scratch."""
    at_a_time = wide.shape[1] // keys.shape[2]
    for start in range(0, len(keys), at_a_time):
        start = min(start, len(keys) - at_a_time)  # the last ones may be computed twice
        stop = start + at_a_time
        from_half(halves[first + start : first + stop].reshape(-1), features.reshape(-1))
        fill_keys(features, weight1, bias1, weight2, bias2, columns, hidden, wide, keys[start:stop])


@njit(fastmath=True, cache=True)
def _attention(halves, neighbours, weight1, bias1, weight2, bias2, query, side, carriers, weight):
    n_hap, n_flanks, k, n_features = halves.shape
    n = n_flanks * k
    features = np.empty((n, n_features), np.float32)
    columns = np.empty((n_features, n), np.float32)
    hidden = np.empty((len(bias1), n), np.float32)
    wide = np.empty((len(bias2), n), np.float32)
    keys = np.empty((n_flanks, len(bias2), k), np.float32)
    both = np.empty((len(bias2), n), np.float32)
    for hap in range(n_hap):
        _keys(halves[hap], 0, weight1, bias1, weight2, bias2, features, columns, hidden, wide, keys)
        gather_rows(keys, neighbours[hap], 0, 1, both, carriers[hap])
        weigh(query, side, both, weight[hap])
        weight[hap] /= weight[hap].sum()


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _impute(
    block, n_blocks, halves, neighbours, weight1, bias1, weight2, bias2, sites, left, right, carriers, flipped, query,
    side, unseen, calibration, fixed, folded, pair_weight, last_weight, last_bias, sharpness, hds, both_alt,
):  # fmt: skip
    n_hap, n_typed, k, n_features = halves.shape
    depth, n_chunks, chunk = query.shape[-1], len(unseen), unseen.shape[-1]
    per_chunk = chunk // BLOCK
    rows = min(n_typed, AT_A_TIME) * k
    features = np.empty((rows, n_features), np.float32)
    columns = np.empty((n_features, rows), np.float32)
    hidden = np.empty((len(bias1), rows), np.float32)
    wide = np.empty((depth, rows), np.float32)
    keys = np.empty((n_typed, depth, k), np.float32)
    weight = np.empty((BLOCK, 2 * k), np.float32)
    inverse = np.empty(BLOCK, np.float32)
    both = np.empty((depth, 2 * k), np.float32)
    copied = np.empty(2 * k, np.int64)  # the haplotypes of the 2K keys
    bits = np.empty(2 * k, np.int32)
    mean = np.empty((depth, BLOCK), np.float32)
    carried = np.empty(chunk, np.float32)
    others = np.empty(chunk, np.float32)
    top = np.empty(chunk, np.float32)
    context = np.empty((depth, chunk), np.float32)
    logit = np.empty((2, chunk), np.float32)
    pair = np.empty((len(folded), chunk), np.float32)
    p = np.empty((4, chunk), np.float32)
    for c in range(block, n_chunks, n_blocks):
        begin, end = c * per_chunk, (c + 1) * per_chunk
        # the typed sites that this chunk needs, at least as many as are computed together
        stop = max(right[end - 1] + 1, min(n_typed, AT_A_TIME))
        first = max(0, min(left[begin], stop - AT_A_TIME))
        for sample in range(n_hap // 2):
            context[:] = np.float32(0.0)
            for which in range(2):
                hap = 2 * sample + which
                _keys(
                    halves[hap], first, weight1, bias1, weight2, bias2, features, columns, hidden, wide,
                    keys[first:stop],
                )  # fmt: skip
                for m in range(begin, end):
                    if m == begin or left[m] != left[m - 1] or right[m] != right[m - 1]:
                        gather_rows(keys, neighbours[hap], left[m], right[m], both, copied)
                    for i in range(2 * k):
                        bits[i] = carriers[m, copied[i]]
                    at = (m - begin) * BLOCK
                    part = slice(at, at + BLOCK)
                    attend_block(
                        query[m], side[m], both, bits, weight, inverse, carried[part], others[part], top[part], mean
                    )
                    for d in range(depth):
                        for r in range(BLOCK):
                            context[d, at + r] += mean[d, r]
                fill_logits(unseen[c], calibration[c], carried, others, top, logit[which])
            fill_genotypes(logit, context, fixed[c], folded, pair_weight, last_weight, last_bias, sharpness, pair, p)
            for i in range(chunk):
                s = sites[c * chunk + i]
                if flipped[s]:
                    hds[s, sample, 0] = p[0, i] + p[1, i]
                    hds[s, sample, 1] = p[0, i] + p[2, i]
                    both_alt[s, sample] = p[0, i]
                else:
                    hds[s, sample, 0] = p[2, i] + p[3, i]
                    hds[s, sample, 1] = p[1, i] + p[3, i]
                    both_alt[s, sample] = p[3, i]
