"""Accuracy tables of README.md and docs/, from finished studies: `python -m ragimpute.reporting.accuracy_page --help`.

A page says where with `<!-- accuracy MASK -->` .. `<!-- end -->`; everything between is written by this module.
"""

import re
from pathlib import Path

import click
import pandas as pd

from ragimpute import tables
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.evaluation.strata import MAC_BINS
from ragimpute.reporting.beagle_verdict import bins_with_enough
from ragimpute.reporting.page_blocks import fill, hardware_text, markdown
from ragimpute.study.runs import NOT_TRAINED

BINS = tuple(name for name in MAC_BINS if name != "mac_0")
BASELINES = ("beagle", "beagle_once", "beagle_tuned", "li_stephens")
LOSS = "cross_entropy"
COPIES, COPYING = f"bert_rag.{LOSS}", {"copy_nearest", "li_stephens"}
PLACE = re.compile(r"<!-- (accuracy (\w+)) -->")


def decimal(value: float, places: int) -> str:
    """A share without its leading zero, as .961; NA where it is not defined."""
    return "NA" if pd.isna(value) else f"{value:.{places}f}".replace("0.", ".", 1)


def accuracy_table(summary: pd.DataFrame, metrics: pd.DataFrame, mask: str) -> str:
    """The methods of a mask, the best overall r2 first: r2 and F1, and r2 by reference minor allele count.

    Of the losses, LOSS alone: the others are compared on the page of the loss study.
    """
    rows = summary[(summary["mask"] == mask) & summary["loss"].isin([NOT_TRAINED, LOSS])]
    rows = rows.sort_values("r2_overall", ascending=False)
    everybody = metrics[(metrics["mask"] == mask) & (metrics["metric"] == "r2") & (metrics["population"] == "all")]
    by_bin = everybody.groupby(["method", "stratum"])["value"].mean()  # over seeds
    lines = []
    for _, row in rows.iterrows():
        name = f"**{row['method']}**" if row["selected"] else row["method"]
        bins = " ".join(decimal(by_bin.get((row["method"], stratum), float("nan")), 3) for stratum in BINS)
        scores = [decimal(row[column], 4) for column in ("r2_overall", "r2_rare", "r2_common", "f1_rare")]
        lines.append([name, *scores, bins])
    head = ["method", "r2 overall", "rare", "common", "rare F1", "r2 by reference minor allele count (1, 2, 3-5, ..)"]
    return markdown(head, lines)


def difference_table(comparisons: pd.DataFrame, mask: str, method: str, others: list[str], enough: list[str]) -> str:
    """Paired differences in dosage r2 of `method` to `others`, with intervals, and in how many bins it is ahead."""
    rows = comparisons[
        (comparisons["mask"] == mask)
        & (comparisons["method_a"] == method)
        & (comparisons["population"] == "all")
        & (comparisons["metric"] == "r2")
    ]
    lines = []
    for other in others:
        found = rows[rows["method_b"] == other].set_index("stratum")
        if found.empty:
            continue
        cells = [f"to {other}"]
        for stratum in ("overall", "rare", "common"):
            row = found.loc[stratum]
            cells.append(f"{row['difference']:+.4f} [{row['ci_low']:+.4f}, {row['ci_high']:+.4f}]")
        bins = found.loc[[stratum for stratum in enough if stratum in found.index]]
        ahead, surely = int((bins["difference"] > 0).sum()), int((bins["ci_low"] > 0).sum())
        lines.append([*cells, f"{ahead} of {len(bins)} ({surely})"])
    head = [f"paired difference of {method}", "overall", "rare", "common", "bins ahead (interval above 0)"]
    return markdown(head, lines)


def block(results: Path, mask: str) -> str:
    """What a page shows of one mask."""
    summary = tables.read_table(results / "summary.tsv", result_tables.SUMMARY_COLUMNS)
    metrics = tables.read_table(results / "metrics.tsv", result_tables.METRIC_COLUMNS)
    comparisons = tables.read_table(results / "comparisons.tsv", result_tables.COMPARISON_COLUMNS)
    here = summary[summary["mask"] == mask]
    trained = here[here["architecture"] != NOT_TRAINED]
    chosen = list(trained.loc[trained["selected"], "method"])
    ready = [name for name in trained["method"] if name.endswith((".pretrained", ".fine_tuned"))]
    chosen += [name for name in ready if name not in chosen]
    parts = [accuracy_table(summary, metrics, mask)]
    in_mask = metrics[metrics["mask"] == mask]
    methods = set(here["method"])
    compared = {method: [name for name in BASELINES if name in methods] for method in chosen}
    if COPIES in methods and methods >= COPYING:  # does the network beat what it is given, and the plain model?
        compared.setdefault(COPIES, sorted(COPYING))
    for method, others in compared.items():
        parts.append(difference_table(comparisons, mask, method, others, bins_with_enough(in_mask, method)))
    return "\n\n".join(parts)


@click.command()
@click.option("--results", type=click.Path(exists=True, file_okay=False, path_type=Path), multiple=True, required=True)
@click.option("--command", required=True, help="The command that made the results.")
@click.option("--commit", required=True, help="The commit that they were made with.")
@click.option("--date", required=True, help="The day that they were made.")
@click.argument("page", type=click.Path(exists=True, path_type=Path))
def main(results: tuple[Path, ...], command: str, commit: str, date: str, page: Path) -> None:
    """Fill the accuracy tables of PAGE whose masks the results folders have, with command, commit and hardware below.

    The others stay as they are.
    """
    text = page.read_text(encoding="utf-8")
    folder = {mask: path for path in results for mask in set(pd.read_csv(path / "summary.tsv", sep="\t")["mask"])}
    blocks = {}
    for name, mask in PLACE.findall(text):
        if mask not in folder:
            click.echo(f"{page}: <!-- {name} --> stays as it is")
            continue
        made = f"`{command}` at commit `{commit}`, {hardware_text(folder[mask])}, {date}."
        blocks[name] = f"{block(folder[mask], mask)}\n\n{made}"
    if not blocks:
        raise InputError(f"{page}: no table of {', '.join(sorted(folder))}")
    with atomic_path(page) as temporary:
        temporary.write_text(fill(text, blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
