"""Accuracy tables of README.md and docs/, from finished studies: `python -m ragimpute.reporting.accuracy_page --help`.

A page marks the place of a table with `<!-- accuracy MASK -->` .. `<!-- end -->`, and that of a short one with
`<!-- accuracy_short MASK -->` .. `<!-- end -->`. Everything between the marks is written by this module, and so is the
figure beside a short table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd

from ragimpute import tables
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.strata import MAC_BINS
from ragimpute.reporting import accuracy_figures
from ragimpute.reporting.beagle_verdict import bins_with_enough
from ragimpute.reporting.chart import Spec, save_figure
from ragimpute.reporting.method_names import FREQUENCY, main_methods, shown_names
from ragimpute.reporting.page_blocks import fill_blocks, hardware_text, markdown_table
from ragimpute.reporting.style import method_styles
from ragimpute.study.runs import NOT_TRAINED

BINS = tuple(name for name in MAC_BINS if name != "mac_0")
BASELINES = ("beagle", "beagle_once", "beagle_tuned", "li_stephens")
LOSS = "cross_entropy"
COPIES = f"bert_rag.{LOSS}"
COPYING = {"copy_nearest", "li_stephens"}
# not in the short table: what imputes from fewer phasings than the others, and what is no imputation of a sample
NOT_SHORT = ("beagle_once", FREQUENCY)
SCORES = {"r2_overall": "r2 overall", "r2_rare": "rare", "r2_common": "common", "f1_rare": "rare F1"}
SHORT = "accuracy_short"
PLACE = re.compile(rf"<!-- ((accuracy|{SHORT}) (\w+)) -->")


@dataclass(frozen=True)
class Run:
    """How results were made: what stands below a table."""

    command: str
    commit: str
    date: str


def decimal(value: float, places: int) -> str:
    """A share without its leading zero, as .961; NA where it is not defined."""
    if pd.isna(value):
        return "NA"
    text = f"{value:.{places}f}"
    return text.replace("0.", ".", 1)


def compared_rows(summary: pd.DataFrame, mask: str) -> pd.DataFrame:
    """The baselines of a mask and the networks trained with LOSS, the best overall r2 first.

    The other losses are compared on the page of the loss study.
    """
    is_compared = summary["loss"].isin([NOT_TRAINED, LOSS])
    rows = summary[is_compared & (summary["mask"] == mask)]
    return rows.sort_values("r2_overall", ascending=False)


def _score_cells(row: pd.Series, name: str) -> list[str]:
    shown = f"**{name}**" if row["selected"] else name
    scores = [decimal(row[column], 4) for column in SCORES]
    return [shown, *scores]


def short_rows(summary: pd.DataFrame, mask: str) -> pd.DataFrame:
    """The rows of the five methods of a mask that a reader of the report sees first, without NOT_SHORT."""
    rows = compared_rows(summary, mask)
    rows = rows[~rows["method"].isin(NOT_SHORT)]
    return rows[rows["method"].isin(main_methods(rows))]


def short_table(summary: pd.DataFrame, mask: str) -> str:
    """r2 and F1 of `short_rows`, by the names that a person says."""
    rows = short_rows(summary, mask)
    names = shown_names(rows)
    lines = [_score_cells(row, names[row["method"]]) for _, row in rows.iterrows()]
    return markdown_table(["method", *SCORES.values()], lines)


def short_figure(results: Path, mask: str) -> Spec:
    """r2 by minor allele frequency of the methods of the short table."""
    summary = tables.read_table(results / "summary.tsv", result_tables.SUMMARY_COLUMNS)
    measured = tables.read_table(results / "metrics.tsv", result_tables.METRIC_COLUMNS)
    metrics = result_tables.of_genome(measured)
    styles = method_styles(short_rows(summary, mask))
    return accuracy_figures.r2_by_mac(metrics[metrics["mask"] == mask], styles)


def accuracy_table(summary: pd.DataFrame, metrics: pd.DataFrame, mask: str) -> str:
    """r2 and F1 of the methods of a mask, and r2 by reference minor allele count, averaged over seeds."""
    of_all = metrics[metrics["population"] == "all"]
    r2 = of_all[(of_all["mask"] == mask) & (of_all["metric"] == "r2")]
    by_bin = r2.groupby(["method", "stratum"])["value"].mean()
    lines = []
    for _, row in compared_rows(summary, mask).iterrows():
        method = row["method"]
        values = [by_bin.get((method, stratum), float("nan")) for stratum in BINS]
        bins = " ".join(decimal(value, 3) for value in values)
        lines.append([*_score_cells(row, method), bins])
    head = ["method", *SCORES.values(), "r2 by reference minor allele count (1, 2, 3-5, ..)"]
    return markdown_table(head, lines)


def difference_table(
    comparisons: pd.DataFrame, mask: str, method: str, others: Sequence[str], enough: Sequence[str]
) -> str:
    """Paired differences in dosage r2 of `method` to `others`, with intervals, and in how many bins it is ahead.

    Args: enough, the bins that have enough minor alleles to be judged by.
    """
    of_method = (comparisons["mask"] == mask) & (comparisons["method_a"] == method)
    pooled = (comparisons["population"] == "all") & (comparisons["metric"] == "r2")
    rows = comparisons[of_method & pooled]
    lines = []
    for other in others:
        to_other = rows[rows["method_b"] == other]
        if to_other.empty:
            continue
        found = to_other.set_index("stratum")
        cells = [f"to {other}"]
        for stratum in ("overall", "rare", "common"):
            row = found.loc[stratum]
            interval = f"[{row['ci_low']:+.4f}, {row['ci_high']:+.4f}]"
            cells.append(f"{row['difference']:+.4f} {interval}")
        judged = [stratum for stratum in enough if stratum in found.index]
        bins = found.loc[judged]
        ahead = int((bins["difference"] > 0).sum())
        surely = int((bins["ci_low"] > 0).sum())
        cells.append(f"{ahead} of {len(bins)} ({surely})")
        lines.append(cells)
    head = [f"paired difference of {method}", "overall", "rare", "common", "bins ahead (interval above 0)"]
    return markdown_table(head, lines)


def compared_methods(summary: pd.DataFrame) -> dict[str, list[str]]:
    """Which methods of a mask have a table of differences, and to which others.

    The selected row and the rows with pretrained or fine-tuned weights, to Beagle and plain Li-Stephens; bert_rag, to
    what it is given as input.
    """
    methods = set(summary["method"])
    baselines = [name for name in BASELINES if name in methods]
    is_trained = summary["architecture"] != NOT_TRAINED
    trained = summary[is_trained]
    selected = list(trained.loc[trained["selected"], "method"])
    pretrained = [name for name in trained["method"] if name.endswith((".pretrained", ".fine_tuned"))]
    compared = dict.fromkeys([*selected, *pretrained], baselines)
    if COPIES in methods and methods >= COPYING:
        compared.setdefault(COPIES, sorted(COPYING))
    return compared


def accuracy_block(results: Path, mask: str) -> str:
    """All that a page shows of one mask: the table of methods, and those of paired differences."""
    summary = tables.read_table(results / "summary.tsv", result_tables.SUMMARY_COLUMNS)
    measured = tables.read_table(results / "metrics.tsv", result_tables.METRIC_COLUMNS)
    compared = tables.read_table(results / "comparisons.tsv", result_tables.COMPARISON_COLUMNS)
    metrics = result_tables.of_genome(measured)
    comparisons = result_tables.of_genome(compared)
    in_mask = metrics[metrics["mask"] == mask]
    parts = [accuracy_table(summary, metrics, mask)]
    compared = compared_methods(summary[summary["mask"] == mask])
    for method, others in compared.items():
        enough = bins_with_enough(in_mask, method)
        part = difference_table(comparisons, mask, method, others, enough)
        parts.append(part)
    return "\n\n".join(parts)


def short_block(results: Path, mask: str) -> str:
    """The short table of one mask."""
    summary = tables.read_table(results / "summary.tsv", result_tables.SUMMARY_COLUMNS)
    return short_table(summary, mask)


def fill_accuracy(page: Path, results: Sequence[Path], run: Run, figure: Path | None = None) -> list[str]:
    """Write the accuracy tables of `page` whose masks the results folders have; return the marks of the others.

    `figure` (.svg) shows the methods of the page's last short table. Below each table stand the command, the commit,
    the date and the machine that provenance.json of the results names.
    Raises InputError when the page has no table of these masks, or a folder lacks a file.
    """
    text = page.read_text(encoding="utf-8")
    folders: dict[str, Path] = {}
    for folder in results:
        summary = tables.read_table(folder / "summary.tsv", result_tables.SUMMARY_COLUMNS)
        folders |= dict.fromkeys(summary["mask"], folder)
    blocks, kept = {}, []
    for name, kind, mask in PLACE.findall(text):
        if mask not in folders:
            kept.append(name)
            continue
        folder = folders[mask]
        write = short_block if kind == SHORT else accuracy_block
        if kind == SHORT and figure is not None:
            save_figure(short_figure(folder, mask), figure)
        content = write(folder, mask)
        hardware = hardware_text(folder)
        made = f"`{run.command}` at commit `{run.commit}`, {hardware}, {run.date}."
        blocks[name] = f"{content}\n\n{made}"
    if not blocks:
        masks = ", ".join(sorted(folders))
        raise InputError(
            f"{page}: no place for a table of {masks}; mark one with <!-- accuracy MASK --> .. <!-- end -->"
        )
    filled = fill_blocks(page, text, blocks)
    with atomic_path(page) as temporary:
        temporary.write_text(filled, encoding="utf-8")
    return kept


@click.command()
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Results folder of a finished study; repeat.",
)
@click.option("--command", required=True, help="The command that made the results.")
@click.option("--commit", required=True, help="The commit that they were made with.")
@click.option("--date", required=True, help="The day that they were made, as 2026-11-30.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Draw the short table's methods: SVG.")
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(results: tuple[Path, ...], command: str, commit: str, date: str, figure: Path | None, page: Path) -> None:
    """Fill the accuracy tables of PAGE whose masks the results folders have.

    PAGE marks the place of a table with <!-- accuracy MASK --> or <!-- accuracy_short MASK -->, and its end with <!--
    end -->. Below each table stand the command, the commit, the date, and the machine, from provenance.json of the
    results. Tables of other masks stay as they are.
    """
    for name in fill_accuracy(page, results, Run(command, commit, date), figure):
        click.echo(f"{page}: <!-- {name} --> stays as it is: no results of this mask")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
