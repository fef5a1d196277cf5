"""Carriers in a fixed order, and panels packed into bits, against plain numpy."""

import numpy as np
from numba import njit

from ragimpute.retrieval.bits import pack_by_haplotype, take_states
from ragimpute.retrieval.drawn_carriers import MOST, ORDER_SEED, draw_carriers


def test_drawn_carriers_are_those_of_the_order_whatever_their_number():
    rng = np.random.default_rng(4)
    n_hap = 1000
    share = np.repeat([0.0, 0.002, 0.03, 0.064, 0.2, 0.9, 0.998, 1.0], 6)
    alleles = (rng.random((len(share), n_hap)) < share[:, None]).astype(np.uint8)
    flipped = 2 * alleles.sum(axis=1) > n_hap
    order = np.random.default_rng(ORDER_SEED).permutation(n_hap)
    expected = np.full((len(share), MOST), -1)
    for s in range(len(share)):
        carriers = [h for h in order if alleles[s, h] != flipped[s]][:MOST]
        expected[s, : len(carriers)] = carriers
    numbers = (alleles ^ flipped[:, None]).sum(axis=1)
    assert {0, MOST} & set(numbers.clip(0, MOST)) == {0, MOST}, "both ways of finding them are used"
    for threads in (1, 2):
        np.testing.assert_array_equal(draw_carriers(alleles, flipped, threads), expected)


@njit
def taken(bits, states, n_sites):
    reference = np.empty((n_sites, len(states)), np.uint8)
    take_states(bits, states, reference)
    return reference


def test_packed_haplotypes_give_the_alleles_back():
    rng = np.random.default_rng(5)
    for n_sites in (1, 63, 64, 65, 200):
        alleles = rng.integers(0, 2, (n_sites, 30), dtype=np.uint8)
        states = np.sort(rng.permutation(30)[:7]).astype(np.int32)
        for threads in (1, 2):
            bits = pack_by_haplotype(alleles, threads)
            assert bits.shape == (30, -(-n_sites // 64))
            np.testing.assert_array_equal(taken(bits, states, n_sites), alleles[:, states])
