"""The accuracy tables of one mask as the report shows them: plain values for the template."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.evaluation.r2_filter import THRESHOLDS
from ragimpute.evaluation.strata import MAC_BINS, STRATA
from ragimpute.reporting.beagle_verdict import rounded
from ragimpute.reporting.style import Style

LEFT_OUT = "r² at typed sites, each left out in turn (plain Li-Stephens, the same for all methods)"
# metric -> title of its table by allele frequency
BIN_TABLES = {
    **{"r2": "r²", "f1": "F1", "r2_variant": "r² per variant", "concordance": "Concordance"},
    **{"nrd": "Non-reference discordance (NRD)", "iqs": "Imputation quality score (IQS)"},
    **{"r2_info": "estimated r²", "r2_loo": LEFT_OUT},
}
ESTIMATED, TRUE = "r2_info_bin", "r2_true_bin"

Styles = Mapping[str, Style]


def stratum_heads(metrics: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Stratum -> its name, its minor allele counts, and how many sites and true minor alleles it has; the empty not."""
    of_all = metrics[metrics["population"] == "all"]
    sites = of_all[of_all["metric"].isin(["r2", "r2_info"])].groupby("stratum")["n_sites"].max()
    alleles = of_all[of_all["metric"] == "truth_minor_alleles"].groupby("stratum")["value"].first()
    haplotypes = of_all.loc[of_all["metric"] == "reference_haplotypes", "value"].max()
    heads = {}
    for stratum in STRATA:
        if not sites.get(stratum, 0):
            continue
        name, counts = stratum, ""
        if stratum in MAC_BINS:
            counts = stratum.replace("mac_", "MAC ").replace("_plus", "+").replace("_", "–")
            name = _frequencies(stratum, haplotypes) if np.isfinite(haplotypes) else counts
        n_alleles = alleles.get(stratum)
        heads[stratum] = {
            "name": {"overall": "all"}.get(name, name),
            "counts": counts if counts != name else "",
            "sites": f"{sites[stratum]:,.0f}",
            "alleles": "" if n_alleles is None else f"{n_alleles:,.0f}",
        }
    return heads


def _frequencies(stratum: str, haplotypes: float) -> str:
    """The minor allele frequencies of a bin of counts in a reference of so many haplotypes, in percent."""
    low, high = MAC_BINS[stratum]
    ends = [f"{count / haplotypes * 100:.2g}" for count in (low, min(high, haplotypes / 2))]
    return f"{'–'.join(dict.fromkeys(ends))} %"


def bin_tables(metrics: pd.DataFrame, styles: Styles) -> list[dict[str, Any]]:
    """Per metric: for each stratum its numbers of sites and true minor alleles, and a value of each method."""
    of_all_samples = metrics[metrics["population"] == "all"]
    heads = stratum_heads(metrics)
    found = []
    for metric, title in BIN_TABLES.items():
        rows = of_all_samples[of_all_samples["metric"] == metric]
        means = rows.groupby(["method", "stratum"])[["value", "ci_low", "ci_high"]].mean()
        if not means["value"].notna().any():
            continue
        strata = [name for name in heads if (rows.loc[rows["stratum"] == name, "n_sites"] > 0).any()]
        methods = [method for method in styles if method in means.index.get_level_values("method")]
        body = [(heads[name], [_with_interval(means, method, name) for method in methods]) for name in strata]
        found.append({"title": title, "methods": methods, "rows": body, "open": metric == "r2"})
    return found


def _with_interval(means: pd.DataFrame, method: str, stratum: str) -> dict[str, str]:
    if (method, stratum) not in means.index:
        return {"text": "NA", "interval": ""}
    value, low, high = means.loc[(method, stratum)]
    interval = ""
    if np.isfinite(low) and np.isfinite(high):
        interval = f"{rounded(low, 3)}–{rounded(high, 3)}"
    return {"text": rounded(value), "interval": interval}


def filter_tables(metrics: pd.DataFrame, styles: Styles, leading: str) -> dict[str, Any] | None:
    """What filters by R2 keep, and r2 of that: of the `leading` method by frequency, of all methods at rare sites.

    None where no site has an R2.
    """
    of_all = metrics[metrics["population"] == "all"]
    values = of_all.groupby(["method", "stratum", "metric"])[["value", "n_sites"]].mean()
    heads = stratum_heads(metrics)
    if (leading, "overall", "passing_30") not in values.index or not heads:
        return None
    by_frequency = [(head, _filter_cells(values, leading, stratum)) for stratum, head in heads.items()]
    stratum = "rare" if "rare" in heads else "overall"
    by_method = [(method, _filter_cells(values, method, stratum)) for method in styles]
    return {
        "thresholds": [f"{least:g}" for least in THRESHOLDS.values()],
        "by_frequency": by_frequency,
        "by_method": by_method,
        "sites": "rare sites" if stratum == "rare" else "all sites",
    }


def _filter_cells(values: pd.DataFrame, method: str, stratum: str) -> list[str]:
    """r2 of all sites; for each filter how many sites pass, what share that is, and their r2."""

    def cell(metric: str, column: str = "value") -> float:
        return float(values[column].get((method, stratum, metric), np.nan))

    cells = [rounded(cell("r2"), 3)]
    for name in THRESHOLDS:
        n_sites, share = cell(f"passing_{name}", "n_sites"), cell(f"passing_{name}")
        passing = f"{n_sites:,.0f}" if np.isfinite(n_sites) else "NA"
        percent = f"{share * 100:.0f} %" if np.isfinite(share) else "NA"
        cells += [passing, percent, rounded(cell(f"r2_passing_{name}"), 3)]
    return cells


def estimated_table(metrics: pd.DataFrame, styles: Styles) -> list[tuple[str, str, list[dict[str, str]]]]:
    """Each method with its correlation of estimated and true r2 over sites, and both in ten bins of the estimate."""
    of_all = metrics[(metrics["population"] == "all") & (metrics["stratum"] == "overall")]
    values = of_all.groupby(["method", "metric"])["value"].mean()
    found = []
    for method in styles:
        bins = []
        for number in range(1, 11):
            estimated = values.get((method, f"{ESTIMATED}_{number:02d}"), np.nan)
            true = values.get((method, f"{TRUE}_{number:02d}"), np.nan)
            bins.append({"text": rounded(true, 2), "estimated": rounded(estimated, 2)})
        if any(one["text"] != "NA" for one in bins):
            correlation = rounded(values.get((method, "r2_info_correlation"), np.nan), 3)
            found.append((method, correlation, bins))
    return found


def population_table(metrics: pd.DataFrame, styles: Styles) -> dict[str, Any] | None:
    """r2 of each method at rare sites of each population; None without populations."""
    rows = metrics[(metrics["population"] != "all") & (metrics["metric"] == "r2") & (metrics["stratum"] == "rare")]
    if rows.empty:
        return None
    means = rows.groupby(["population", "method"])["value"].mean().unstack()
    methods = [method for method in styles if method in means.columns]
    body = [(population, [rounded(value) for value in values]) for population, values in means[methods].iterrows()]
    return {"methods": methods, "rows": body}
