"""The figures of one mask's accuracy, from tables as metrics.tsv, summary.tsv and comparisons.tsv hold them.

Values of several seeds are averaged; intervals are 95 % bootstrap intervals over target samples.
"""

from collections.abc import Mapping
from typing import Any

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
INTERVAL = {"low:Q": "95 % from", "high:Q": "to"}  # in tooltips


def seed_means(metrics: pd.DataFrame, metric: str, population: str = "all") -> pd.DataFrame:
    """Value and interval per method and stratum, averaged over seeds; columns value, ci_low, ci_high."""
    is_wanted = (metrics["metric"] == metric) & (metrics["population"] == population)
    of_strata = metrics[is_wanted].groupby(["method", "stratum"])
    return of_strata[["value", "ci_low", "ci_high"]].mean()


def bin_label(stratum: str) -> str:
    """mac_3_5 -> 3–5, mac_201_plus -> 201+."""
    counts = stratum.removeprefix("mac_")
    return counts.replace("_plus", "+").replace("_", "–")


def bin_middle(stratum: str, largest: float) -> float:
    """Geometric middle of a bin of minor allele counts; the open one ends at `largest`."""
    low, high = BINS[stratum]
    end = max(low, min(high, largest))
    return float(np.sqrt(low * end))


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
    rows = _by_frequency(means, haplotypes)
    shown = chart.tooltips({"method": "method", "bin": "minor allele count", "value:Q": "r²", **INTERVAL})
    ticks = [m * 10.0**e for e in range(-5, 0) for m in (1, 2, 5)]
    x = chart.number_format("maf", "minor allele frequency in the reference", scale={"type": "log", "nice": False})
    x["axis"] = {"format": "~g", "grid": False, "values": ticks}
    y = chart.number_format("value", "r² with truth", scale={"domain": [0, 1]})
    colour = chart.method_encoding(styles, "color")
    from_low = {**y, "field": "low"}
    band = {"x": x, "y": from_low, "y2": {"field": "high"}, **colour}
    area = {"mark": {"type": "area", "opacity": 0.13}, "encoding": band}
    layers = [*_rare_or_common(), area, *chart.lines(x, y, styles, shown)]
    data = chart.of_methods(rows, styles)
    body = {**data, "width": chart.WIDTH, "height": 290, "layer": layers}
    return chart.chart(title, caption, body, wide=True)


def _by_frequency(means: pd.DataFrame, haplotypes: float) -> pd.DataFrame:
    """The rows of `seed_means` in bins that a reference of so many `haplotypes` has, each at its allele frequency."""
    largest = haplotypes / 2
    possible = [name for name, (low, _) in BINS.items() if low <= largest]
    rows = means[means["stratum"].isin(possible)]
    has_value = rows["value"].notna()
    rows = _with_interval(rows[has_value])
    middles = {name: bin_middle(name, largest) for name in BINS}
    middle = rows["stratum"].map(middles)
    label = rows["stratum"].map(bin_label)
    return rows.assign(maf=middle / haplotypes, bin=label)


def _with_interval(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns of the interval named as figures name them: low, high."""
    return rows.rename(columns={"ci_low": "low", "ci_high": "high"})


def _rare_or_common() -> list[Spec]:
    """A line between rare and common sites, with both words low beside it: curves are high there."""
    x = chart.at(RARE_BELOW)
    line = {"type": "rule", "strokeDash": [2, 3], "color": FAINT}
    word = {"type": "text", "color": SOFT, "y": {"expr": "0.75 * height"}}
    rare = {**word, "align": "right", "dx": -6, "text": "← rare"}
    common = {**word, "align": "left", "dx": 6, "text": "common →"}
    return [chart.note(mark, x=x) for mark in (line, rare, common)]


def accuracy_figure(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 and F1, overall, rare and common, with intervals."""
    title = "Overall, rare and common sites"
    caption = "r² and minor-allele F1 with 95 % intervals. Methods far behind are named at the edge."
    parts = []
    for metric, label in (("r2", "r²"), ("f1", "F1")):
        means = seed_means(metrics, metric).reset_index()
        for stratum in MAIN_STRATA:
            of_stratum = means[means["stratum"] == stratum]
            parts.append(of_stratum.assign(panel=f"{label}, {stratum}"))
    of_panels = pd.concat(parts, ignore_index=True)
    rows = _with_interval(of_panels)
    if rows["value"].isna().all():
        return chart.nothing(title, WITHOUT_TRUTH)
    body = chart.dots(rows, styles, 3, FAR)
    return chart.chart(title, caption, body)


def difference_figure(comparisons: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """Paired differences of r2 from Beagle's defaults, every method, with intervals; right of 0: better than Beagle."""
    title = "Paired differences from Beagle"
    caption = "r² of the method minus r² of Beagle at its defaults, same samples and resamples; right of 0 is better."
    with_beagle = comparisons[comparisons["method_b"] == "beagle"]
    is_shown = (with_beagle["metric"] == "r2") & (with_beagle["population"] == "all")
    is_shown &= with_beagle["stratum"].isin(MAIN_STRATA)
    rows = _with_interval(with_beagle[is_shown])
    rows = rows.rename(columns={"method_a": "method", "difference": "value"})
    if rows["value"].isna().all():
        return chart.nothing(title, "Nothing to show: no method was compared with Beagle.")
    places = {name: i for i, name in enumerate(MAIN_STRATA)}
    strata = rows["stratum"]
    ordered = rows.assign(panel=strata, order=strata.map(places)).sort_values("order", kind="stable")
    rows = ordered[["panel", "method", "value", "low", "high"]]
    body = chart.dots(rows, styles, 3, FAR, centre=0.0)
    return chart.chart(title, caption, body)


def populations(metrics: pd.DataFrame, styles: Mapping[str, Style]) -> Spec:
    """r2 at rare and common sites in each population of the targets."""
    title = "Accuracy by population"
    caption = "r² over the target samples of each population; hovering over a point shows the 95 % interval."
    means = _by_population(metrics, list(styles))
    if means.empty:
        return chart.nothing(title, "Nothing to show: the targets have fewer than two known populations.")
    shown = chart.tooltips({"method": "method", "population": "population", "value:Q": "r²", **INTERVAL})
    x = chart.number_format("value", "r²", scale={"zero": False})
    y = {"field": "population", "type": "nominal", "title": None, "axis": {"grid": True}}
    marks = chart.method_encoding(styles, "color", "shape")
    encoding = {"x": x, "y": y, **marks, "tooltip": shown}
    point = {"type": "point", "filled": True, "size": 60, "opacity": 0.85}
    panel = {"width": 300, "height": {"step": 22}, "mark": point, "encoding": encoding}
    column = {"field": "stratum", "type": "nominal", "title": None, "sort": list(MAIN_STRATA)}
    body = chart.of_methods(means, styles)
    body["facet"] = {"column": column}
    body["spec"] = panel
    body["resolve"] = {"scale": {"x": "independent"}}
    return chart.chart(title, caption, body)


def _by_population(metrics: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """r2 of `methods` at rare and common sites in each population, averaged over seeds, with intervals."""
    is_shown = (metrics["population"] != "all") & (metrics["metric"] == "r2")
    is_shown &= metrics["stratum"].isin(MAIN_STRATA[1:])
    is_shown &= metrics["method"].isin(methods)
    of_populations = metrics[is_shown].groupby(["stratum", "population", "method"])
    means = of_populations[["value", "ci_low", "ci_high"]].mean().reset_index()
    has_value = means["value"].notna()
    return _with_interval(means[has_value])


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
    rows = _estimated(metrics)
    if rows.empty:
        return chart.nothing(title, "Nothing to show: no method estimates its r².")
    labels = [bin_label(name) for name in BINS]
    x: Spec = {"field": "bin", "type": "ordinal", "sort": labels, "title": "minor allele count"}
    x["axis"] = {"labelAngle": -45, "labelOverlap": False}
    y = chart.number_format("value", "estimated r²", scale={"domain": [0, 1]})
    shown = chart.tooltips({"method": "method", "bin": "minor allele count", "value:Q": "r²"})
    shown_left_out = shown[1:]  # it is the same for all methods
    measured = set(rows["metric"])
    panels = []
    if "r2_info" in measured:
        lines = chart.lines(x, y, styles, shown)
        info = _estimate_panel("r2_info", layer=lines)
        panels.append(info)
    if "r2_loo" in measured:
        y_left_out = {**y, "title": "r² at typed sites left out"}
        encoding = {"x": x, "y": y_left_out, "tooltip": shown_left_out}
        line = {"type": "line", "color": INK, "point": {"color": INK}}
        left_out = _estimate_panel("r2_loo", mark=line, encoding=encoding)
        left_out["transform"].append({"aggregate": [], "groupby": ["bin", "value"]})
        panels.append(left_out)
    body = chart.of_methods(rows, styles)
    body["hconcat"] = panels
    return chart.chart(title, caption, body)


def _estimated(metrics: pd.DataFrame) -> pd.DataFrame:
    """What is known without truth of each method in each bin: r2_info and r2_loo."""
    parts = [seed_means(metrics, name).assign(metric=name) for name in ("r2_info", "r2_loo")]
    means = pd.concat(parts).reset_index()
    is_bin = means["stratum"].isin(list(BINS))
    rows = means[is_bin & means["value"].notna()]
    label = rows["stratum"].map(bin_label)
    return rows.assign(bin=label)[["method", "metric", "bin", "value"]]


def _estimate_panel(metric: str, **content: Any) -> Spec:
    """A panel of the rows of one estimate."""
    filtered = {"filter": f"datum.metric === '{metric}'"}
    return {"width": 320, "height": 240, "transform": [filtered], **content}


def _binned(metrics: pd.DataFrame, panels: list[tuple[str, str]], of_x: str, of_y: str) -> pd.DataFrame:
    """panel, method, bin, x and y of metrics {of_x}_{bin} and {of_y}_{bin}, for each (panel, stratum)."""
    rows = metrics[metrics["population"] == "all"]
    split = rows["metric"].str.extract(rf"^(?P<axis>{of_x}|{of_y})_(?P<bin>\d+)$")
    binned = rows.assign(**split).dropna(subset="bin")
    values = binned.groupby(["stratum", "method", "bin", "axis"])["value"]
    means = values.mean().unstack("axis")
    means = means.reindex(columns=[of_x, of_y]).set_axis(["x", "y"], axis=1)
    means = means.reset_index().dropna()
    parts = []
    for name, stratum in panels:
        of_stratum = means[means["stratum"] == stratum]
        parts.append(of_stratum.assign(panel=name))
    return pd.concat(parts)


def _against(
    title: str, caption: str, rows: pd.DataFrame, styles: Mapping[str, Style], labels: tuple[str, str]
) -> Spec:
    """Binned y against binned x with the diagonal, a panel each."""
    if rows.empty:
        return chart.nothing(title, WITHOUT_TRUTH)
    unit = {"scale": {"domain": [0, 1]}, "axis": {"tickCount": 5}}
    of_x, of_y = labels
    x = chart.number_format("x", f"{of_x}, mean of the bin", **unit)
    y = chart.number_format("y", f"{of_y}, mean of the bin", **unit)
    shown = chart.tooltips({"method": "method", "x:Q": of_x, "y:Q": of_y})
    start = chart.at(0)
    end = chart.at(1)
    dashed = {"type": "rule", "color": FAINT, "strokeDash": [2, 3]}
    diagonal = chart.note(dashed, x=start, y=start, x2=end, y2=end)
    layer = [diagonal, *chart.lines(x, y, styles, shown)]
    panels = []
    for name in dict.fromkeys(rows["panel"]):
        filtered = {"filter": f"datum.panel === '{name}'"}
        panel = {"title": name, "width": 300, "height": 300, "transform": [filtered], "layer": layer}
        panels.append(panel)
    body = chart.of_methods(rows, styles)
    body["hconcat"] = panels
    return chart.chart(title, caption, body)
