"""Claims: planted differences end in the verdicts that they should."""

import numpy as np
import pandas as pd
import pytest

from ragimpute.evaluation.loss_study import judged_claims, loss_table
from ragimpute.evaluation.loss_study.claim_types import Claim, Conjunction, value_of
from ragimpute.evaluation.loss_study.original_claims import (
    CROSS_ENTROPY,
    DEFINITIONS,
    PREDICTED_F1,
    PRIMARY,
    SECONDARY,
    A,
    B,
    C,
    D,
    E,
)
from ragimpute.evaluation.loss_study.significance import contrast
from trainings_data import planted

MENDED = f"{C}_gamma2p5"
LEVELS = {**PREDICTED_F1["overall"], MENDED: 0.76}


def f1(levels: dict[str, float], calibrated: dict[str, float] | None = None) -> dict[str, dict[str, float]]:
    """F1, overall and rare alike, raw and, when given, after temperature."""
    found = {loss: {"f1_overall": value, "f1_rare": value} for loss, value in levels.items()}
    for loss, value in (calibrated or {}).items():
        found[loss] |= {"f1_overall_calibrated": value, "f1_rare_calibrated": value}
    return found


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    return (
        judged_claims.judge_claims(loss_table.group_trainings(rows))
        .set_index(["family", "scores", "claim"])
        .sort_index()
    )


def verdicts(rows: pd.DataFrame, scores: str = judged_claims.RAW) -> dict[str, str]:
    table = judged(rows).reset_index()
    return dict(table.loc[table["scores"] == scores, ["claim", "verdict"]].itertuples(index=False, name=None))


def with_measures(losses: dict[str, dict[str, float]], **measures: dict[str, float]) -> dict[str, dict[str, float]]:
    for name, by_loss in measures.items():
        for loss, value in by_loss.items():
            losses[loss][name] = value
    return losses


def test_the_primary_family_is_six_and_four_of_them_are_about_f1():
    assert [claim.name for claim in PRIMARY] == [
        *("f1_overall_C_over_A", "f1_overall_C_over_B", "f1_overall_C_over_D"),
        *("opposed_A", "recon_share", "f1_overall_mended"),
    ]
    assert sum(claim.f1 for claim in PRIMARY) == sum(claim.f1_difference for claim in PRIMARY) == 4


def test_what_was_predicted_is_confirmed_when_it_is_so():
    losses = with_measures(f1(LEVELS), grad_cosine={A: -0.3}, grad_recon_share={A: 0.3})
    found = verdicts(planted(losses))
    assert all(found[claim.name] == "confirmed" for claim in PRIMARY)
    assert all(found[f"f1_overall_{name}"] == "confirmed" for name in ("A", "B", "C", "D", "best", "order"))
    assert found["f1_overall_B_over_D"] == found["f1_overall_recommended"] == "refuted"
    assert found["f1_rare_C"] == "refuted"  # .74 here, .69 predicted
    assert found["f1_overall_gamma2p5_C"] == "confirmed"
    assert found["f1_overall_gamma2p5_A"] == "not run"


def test_the_opposite_is_refuted_and_noise_is_undecided():
    upside_down = f1({A: 0.74, B: 0.72, D: 0.71, C: 0.70, MENDED: 0.69})
    found = verdicts(planted(upside_down))
    assert found["f1_overall_best"] == found["f1_overall_order"] == found["f1_overall_mended"] == "refuted"
    found = verdicts(planted(upside_down, spread=0.2))
    assert set(found.values()) == {"undecided", "not run", "by definition"}


def test_a_sure_but_negligible_difference_is_equivalent():
    """.002 with next to no scatter is surely above 0, and as surely below .005."""
    levels = {A: 0.700, B: 0.7015, C: 0.702, D: 0.712, MENDED: 0.702}
    table = judged(planted(f1(levels), spread=0.0002)).loc[("primary", "raw")]
    row = table.loc["f1_overall_C_over_A"]
    assert 0 < row["ci_low"] < row["measured"] < row["ci_high"] < 0.005
    assert row["p_holm"] < 0.05  # of being above 0, alone
    assert table["verdict"].to_dict() == {
        **dict.fromkeys(("f1_overall_C_over_A", "f1_overall_C_over_B", "f1_overall_mended"), "equivalent"),
        "f1_overall_C_over_D": "refuted",  # -.01
        **dict.fromkeys(("opposed_A", "recon_share"), "not run"),
    }
    found = verdicts(planted(f1(levels), spread=0.0002))
    assert found["f1_overall_best"] == "refuted"
    assert found["f1_overall_A"] == "confirmed"  # a level is no difference


def test_equivalence_needs_more_than_a_small_mean():
    levels = {A: 0.700, B: 0.70, C: 0.702, D: 0.70, MENDED: 0.702}
    assert verdicts(planted(f1(levels), spread=0.02))["f1_overall_C_over_A"] == "undecided"
    # samples alone may make it uncertain
    wide = planted(f1(levels), spread=0.0002)
    assert verdicts(wide)["f1_overall_C_over_A"] == "equivalent"
    for loss, sign in ((A, 1), (C, -1)):
        cells = ";".join(f"{0.7 + sign * 0.002 * shift:.9g}" for shift in np.linspace(-1, 1, 20))
        wide.loc[wide["loss"] == loss, "f1_overall_without"] = cells
    assert verdicts(wide)["f1_overall_C_over_A"] == "undecided"


def test_raw_and_recalibrated_are_judged_apart():
    equal = dict.fromkeys(LEVELS, 0.97)
    losses = with_measures(f1(LEVELS, equal), grad_cosine={A: -0.3}, grad_recon_share={A: 0.3})
    table = judged(planted(losses))
    raw, calibrated = table.loc[("primary", "raw")], table.loc[("primary", "calibrated")]
    assert set(raw["verdict"]) == {"confirmed"}
    assert len(calibrated) == 4
    assert set(calibrated["verdict"]) == {"equivalent"}
    assert verdicts(planted(losses), judged_claims.CALIBRATED)["f1_overall_order"] == "equivalent"
    # without a temperature nothing is said of it
    assert set(judged(planted(f1(LEVELS))).loc[("primary", "calibrated"), "verdict"]) == {"not run"}


def test_holm_runs_over_a_family_and_not_over_what_was_not_run():
    losses = f1({A: 0.70, B: 0.70, C: 0.7100, D: 0.70})
    table = judged(planted(losses, spread=0.01, sampling=0.0)).loc[("primary", "raw")]
    trained = loss_table.group_trainings(planted(losses, spread=0.01, sampling=0.0))[0]
    names = {A: "f1_overall_C_over_A", B: "f1_overall_C_over_B", D: "f1_overall_C_over_D"}
    p = {
        name: 2 * contrast(trained.losses[C]["f1_overall"] - trained.losses[loss]["f1_overall"]).p_above(0)
        for loss, name in names.items()
    }
    ordered = sorted(p, key=lambda name: p[name])
    expected = np.maximum.accumulate([(3 - i) * p[name] for i, name in enumerate(ordered)])  # by hand: 3, 2, 1
    assert table.loc[ordered, "p_holm"].tolist() == pytest.approx(np.minimum(expected, 1).tolist())
    assert table["p_holm"].isna().sum() == 3


def test_one_seed_decides_nothing_but_is_shown():
    losses = with_measures(f1(LEVELS), grad_cosine={A: -0.3}, grad_recon_share={A: 0.3})
    table = judged(planted(losses, seeds=[1])).loc[("primary", "raw")]
    assert set(table["verdict"]) == {"undecided"}
    assert table["measured"].notna().all()
    assert table[["ci_low", "ci_high", "p_holm"]].isna().all(axis=None)
    assert set(table["n_seeds"]) == {1}


def test_missing_rows_and_missing_measures_are_not_run_with_a_reason():
    table = judged(planted(f1({A: 0.7, C: 0.74}))).loc[("primary", "raw")]
    assert table.loc["f1_overall_C_over_A", "verdict"] == "confirmed"
    assert table.loc["f1_overall_C_over_B", ["verdict", "reason"]].tolist() == ["not run", f"no training of {B}"]
    assert table.loc["opposed_A", ["verdict", "reason"]].tolist() == ["not run", "not measured in these trainings"]
    # losses without a seed in common cannot be compared
    apart = pd.concat([planted(f1({A: 0.7}), seeds=[1, 2]), planted(f1({C: 0.74}), seeds=[3, 4])])
    assert judged(apart).loc[("primary", "raw", "f1_overall_C_over_A"), "verdict"] == "not run"


def test_a_study_of_other_losses_is_not_judged():
    assert judged_claims.judge_claims(loss_table.group_trainings(planted(f1({CROSS_ENTROPY: 0.9, "mine": 0.8})))).empty


def test_on_copy_rag_reconstruction_is_not_testable_but_gamma_is():
    levels = {**LEVELS, E: 0.75, f"{A}_gamma2p5": 0.8, CROSS_ENTROPY: 0.8}
    losses = with_measures(
        f1(levels), grad_cosine={A: -0.3}, grad_recon_share={A: 0.3}, focal_share_90={C: 0.03, MENDED: 0.6}
    )
    table = judged(planted(losses, architecture="copy_rag")).reset_index().set_index("claim")
    table = table[table["scores"] == "raw"]
    assert set(table.loc[[claim.name for claim in PRIMARY], "verdict"]) == {"not testable"}
    assert "do not read `after`" in table.loc["opposed_A", "reason"]
    for name in (
        "f1_overall_gamma2p5_A",
        "f1_overall_gamma2p5_C",
        "f1_overall_gamma0_C",
        "focal_ignores",
        "focal_uses",
    ):
        assert table.loc[name, "verdict"] == "confirmed", name
    assert table.loc["f1_overall_C", "verdict"] == "confirmed"
    for name in ("f1_overall_A", "f1_overall_E_and_C", "times_28", "f1_overall_order", "loss_sd_order"):
        assert table.loc[name, "verdict"] == "not testable", name


def test_claims_of_the_gradient_against_planted_monitors():
    losses = with_measures(
        f1(LEVELS),
        focal_share_90={C: 0.03, MENDED: 0.6},
        grad_recon_share={A: 0.6},
        grad_recon_cancels={A: 0.3},
        effective_gradient={A: 0.021, MENDED: 0.021 * 28},
        branch_jump={A: 10.0},
        loss_sd={A: 5.0, B: 0.6, D: 0.55, C: 0.5},
        loss_sd_normalised={A: 0.4, C: 0.5},
        grad_cosine={A: -0.5, B: 0.5, D: -0.1},
        probe_r2={A: 0.8, C: 0.9},
        f1_gap={A: 0.03, C: 0.02},
    )
    found = verdicts(planted(losses))
    expected = {"focal_ignores": True, "focal_uses": True, "recon_share": False, "recon_cancels": True}
    expected |= {"effective_gradient": True, "times_28": True, "branch_jump": True, "loss_sd_order": True}
    expected |= {"loss_sd_normalised_A_over_C": False, "opposed_A": True, "opposed_B": False, "opposed_D": True}
    expected |= {"separable": True, "regularises": False}
    assert {name: found[name] for name in expected} == {
        name: "confirmed" if holds else "refuted" for name, holds in expected.items()
    }
    row = judged(planted(losses)).loc[("secondary", "raw", "times_28")]
    assert row["measured"] == pytest.approx(28, rel=1e-3)  # a ratio, not its logarithm
    assert row["ci_low"] < 28 < row["ci_high"]


def test_claims_of_the_course_of_a_training():
    losses = with_measures(
        f1(LEVELS),
        steps_to_level={A: 200.0, B: 120.0, D: 110.0, C: 60.0},
        recon_start={A: 1.5},
        recon_middle={A: 0.02},
        recon_end={A: 0.011},
    )
    found = verdicts(planted(losses))
    assert found["steps_to_level_order"] == "confirmed"
    assert found["recon_helps_convergence"] == "refuted"
    assert found["steps_to_best99_order"] == "not run"
    assert [found[f"recon_{when}"] for when in ("start", "middle", "end")] == ["confirmed", "refuted", "confirmed"]


def test_what_follows_a_switch_is_not_testable_where_it_never_fires():
    never = with_measures(f1(LEVELS), switched_share={A: 0.0}, switches={A: 0.0})
    table = judged(planted(never)).loc[("secondary", "raw")]
    assert table.loc["switch_never", "verdict"] == "confirmed"
    for name in ("recon_rises", "oscillates"):
        assert table.loc[name, ["verdict", "reason"]].tolist() == ["not testable", f"{A} never switched"]
    often = with_measures(f1(LEVELS), switched_share={A: 0.8}, switches={A: 9.0}, recon_after_switch={A: 1.3})
    found = verdicts(planted(often))
    assert found["switch_never"] == "refuted"
    assert found["recon_rises"] == found["oscillates"] == "confirmed"


def test_a_question_predicts_nothing():
    for level, verdict in ((0.76, "higher"), (0.72, "lower"), (0.7401, "equivalent")):
        assert verdicts(planted(f1({**LEVELS, E: level})))["f1_overall_E_and_C"] == verdict


def test_definitions_are_listed_once():
    rows = judged(planted(f1(LEVELS))).loc[("definition", "raw")]
    assert set(rows.index) == {one.name for one in DEFINITIONS}
    assert set(rows["verdict"]) == {"by definition"}
    weights = {"hap": 0.2, "genotype": 0.3, "recon": 0.15}  # of A, and 3, 4, 0 after the switch: config.yaml
    total = 2 * weights["hap"] + weights["genotype"] + 2 * weights["recon"]
    shares = [2 * weights["hap"] / total, weights["genotype"] / total, 2 * weights["recon"] / total]
    assert [f"{100 * share:.0f}" for share in shares] == rows.loc["weights_A", "original"].split("/")
    assert [f"{100 * x / (2 * 3 + 4):.0f}" for x in (2 * 3, 4, 0)] == rows.loc["weights_A_after", "original"].split("/")


def test_claims_name_parts_that_exist_and_regions_that_are_regions():
    every = [*PRIMARY, *SECONDARY]
    names = [claim.name for claim in every]
    assert len(set(names)) == len(names)
    for claim in every:
        if isinstance(claim, Conjunction):
            assert set(claim.parts) <= set(names)
        else:
            assert claim.low < claim.high
            assert np.isnan(claim.predicted) or claim.low <= claim.predicted <= claim.high


def test_more_claims_make_each_one_harder_to_decide(monkeypatch):
    claim = Claim("x", "x", value_of(C, "f1_overall"), 0.0, 1.0)
    rows = planted(f1({C: 0.05}), spread=0.09, sampling=0.0)  # alone surely above 0
    many = [Claim(f"y{i}", "y", value_of(C, "f1_rare"), 0.049, 1.0) for i in range(40)]
    for family, verdict in (((claim,), "confirmed"), ((claim, *many), "undecided")):
        monkeypatch.setitem(judged_claims.FAMILIES, "primary", family)
        assert judged(rows).loc[("primary", "raw", "x"), "verdict"] == verdict


def test_power_is_the_smallest_difference_that_ten_seeds_would_find():
    rows = planted(f1(LEVELS, LEVELS), seeds=range(1, 6), spread=0.01, sampling=0.0)
    (trained,) = loss_table.group_trainings(rows)
    found = judged_claims.power(trained).set_index(["scores", "claim"])
    assert len(found) == 8
    row = found.loc[("raw", "f1_overall_C_over_A")]
    difference = trained.losses[C]["f1_overall"] - trained.losses[A]["f1_overall"]
    assert row["sd_seeds"] == pytest.approx(difference.values.std(ddof=1))
    assert row["error"] == pytest.approx(row["sd_seeds"] / np.sqrt(10))
    # the library has the same, and the smaller family needs less
    from statsmodels.stats.power import TTestPower

    effect = TTestPower().solve_power(nobs=10, alpha=0.05 / 6, power=0.8, alternative="two-sided")
    assert row["detectable"] == pytest.approx(effect * row["sd_seeds"], rel=1e-4)
    assert found.loc[("calibrated", "f1_overall_C_over_A"), "detectable"] < row["detectable"]
    assert judged_claims.power(loss_table.group_trainings(planted(f1(LEVELS), seeds=[1]))[0]).empty
