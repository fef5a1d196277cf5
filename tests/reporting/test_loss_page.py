"""docs/loss_study.md and its data: its tables are computed from the committed trainings, and its places are there."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from evaluation_data import write_study
from ragimpute import tables
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.loss_study import trainings_table
from ragimpute.evaluation.loss_study.judged_claims import FAMILIES
from ragimpute.evaluation.loss_study.original_claims import CROSS_ENTROPY, DEFINITIONS, PREDICTED_F1, A, C
from ragimpute.reporting.loss_figures import claim_text, interval_text, rank_range
from ragimpute.reporting.loss_page import DOCS, RUN_COLUMNS, RUNS, TRAININGS, cpu_minutes, main, read_loss_rows
from ragimpute.reporting.loss_page_tables import GPU_NOT_RUN, NOT_RUN, Found, blocks
from ragimpute.reporting.page_blocks import fill_blocks
from trainings_data import planted

PAGE = Path("docs/loss_study.md")
LEVELS = {**PREDICTED_F1["overall"], f"{C}_gamma2p5": 0.76}


def measures(level: float, calibrated: float = 0.97) -> dict[str, float]:
    found = {"f1_overall": level, "f1_rare": level - 0.05, "f1_overall_calibrated": calibrated, "val_f1": level}
    return found | {"recon_mean": 0.3, "hap_mean": 0.1, "grad_recon_share": 0.3, "grad_cosine": -0.2}


def studies() -> pd.DataFrame:
    """Trainings of four studies; study_gpu has not been run."""
    primary = planted({loss: measures(level) for loss, level in LEVELS.items()})
    secondary = planted({CROSS_ENTROPY: measures(0.8)}, seeds=range(1, 6), study="study_secondary")
    mask = planted({loss: measures(level) for loss, level in LEVELS.items()}, study="study_second_mask", mask="core")
    rates = [
        planted({f"{loss}_{name}": measures(level + gain)}, loss=loss, learning_rate=rate, study="study_rates")
        for loss, level in ((A, 0.70), (C, 0.74))
        for name, rate, gain in (("slow", 1e-4, -0.1), ("fast", 1e-2, 0.05 if loss == A else -0.02))
    ]
    return pd.concat([primary, secondary, mask, *rates], ignore_index=True)


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return blocks(Found.of(studies()), tables.join_tables([], RUN_COLUMNS))


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder of docs with the page and without its data."""
    shutil.copyfile(DOCS / "loss_study.md", tmp_path / "loss_study.md")
    (tmp_path / "images").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_study(folder)
    for name, seconds in (("train/omni/seed1", "120"), ("train/omni/seed2", "60"), ("collect", "6"), ("config", "NA")):
        benchmark = folder / "benchmarks" / f"{name}.tsv"
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text(f"s\tcpu_time\n12.5\t{seconds}\n")
    machine = {"cores": 64, "processor": "Some CPU", "gpus": ["Some GPU"]}
    (folder / "provenance.json").write_text(json.dumps({"hardware": machine}))
    return folder


def run(*words: str) -> None:
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_the_page_has_a_place_for_every_table_and_nothing_else(written):
    found = re.findall(r"<!-- (?!end)(\w+) -->\n", (DOCS / "loss_study.md").read_text())
    assert sorted(found) == sorted(written)


def test_without_any_training_every_table_says_so():
    empty = blocks(Found.of(tables.join_tables([], trainings_table.COLUMNS)), tables.join_tables([], RUN_COLUMNS))
    told = {name for name, content in empty.items() if content == NOT_RUN}
    assert told == set(empty) - {"runs", "definitions", "gpu"}
    assert empty["gpu"] == GPU_NOT_RUN
    assert empty["runs"].count("not run") == 5


def test_every_claim_is_on_the_page_with_the_originals_words(written):
    for family, claims in FAMILIES.items():
        for claim in claims:
            assert written[family].count(f"| {claim.text} | {claim.original} |") == 1, claim
    for one in DEFINITIONS:
        assert f"| {one.text} | {one.original} |" in written["definitions"]


def test_primary_claims_have_raw_and_calibrated_verdicts(written):
    (line,) = [line for line in written["primary"].splitlines() if line.startswith("| C beats A in overall F1")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2] == "> 0"
    assert cells[3].startswith("0.04 [")
    assert (cells[4], cells[6]) == ("confirmed", "equivalent")
    (line,) = [line for line in written["primary"].splitlines() if line.startswith("| in A the gradients")]
    assert line.endswith("| confirmed |  |  |")  # a cosine has no temperature


def test_scores_show_differences_raw_and_calibrated(written):
    lines = {line.split("|")[1].strip(" `"): line for line in written["scores"].splitlines() if line.startswith("| `")}
    assert set(lines) == {*LEVELS, CROSS_ENTROPY}  # rows with a learning rate of their own stay out
    cells = [cell.strip() for cell in lines[A].strip("|").split("|")]
    assert cells[1] == "10"
    assert cells[2].startswith("0.7 **−0.04** [")
    assert cells[3].startswith("0.97 ")
    assert "**" not in cells[3]
    assert [cell.strip() for cell in lines[CROSS_ENTROPY].strip("|").split("|")][1] == "5"


def test_the_monitors_end_in_the_originals_verdict(written):
    (line,) = [line for line in written["monitors"].splitlines() if line.startswith(f"| `{A}`")]
    assert line.endswith("| disturbs |")  # .3 against .1


def test_the_second_mask_is_judged_by_itself_and_the_gpu_is_not_run(written):
    assert "mask core" in written["second_mask"]
    assert "mask core" not in written["primary"] + written["secondary"] + written["scores"]
    assert "C beats A in overall F1" in written["second_mask"]
    assert written["gpu"] == GPU_NOT_RUN
    full = planted({C: measures(0.8)}, seeds=[1], size="full", study="study_gpu", steps=900)
    found = blocks(Found.of(pd.concat([studies(), full])), tables.join_tables([], RUN_COLUMNS))
    assert "size full" in found["gpu"]
    assert "size full" not in found["scores"]


def test_learning_rates_are_compared_at_each_and_at_the_best_of_each_loss(written):
    lines = written["rates"].splitlines()
    assert sum(line.startswith(f"| `{A}`") for line in lines) == sum(line.startswith(f"| `{C}`") for line in lines) == 3
    found = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in lines if line.count("|") == 4}
    assert found["the size's own"].startswith("0.04 [")
    assert found["0.01"].startswith("−0.03 [")
    # A is best at .01 (.75), C at its own rate (.74)
    assert found["each at its best by validation F1: the size's own, 0.01"].startswith("−0.01 [")


def test_a_study_is_added_replaced_and_filled_in(results, docs):
    words = ["add", "--results", str(results), "--docs", str(docs), "--commit", "abc123"]
    run(*words, "--study", "study_secondary", "--command", "old")
    run(*words, "--study", "study_primary", "--command", "snakemake -x")
    run(*words, "--study", "study_secondary", "--command", "snakemake -y")
    data = docs / "data" / TRAININGS
    rows = read_loss_rows(data, trainings_table.COLUMNS)
    original = tables.read_table(results / "trainings.tsv", trainings_table.COLUMNS)
    assert rows["study"].value_counts().to_dict() == dict.fromkeys(("study_primary", "study_secondary"), len(original))
    part = rows[rows["study"] == "study_primary"].drop(columns="study").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, original.drop(columns="study"))
    runs = read_loss_rows(docs / "data" / RUNS, RUN_COLUMNS).set_index("study")
    assert runs["command"].to_dict() == {"study_primary": "snakemake -x", "study_secondary": "snakemake -y"}
    assert set(runs["cpu_minutes"]) == {"train 3.0; collect 0.1"}
    assert set(runs["hardware"]) == {"64 cores, Some CPU, Some GPU"}

    before = data.read_bytes()
    for _ in range(2):  # filled again, nothing is left of the first time
        run("fill", "--docs", str(docs))
    filled = (docs / "loss_study.md").read_text()
    assert filled.count("`snakemake -x`") == 1
    assert "`old`" not in filled
    assert "images/loss_study.svg" in filled
    assert (docs / "images" / "loss_study.svg").read_text().startswith("<svg")
    assert data.read_bytes() == before
    for row in original.itertuples():
        assert re.search(rf"\| `{row.loss}` \| 1 \| {re.escape(claim_text(row.f1_overall))} ", filled), row


def test_a_folder_without_trainings_is_named(results, docs, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    result_tables.write_result_table(
        tables.join_tables([], trainings_table.COLUMNS), trainings_table.COLUMNS, folder / "trainings.tsv"
    )
    words = ["--results", str(folder), "--study", "x", "--command", "c", "--commit", "c", "--docs", str(docs)]
    result = CliRunner().invoke(main, ["add", *words])
    assert isinstance(result.exception, InputError)
    assert "no training from scratch" in str(result.exception)


def test_minutes_of_a_rule_are_summed_over_its_jobs(results):
    assert cpu_minutes(results) == "train 3.0; collect 0.1"


def test_a_missing_place_is_an_error():
    with pytest.raises(InputError, match=r"docs/loss_study\.md: .*<!-- scores -->"):
        fill_blocks(PAGE, "<!-- counts -->\nold\n<!-- end -->", {"counts": "new", "scores": "x"})
    assert (
        fill_blocks(PAGE, "a\n<!-- counts -->\nold\n<!-- end -->\nb", {"counts": r"\1"})
        == "a\n<!-- counts -->\n\\1\n<!-- end -->\nb"
    )


def test_numbers_in_words():
    assert [claim_text(value) for value in (0.01234, -0.5, 1.234, 12.34, np.nan)] == [
        "0.0123",
        "−0.5",
        "1.23",
        "12.3",
        "NA",
    ]
    assert interval_text(-0.1, 0.25) == "[−0.1, 0.25]"
    assert interval_text(float("nan"), 0.1) == ""
    assert [rank_range(*pair) for pair in ((1, 1), (2, 5), (float("nan"), float("nan")))] == ["1", "2–5", ""]
