import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from click.testing import CliRunner
from test_plot import drawn, options

from evaluation_data import write_study
from ragimpute import tables
from ragimpute.cli.reporting import report_command
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.reporting.beagle_verdict import compare_with_beagle, not_worse
from ragimpute.reporting.report_of_run import benchmark_rows


class Tags(HTMLParser):
    """Collects tags, attributes that may load something, and table cells."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.void = {"meta", "img", "br", "link", "input"}

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    drawn(folder, folder / "figures")
    (folder / "config.yaml").write_text("training: {bert_rag: {size: small}, copy_rag: {size: small}}\n# <script>x()\n")
    (folder / "dropped.tsv").write_text("chrom\treason\n20\t<b>duplicate</b>\n20\tindel\n20\tindel\n")
    (folder / "check.tsv").write_text("level\tfile\tcode\tmessage\nwarning\tt.vcf\tbuild\t<i>few</i> records match\n")
    benchmark = folder / "benchmarks" / "train" / "omni" / "seed1.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t830.1\n")
    return folder


def written(folder, out, *extra) -> str:
    arguments = [
        *options(folder),
        "--figures",
        str(folder / "figures"),
        "--config",
        str(folder / "config.yaml"),
        "--out",
        str(out),
    ]
    result = CliRunner().invoke(report_command, [*arguments, *extra], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(study) -> str:
    extra = ("--dropped", "example", str(study / "dropped.tsv"), "--benchmarks", str(study / "benchmarks"))
    extra += ("--check", "example", str(study / "check.tsv"))
    return written(study, study / "report.html", *extra)


def test_the_file_is_well_formed_and_loads_nothing_from_outside(html):
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.sources
    assert all(source.startswith("#") for source in tags.sources)
    assert not re.search(r"@import|url\(", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))


def test_everything_is_escaped(html):
    assert "<b>duplicate" not in html
    assert "&lt;b&gt;duplicate&lt;/b&gt;" in html
    assert "# &lt;script&gt;x()" in html
    assert "<td>t.vcf</td><td>&lt;i&gt;few&lt;/i&gt; records match</td>" in html


def test_numbers_are_those_of_the_summary(html, study):
    summary = tables.read_table(study / "summary.tsv", result_tables.SUMMARY_COLUMNS)
    for value in summary["r2_rare"]:
        assert f'data-value="{value:.6g}"' in html
    assert "size small" in html
    assert "does not rank the architectures" in html
    assert 'This was measured with <span title="in tables and files: copy_rag.no_recon">copy_rag (no_recon)' in html
    assert "It is ahead of Beagle by" in html
    assert "<td>12.5</td><td>830</td>" in html


def test_without_truth_the_report_says_so(tmp_path):
    write_study(tmp_path, truth=False)
    drawn(tmp_path, tmp_path / "figures")
    (tmp_path / "config.yaml").write_text("{}")
    html = written(tmp_path, tmp_path / "report.html")
    assert "There is no truth to compare with" in html
    assert "estimated r²" in html
    assert "The accuracy is estimated, as there are no true genotypes to compare with." in html
    assert "Summary of omni" not in html  # it would be empty


def test_a_missing_figure_is_named(study, tmp_path):
    (tmp_path / "empty").mkdir()
    arguments = [*options(study), "--figures", str(tmp_path / "empty"), "--config", str(study / "config.yaml")]
    with pytest.raises(InputError, match=r"r2_by_mac\.omni\.json: no such figure"):
        CliRunner().invoke(report_command, [*arguments, "--out", str(tmp_path / "r.html")], catch_exceptions=False)


def compared(low: float, high: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    summary = pd.DataFrame({"method": ["net", "beagle"], "selected": [True, False], "r2_overall": [0.9, 0.9]})
    rows = [
        ("net", "beagle", "all", stratum, "r2", (low + high) / 2, low, high) for stratum in ("overall", "rare", "mac_1")
    ]
    names = ["method_a", "method_b", "population", "stratum", "metric", "difference", "ci_low", "ci_high"]
    metrics = pd.DataFrame(
        [("net", "all", "mac_1", "truth_minor_alleles", 500.0)],
        columns=["method", "population", "stratum", "metric", "value"],
    )
    return summary, pd.DataFrame(rows, columns=names), metrics


@pytest.mark.parametrize(
    ("low", "high", "outcome", "words"),
    [
        (0.04, 0.06, "ahead", "net is ahead of Beagle by 0.0500 in rare r² (95 % interval 0.0400 to 0.0600)"),
        (-0.06, -0.04, "behind", "net is behind Beagle by 0.0500 in rare r² (95 % interval 0.0400 to 0.0600)"),
        (
            -0.01,
            0.03,
            "undecided",
            "in rare r² (difference 0.0100, 95 % interval −0.0100 to 0.0300)",
        ),
    ],
)
def test_the_verdict_is_fair(low, high, outcome, words):
    found = compare_with_beagle(*compared(low, high))
    assert found.outcome == outcome
    assert words in found.sentence


def test_bins_ahead_need_enough_minor_alleles():
    summary, comparisons, metrics = compared(0.04, 0.06)
    assert compare_with_beagle(summary, comparisons, metrics).bins.startswith("Ahead in 1 of 1 ")
    assert compare_with_beagle(summary, comparisons, metrics.assign(value=199.0)).bins == ""


def test_only_a_selected_row_is_compared():
    summary, comparisons, metrics = compared(0.04, 0.06)
    assert compare_with_beagle(summary.assign(selected=False), comparisons, metrics).outcome == "none"


def test_bold_needs_the_paired_interval():
    metrics = pd.DataFrame({"method": ["a", "b", "c"], "value": [0.9, 0.88, 0.8]})
    metrics = metrics.assign(metric="r2", stratum="rare", population="all")
    paired = pd.DataFrame({"method_a": "a", "method_b": ["b", "c"], "ci_low": [-0.01, 0.05]})
    paired = paired.assign(metric="r2", stratum="rare", population="all")
    assert not_worse(metrics, paired, "r2", "rare") == {"a", "b"}


def test_benchmarks_are_summed_by_rule(study):
    (study / "benchmarks" / "notes.tsv").write_text("a\tb\n1\t2\n")
    assert benchmark_rows(study / "benchmarks") == [("train", 1, "12.5", "830")]
