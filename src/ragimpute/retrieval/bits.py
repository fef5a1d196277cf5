"""Haplotypes as rows of bits: to compare them, or to take a few out of a large panel, an eighth of it is read."""

import math

import numpy as np
from numba import njit

from ragimpute.parallel import in_threads

WORD = 64


def pack_by_haplotype(alleles: np.ndarray, threads: int) -> np.ndarray:
    """Bits [H, W] uint64 of alleles [M, H]: site m is bit m % 64 (least significant first) of word m // 64."""
    n_words = math.ceil(len(alleles) / WORD)
    words = np.empty((n_words, alleles.shape[1]), np.uint64)
    in_threads(_pack, threads, alleles, words)
    return np.ascontiguousarray(words.T)


@njit(cache=True, nogil=True)
def _pack(block, n_blocks, alleles, words):
    for w in range(block, len(words), n_blocks):
        words[w] = np.uint64(0)
        for m in range(WORD * w, min(WORD * (w + 1), len(alleles))):
            shift, row, word = np.uint64(m - WORD * w), alleles[m], words[w]
            for h in range(len(row)):
                word[h] |= np.uint64(row[h]) << shift


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
