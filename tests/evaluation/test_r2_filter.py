"""What a filter by INFO R2 keeps and how good that is, against the same sites picked by hand."""

import dataclasses

import numpy as np
import pytest

from evaluation_data import result_of, synthetic
from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.scorer import score
from ragimpute.evaluation.strata import STRATA, membership

RUN = RunNames("p", "m", "x", "NA", "NA", "NA", 0)
THRESHOLDS = {"30": 0.3, "80": 0.8}


@pytest.fixture(scope="module")
def result() -> MethodResult:
    genotypes, counts = synthetic(600, 20, missing=0.05)
    info = np.random.default_rng(5).random(600).round(4).astype(np.float32)
    info[:3] = [0.3, 0.8, np.nan]  # on a threshold: it passes; without an R2: it does not
    return result_of(genotypes, counts, info, [f"P{i:02d}" for i in range(20)])


def values_of(result: MethodResult):
    table = metric_table(score(RUN, result, BootstrapSettings(10, 1)))
    return table.set_index(["metric", "stratum"])


@pytest.mark.parametrize("stratum", ["overall", "rare", "common", "mac_21_50"])
@pytest.mark.parametrize("name", THRESHOLDS)
def test_the_sites_that_pass_are_scored_as_if_they_were_alone(result, name, stratum):
    found = values_of(result)
    inside = membership(result.counts)[STRATA.index(stratum)]
    passes = inside & (result.info_r2.round(4) >= np.float32(THRESHOLDS[name]))
    share = found.loc[(f"passing_{name}", stratum)]
    assert share["n_sites"] == passes.sum() > 0
    assert share["value"] == pytest.approx(passes.sum() / (inside & np.isfinite(result.info_r2)).sum())
    turned = result.genotypes.oriented(result.counts.flipped).take(np.flatnonzero(passes))
    known = turned.truth >= 0
    r2 = found.loc[(f"r2_passing_{name}", stratum)]
    assert r2["n_genotypes"] == known.sum()
    assert r2["value"] == pytest.approx(np.corrcoef(turned.ds[known], turned.truth[known])[0, 1] ** 2, abs=1e-6)
    of_sites = []
    for ds, truth, here in zip(turned.ds, turned.truth, known, strict=True):
        if len(set(truth[here])) > 1:
            of_sites.append(np.corrcoef(ds[here], truth[here])[0, 1] ** 2)
    mean = found.loc[(f"r2_variant_passing_{name}", stratum)]
    assert mean["n_sites"] == len(of_sites)
    assert mean["value"] == pytest.approx(np.mean(of_sites), abs=1e-5)


def test_without_truth_nothing_is_said_of_a_filter(result):
    found = values_of(dataclasses.replace(result, genotypes=None))
    assert set(found.reset_index()["metric"]) == {"r2_info"}
    assert "passing_30" in set(values_of(result).reset_index()["metric"])
