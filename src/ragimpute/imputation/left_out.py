"""Accuracy without truth: how well each typed site is imputed from the other typed sites."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ragimpute.evaluation.r2_per_variant import site_r2
from ragimpute.panel.store import Panel, chromosome_bounds
from ragimpute.retrieval import candidates
from ragimpute.retrieval.bits import pack_by_haplotype, take_states
from ragimpute.retrieval.li_stephens import left_out_dosages

ROUNDING = 1e-3  # of a left-out dosage: float32's error depends on the very allele that is left out


def empirical_r2(reference: Panel, typed: np.ndarray, observed: np.ndarray, threads: int = 1) -> np.ndarray:
    """ER2 [S] float32: `correlation` of the typed alleles with what is `left_out` of them, whose arguments it takes."""
    if observed.shape[1] <= 2:
        return np.full(len(typed), np.nan, dtype=np.float32)  # without the work
    return correlation(left_out(reference, typed, observed, threads), observed, typed)


def left_out(
    reference: Panel, typed: np.ndarray, observed: np.ndarray, threads: int = 1, cm_scale: float = 1.0
) -> np.ndarray:
    """Dosages [T, Q] float64 of the typed alleles, each as if that one had not been observed.

    reference: at all S sites, none of the targets in it; typed [S] bool; observed [T, Q] alleles at the typed sites,
    int8 with -1 missing; cm_scale: `Fold.cm_scale`. The dosages are those of the plain Li-Stephens model, whatever
    imputes the untyped sites.
    """
    sites, dosages = np.flatnonzero(typed), np.empty(observed.shape)
    cm = cm_scale * reference.sites.cm
    for start, stop in chromosome_bounds(reference.sites.chrom[sites]):
        here = sites[start:stop]
        queries = observed[start:stop].astype(np.int8)
        dosages[start:stop] = _on_chromosome(reference.alleles[here], cm[here], queries, threads)
    return dosages


def correlation(dosages: np.ndarray, observed: np.ndarray, typed: np.ndarray) -> np.ndarray:
    """Squared correlation, over haplotypes, of `observed` [T, Q] with its left-out `dosages`: [S] float32.

    It tells of panel, targets and phase, as Minimac's ER2 does. NaN at untyped sites, where the targets do not vary,
    and for a single sample, as two haplotypes that differ always correlate.
    """
    r2 = np.full(len(typed), np.nan, dtype=np.float32)
    if observed.shape[1] > 2:
        r2[typed] = site_r2(dosages, observed, ROUNDING)
    return r2


def _on_chromosome(alleles: np.ndarray, cm: np.ndarray, queries: np.ndarray, threads: int) -> np.ndarray:
    """`left_out` of one chromosome; in a large panel among the candidates of each query (retrieval.candidates).

    Candidates are chosen once without the alleles at even sites and once without those at odd ones: chosen by a site's
    own allele they would tell it.
    """
    none_left_out = np.full((queries.shape[1], 1), -1, dtype=np.int64)
    if alleles.shape[1] <= candidates.EXACT:
        return left_out_dosages(alleles, cm, queries, none_left_out, threads=threads)
    dosage = np.empty(queries.shape, np.float64)
    for start, first, last, stop in candidates.stretches(cm, alleles.shape[1]):
        part = slice(start, stop)
        parities = [np.arange(start, stop) % 2 == parity for parity in (0, 1)]
        seen = [np.where(hidden[:, None], np.int8(-1), queries[part]) for hidden in parities]
        # both at once, as most of the time goes into sorting the panel
        twice = np.vstack([none_left_out, none_left_out])
        both = candidates.choose_candidates(alleles[part], cm[part], np.hstack(seen), twice, threads)
        bits = pack_by_haplotype(alleles[part], threads)
        for hidden, states in zip(parities, np.split(both, 2), strict=True):
            places = np.arange(start, stop)
            kept = hidden & (places >= first) & (places < last)

            def of_query(q: int, bits=bits, part=part, states=states) -> np.ndarray:
                local = np.empty((part.stop - part.start, states.shape[1]), np.uint8)
                take_states(bits, states[q], local)
                query = queries[part, q : q + 1]
                return left_out_dosages(local, cm[part], query, none_left_out[:1])[:, 0]

            with ThreadPoolExecutor(threads) as pool:
                for q, column in enumerate(pool.map(of_query, range(queries.shape[1]))):
                    dosage[start:stop, q][kept] = column[kept]
    return dosage
