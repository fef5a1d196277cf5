"""Stretches of typed sites, and the haplotypes that both haplotypes of a sample may copy there."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.retrieval import candidates
from ragimpute.retrieval.bits import pack_by_site

FILL_SEED = 1


@dataclass(frozen=True)
class Stretch:
    """Typed sites that are looked at together; results are kept of the `kept` ones of them."""

    part: slice  # of the chromosome's sites
    kept: slice  # of the part's
    reference: np.ndarray | Haplotypes  # [T, H], of the chromosome: unpacked where candidates are chosen, part by part
    packed: np.ndarray  # that of the part, as `pack_by_site` packs it
    cm: np.ndarray  # [t]

    @classmethod
    def of(
        cls, reference: np.ndarray | Haplotypes, cm: np.ndarray, start: int, first: int, last: int, stop: int
    ) -> Self:
        """Of the bounds that `candidates.stretches` gives; reference [T, H] uint8 and cm [T] are the chromosome's."""
        part = slice(start, stop)
        return cls(part, slice(first - start, last - start), reference, pack_by_site(reference[part]), cm[part])

    def states(self, haplotypes: np.ndarray, own: np.ndarray, threads: int) -> np.ndarray:
        """The haplotypes [n, C] int32 that each sample of `haplotypes` [n, 2, T] may copy; no elements: all.

        own [n, E] int64: those that are the sample's own, -1 pads.
        """
        if self.reference.shape[1] <= candidates.EXACT:
            return np.empty((0, 0), np.int32)
        return _states_of_pairs(self.reference[self.part], self.cm, haplotypes[..., self.part], own, threads)


def left_out(states: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Which states a sample may still not copy: its `own`, where all haplotypes are states; chosen ones hold none."""
    return np.full_like(own, -1) if states.size else own


def _states_of_pairs(
    reference: np.ndarray, cm: np.ndarray, haplotypes: np.ndarray, own: np.ndarray, threads: int
) -> np.ndarray:
    """The haplotypes [n, 2C] int32, ascending, that either haplotype of a sample may copy.

    These are the candidates of both, none of its own; where one is a candidate of both, another one is drawn instead.
    """
    n_samples, _, n_typed = haplotypes.shape
    queries = haplotypes.reshape(2 * n_samples, n_typed).T
    excluded = np.repeat(own, 2, axis=0)
    chosen = candidates.choose_candidates(reference, cm, queries, excluded, threads)
    of_pairs = chosen.reshape(n_samples, -1)
    n_haplotypes = reference.shape[1]
    others = np.random.default_rng(FILL_SEED).permutation(n_haplotypes).astype(np.int32)
    most = n_haplotypes - int((own >= 0).sum(axis=1).max(initial=0))
    states = np.empty((n_samples, min(of_pairs.shape[1], most)), np.int32)
    for n, pair in enumerate(of_pairs):
        found = np.unique(pair)
        is_chosen = np.zeros(n_haplotypes, dtype=bool)
        is_chosen[found] = True
        is_chosen[own[n][own[n] >= 0]] = True  # never one of the rest
        rest = others[~is_chosen[others]][: states.shape[1] - len(found)]
        states[n] = np.sort(np.concatenate([found, rest]))
    return states
