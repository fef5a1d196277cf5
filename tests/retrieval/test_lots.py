"""Which of several equal neighbours are retrieved: drawn by a lot of the query's alleles and of the site alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from mosaic import mosaic_panel
from ragimpute.models.bert_rag.fold_data import BertRagData
from ragimpute.panel.folds import Fold
from ragimpute.retrieval import evidence, neighbours, selection
from ragimpute.retrieval.fold_neighbours import retrieve_neighbours

LEAST_P = 1e-3  # the smaller index for all ties, as it was once, has a p of 0
SITES, QUERIES = 20, 300


def tied(n_hap: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`n_hap` equal reference haplotypes, their map, random queries, and none left out."""
    generator = np.random.default_rng(1)
    reference = np.repeat(generator.integers(0, 2, (SITES, 1), dtype=np.uint8), n_hap, axis=1)
    cm = np.cumsum(generator.exponential(0.02, SITES))
    queries = generator.integers(0, 2, (SITES, QUERIES)).astype(np.int8)
    return reference, cm, queries, np.full((QUERIES, 1), -1)


def p_of_equal_chances(drawn: np.ndarray, n_hap: int) -> float:
    return chisquare(np.bincount(drawn.ravel(), minlength=n_hap)).pvalue


@pytest.mark.parametrize("k", [1, 8])
def test_retrieval_favours_no_haplotype(k):
    n_hap = 40
    found, _, _ = neighbours.find_neighbours(*tied(n_hap), k)
    assert found.shape == (QUERIES, SITES, k)
    assert p_of_equal_chances(found, n_hap) > LEAST_P


@pytest.mark.parametrize(("n_hap", "k"), [(40, 8), (64, 32), (37, 5)])
def test_the_best_of_the_retrieved_favour_no_haplotype(n_hap, k):
    """Also where the numbers of haplotypes and of neighbours share factors: the two draws must not go together."""
    reference, cm, queries, none_excluded = tied(n_hap)
    found, features, _ = neighbours.find_neighbours(reference, cm, queries, none_excluded, k)
    best = evidence.best_neighbours(features, evidence.query_lots(queries), 0, 2)
    for rank in range(2):
        haplotypes = np.take_along_axis(found, best[:, :, rank, None], axis=2)
        assert p_of_equal_chances(haplotypes, n_hap) > LEAST_P
    assert (best[..., 0] != best[..., 1]).all()


@pytest.mark.parametrize("places", [(0, 1), (5, 6), (3, 20), (2, 9, 10)])
def test_of_the_best_that_tie_none_is_favoured_wherever_they_stand(places):
    features = np.full((QUERIES, SITES, 32, len(neighbours.FEATURES)), -4.0, dtype=np.float16)
    features[:, :, places] = -1.0
    lots = evidence.query_lots(tied(2)[2])
    best = evidence.best_neighbours(features, lots, 0, len(places))
    assert (np.sort(best, axis=2) == places).all()
    for rank in range(len(places)):
        counts = [(best[..., rank] == place).sum() for place in places]
        assert chisquare(counts).pvalue > LEAST_P


def test_the_first_one_for_all_ties_would_be_seen():
    first = np.zeros(QUERIES * SITES, dtype=np.int64)
    among_the_first = np.tile(np.arange(36), len(first) // 36)  # of 40, the last four never
    assert p_of_equal_chances(first, 40) == 0
    assert p_of_equal_chances(among_the_first, 40) < 1e-100


def test_mosaics_of_bert_rag_favour_no_haplotype():
    """Each reference haplotype has a mark of its own at untyped sites, so that a mosaic shows whom it copies."""
    n_hap, panel = 32, mosaic_panel(n_samples=16, n_sites=60)
    typed = np.arange(60) % 6 == 0
    alleles = np.repeat(panel.alleles[:, :1], n_hap, axis=1)
    for bit in range(5):
        alleles[1 + bit :: 6] = np.arange(n_hap) >> bit & 1
    reference = replace(panel, alleles=alleles)
    observed = np.random.default_rng(2).integers(0, 2, (int(typed.sum()), 2 * QUERIES)).astype(np.uint8)
    names = tuple(f"Q{i}" for i in range(QUERIES))
    fold = Fold("targets", reference, names, typed, observed, None, np.full((QUERIES, 1), -1))
    data = BertRagData(fold, retrieve_neighbours(fold, 8, threads=1), window=60, mosaics=2)
    copied = data.batch(np.arange(QUERIES), 0).inputs.mosaics.numpy()  # [B, 2, R, L]
    # a mark is read where all five of its sites have the same nearest typed site, so in the last stretch alone
    marks = sum(copied[..., 55 + bit] << bit for bit in range(5))  # [B, 2, R]
    for rank in range(2):
        assert p_of_equal_chances(marks[:, :, rank], n_hap) > LEAST_P


def test_a_lot_depends_neither_on_the_batch_nor_on_the_thread():
    reference, cm, queries, none_excluded = tied(40)
    whole = neighbours.find_neighbours(reference, cm, queries, none_excluded, 5, threads=1)
    two = neighbours.find_neighbours(reference, cm, queries, none_excluded, 5, threads=2)
    some = np.array([7, 250, 31])
    part = neighbours.find_neighbours(reference, cm, queries[:, some], none_excluded[some], 5)
    for array, same in zip(whole, two, strict=True):
        assert np.array_equal(array, same)
    assert np.array_equal(whole[0][some], part[0])
    assert np.array_equal(whole[1][some], part[1])
    assert np.array_equal(whole[2][:, some], part[2])
    lots = evidence.query_lots(queries)
    assert np.array_equal(lots[some], evidence.query_lots(queries[:, some]))
    best = evidence.best_neighbours(whole[1], lots, 0, 3)
    window = evidence.best_neighbours(whole[1][some, 4:9], lots[some], 4, 3)  # as a window and a batch ask
    assert np.array_equal(best[some, 4:9], window)


def test_queries_with_other_alleles_and_other_sites_have_other_lots():
    _, _, queries, _ = tied(2)
    lots = evidence.query_lots(queries)
    distinct = len(np.unique(queries, axis=1).T)
    assert len(np.unique(lots)) == distinct > 290
    at_sites = [int(selection.site_lot(lots[0], site)) for site in range(1000)]
    assert len(set(at_sites)) == 1000


def test_the_lot_of_a_query_is_fnv_1a():
    """The published hash of the bytes 0x66 0x6f 0x6f ("foo"), and of the empty text."""
    queries = np.frombuffer(b"foo", dtype=np.int8)[:, None]
    assert int(evidence.query_lots(queries)[0]) == 0xA9F37ED7
    assert int(evidence.query_lots(np.empty((0, 1), np.int8))[0]) == 0x811C9DC5


def test_the_lot_decides_where_ties_begin_and_goes_in_a_circle():
    """Scores 9 5 5 5 1 and k = 3: the first, and two of the three that tie."""
    score = np.array([9, 5, 5, 5, 1], dtype=np.uint32)
    for lot, expected in ((0, [0, 1, 2]), (1, [0, 2, 3]), (2, [0, 1, 3]), (3, [0, 1, 2]), (2**32 - 1, [0, 1, 2])):
        chosen, values, indices = np.empty(3, np.int32), np.empty(5, np.uint32), np.empty(5, np.int32)
        few = np.empty(selection.FEW + 1, np.uint32)
        selection.select_best(score, 3, np.uint32(0), indices, values, few, chosen, np.uint32(lot))
        assert chosen.tolist() == expected, lot
