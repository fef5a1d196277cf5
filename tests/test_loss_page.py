"""docs/loss_study.md: its tables are the study's, and its places are there."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from evaluation_data import write_study
from ragimpute.errors import InputError
from ragimpute.evaluation import claims, loss_study, tables
from ragimpute.reporting.loss_page import PAGE, fill, main
from ragimpute.reporting.losses import interval, rank_range, text
from test_plot import drawn

BLOCKS = ("provenance", "counts", "predictions", "scores", "training", "monitors")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_study(folder)
    drawn(folder, folder / "figures")
    (folder / "config.yaml").write_text(yaml.safe_dump({"study": [{}, {}, {}, {}], "seeds": [1]}))
    benchmark = folder / "benchmarks" / "train" / "omni" / "seed1.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\tcpu_time\n12.5\t120\n")
    return folder


def test_the_page_has_a_place_for_every_table_and_nothing_else():
    assert tuple(re.findall(r"<!-- (?!end)(\w+) -->\n", PAGE.read_text())) == BLOCKS


def test_the_tables_are_those_of_the_study(results, tmp_path):
    page = tmp_path / "loss_study.md"
    shutil.copyfile(PAGE, page)
    (tmp_path / "images").mkdir()
    words = ["--results", str(results), "--command", "snakemake -x", "--commit", "abc123", "--page", str(page)]
    for _ in range(2):  # filled again, nothing is left of the first time
        assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0
    filled = page.read_text()
    assert filled.count("`snakemake -x`") == filled.count("`abc123`") == 1
    assert "train 2 min (1 jobs)" in filled
    study = tables.read(results / "loss_study.tsv", loss_study.COLUMNS)
    for row in study[study["measure"].isin(["f1_rare", "f1_gap"])].itertuples():
        assert re.search(rf"\| `{row.loss}` \|.*\| {re.escape(text(row.value))} \|", filled), row
    judged = tables.read(results / "claims.tsv", claims.COLUMNS)
    for name in judged["text"]:
        assert filled.count(f"| {name} |") == 1
    assert (tmp_path / "images" / "loss_study.svg").read_bytes() == (
        results / "figures" / "loss_study.omni.svg"
    ).read_bytes()


def test_a_missing_place_is_an_error():
    with pytest.raises(InputError, match="<!-- scores -->"):
        fill("<!-- counts -->\nold\n<!-- end -->", {"counts": "new", "scores": "x"})
    assert (
        fill("a\n<!-- counts -->\nold\n<!-- end -->\nb", {"counts": r"\1"})
        == "a\n<!-- counts -->\n\\1\n<!-- end -->\nb"
    )


def test_numbers_in_words():
    assert [text(value) for value in (0.01234, -0.5, 1.234, 12.34, float("nan"))] == [
        "0.0123",
        "−0.5",
        "1.23",
        "12.3",
        "NA",
    ]
    assert interval(-0.1, 0.25) == "[−0.1, 0.25]"
    assert interval(float("nan"), 0.1) == ""
    assert [rank_range(*pair) for pair in ((1, 1), (2, 5), (float("nan"), float("nan")))] == ["1", "2–5", ""]
