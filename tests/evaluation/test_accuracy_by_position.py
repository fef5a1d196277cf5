"""Accuracy along the chromosomes: windows that hold every site once, and r2 that is the scorer's."""

import numpy as np
import pytest

from evaluation_data import synthetic
from ragimpute.evaluation.accuracy_by_position import COLUMNS, accuracy_by_position, position_bins
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import score
from ragimpute.panel.store import Sites

RUN = RunNames("example", "omni", "beagle", "NA", "NA", "NA", 0)


def sites_of(chrom: list[str], pos: list[int]) -> Sites:
    text = np.full(len(pos), "A")
    return Sites(np.array(chrom), np.array(pos, dtype=np.int64), text, text, text, np.array(pos) / 1e6)


def test_every_site_is_in_one_window_and_no_window_is_longer():
    generator = np.random.default_rng(1)
    pos = [np.sort(generator.choice(1_000_000, 300, replace=False)) + 1 for _ in range(2)]
    sites = sites_of(["1"] * 300 + ["2"] * 300, [*pos[0], *pos[1]])
    found = position_bins(sites, 20)
    assert [window.first for window in found[1:]] == [window.last for window in found[:-1]]
    assert (found[0].first, found[-1].last) == (0, 600)
    for window in found:
        here = slice(window.first, window.last)
        assert set(sites.chrom[here]) == {window.chrom}
        assert window.start <= sites.pos[here].min() <= sites.pos[here].max() <= window.end
    assert 20 <= len(found) <= 22
    assert len({window.end - window.start for window in found}) <= 3  # the last of a chromosome may be shorter


def test_a_single_site_is_a_window():
    (window,) = position_bins(sites_of(["1"], [7]), 60)
    assert (window.start, window.end, window.first, window.last) == (7, 7, 0, 1)


@pytest.fixture
def measured():
    genotypes, counts = synthetic(400, 30)
    pos = (np.arange(500) + 1) * 1000
    typed = np.arange(500) % 5 == 0
    info = np.linspace(0, 1, 400)
    return sites_of(["20"] * 500, pos.tolist()), MethodResult(
        typed, genotypes, counts, info, counts, info, tuple(f"P{i:02d}" for i in range(30)), ("NA",) * 30
    )


def test_one_window_over_everything_has_the_scorers_r2(measured):
    sites, found = measured
    (row,) = accuracy_by_position(RUN, sites, found, number=1).to_dict("records")
    table = metric_table(score(RUN, found, BootstrapSettings(10, 1)))
    table = table[table["metric"] == "r2"].set_index("stratum")
    assert row["r2_overall"] == pytest.approx(table.loc["overall", "value"])
    assert row["r2_rare"] == pytest.approx(table.loc["rare", "value"])
    assert row["n_sites"] == table.loc["overall", "n_sites"]
    assert (row["n_typed"], row["start"], row["end"]) == (100, 1000, 500_000)
    assert row["cm_end"] - row["cm_start"] == pytest.approx(0.499)


def test_without_truth_estimated_r2_is_left(measured):
    sites, found = measured
    table = accuracy_by_position(
        RUN, sites, MethodResult(found.is_typed, None, found.counts, found.info_r2, found.counts, found.er2, (), ())
    )
    assert list(table.columns) == list(COLUMNS)
    assert table["r2_overall"].isna().all()
    assert table["r2_info"].is_monotonic_increasing
