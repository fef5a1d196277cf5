"""The figures of one mask's accuracy, from tables as metrics.tsv, summary.tsv and comparisons.tsv hold them.

Values of several seeds are averaged; intervals are 95 % bootstrap intervals over target samples.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ragimpute.evaluation.strata import MAC_BINS, RARE_BELOW
from ragimpute.reporting import chart
from ragimpute.reporting.chart import Spec
from ragimpute.reporting.style import FAINT, INK, SOFT, Style

BINS = {name: bounds for name, bounds in MAC_BINS.items() if name != "mac_0"}
MAIN_STRATA = ("overall", "rare", "common")
WITHOUT_TRUTH = "Nothing to show: the study has no truth, or no method was scored on it."
FAR = 0.15  # behind the best of a panel: named at the edge


def seed_means(metrics: pd.DataFrame, metric: str, population: str = "all") -> pd.DataFrame:
    """Value and interval per method and stratum, averaged over seeds; columns value, ci_low, ci_high."""
    rows = metrics[(metrics["metric"] == metric) & (metrics["population"] == population)]
    return rows.groupby(["method", "stratum"])[["value", "ci_low", "ci_high"]].mean()


def bin_label(stratum: str) -> str:
    """mac_3_5 -> 3–5, mac_201_plus -> 201+."""
    return stratum.removeprefix("mac_").replace("_plus", "+").replace("_", "–")


def bin_middle(stratum: str, largest: float) -> float:
    """Geometric middle of a bin of minor allele counts; the open one ends at `largest`."""
    low, high = BINS[stratum]
    return float(np.sqrt(low * max(low, min(high, largest))))


def r2_by_mac(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 in bins of the reference's minor allele count, each at its frequency (log axis), with bands."""
    title = "Accuracy by minor allele frequency"
    caption = (
        "Squared correlation of dosage and truth over all genotypes of a bin of minor allele counts in the reference."
    )
    means = seed_means(metrics, "r2").reset_index()
    haplotypes = metrics.loc[metrics["metric"] == "reference_haplotypes", "value"].max()
    if means["value"].isna().all() or not np.isfinite(haplotypes):
        return chart.nothing(title, WITHOUT_TRUTH)
    rows = means[means["stratum"].isin([name for name in BINS if BINS[name][0] <= haplotypes / 2])]
    rows = rows[rows["value"].notna()].rename(columns={"ci_low": "low", "ci_high": "high"})
    middle = rows["stratum"].map({name: bin_middle(name, haplotypes / 2) for name in BINS})
    rows = rows.assign(maf=middle / haplotypes, bin=rows["stratum"].map(bin_label))
    shown = chart.tooltips(
        {"method": "method", "bin": "minor allele count", "value:Q": "r²", "low:Q": "95 % from", "high:Q": "to"}
    )
    x = chart.number_format("maf", "minor allele frequency in the reference", scale={"type": "log", "nice": False})
    x |= {"axis": {"format": "~g", "grid": False, "values": [m * 10.0**e for e in range(-5, 0) for m in (1, 2, 5)]}}
    y = chart.number_format("value", "r² with truth", scale={"domain": [0, 1]})
    band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, **chart.method_encoding(styles, "color")}
    layers = [
        *_rare_or_common(),
        {"mark": {"type": "area", "opacity": 0.13}, "encoding": band},
        *chart.lines(x, y, styles, shown),
    ]
    body = {**chart.of_methods(rows, styles), "width": chart.WIDTH, "height": 290, "layer": layers}
    return chart.chart(title, caption, body, wide=True)


def _rare_or_common() -> list[Spec]:
    """A line between rare and common sites, with both words at the top of it."""
    x = chart.at(RARE_BELOW)
    word = {"type": "text", "color": SOFT, "y": 10}
    return [
        chart.note({"type": "rule", "strokeDash": [2, 3], "color": FAINT}, x=x),
        chart.note({**word, "align": "right", "dx": -6, "text": "← rare"}, x=x),
        chart.note({**word, "align": "left", "dx": 6, "text": "common →"}, x=x),
    ]


def accuracy_figure(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 and F1, overall, rare and common, with intervals."""
    title = "Overall, rare and common sites"
    caption = "r² and minor-allele F1 with 95 % intervals. Methods far behind are named at the edge."
    parts = []
    for metric, label in (("r2", "r²"), ("f1", "F1")):
        means = seed_means(metrics, metric).reset_index()
        for stratum in MAIN_STRATA:
            parts.append(means[means["stratum"] == stratum].assign(panel=f"{label}, {stratum}"))
    rows = pd.concat(parts, ignore_index=True).rename(columns={"ci_low": "low", "ci_high": "high"})
    if rows["value"].isna().all():
        return chart.nothing(title, WITHOUT_TRUTH)
    return chart.chart(title, caption, chart.dots(rows, styles, 3, FAR))


def difference_figure(comparisons: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """Paired differences of r2 from Beagle's defaults, every method, with intervals; right of 0: better than Beagle."""
    title = "Paired differences from Beagle"
    caption = "r² of the method minus r² of Beagle at its defaults, same samples and resamples; right of 0 is better."
    chosen = (
        (comparisons["method_b"] == "beagle") & (comparisons["metric"] == "r2") & (comparisons["population"] == "all")
    )
    rows = comparisons[chosen & comparisons["stratum"].isin(MAIN_STRATA)].rename(
        columns={"method_a": "method", "difference": "value", "ci_low": "low", "ci_high": "high"}
    )
    if rows["value"].isna().all():
        return chart.nothing(title, "Nothing to show: no method was compared with Beagle.")
    order = rows["stratum"].map({name: i for i, name in enumerate(MAIN_STRATA)})
    rows = rows.assign(panel=rows["stratum"], order=order).sort_values("order", kind="stable")
    rows = rows[["panel", "method", "value", "low", "high"]]
    return chart.chart(title, caption, chart.dots(rows, styles, 3, FAR, centre=0.0))


def populations(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 at rare and common sites in each population of the targets."""
    title = "Accuracy by population"
    caption = "r² over the target samples of each population; hovering over a point shows the 95 % interval."
    rows = metrics[(metrics["population"] != "all") & (metrics["metric"] == "r2")]
    rows = rows[rows["stratum"].isin(MAIN_STRATA[1:]) & rows["method"].isin(list(styles))]
    means = rows.groupby(["stratum", "population", "method"])[["value", "ci_low", "ci_high"]].mean().reset_index()
    means = means[means["value"].notna()].rename(columns={"ci_low": "low", "ci_high": "high"})
    if means.empty:
        return chart.nothing(title, "Nothing to show: the targets have fewer than two known populations.")
    shown = chart.tooltips(
        {**{"method": "method", "population": "population"}, "value:Q": "r²", "low:Q": "95 % from", "high:Q": "to"}
    )
    x = chart.number_format("value", "r²", scale={"zero": False})
    y = {"field": "population", "type": "nominal", "title": None, "axis": {"grid": True}}
    marks = chart.method_encoding(styles, "color", "shape")
    panel = {
        "width": 300,
        "height": {"step": 22},
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.85},
        "encoding": {"x": x, "y": y, **marks, "tooltip": shown},
    }
    column = {"field": "stratum", "type": "nominal", "title": None, "sort": list(MAIN_STRATA)}
    body = {"facet": {"column": column}, "spec": panel, "resolve": {"scale": {"x": "independent"}}}
    return chart.chart(title, caption, {**chart.of_methods(means, styles), **body})


def calibration(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """Mean true allele against mean haplotype dosage in bins of equal mass, dosages in (.02, .98)."""
    panels = [(f"{stratum} sites", stratum) for stratum in ("overall", "rare")]
    rows = _binned(metrics, panels, "calibration_predicted", "calibration_observed")
    title = "Calibration of haplotype dosages"
    caption = "Dosages in (.02, .98), ten bins of equal mass. On the diagonal a dosage means what it says."
    return _against(title, caption, rows, styles, ("haplotype dosage", "true allele"))


def estimated_r2(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """True per-variant r2 against the file's own estimate (INFO R2), in bins of the estimate; reference MAC >= 5."""
    rows = _binned(metrics, [("sites with reference MAC ≥ 5", "overall")], "r2_info_bin", "r2_true_bin")
    title = "Estimated against true r²"
    caption = "Mean true r² per variant in ten bins of the file's own estimate, INFO R2."
    return _against(title, caption, rows, styles, ("estimated r² (INFO R2)", "true r² per variant"))


def estimates(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """What is known without truth, by allele count: the files' own estimate, and r2 of typed sites left out in turn."""
    title = "Accuracy as estimated without truth"
    caption = (
        "By minor allele count in the reference. Left: mean of the file's own estimate, INFO R2, at untyped sites. "
        "Right: r² of typed sites, each left out in turn (plain Li-Stephens, the same for all methods)."
    )
    means = pd.concat([seed_means(metrics, name).assign(metric=name) for name in ("r2_info", "r2_loo")]).reset_index()
    rows = means[means["stratum"].isin(list(BINS)) & means["value"].notna()]
    if rows.empty:
        return chart.nothing(title, "Nothing to show: no method estimates its r².")
    rows = rows.assign(bin=rows["stratum"].map(bin_label))[["method", "metric", "bin", "value"]]
    x: Spec = {
        "field": "bin",
        "type": "ordinal",
        "sort": [bin_label(name) for name in BINS],
        "title": "minor allele count",
    }
    x |= {"axis": {"labelAngle": -45, "labelOverlap": False}}
    shown = chart.tooltips({"method": "method", "bin": "minor allele count", "value:Q": "r²"})
    y = chart.number_format("value", "estimated r²", scale={"domain": [0, 1]})
    view: Spec = {"width": 320, "height": 240}
    info: Spec = {"transform": [{"filter": "datum.metric === 'r2_info'"}], "layer": chart.lines(x, y, styles, shown)}
    left_out: Spec = {
        "transform": [{"filter": "datum.metric === 'r2_loo'"}, {"aggregate": [], "groupby": ["bin", "value"]}],
        "mark": {"type": "line", "color": INK, "point": {"color": INK}},
        "encoding": {"x": x, "y": {**y, "title": "r² at typed sites left out"}, "tooltip": shown[1:]},
    }
    panels = [
        {**view, **part} for name, part in (("r2_info", info), ("r2_loo", left_out)) if name in set(rows["metric"])
    ]
    return chart.chart(title, caption, {**chart.of_methods(rows, styles), "hconcat": panels})


def _binned(metrics: pd.DataFrame, panels: list[tuple[str, str]], of_x: str, of_y: str) -> pd.DataFrame:
    """panel, method, bin, x and y of metrics {of_x}_{bin} and {of_y}_{bin}, for each (panel, stratum)."""
    rows = metrics[metrics["population"] == "all"]
    split = rows["metric"].str.extract(rf"^(?P<axis>{of_x}|{of_y})_(?P<bin>\d+)$")
    means = rows.assign(**split).dropna(subset="bin")
    means = means.groupby(["stratum", "method", "bin", "axis"])["value"].mean().unstack("axis")
    means = means.reindex(columns=[of_x, of_y]).set_axis(["x", "y"], axis=1).reset_index().dropna()
    return pd.concat([means[means["stratum"] == stratum].assign(panel=name) for name, stratum in panels])


def _against(
    title: str, caption: str, rows: pd.DataFrame, styles: Mapping[str, Style], labels: tuple[str, str]
) -> Spec:
    """Binned y against binned x with the diagonal, a panel each."""
    if rows.empty:
        return chart.nothing(title, WITHOUT_TRUTH)
    unit = {"scale": {"domain": [0, 1]}, "axis": {"tickCount": 5}}
    x, y = (
        chart.number_format(axis, f"{label}, mean of the bin", **unit) for axis, label in zip("xy", labels, strict=True)
    )
    shown = chart.tooltips({"method": "method", "x:Q": labels[0], "y:Q": labels[1]})
    ends = {axis: chart.at(end) for axis, end in (("x", 0), ("y", 0), ("x2", 1), ("y2", 1))}
    diagonal = chart.note({"type": "rule", "color": FAINT, "strokeDash": [2, 3]}, **ends)
    panels = [
        {
            "title": name,
            "width": 300,
            "height": 300,
            "transform": [{"filter": f"datum.panel === '{name}'"}],
            "layer": [diagonal, *chart.lines(x, y, styles, shown)],
        }
        for name in dict.fromkeys(rows["panel"])
    ]
    return chart.chart(title, caption, {**chart.of_methods(rows, styles), "hconcat": panels})
