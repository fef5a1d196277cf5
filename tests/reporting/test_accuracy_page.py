"""The accuracy tables of README.md and docs/: filled between their marks from the results of a study."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation_data import write_study
from ragimpute import tables
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.reporting.accuracy_page import Run, decimal, fill_accuracy, main

RUN = Run("make report", "abc123", "2026-11-30")
PAGE = """Before.

<!-- accuracy_short omni -->
old
<!-- end -->

Between.

<!-- accuracy omni -->
old
<!-- end -->

<!-- accuracy other -->
kept
<!-- end -->
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_study(folder)
    for name in ("summary", "metrics", "comparisons"):  # the pages compare networks of this loss
        table = folder / f"{name}.tsv"
        table.write_text(table.read_text().replace("no_recon", "cross_entropy"))
    machine = {"cores": 64, "processor": "Some CPU", "gpus": ["Some GPU"]}
    (folder / "provenance.json").write_text(json.dumps({"hardware": machine}))
    return folder


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of the first table of `text`, by method."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    cells = [line.split(" | ") for line in lines[2:]]
    return {row[0].strip("*"): row[1:] for row in cells}


def test_both_tables_have_the_numbers_of_the_summary_and_the_machine_of_the_run(results, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    figure = tmp_path / "figure.svg"
    assert fill_accuracy(page, [results], RUN, figure) == ["accuracy other"]
    filled = page.read_text()
    short, long = filled.split("Between.")
    summary = tables.read_table(results / "summary.tsv", result_tables.SUMMARY_COLUMNS).set_index("method")
    of_short = rows_of(short)
    shown = {"Beagle": "beagle", "Minimac4": "minimac4", "bert_rag, trained on the panel": "bert_rag.cross_entropy"}
    shown["copy_rag, trained on the panel"] = "copy_rag.cross_entropy"
    assert set(of_short) == set(shown)
    assert all(name in figure.read_text() for name in shown)
    for name, cells in of_short.items():
        row = summary.loc[shown[name]]
        assert cells == [decimal(row[name], 4) for name in ("r2_overall", "r2_rare", "r2_common", "f1_rare")]
    assert "| frequency |" in long
    assert filled.count("`make report` at commit `abc123`, 64 cores, Some CPU, Some GPU, 2026-11-30.") == 2
    assert "old" not in filled
    assert "<!-- accuracy other -->\nkept\n<!-- end -->" in filled

    assert fill_accuracy(page, [results], RUN) == ["accuracy other"]
    assert page.read_text() == filled


def test_a_page_without_a_place_and_results_without_a_machine_are_named(results, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- accuracy other -->\n<!-- end -->\n")
    with pytest.raises(InputError, match=r"page\.md: no place for a table of omni"):
        fill_accuracy(page, [results], RUN)
    page.write_text(PAGE)
    (tmp_path / "summary.tsv").write_bytes((results / "summary.tsv").read_bytes())
    for name in ("metrics.tsv", "comparisons.tsv"):
        (tmp_path / name).write_bytes((results / name).read_bytes())
    with pytest.raises(InputError, match=r"provenance\.json: no such file"):
        fill_accuracy(page, [tmp_path], RUN)
    (tmp_path / "provenance.json").write_text("{}")
    with pytest.raises(InputError, match=r"provenance\.json: it does not name the machine"):
        fill_accuracy(page, [tmp_path], RUN)
    assert page.read_text() == PAGE


def test_the_command_says_which_tables_stay(results, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    words = ["--results", str(results), "--command", "c", "--commit", "d", "--date", "2026-11-30", str(page)]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "<!-- accuracy other --> stays as it is" in done.output
