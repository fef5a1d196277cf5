"""The figures of one mask. Each function takes tables as metrics.tsv, summary.tsv and comparisons.tsv hold them.

Values of several seeds are averaged; intervals are 95 % bootstrap intervals over target people.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ragimpute.evaluation.strata import MAC_BINS, RARE_BELOW
from ragimpute.reporting.style import Style, empty, line

BINS = {name: bounds for name, bounds in MAC_BINS.items() if name != "mac_0"}
MAIN_STRATA = ("overall", "rare", "common")
WITHOUT_TRUTH = "Nothing to show: the study has no truth, or no method was scored on it."


def seed_means(metrics: pd.DataFrame, metric: str, population: str = "all") -> pd.DataFrame:
    """Value and interval per method and stratum, averaged over seeds; columns value, ci_low, ci_high."""
    rows = metrics[(metrics["metric"] == metric) & (metrics["population"] == population)]
    return rows.groupby(["method", "stratum"])[["value", "ci_low", "ci_high"]].mean()


def bin_label(stratum: str) -> str:
    """mac_3_5 -> 3-5, mac_201_plus -> 201+."""
    return stratum.removeprefix("mac_").replace("_plus", "+").replace("_", "–")


def bin_middle(stratum: str, largest: float) -> float:
    """Geometric middle of a bin of minor allele counts; the open one ends at `largest`."""
    low, high = BINS[stratum]
    return float(np.sqrt(low * max(low, min(high, largest))))


def r2_by_mac(metrics: pd.DataFrame, styles: dict[str, Style]) -> Figure:
    """r2 against the reference's minor allele count (log axis); bands for the selected row and the baselines."""
    figure = Figure(figsize=(8.2, 4.8), layout="constrained")
    means = seed_means(metrics, "r2")
    if means["value"].notna().sum() == 0:
        return empty(figure, WITHOUT_TRUTH)
    axes = figure.subplots()
    haplotypes = metrics.loc[metrics["metric"] == "reference_haplotypes", "value"].max()
    largest = haplotypes / 2 if np.isfinite(haplotypes) else 500.0
    shown = [name for name in BINS if name in means.index.get_level_values("stratum") and BINS[name][0] <= largest]
    x = np.array([bin_middle(name, largest) for name in shown])
    for method, style in styles.items():
        if method not in means.index.get_level_values("method"):
            continue
        rows = means.loc[method].reindex(shown)
        axes.plot(x, rows["value"], label=method + (" (selected)" if style.selected else ""), **line(style))
        if style.rank[0] < 2:
            axes.fill_between(x, rows["ci_low"], rows["ci_high"], color=style.colour, alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(x, [bin_label(name) for name in shown])
    axes.minorticks_off()
    axes.set(xlabel="minor allele count in the reference", ylabel="r² with truth", ylim=(0, 1))
    if np.isfinite(haplotypes):
        axes.axvline(RARE_BELOW * haplotypes, color="#888888", linewidth=0.8, linestyle=":")
        axes.text(RARE_BELOW * haplotypes, 0.06, " common (MAF ≥ 5 %) →", color="#555555", fontsize=8)
        axes.text(RARE_BELOW * haplotypes, 0.06, "← rare ", color="#555555", fontsize=8, ha="right")
        top = axes.secondary_xaxis("top", functions=(lambda c: c / haplotypes, lambda f: f * haplotypes))
        top.set_xlabel("minor allele frequency")
        top.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    figure.legend(loc="outside right upper")
    return figure


def accuracy(metrics: pd.DataFrame, styles: dict[str, Style]) -> Figure:
    """r2 and F1, overall, rare and common, with intervals: points, as bars from 0 would hide what differs."""
    methods = [name for name in styles if name in set(metrics["method"])]
    figure = Figure(figsize=(9, 1.6 + 0.46 * len(methods)), layout="constrained")
    tables = {metric: seed_means(metrics, metric) for metric in ("r2", "f1")}
    if tables["r2"]["value"].notna().sum() == 0:
        return empty(figure, WITHOUT_TRUTH)
    grid = figure.subplots(2, 3, sharey=True)
    y = np.arange(len(methods))[::-1]
    for row, (metric, label) in zip(grid, (("r2", "r²"), ("f1", "F1")), strict=True):
        for axes, stratum in zip(row, MAIN_STRATA, strict=True):
            for at, method in zip(y, methods, strict=True):
                if (method, stratum) not in tables[metric].index:
                    continue
                value, low, high = tables[metric].loc[(method, stratum)]
                style = styles[method]
                axes.plot([low, high], [at, at], color=style.colour, linewidth=2, alpha=0.6, solid_capstyle="round")
                axes.plot(value, at, marker=style.marker, color=style.colour, markersize=7 if style.selected else 5)
            values = {
                float(at): tables[metric].loc[(method, stratum), "value"]
                for at, method in zip(y, methods, strict=True)
                if (method, stratum) in tables[metric].index
            }
            _clip(axes, values, max(values.values()), 0.15)
            axes.set(title=f"{label}, {stratum}", ylim=(-0.7, len(methods) - 0.3))
            axes.set_yticks(y, methods)
            axes.xaxis.set_major_locator(_few_ticks())
    for text, method in zip(grid[0, 0].get_yticklabels(), methods, strict=True):
        text.set_fontweight("bold" if styles[method].selected else "normal")
    return figure


def _clip(axes, values: dict[float, float], centre: float, reach: float) -> None:
    """Zoom on centre ± reach; values (row -> value) to the left of it are named at the edge instead of drawn.

    One method far behind would otherwise press all others into a few pixels.
    """
    inside = [value for value in values.values() if value >= centre - reach]
    low, high = min(inside, default=centre), max(inside, default=centre)
    margin = max(0.15 * (high - low), 0.2 * reach)
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, low - margin), right)
    for row, value in values.items():
        if value < centre - reach:
            axes.annotate(
                f"◂ {value:.3f}",
                (0.02, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                color="#444444",
            )


def _few_ticks():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def calibration(metrics: pd.DataFrame, styles: dict[str, Style]) -> Figure:
    """Mean true allele against mean haplotype dosage in bins of equal mass, dosages in (.02, .98)."""
    return _against(
        metrics,
        styles,
        [
            (f"{stratum} sites", stratum, "calibration_predicted", "calibration_observed")
            for stratum in ("overall", "rare")
        ],
        ("haplotype dosage (mean of the bin)", "true allele (mean of the bin)"),
    )


def estimated_r2(metrics: pd.DataFrame, styles: dict[str, Style]) -> Figure:
    """True per-variant r2 against the file's own estimate (INFO R2), in bins of the estimate; reference MAC >= 5."""
    return _against(
        metrics,
        styles,
        [("sites with reference MAC ≥ 5", "overall", "r2_info_bin", "r2_true_bin")],
        ("estimated r² (INFO R2, mean of the bin)", "true r² per variant (mean of the bin)"),
    )


def _against(
    metrics: pd.DataFrame,
    styles: dict[str, Style],
    panels: list[tuple[str, str, str, str]],
    labels: tuple[str, str],
) -> Figure:
    """Binned y against binned x with the diagonal; one panel per (title, stratum, metric of x, metric of y)."""
    figure = Figure(figsize=(4.1 * len(panels) + 2, 4.4), layout="constrained")
    rows = metrics[metrics["population"] == "all"]
    means = rows.groupby(["method", "stratum", "metric"])["value"].mean()
    grid = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    drawn = False
    for axes, (title, stratum, of_x, of_y) in zip(grid, panels, strict=True):
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle=":")
        for method, style in styles.items():
            if (method, stratum) not in means.index.droplevel("metric"):
                continue
            one = means.loc[(method, stratum)]
            bins = [name.rsplit("_", 1)[1] for name in one.index if name.startswith(f"{of_x}_")]
            if not bins:
                continue
            x, y = ([one.get(f"{metric}_{i}", np.nan) for i in bins] for metric in (of_x, of_y))
            drawn |= bool(np.isfinite(x).any())
            axes.plot(x, y, label=method + (" (selected)" if style.selected else ""), **line(style))
        axes.set(title=title, xlabel=labels[0], xlim=(0, 1), ylim=(0, 1), aspect="equal")
    if not drawn:
        return empty(figure, WITHOUT_TRUTH)
    grid[0].set_ylabel(labels[1])
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def differences(comparisons: pd.DataFrame, styles: dict[str, Style]) -> Figure:
    """Paired differences of r2 from Beagle's defaults, every method, with intervals; right of 0: better than Beagle."""
    chosen = (
        (comparisons["method_b"] == "beagle") & (comparisons["metric"] == "r2") & (comparisons["population"] == "all")
    )
    rows = comparisons[chosen].set_index(["method_a", "stratum"])
    methods = [name for name in styles if name in rows.index.get_level_values(0)]
    figure = Figure(figsize=(9, 1.4 + 0.27 * len(methods)), layout="constrained")
    if not methods:
        return empty(figure, "Nothing to show: no method was compared with Beagle.")
    y = np.arange(len(methods))[::-1]
    grid = figure.subplots(1, 3, sharey=True)
    for axes, stratum in zip(grid, MAIN_STRATA, strict=True):
        axes.axvline(0, color="#000000", linewidth=1)
        for at, method in zip(y, methods, strict=True):
            if (method, stratum) not in rows.index:
                continue
            row, style = rows.loc[(method, stratum)], styles[method]
            axes.plot([row["ci_low"], row["ci_high"]], [at, at], color=style.colour, linewidth=2, alpha=0.6)
            axes.plot(row["difference"], at, marker=style.marker, color=style.colour, markersize=6)
        values = {
            float(at): rows.loc[(method, stratum), "difference"]
            for at, method in zip(y, methods, strict=True)
            if (method, stratum) in rows.index
        }
        _clip(axes, values, 0.0, 0.15)
        axes.set(title=stratum, xlabel="difference in r² from Beagle", ylim=(-0.7, len(methods) - 0.3))
        axes.set_yticks(y, methods)
        axes.xaxis.set_major_locator(_few_ticks())
    return figure
