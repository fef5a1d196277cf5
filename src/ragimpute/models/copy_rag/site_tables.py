"""copy_rag on a CPU: what depends on the sites of a fold alone, computed once for all samples.

Sites between the same two typed sites read the same keys. Those of them whose queries are alike share one query, so
that the weights of the neighbours are computed once for all of them; what differs is who carries the allele.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from ragimpute.models.contract import SiteDescription
from ragimpute.models.copy_rag import site_inputs as inputs
from ragimpute.models.copy_rag.coordinates import Coordinates, coordinates
from ragimpute.models.copy_rag.site_network import Weights, contiguous, known_of_sites, linear, queries
from ragimpute.panel.folds import Fold
from ragimpute.parallel import in_threads
from ragimpute.retrieval.bits import unpack_row

CHUNK = 512  # sites that are computed together: what they need stays in the cache
WORD = 32  # sites whose carriers are the bits of one number
PIECE = 4 * WORD  # sites between the same two typed sites that are taken together, at most
# how far a site's query may be from the one it shares, in units of the typical spread of scores (docs/scaling.md)
TOLERANCE = 0.3


@dataclass(frozen=True)
class SiteTables:
    """What the kernel reads of the untyped sites of a fold: L sites in M pieces, these in C chunks of CHUNK places.

    Places are counted over all chunks; a chunk that its pieces do not fill has unused places at its end.
    """

    coordinates: Coordinates
    sites: np.ndarray  # [C, CHUNK] int64, the panel's site at each place; -1: unused
    chunks: np.ndarray  # [C + 1] int64, the first piece of each chunk, and M
    start: np.ndarray  # [M] int64, the place of each piece's first site
    size: np.ndarray  # [M] int64, its number of sites
    left: np.ndarray  # [M] int64, the typed site to the left of it
    right: np.ndarray  # [M] int64
    groups: np.ndarray  # [M + 1] int64, the first group of each piece, and the number of groups G
    words: np.ndarray  # [M + 1] int64, the first word of each piece, and the number of words W
    carriers: np.ndarray  # [W, H] uint32, of which bit i is of the word's site i
    query: np.ndarray  # [G, R] float32, the coordinates that a group's sites share
    side: np.ndarray  # [G, 2] float32, what a group adds to left and to right keys
    group: np.ndarray  # [C, CHUNK] int32, the group of each place, counted from its piece's first one
    share: np.ndarray  # [C, 2, CHUNK] float32, by what a site multiplies its group's weights of left and right keys
    unseen: np.ndarray  # [C, 2, CHUNK] float32, log weight of what is not among the neighbours
    calibration: np.ndarray  # [C, 2, CHUNK] float32, scale and bias
    fixed: np.ndarray  # [C, J, CHUNK] float32, the interaction's part that is the site's alone
    flipped: np.ndarray  # [S] bool, where the minor allele is REF


def site_tables(
    weights: Weights, fold: Fold, described: SiteDescription, threads: int = 1, tolerance: float = TOLERANCE
) -> SiteTables:
    """The tables of the untyped sites of `fold`; `described` as for its architecture.

    With a `tolerance` of 0 no two sites share a query unless it is the same, and no direction of it is left out.
    """
    about = inputs.SiteInputs(fold, described)
    p = contiguous(weights)
    along = coordinates(p, tolerance)
    untyped = np.flatnonzero(~fold.typed)
    first, left, right = _pieces(about, untyped)
    before, log_frequencies = known_of_sites(p, about, untyped)
    width = before.shape[1]
    query = queries(p, before)
    x, side = along.of_queries(query[:, :width]), query[:, width:]

    group, n_groups = np.empty(len(untyped), np.int64), np.empty(len(left), np.int64)
    _group(x, first, np.float32(tolerance), group, n_groups)
    groups = _starts(n_groups)
    size = np.diff(first)
    number = group + np.repeat(groups[:-1], size)  # over all pieces
    order = np.argsort(number, kind="stable")
    group, number, sites = group[order], number[order], untyped[order]
    x, side, before, log_frequencies = x[order], side[order], before[order], log_frequencies[order]
    of_group, members = np.searchsorted(number, np.arange(groups[-1])), np.bincount(number, minlength=groups[-1])
    shared_x = np.add.reduceat(x, of_group) / members[:, None].astype(np.float32)
    shared_side = np.add.reduceat(side, of_group) / members[:, None].astype(np.float32)
    share = np.exp(side - shared_side[number])

    words = _starts(-(-size // WORD))
    carriers = np.empty((words[-1], fold.reference.n_haplotypes), np.uint32)
    packed = fold.reference.alleles.bits(slice(None))
    in_threads(_fill_carriers, threads, packed, about.flipped, sites, first, words, carriers)

    unseen = linear(p, "background", before) + log_frequencies  # [L, 2]
    calibration = linear(p, "calibration", before)  # [L, 2], log scale and bias
    calibration[:, 0] = np.exp(calibration[:, 0].clip(-inputs.MOST_LOG_SCALE, inputs.MOST_LOG_SCALE))
    # the interaction reads 2 before + V c1 + V c2: its first layer, folded over the value projection of the contexts
    of_embedding = p["interaction.0.weight"][:, :width]  # [J, D]
    constant = p["value.bias"] + p["value.weight"] @ along.key_constant
    fixed = 2 * (before + constant) @ of_embedding.T + p["interaction.0.bias"]  # [L, J]
    chunks, start = _chunks(size)
    place = np.repeat(start - first[:-1], size) + np.arange(len(sites))

    def placed(values: np.ndarray) -> np.ndarray:
        """Values [L, V] of the sites as [C, V, CHUNK], zeros at unused places."""
        whole = np.zeros(((len(chunks) - 1) * CHUNK, values.shape[1]), values.dtype)
        whole[place] = values
        by_chunk = whole.reshape(-1, CHUNK, values.shape[1])
        return np.ascontiguousarray(by_chunk.transpose(0, 2, 1))

    return SiteTables(
        along, placed(sites[:, None] + 1)[:, 0] - 1, chunks, start, size, left, right, groups, words, carriers,
        shared_x, shared_side, placed(group[:, None].astype(np.int32))[:, 0], placed(share), placed(unseen),
        placed(calibration), placed(fixed), about.flipped,
    )  # fmt: skip


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Where each of consecutive parts with `sizes` [M] starts, and where the last one ends: [M + 1] int64."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _pieces(about: inputs.SiteInputs, untyped: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The untyped sites [L] in M pieces of at most PIECE between the same two typed sites.

    Returns the first of each piece in `untyped`, and L: [M + 1]; and the typed sites to its left and right [M].
    """
    left, right = about.left[untyped], about.right[untyped]
    changes = (np.diff(left, prepend=-1) != 0) | (np.diff(right, prepend=-1) != 0)
    starts = np.flatnonzero(changes)  # of each interval
    sizes = np.diff(starts, append=len(untyped))
    n_pieces = -(-sizes // PIECE)
    pieces_before = np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    number = np.arange(n_pieces.sum()) - pieces_before  # within the interval
    first = np.repeat(starts, n_pieces) + PIECE * number
    return np.append(first, len(untyped)), left[first], right[first]


def _chunks(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chunks of pieces with `size` [M]: the first piece of each, and M: [C + 1]; and the place of each start [M]."""
    start = np.empty(len(size), np.int64)
    chunks, used = [], CHUNK
    for m, n in enumerate(size.tolist()):
        if used + n > CHUNK:
            chunks.append(m)
            used = 0
        start[m] = CHUNK * (len(chunks) - 1) + used
        used += n
    return np.array([*chunks, len(size)]), start


@njit(cache=True)
def _group(x, first, tolerance, group, n_groups):
    """Give each site the group, in its piece, of the first site whose coordinates `x` [L, R] are within `tolerance`."""
    leaders = np.empty(PIECE, np.int64)
    for m in range(len(n_groups)):
        n = 0
        for site in range(first[m], first[m + 1]):
            g = 0
            while g < n:
                squared = np.float32(0.0)
                for r in range(x.shape[1]):
                    difference = x[site, r] - x[leaders[g], r]
                    squared += difference * difference
                if squared <= tolerance * tolerance:
                    break
                g += 1
            if g == n:
                leaders[n] = site
                n += 1
            group[site] = g
        n_groups[m] = n


@njit(cache=True, nogil=True)
def _fill_carriers(block, n_blocks, packed, flipped, sites, first, words, carriers):
    row = np.empty(carriers.shape[1], np.uint8)
    for m in range(block, len(first) - 1, n_blocks):
        carriers[words[m] : words[m + 1]] = np.uint32(0)
        for place in range(first[m + 1] - first[m]):
            site = sites[first[m] + place]
            unpack_row(packed[site], row)
            word, shift = carriers[words[m] + place // WORD], np.uint32(place % WORD)
            minor_is_ref = np.uint8(flipped[site])
            for h in range(len(row)):
                word[h] |= np.uint32(row[h] ^ minor_is_ref) << shift
