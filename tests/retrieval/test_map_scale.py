"""The unit of genetic distance on a panel: its own rate of jumps, and nothing of the targets, decides."""

from dataclasses import replace

import numpy as np
import pytest

from ragimpute.panel.haplotypes import Haplotypes
from ragimpute.panel.store import Panel
from ragimpute.retrieval import map_scale
from ragimpute.retrieval.map_scale import USUAL_RATE, scale_of_map

N_SITES, N_SAMPLES, PER_CM = 600, 100, 30.0


def panel_of_mosaics(tiny_panel: Panel, rate: float) -> Panel:
    """Its last haplotypes jump `rate` times per cM between those of the first tenth."""
    rng = np.random.default_rng(3)
    cm = np.sort(rng.random(N_SITES)) * N_SITES / PER_CM
    n_founders, n_haplotypes = N_SAMPLES // 5, 2 * N_SAMPLES
    founders = rng.integers(0, 2, (N_SITES, n_founders)).astype(np.uint8)
    source = rng.integers(0, n_founders, n_haplotypes)
    rows = []
    for t in range(N_SITES):
        gap = cm[t] - cm[t - 1] if t else 0.0
        jumps = rng.random(n_haplotypes) < -np.expm1(-rate * gap)
        source = np.where(jumps, rng.integers(0, n_founders, n_haplotypes), source)
        rows.append(founders[t, source])
    rows_of_panel = np.resize(np.arange(len(tiny_panel.sites)), N_SITES)
    sites = replace(tiny_panel.sites.take(rows_of_panel), pos=np.arange(1, N_SITES + 1) * 100, cm=cm)
    names = tuple(f"R{i}" for i in range(N_SAMPLES))
    return replace(tiny_panel, samples=names, sites=sites, alleles=Haplotypes.of(np.array(rows)), ages=None)


def scale(panel: Panel, typed_per_cm: float = PER_CM) -> float:
    every = np.ones(len(panel.sites), dtype=bool)
    return scale_of_map(panel, every, typed_per_cm, threads=1)


def test_it_follows_the_rate_up_to_a_limit(tiny_panel: Panel) -> None:
    """Two samples of one founder differ at the jumps of either: the rate is between one and two of theirs."""
    slow, slower = panel_of_mosaics(tiny_panel, 0.4), panel_of_mosaics(tiny_panel, 0.1)
    assert 0.3 < USUAL_RATE * scale(slow) < 0.9
    assert 0.1 <= USUAL_RATE * scale(slower) < 0.3
    assert scale(panel_of_mosaics(tiny_panel, 20.0)) == map_scale.MOST_SCALE


def test_where_sites_are_dense_or_haplotypes_few_it_is_one(tiny_panel: Panel) -> None:
    slow = panel_of_mosaics(tiny_panel, 0.1)
    assert scale(slow, map_scale.SPARSE_PER_CM) == 1.0
    few = slow.of_samples(slow.samples[: map_scale.LEAST_HAPLOTYPES // 2 - 1])
    assert scale(few) == 1.0


def test_a_sample_is_no_evidence_for_itself(tiny_panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the same haplotype in each sample: were its other one among those copied, the rate would be the lowest."""
    fast = panel_of_mosaics(tiny_panel, 20.0)
    alleles = fast.alleles[:]
    alleles[:, 1::2] = alleles[:, ::2]
    assert scale(replace(fast, alleles=Haplotypes.of(alleles))) == map_scale.MOST_SCALE
