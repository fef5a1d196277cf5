"""A study of several chromosomes: a figure and a table by chromosome, and everything else of all of them."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from test_page import Tags, written
from test_plot import drawn

from evaluation_data import write_study
from ragimpute.evaluation.result_tables import METRIC_COLUMNS
from ragimpute.reporting.accuracy_page import accuracy_block
from ragimpute.reporting.chromosome_figure import chromosome_figure, compared_methods
from ragimpute.reporting.report_overview import overview
from ragimpute.reporting.study_tables import COLUMNS, StudyTables
from ragimpute.reporting.style import method_styles
from ragimpute.tables import read_table

CHROMOSOMES = ("1", "2", "10", "X")
MAIN = ["copy_rag.no_recon", "bert_rag.no_recon", "beagle", "minimac4"]


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    write_study(folder, chromosomes=CHROMOSOMES)
    drawn(folder, folder / "figures")
    (folder / "config.yaml").write_text("training: {bert_rag: {size: small}, copy_rag: {size: small}}\n")
    return folder


def test_the_figure_has_each_chromosome_of_the_main_methods(genome):
    spec = json.loads((genome / "figures" / "chromosomes.omni.json").read_text())
    assert not spec["usermeta"]["empty"]
    rows = pd.DataFrame(spec["data"]["values"])
    assert set(rows["chrom"]) == set(CHROMOSOMES)
    assert set(rows["method"]) == set(MAIN)
    measured = read_table(genome / "metrics.tsv", METRIC_COLUMNS)
    of_all_samples = measured[(measured["population"] == "all") & (measured["metric"] == "r2")]
    values = of_all_samples.set_index(["chrom", "method", "stratum"])["value"]
    for row in rows.itertuples():
        assert row.value == pytest.approx(values[row.chrom, row.method, row.stratum], rel=1e-5)
        assert row.low <= row.value <= row.high
    for panel in spec["vconcat"]:
        assert panel["layer"][0]["encoding"]["x"]["sort"] == list(CHROMOSOMES)
    assert "<path" in (genome / "figures" / "chromosomes.omni.svg").read_text()


def test_the_report_is_of_the_genome_with_a_table_by_chromosome(genome, tmp_path):
    page = written(genome, tmp_path / "report.html")
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    section = page.split('id="overview"')[1].split("</table>")[0]
    lines = re.findall(r"<tr[^>]*><th scope=\"row\"[^>]*>(.*?)</th>(.*?)</tr>", section)
    assert [panel for panel, _ in lines] == ["example"] * 5
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", line) for _, line in lines]
    assert [line[1] for line in cells] == ["all", *CHROMOSOMES]
    assert [line[2] for line in cells] == ["500", *["125"] * 4]  # typed sites
    measured = read_table(genome / "metrics.tsv", METRIC_COLUMNS)
    scored = measured[(measured["metric"] == "r2") & (measured["stratum"] == "overall")].query("method == 'beagle'")
    by_chromosome = scored.set_index("chrom")
    column = 4 + 2 * MAIN.index("beagle")
    for name, line in zip(("all", *CHROMOSOMES), cells, strict=True):
        assert line[3] == f"{by_chromosome.loc[name, 'n_sites']:,}"
        assert line[column] == f"{by_chromosome.loc[name, 'value']:.4f}"
    assert page.index("mask-omni-summary") < page.index('id="overview"')  # one panel: its chapter comes first
    summary = pd.read_csv(genome / "summary.tsv", sep="\t").set_index("method")
    assert summary.loc["beagle", "r2_overall"] == pytest.approx(by_chromosome.loc["all", "value"])
    assert f"<dd>{by_chromosome.loc['all', 'n_sites']:,}</dd>" in page
    assert "<dd>4</dd>" in page  # chromosomes


def test_the_accuracy_tables_of_pages_are_of_the_genome(genome):
    summary = pd.read_csv(genome / "summary.tsv", sep="\t").set_index("method")
    block = accuracy_block(genome, "omni")
    assert f"{summary.loc['beagle', 'r2_overall']:.4f}".lstrip("0") in block
    metrics = pd.read_csv(genome / "metrics.tsv", sep="\t", dtype={"chrom": str}).query("chrom == 'all'")
    one = metrics.query("method == 'beagle' and metric == 'r2' and stratum == 'mac_11_20'")["value"].item()
    assert f"{one:.3f}".lstrip("0") in block


def test_without_truth_estimates_are_shown_and_one_chromosome_is_no_comparison(tmp_path):
    write_study(tmp_path, truth=False, chromosomes=CHROMOSOMES)
    summary = pd.read_csv(tmp_path / "summary.tsv", sep="\t", keep_default_na=False)
    styles = method_styles(summary)
    assert compared_methods(styles) == MAIN
    metrics = read_table(tmp_path / "metrics.tsv", METRIC_COLUMNS).query("chrom != 'all'")
    assert not chromosome_figure(metrics, styles)["usermeta"]["empty"]
    alone = metrics[metrics["chrom"] == "X"]
    assert chromosome_figure(alone, styles)["usermeta"]["empty"]
    tables = StudyTables.read({name: tmp_path / f"{name}.tsv" for name in COLUMNS}, [])
    ((mask, of_mask),) = tables.masks()
    table = overview([(mask, of_mask, styles)])
    assert (table.measure, len(table.rows), len(table.rows[0])) == ("estimated r²", 5, 5 + 2 * len(MAIN))
    assert overview([(mask, replace(of_mask, chromosomes=of_mask.chromosomes[:0]), styles)]) is None
    two = overview([(mask, of_mask, styles)] * 2)  # two masks: a chapter even where each is of one chromosome
    assert len(two.rows) == 10


def test_masks_with_different_losses_have_columns_with_different_headings(tmp_path):
    write_study(tmp_path, chromosomes=CHROMOSOMES)
    tables = StudyTables.read({name: tmp_path / f"{name}.tsv" for name in COLUMNS}, [])
    ((mask, first),) = tables.masks()
    loss = {"copy_rag.no_recon": "copy_rag.recon_low", "no_recon": "recon_low"}
    keep = first.summary["method"].isin(MAIN)
    first = replace(first, summary=first.summary[keep])
    second = replace(first, summary=first.summary.replace({"method": loss, "loss": loss}))
    parts = [(mask, one, method_styles(one.summary)) for one in (first, second)]
    alone = [{style.name for method, style in styles.items() if "copy_rag" in method} for _, _, styles in parts]
    assert alone[0] == alone[1]  # within its mask neither needs the loss in its name
    methods = overview(parts).methods
    assert len(set(methods)) == len(methods) == 1 + len(MAIN)
