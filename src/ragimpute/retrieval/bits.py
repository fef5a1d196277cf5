"""Haplotypes as rows of bits: to compare them, or to take a few out of a large panel, an eighth of it is read.

A panel is packed along its haplotypes, site by site (ragimpute.panel.haplotypes); here it is turned to rows that go
along the sites.
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.parallel import in_threads

WORD = 64
SITES_OF_A_BYTE = 8


def _bit_intrinsic(instruction: str, turned: bool):
    """A compiled function of a non-zero unsigned integer, one instruction, for which numba has no name."""

    @intrinsic
    def index(typing_context, word):
        def generate(context, builder, signature, arguments):
            whole = arguments[0].type
            counted = getattr(builder, instruction)(arguments[0], ir.Constant(ir.IntType(1), 1))
            if turned:
                counted = builder.sub(ir.Constant(whole, whole.width - 1), counted)
            return builder.zext(counted, ir.IntType(64)) if whole.width < 64 else counted

        return types.int64(word), generate

    return index


lowest_set_bit = _bit_intrinsic("cttz", turned=False)  # index int64 of the lowest set bit
highest_set_bit = _bit_intrinsic("ctlz", turned=True)


def pack_by_site(alleles: np.ndarray) -> np.ndarray:
    """Bits [ceil(T / 8), H] uint8 of alleles [T, H]: site t is bit t % 8 (least significant first) of row t // 8."""
    return np.packbits(alleles, axis=0, bitorder="little")


def pack_by_haplotype(alleles: np.ndarray | Haplotypes, threads: int) -> np.ndarray:
    """Bits [H, W] uint64 of alleles [M, H]: site m is bit m % 64 (least significant first) of word m // 64."""
    packed = Haplotypes.of(alleles)
    n_words = math.ceil(len(packed) / WORD)
    words = np.empty((packed.shape[1], n_words), np.uint64)
    in_threads(_pack, threads, packed.bits(slice(None)), words)
    return words


@njit(cache=True, nogil=True)
def _pack(block, n_blocks, packed, words):
    n_haplotypes, n_words = words.shape
    row = np.empty(n_haplotypes, np.uint8)
    word = np.empty(n_haplotypes, np.uint64)
    for w in range(n_words * block // n_blocks, n_words * (block + 1) // n_blocks):
        word[:] = np.uint64(0)
        for m in range(WORD * w, min(WORD * (w + 1), len(packed))):
            unpack_row(packed[m], row)
            shift = np.uint64(m - WORD * w)
            for h in range(n_haplotypes):
                word[h] |= np.uint64(row[h]) << shift
        words[:, w] = word


@njit(cache=True, inline="always")
def unpack_row(packed, row):
    """Fill `row` [H] uint8 with the alleles of one site, `packed` [ceil(H / 8)] as numpy.packbits makes them."""
    n_whole = len(row) // 8
    for i in range(n_whole):
        byte = packed[i]
        for j in range(8):
            row[8 * i + j] = (byte >> np.uint8(7 - j)) & np.uint8(1)
    for h in range(8 * n_whole, len(row)):
        row[h] = (packed[n_whole] >> np.uint8(7 - h % 8)) & np.uint8(1)


@njit(cache=True, inline="always", nogil=True)
def take_states(bits, states, reference):
    """Fill reference [M, C] uint8 with the haplotypes `states` [C] of the panel that is packed in `bits` [H, W]."""
    word = np.empty(len(states), np.uint64)
    for m in range(len(reference)):
        shift = np.uint64(m % WORD)
        if shift == 0:
            for c in range(len(states)):
                word[c] = bits[states[c], m // WORD]
        row = reference[m]
        for c in range(len(states)):
            row[c] = np.uint8((word[c] >> shift) & np.uint64(1))
