"""What a reader sees first: a sentence, names that a person says, five methods, and no word of what was not done."""

import re

import pandas as pd
import pytest
from test_page import written
from test_plot import drawn

from evaluation_data import write_study
from ragimpute.evaluation.result_tables import METRIC_COLUMNS, SUMMARY_COLUMNS
from ragimpute.reporting.method_names import leading_method, main_methods, shown_names
from ragimpute.reporting.reader_sentence import first_sentence
from ragimpute.reporting.report_overview import Overview
from ragimpute.reporting.report_page import template_environment
from ragimpute.tables import read_table

NO_FIGURE = {"chromosomes": {"empty": True}}
ROWS = [
    *(("beagle", "NA", "NA", "NA"), ("beagle_tuned", "NA", "NA", "NA"), ("minimac4", "NA", "NA", "NA")),
    *(("frequency", "NA", "NA", "NA"), ("my_method", "NA", "NA", "NA")),
    *(("net.a", "net", "a", "scratch"), ("net.a.calibrated", "net", "a", "scratch"), ("net.b", "net", "b", "scratch")),
    *(("net.a.pretrained", "net", "a", "pretrained"), ("net.a.fine_tuned", "net", "a", "fine_tuned")),
    ("net.fast.pretrained", "net", "a", "pretrained"),
]


def summary(rows=ROWS, selected: str = "net.b") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["method", "architecture", "loss", "weights"])
    return table.assign(selected=table["method"] == selected)


def test_names_are_those_that_a_person_says_and_the_loss_is_named_where_it_must_be():
    names = shown_names(summary())
    assert names == {
        "beagle": "Beagle",
        "beagle_tuned": "Beagle, tuned",
        "minimac4": "Minimac4",
        "frequency": "allele frequency alone",
        "my_method": "my_method",
        "net.a": "net (a)",
        "net.a.calibrated": "net, recalibrated (a)",
        "net.b": "net (b)",
        "net.a.pretrained": "net, pretrained (a)",
        "net.a.fine_tuned": "net, fine-tuned on the panel",
        "net.fast.pretrained": "net, pretrained (fast)",
    }
    alone = [row for row in ROWS if row[0] != "net.b"]
    assert shown_names(summary(alone))["net.a.calibrated"] == "net, trained on the panel, recalibrated"


def test_five_methods_are_shown_by_a_rule():
    assert main_methods(summary()) == ["net.b", "net.a.pretrained", "beagle", "minimac4", "frequency"]
    without = [row for row in ROWS if row[0] != "minimac4"]
    assert main_methods(summary(without)) == [
        *("net.b", "net.a.pretrained", "net.fast.pretrained", "beagle", "frequency")
    ]
    assert leading_method(summary()) == "net.b"
    assert leading_method(summary(selected="none")) == "net.a.pretrained"
    assert leading_method(summary(ROWS[:5])) == "beagle"


def measured(*rows: tuple[str, str, float, int]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["metric", "stratum", "value", "n_sites"])
    return table.assign(method="net", population="all")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [
                *(("r2", "rare", 0.716, 12_000), ("r2", "common", 0.9657, 5000)),
                *(("passing_30", "rare", 0.93, 11_160), ("r2_info", "rare", 0.8, 12_000)),
            ],
            "Rare variants (MAF < 5 %) are imputed with r² 0.72, common ones with 0.97; "
            "11.2 of 12.0 thousand rare sites pass estimated R² ≥ 0.3.",
        ),
        ([("r2", "common", 0.9657, 5000)], "Common variants are imputed with r² 0.97."),
        (
            [("passing_30", "rare", 0.5, 1203), ("r2_info", "rare", 0.8, 2406)],
            "The accuracy is estimated, as there are no true genotypes to compare with; "
            "1,203 of 2,406 rare sites pass estimated R² ≥ 0.3.",
        ),
    ],
)
def test_the_first_sentence_says_what_is_known(rows, sentence):
    assert first_sentence(measured(*rows), "net") == sentence


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    return folder


@pytest.fixture(scope="module")
def page(study) -> str:
    return page_of(study, study / "report.html")


def page_of(folder, out) -> str:
    drawn(folder, folder / "figures")
    (folder / "config.yaml").write_text("training: {bert_rag: {size: small}, copy_rag: {size: small}}\n")
    return written(folder, out)


def test_two_methods_wait_for_the_button(page):
    table = page.split("Summary of omni")[1].split("</table>")[0]
    hidden = re.findall(r'<tr data-method="([\w.]+)" class="[^"]*\brest\b[^"]*"', table)
    assert sorted(hidden) == ["bert_rag.recon_switch", "copy_rag.recon_switch"]
    assert "Show all 7 methods" in page
    assert "size <em>small</em>, which two cores train in minutes" in page


def test_the_filter_table_has_the_numbers_of_the_metrics(study, page):
    section = page.split('id="mask-omni-filters"')[1].split('id="mask-omni-bins"')[0]
    metrics = read_table(study / "metrics.tsv", METRIC_COLUMNS).query("method == 'copy_rag.no_recon' and seed == 1")
    rows = metrics[metrics["population"] == "all"].set_index(["metric", "stratum"])
    passing = rows.loc[("passing_30", "rare")]
    line = re.search(r'<th scope="row">rare</th>(.*?)</tr>', section).group(1)
    cells = re.findall(r"<td>(.*?)</td>", line)
    assert cells[0] == f"{rows.loc[('r2', 'rare'), 'n_sites']:,}"
    assert cells[2:5] == [
        f"{passing['n_sites']:,}",
        f"{passing['value'] * 100:.0f} %",
        f"{rows.loc[('r2_passing_30', 'rare'), 'value']:.3f}",
    ]


def test_where_nothing_was_trained_no_loss_is_named(study, tmp_path):
    """The summary's only network is as it comes with the package."""
    for name, column in (("metrics", "method"), ("summary", "method"), ("along", "method"), ("curves", "method")):
        text = (study / f"{name}.tsv").read_text().splitlines()
        place = text[0].split("\t").index(column)
        kept = [text[0]]
        for line in text[1:]:
            cells = line.split("\t")
            if cells[place] in ("beagle", "minimac4"):
                kept.append(line)
            if cells[place] == "copy_rag.no_recon":
                kept.append(line.replace("\tscratch\t", "\tpretrained\t"))
        (tmp_path / f"{name}.tsv").write_text("\n".join(kept) + "\n")
    for name in ("comparisons", "loss_study", "claims", "painting"):
        (tmp_path / f"{name}.tsv").write_bytes((study / f"{name}.tsv").read_bytes())
    assert set(read_table(tmp_path / "summary.tsv", SUMMARY_COLUMNS)["weights"]) == {"NA", "pretrained"}
    page = page_of(tmp_path, tmp_path / "report.html")
    shown = re.sub(r"<(script|style|pre|textarea)\b.*?</\1>", "", page, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " ", shown)
    assert re.findall(r"(?i)\blosse?s?\b|recon|training|epoch|seed", words) == []
    assert "copy_rag, pretrained" in words


def test_a_page_of_several_masks_begins_with_a_sentence_for_each():
    template = template_environment().get_template("overview.html.jinja")
    masks = [
        {"id": f"mask-{name}", "panel": "p", "name": name, "sentence": f"Said of {name}.", "figures": figures}
        for name, figures in (("omni", NO_FIGURE), ("gsa", NO_FIGURE))
    ]
    table = Overview("r²", ["Beagle"], [["p", name, "all", "5", "9", ".9", ".8"] for name in ("omni", "gsa")])
    html = template.render(masks=masks, overview=table)
    assert html.index("Said of omni.") < html.index("Said of gsa.") < html.index("<table")
    assert "Said of" not in template.render(masks=masks[:1], overview=table)  # it stands in the mask's own part
