"""What the report says in prose: fair to both sides, with the interval, from the selected row only."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.evaluation.strata import MAC_BINS

ENOUGH_MINOR_ALLELES = 200  # bins with fewer in the truth are left out of "ahead in every bin"


@dataclass(frozen=True)
class BeagleVerdict:
    """One sentence, a second one about the bins, and how it ended: ahead, behind, undecided or none."""

    outcome: str
    sentence: str
    bins: str


def rounded(value: float, digits: int = 4) -> str:
    """A number for prose, with a real minus sign; good methods differ in the third digit, intervals in the fourth."""
    if not np.isfinite(value):
        return "NA"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−")


def compare_with_beagle(
    summary: pd.DataFrame, comparisons: pd.DataFrame, metrics: pd.DataFrame, name: str | None = None
) -> BeagleVerdict:
    """Compare the selected trained row of one mask with Beagle: rare r2 first, then overall.

    Only this row is compared, as it was chosen on validation samples: the best of many rows on the targets would be
    ahead by luck alone. `name`: what the method is called in the sentence.
    """
    chosen = summary.loc[summary["selected"], "method"]
    if summary["r2_overall"].isna().all():
        return BeagleVerdict("none", "There is no truth to compare with: accuracy is estimated, not measured.", "")
    if chosen.empty:
        return BeagleVerdict("none", "No network was chosen on validation samples; none is compared.", "")
    method = str(chosen.iloc[0])
    name = name or method
    with_beagle = comparisons[comparisons["method_b"] == "beagle"]
    rows = with_beagle[with_beagle["method_a"] == method]
    is_wanted = (rows["population"] == "all") & (rows["metric"] == "r2")
    r2 = rows[is_wanted].set_index("stratum")
    if r2.empty:
        return BeagleVerdict("none", f"{name} was chosen on validation samples; Beagle was not run here.", "")
    outcome_rare, rare = _clause(r2, "rare")
    outcome_overall, overall = _clause(r2, "overall")
    bins = _bins(r2, metrics, method)
    if outcome_rare == "none":  # no rare sites: judge on all
        return BeagleVerdict(outcome_overall, f"{name} {overall}.", bins)
    return BeagleVerdict(outcome_rare, f"{name} {rare}; it {overall}.", bins)


def _clause(r2: pd.DataFrame, stratum: str) -> tuple[str, str]:
    if stratum not in r2.index or not np.isfinite(r2.loc[stratum, "difference"]):
        return "none", f"has no {stratum} r² to compare"
    row = r2.loc[stratum]
    difference, low, high = (float(row[name]) for name in ("difference", "ci_low", "ci_high"))
    interval = f"(95 % interval {rounded(low)} to {rounded(high)})"
    if low > 0:
        gain = rounded(difference)
        return "ahead", f"is ahead of Beagle by {gain} in {stratum} r² {interval}"
    if high < 0:
        deficit = rounded(-difference)
        mirrored = f"(95 % interval {rounded(-high)} to {rounded(-low)})"
        return "behind", f"is behind Beagle by {deficit} in {stratum} r² {mirrored}"
    shown = f"difference {rounded(difference)}, 95 % interval {rounded(low)} to {rounded(high)}"
    return "undecided", f"cannot be told from Beagle in {stratum} r² ({shown})"


def bins_with_enough(metrics: pd.DataFrame, method: str) -> list[str]:
    """The allele-count bins of one mask whose truth has enough minor alleles to be judged by."""
    of_method = metrics[metrics["method"] == method]
    is_count = (of_method["metric"] == "truth_minor_alleles") & (of_method["population"] == "all")
    counts = of_method[is_count].groupby("stratum")["value"].first()
    return [name for name in MAC_BINS if name != "mac_0" and counts.get(name, 0) >= ENOUGH_MINOR_ALLELES]


def _bins(r2: pd.DataFrame, metrics: pd.DataFrame, method: str) -> str:
    enough = bins_with_enough(metrics, method)
    judged = r2[r2.index.isin(enough) & np.isfinite(r2["difference"])]
    if judged.empty:
        return ""
    ahead = (judged["difference"] > 0).sum()
    sure = (judged["ci_low"] > 0).sum()
    return (
        f"Ahead in {ahead} of {len(judged)} allele-count bins with at least {ENOUGH_MINOR_ALLELES} minor alleles in "
        f"the truth, in {sure} of them with an interval above 0."
    )


def not_worse(metrics: pd.DataFrame, comparisons: pd.DataFrame, metric: str, stratum: str) -> set[str]:
    """The method with the best value, and those that the paired interval does not put behind it: together in bold."""
    rows = _over_all(metrics, metric, stratum)
    means = rows.groupby("method")["value"].mean().dropna()
    if means.empty:
        return set()
    best = str(means.idxmax())
    compared = _over_all(comparisons, metric, stratum)
    paired = compared[compared["method_a"] == best]
    not_behind = paired["ci_low"] <= 0
    return {best, *paired.loc[not_behind, "method_b"]}


def _over_all(table: pd.DataFrame, metric: str, stratum: str) -> pd.DataFrame:
    """The rows of a metric in a stratum over all target samples."""
    rows = table[table["population"] == "all"]
    is_wanted = (rows["metric"] == metric) & (rows["stratum"] == stratum)
    return rows[is_wanted]
