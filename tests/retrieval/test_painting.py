"""The painting: fewest pieces, the truth of a mosaic, samples spread over populations."""

import numpy as np
import pytest

from ragimpute.panel.folds import SampleRole, load_fold
from ragimpute.retrieval.painting import COLUMNS, paint_haplotypes, pieces, spread_over_populations


def test_pieces_are_the_fewest_and_each_is_among_the_best_all_along():
    best = np.array([[1, 2], [2, 3], [2, 5], [5, 6], [6, 7], [8, 9]])
    assert pieces(best) == [(0, 2), (3, 6), (5, 8)]


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_could_be_left_out(seed):
    best = np.array([np.random.default_rng([seed, t]).choice(6, 3, replace=False) for t in range(40)])
    found = pieces(best)
    bounds = [first for first, _ in found] + [len(best)]
    for (first, copied), stop in zip(found, bounds[1:], strict=True):
        assert (best[first:stop] == copied).any(axis=1).all()
        if stop < len(best):
            assert not set.intersection(*(set(row) for row in best[first : stop + 1].tolist()))


def test_samples_are_spread_over_the_populations():
    populations = {"a": "GBR", "b": "GBR", "c": "GBR", "d": "FIN", "e": "TSI"}
    assert spread_over_populations(populations, 3) == ["a", "d", "e"]
    assert spread_over_populations(populations, 4) == ["a", "b", "d", "e"]
    assert spread_over_populations(dict.fromkeys("abc", "NA"), 2) == ["a", "b"]
    assert spread_over_populations({"a": "NA"}, 3) == ["a"]


def test_a_copied_haplotype_is_recognised(tiny_panel, tiny_typed):
    references = [SampleRole(name, "reference", "train") for name in tiny_panel.samples[1:]]
    # the target's first haplotype: the first half of one reference haplotype, then the second half of another
    alleles = tiny_panel.alleles[tiny_typed]
    half = len(alleles) // 2
    mosaic = np.concatenate([alleles[:half, 6], alleles[half:, 21]])
    observed = np.stack([mosaic, alleles[:, 30]], axis=1)
    target = SampleRole("T", "target", "targets")
    fold = load_fold(tiny_panel, [*references, target], {"typed": tiny_typed}, "targets", observed, ["T"])
    table = paint_haplotypes(fold, ["T"], {tiny_panel.samples[15]: "GBR"})
    assert list(table.columns) == [name for name in COLUMNS if name != "mask"]
    sites = tiny_panel.sites.take(tiny_typed)
    for hap, rows in table.groupby("haplotype"):
        assert rows["start"].iloc[0] == sites.pos[0]
        assert rows["end"].iloc[-1] == sites.pos[-1]
        assert (rows["start"].iloc[1:].to_numpy() == rows["end"].iloc[:-1].to_numpy()).all()
        for row in rows.itertuples():
            copied = tiny_panel.samples.index(row.neighbour) * 2 + row.neighbour_haplotype - 1
            here = (sites.pos >= row.start) & (sites.pos < row.end)
            assert (alleles[here, copied] == observed[here, hap - 1]).mean() > 0.5
    assert table["population"].isin(["GBR", "NA"]).all()
