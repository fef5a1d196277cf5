"""The loss study: measures over seeds, paired differences, ranks, and what had been predicted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from evaluation_data import synthetic
from ragimpute.cli import ragimpute
from ragimpute.evaluation import claims, collect, curves, loss_study, scorer, tables
from ragimpute.evaluation.claims import CLAIMS, CROSS_ENTROPY, A, B, C, Claim, Conjunction, D
from ragimpute.evaluation.intervals import Measured
from ragimpute.evaluation.loss_study import Trained

SEEDS = (1, 2, 3, 4, 5)
PEOPLE = [f"P{i:02d}" for i in range(20)]
NOISE = {C: (0.305, 0.31, 0.315), A: (0.605, 0.61, 0.615), "contrastive": (0.315, 0.31, 0.305)}  # of three seeds


def planted(f1: dict[str, float], spread: float = 0.001, **others: dict[str, float]) -> Trained:
    """A study with given F1 (overall and rare) and other measures of each loss, the same small scatter over seeds."""
    scatter = spread * np.array([-1.0, 0.5, 0.0, 1.0, -0.5])
    losses: dict[str, dict[str, Measured]] = {}
    for k, (loss, value) in enumerate(f1.items()):
        values = Measured(value + np.roll(scatter, k))
        losses[loss] = {"f1_overall": values, "f1_rare": values}
    for measure, by_loss in others.items():
        for loss, value in by_loss.items():
            losses[loss][measure] = Measured(value * (1 + scatter))
    return Trained("example", "omni", "copy_rag", "small", 48, SEEDS, losses)


def verdicts(study: Trained) -> dict[str, str]:
    judged = claims.judge([study])
    assert list(judged["claim"]) == [claim.name for claim in CLAIMS]
    return dict(zip(judged["claim"], judged["verdict"], strict=True))


def test_what_was_predicted_is_confirmed_when_it_is_so():
    found = verdicts(planted({**claims.PREDICTED_F1["overall"], CROSS_ENTROPY: 0.76}))
    assert all(found[f"f1_overall_{name}"] == "confirmed" for name in ("A", "B", "C", "D", "best", "order", "gamma"))
    assert found["f1_overall_C_over_D"] == "confirmed"
    assert found["f1_rare_C"] == "refuted"  # .74 here, .69 predicted
    assert found["switch_jump"] == "undecided"  # nothing was measured


def test_the_opposite_is_refuted_and_noise_is_undecided():
    upside_down = {A: 0.74, B: 0.72, D: 0.71, C: 0.70, CROSS_ENTROPY: 0.69}
    found = verdicts(planted(upside_down))
    assert found["f1_overall_best"] == found["f1_overall_order"] == found["f1_overall_gamma"] == "refuted"
    found = verdicts(planted(upside_down, spread=0.2))
    assert set(found.values()) == {"undecided"}


def test_gradient_claims_against_planted_monitors():
    study = planted(
        {A: 0.7, B: 0.7, C: 0.7, D: 0.7, CROSS_ENTROPY: 0.7},
        focal_share_90={C: 0.03},
        grad_recon_share={A: 0.6},
        grad_recon_cancels={A: 0.3},
        effective_gradient={A: 0.021, CROSS_ENTROPY: 0.021 * 28},
        switch_jump={A: 10.0},
        loss_sd={A: 5.0, C: 0.5},
        loss_sd_normalised={A: 0.4, C: 0.5},
        grad_cosine={A: -0.5, B: 0.5, D: -0.1},
    )
    found = verdicts(study)
    expected = {"focal_ignores": True, "recon_share": False, "recon_cancels": True, "effective_gradient": True}
    expected |= {"times_28": True, "switch_jump": True, "unstable_raw": True, "unstable_normalised": False}
    expected |= {"opposed_A": True, "opposed_B": False, "opposed_D": True}
    assert {name: found[name] for name in expected} == {
        name: "confirmed" if holds else "refuted" for name, holds in expected.items()
    }
    row = claims.judge([study]).set_index("claim").loc["times_28"]
    assert row["measured"] == pytest.approx(28)  # a ratio, not its logarithm
    assert row["ci_low"] < 28 < row["ci_high"]


def test_claims_name_parts_that_exist_and_regions_that_are_regions():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)
    for claim in CLAIMS:
        if isinstance(claim, Conjunction):
            assert set(claim.parts) <= set(names)
        else:
            assert claim.low < claim.high
            assert np.isnan(claim.predicted) or claim.low <= claim.predicted <= claim.high


def test_more_claims_make_each_one_harder_to_decide():
    claim = Claim("x", "x", lambda study: study.losses[C]["f1_overall"], 0.0, 1.0)
    study = planted({C: 0.05}, spread=0.03)  # alone surely above 0
    many = [Claim(f"y{i}", "y", lambda study: study.losses[C]["f1_rare"], 0.049, 1.0) for i in range(40)]
    assert claims.judge([study], [claim])["verdict"].tolist() == ["confirmed"]
    assert claims.judge([study], [claim, *many])["verdict"].iloc[0] == "undecided"


def test_ranks_are_ranges_where_the_losses_cannot_be_told_apart():
    ranks = loss_study.rank_ranges(planted({A: 0.5, B: 0.7, C: 0.7003}), "f1_overall")
    assert ranks == {A: (3, 3), B: (1, 2), C: (1, 2)}
    assert loss_study.rank_ranges(planted({A: 0.5, C: 0.7}, spread=2.0), "f1_overall") == {A: (1, 2), C: (1, 2)}


def history(seed: int, offset: float) -> pd.DataFrame:
    rows = []
    for step in range(1, 13):
        epoch = (step + 2) // 3
        rows += [(seed, step, epoch, "loss", offset + step % 2), (seed, step, epoch, "loss_normalised", step % 2 / 10)]
        rows += [(seed, step, epoch, "switched", 0.0), (seed, step, epoch, "recon_ratio", offset)]
        if step % 3 == 0:
            rows += [(seed, step, epoch, name, 0.5 + epoch / 100 + seed / 1000) for name in ("val_f1", "val_r2")]
            rows += [(seed, step, epoch, "train_f1", 0.7)]
    return pd.DataFrame(rows, columns=list(tables.HISTORY_COLUMNS))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Three losses on three seeds, evaluated and saved as the workflow does."""
    folder = tmp_path_factory.mktemp("losses")
    found, histories, words = [], {}, ["--size", "copy_rag", "small"]
    for loss, levels in NOISE.items():
        for seed, noise in enumerate(levels, start=1):
            genotypes, counts = synthetic(300, 20, noise=noise)
            run = tables.Run("example", "omni", f"copy_rag.{loss}", "copy_rag", loss, "scratch", seed)
            setting = scorer.Setting(100, 1)
            _, scored = scorer.score(run, genotypes, counts, np.ones(300), PEOPLE, ["NA"] * 20, setting)
            found.append(collect.Evaluation(run, setting, scored))
            statistics, path = folder / f"{loss}{seed}.st", folder / f"{loss}{seed}.tsv"
            collect.save(statistics, found[-1])
            history(seed, noise).to_csv(path, sep="\t", index=False)
            histories.setdefault(("omni", run.method), []).append(tables.read(path, tables.HISTORY_COLUMNS))
            words += ["--statistics", str(statistics), "--history", "omni", run.method, str(path)]
    return found, histories, words


def test_values_and_differences_are_those_of_the_scorer(evaluated):
    found, histories, _ = evaluated
    (study,) = loss_study.gather(found, histories, {"copy_rag": "small"})
    assert (study.size, study.steps, study.seeds) == ("small", 12, (1, 2, 3))
    table = loss_study.table([study]).set_index(["loss", "measure"])
    compared = collect.compare(found)
    for measure, (metric, stratum) in loss_study.SCORES.items():
        if metric == "ece":
            continue
        rows = compared[(compared["metric"] == metric) & (compared["stratum"] == stratum)]
        expected = rows[rows["method_a"] == f"copy_rag.{A}"]["difference"].item()
        assert table.loc[(A, measure), "difference"] == pytest.approx(expected)
    row = table.loc[(A, "f1_overall")]
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["p_holm"] < 0.05
    assert (row["rank_best"], row["rank_worst"]) == (3, 3)
    assert table.loc[("contrastive", "f1_overall"), "p_holm"] > 0.05
    assert np.isnan(table.loc[(C, "f1_overall"), "difference"])


def test_ece_and_training_measures(evaluated):
    found, histories, _ = evaluated
    (study,) = loss_study.gather(found, histories, {})
    values = study.losses[C]["ece"].values
    tables_of_seeds = [one.scored.statistics.calibration for one in found if one.run.loss == C]
    for value, calibration in zip(values, tables_of_seeds, strict=True):
        n, dosage, allele = calibration[:, 0].sum(axis=0).T
        assert value == pytest.approx(np.abs(dosage - allele).sum() / n.sum())
    # epochs 2 to 4 hold nine steps, alternating by 1 (raw) and .1 (normalised)
    flips = np.array([step % 2 for step in range(4, 13)])
    assert study.losses[A]["loss_sd"].values == pytest.approx(np.full(3, flips.std(ddof=1)))
    assert study.losses[A]["loss_sd_normalised"].values == pytest.approx(np.full(3, flips.std(ddof=1) / 10))
    assert study.losses[A]["f1_gap"].values == pytest.approx([0.7 - 0.54 - seed / 1000 for seed in (1, 2, 3)])
    assert study.losses[A]["epochs_to_best"].values == pytest.approx([4, 4, 4])


def test_losses_are_compared_on_the_seeds_that_all_have(evaluated):
    found, histories, _ = evaluated
    (whole,), (part,) = (loss_study.gather(some, histories, {}) for some in (found, found[1:]))
    left_out = found[0].run.seed
    assert part.seeds == tuple(seed for seed in whole.seeds if seed != left_out)
    kept = [seed != left_out for seed in whole.seeds]
    for loss, measures in part.losses.items():
        for name, measured in measures.items():
            np.testing.assert_array_equal(measured.values, whole.losses[loss][name].values[kept])
    apart = [one for one in found if one.run.loss == C or one.run.seed == left_out]
    apart = [one for one in apart if (one.run.loss, one.run.seed) != (C, left_out)]
    assert loss_study.gather(apart, histories, {}) == []


def test_calibrated_methods_and_those_with_a_name_are_left_out(evaluated):
    found, histories, _ = evaluated
    methods = (f"copy_rag.{C}.calibrated", "copy_rag.fast")
    more = [replace(one, run=replace(one.run, method=method)) for one in found[:1] for method in methods]
    (study,) = loss_study.gather([*found, *more], histories, {})
    assert study.seeds == loss_study.gather(found, histories, {})[0].seeds
    assert set(study.losses) == {one.run.loss for one in found}


def test_the_verb_writes_both_tables_the_same_each_time(evaluated, tmp_path):
    _, _, words = evaluated
    for name in ("a", "b"):
        out = ["--out", str(tmp_path / f"{name}.tsv"), "--claims", str(tmp_path / f"{name}.claims.tsv")]
        out += ["--curves", str(tmp_path / f"{name}.curves.tsv")]
        result = CliRunner().invoke(ragimpute, ["loss-study", *words, *out], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    for suffix in ("tsv", "claims.tsv", "curves.tsv"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    judged = tables.read(tmp_path / "a.claims.tsv", claims.COLUMNS)
    assert len(judged) == len(CLAIMS)
    assert set(judged["size"]) == {"small"}
    # D and B were not trained: what was said of them stays open
    assert judged.set_index("claim").loc["f1_overall_D_over_B", "verdict"] == "undecided"
    assert judged.set_index("claim").loc["f1_overall_C_over_A", "verdict"] == "confirmed"


def test_without_trained_networks_the_tables_are_empty(tmp_path):
    out = ["--out", str(tmp_path / "a.tsv"), "--claims", str(tmp_path / "b.tsv"), "--curves", str(tmp_path / "c.tsv")]
    assert CliRunner().invoke(ragimpute, ["loss-study", *out], catch_exceptions=False).exit_code == 0
    assert tables.read(tmp_path / "a.tsv", loss_study.COLUMNS).empty
    assert tables.read(tmp_path / "b.tsv", claims.COLUMNS).empty
    assert tables.read(tmp_path / "c.tsv", curves.COLUMNS).empty
