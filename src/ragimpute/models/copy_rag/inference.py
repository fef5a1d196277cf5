"""Imputing with copy_rag on a CPU: the network of ragimpute.models.copy_rag.network as one fused numba kernel.

The same formulas without gradients: what depends on the site alone is computed once for all samples (site_tables), and
nothing of size samples x sites x width is ever stored. torch, which takes two seconds to import, is not needed. The
tests hold the two together.
"""

import numpy as np
from numba import njit

from ragimpute.models.contract import Segments
from ragimpute.models.copy_rag import site_inputs as inputs
from ragimpute.models.copy_rag.attention_kernels import fill_keys, from_half, gather_rows, weigh
from ragimpute.models.copy_rag.inference_kernels import (
    fill_carried,
    fill_coordinates,
    fill_genotypes,
    fill_logits,
    weigh_group,
)
from ragimpute.models.copy_rag.site_network import Weights, contiguous, first_key_layer, known_of_sites, queries
from ragimpute.models.copy_rag.site_tables import CHUNK, PIECE, SiteTables, site_tables
from ragimpute.panel.folds import Fold
from ragimpute.parallel import in_threads
from ragimpute.vcf.imputed import Imputed


def kernel_dosages(
    weights: Weights,
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
    p = contiguous(weights)
    along = tables.coordinates
    width = len(along.mean_query)
    first = p["interaction.0.weight"]  # [J, D + 2]
    of_embedding, of_pair = first[:, :width], np.ascontiguousarray(first[:, width:])
    folded = np.ascontiguousarray(of_embedding @ p["value.weight"] @ along.to_key)  # [J, R]
    halves = segments.retrieved.features.view(np.uint16)
    key_weight, key_bias = first_key_layer(p)
    sharpness = np.float32(1 / temperature)  # 1 leaves the logits as they are, to the last bit
    n_sites, n_samples = len(fold.typed), fold.n_samples
    hds = np.empty((n_sites, n_samples, 2), dtype=np.float32)
    both = np.empty((n_sites, n_samples), dtype=np.float32)
    in_threads(
        _impute,
        threads,
        halves,
        segments.retrieved.neighbours,
        _earlier_phasings(fold),
        key_weight,
        key_bias,
        along.key_weight,
        along.key_bias,
        tables.sites,
        tables.chunks,
        tables.start,
        tables.size,
        tables.left,
        tables.right,
        tables.groups,
        tables.words,
        tables.carriers,
        tables.query,
        tables.side,
        tables.group,
        tables.share,
        tables.unseen,
        tables.calibration,
        tables.fixed,
        tables.flipped,
        folded,
        of_pair,
        p["interaction.2.weight"],
        p["interaction.2.bias"],
        sharpness,
        hds,
        both,
    )
    return Imputed.of_fold(fold, hds, both)


def _earlier_phasings(fold: Fold) -> np.ndarray:
    """For each of N samples those before it that are other phasings of it: [N, E] int64, -1 pads."""
    before: dict[str, list[int]] = {}
    found: list[list[int]] = []
    for number, name in enumerate(fold.samples):
        same = before.setdefault(name, [])
        found.append(list(same))
        same.append(number)
    most = max(map(len, found), default=0)
    table = np.full((len(found), most), -1, dtype=np.int64)
    for row, same in zip(table, found, strict=True):
        row[: len(same)] = same
    return table


def attention(weights: Weights, fold: Fold, segments: Segments, site: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each of the 2P haplotypes of `fold` would copy at the untyped site `site`; arguments of `kernel_dosages`.

    Returns flanks [2] int64, the typed sites to the left and to the right; carriers [2P, 2K] int64, the haplotypes
    retrieved at the one and then at the other; and their weight [2P, 2K] float32, the softmax of the network's
    attention scores, which sums to 1.
    """
    about = inputs.SiteInputs(fold, segments.described)
    p = contiguous(weights)
    before, _ = known_of_sites(p, about, np.array([site]))
    query = queries(p, before)[0]
    n_hap, _, k = segments.retrieved.neighbours.shape
    flanks = np.array([about.left[site], about.right[site]])
    carriers, weight = np.empty((n_hap, 2 * k), np.int64), np.empty((n_hap, 2 * k), np.float32)
    features = np.ascontiguousarray(segments.retrieved.features[:, flanks])
    haplotypes = np.ascontiguousarray(segments.retrieved.neighbours[:, flanks])
    key_weight, key_bias = first_key_layer(p)
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


@njit(cache=True, inline="always")
def _are_equal(halves, neighbours, first, second, start, stop):
    """Whether two haplotypes have the same neighbours with the same features at typed sites start .. stop - 1."""
    for t in range(start, stop):
        for i in range(neighbours.shape[2]):
            if neighbours[first, t, i] != neighbours[second, t, i]:
                return False
            for f in range(halves.shape[3]):
                if halves[first, t, i, f] != halves[second, t, i, f]:
                    return False
    return True


@njit(cache=True)
def _same_as(halves, neighbours, earlier, sample, start, stop):
    """Which of the samples `earlier` has both haplotypes of `sample` there, -1 if none; and 1 where they are turned."""
    first, second = 2 * sample, 2 * sample + 1
    for other in earlier:
        if other < 0:
            break
        for turned in range(2):
            one, another = 2 * other + turned, 2 * other + 1 - turned
            is_first = _are_equal(halves, neighbours, one, first, start, stop)
            if is_first and _are_equal(halves, neighbours, another, second, start, stop):
                return other, turned
    return -1, 0


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _impute(
    block, n_blocks, halves, neighbours, earlier, weight1, bias1, weight2, bias2, sites, chunks, start, size, left,
    right, groups, words, carriers, query, side, group, share, unseen, calibration, fixed, flipped, folded, pair_weight,
    last_weight, last_bias, sharpness, hds, both_alt,
):  # fmt: skip
    n_hap, _, k, n_features = halves.shape
    depth = query.shape[1]
    most_typed = 0
    for c in range(len(unseen)):
        most_typed = max(most_typed, right[chunks[c + 1] - 1] + 1 - left[chunks[c]])
    features = np.empty((k, n_features), np.float32)
    columns = np.empty((n_features, k), np.float32)
    bits = np.empty(2 * k, np.uint32)
    y = np.empty((most_typed, depth, k), np.float32)
    weight = np.empty((PIECE, 2 * k), np.float32)
    mean = np.empty((PIECE, depth), np.float32)
    tops, sums = np.empty(PIECE, np.float32), np.empty((PIECE, 2), np.float32)
    carried = np.zeros(CHUNK, np.float32)
    others = np.zeros(CHUNK, np.float32)
    top = np.zeros(CHUNK, np.float32)
    context = np.zeros((depth, CHUNK), np.float32)
    logit = np.empty((2, CHUNK), np.float32)
    pair = np.empty((len(folded), CHUNK), np.float32)
    p = np.empty((4, CHUNK), np.float32)
    for c in range(block, len(unseen), n_blocks):
        begin, end = chunks[c], chunks[c + 1]
        typed = left[begin]
        n_typed = right[end - 1] + 1 - typed
        for sample in range(n_hap // 2):
            known, turned = _same_as(halves, neighbours, earlier[sample], sample, typed, typed + n_typed)
            if known >= 0:
                for i in range(CHUNK):
                    s = sites[c, i]
                    if s >= 0:
                        hds[s, sample, 0], hds[s, sample, 1] = hds[s, known, turned], hds[s, known, 1 - turned]
                        both_alt[s, sample] = both_alt[s, known]
                continue
            context[:] = np.float32(0.0)
            for which in range(2):
                hap = 2 * sample + which
                fill_coordinates(
                    halves[hap, typed : typed + n_typed], weight1, bias1, weight2, bias2, features, columns,
                    y[:n_typed],
                )  # fmt: skip
                for m in range(begin, end):
                    at, n = start[m] - c * CHUNK, size[m]
                    of_piece = group[c, at : at + n]
                    near, far = left[m] - typed, right[m] - typed
                    for g in range(groups[m + 1] - groups[m]):
                        row = groups[m] + g
                        tops[g], sums[g, 0], sums[g, 1] = weigh_group(
                            query[row], side[row], y[near], y[far], weight[g], mean[g]
                        )
                    here = carriers[words[m] : words[m + 1]]
                    of_left, of_right = neighbours[hap, left[m]], neighbours[hap, right[m]]
                    fill_carried(here, of_left, of_right, bits, weight, of_piece, share[c], at, carried)
                    for i in range(n):
                        g = of_piece[i]
                        total = share[c, 0, at + i] * sums[g, 0] + share[c, 1, at + i] * sums[g, 1]
                        others[at + i] = max(total - carried[at + i], np.float32(0.0))
                        top[at + i] = tops[g]
                        for r in range(depth):
                            context[r, at + i] += mean[g, r]
                fill_logits(unseen[c], calibration[c], carried, others, top, logit[which])
            fill_genotypes(logit, context, fixed[c], folded, pair_weight, last_weight, last_bias, sharpness, pair, p)
            for i in range(CHUNK):
                s = sites[c, i]
                if s < 0:
                    continue
                if flipped[s]:
                    hds[s, sample, 0] = p[0, i] + p[1, i]
                    hds[s, sample, 1] = p[0, i] + p[2, i]
                    both_alt[s, sample] = p[0, i]
                else:
                    hds[s, sample, 0] = p[2, i] + p[3, i]
                    hds[s, sample, 1] = p[1, i] + p[3, i]
                    both_alt[s, sample] = p[3, i]
