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
    return "NA" if not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def compare_with_beagle(summary: pd.DataFrame, comparisons: pd.DataFrame, metrics: pd.DataFrame) -> BeagleVerdict:
    """Compare the selected trained row of one mask with Beagle: rare r2 first, then overall.

    Only this row is compared, as it was chosen on validation samples: the best of many rows on the targets would be
    ahead by luck alone.
    """
    chosen = summary.loc[summary["selected"], "method"]
    if summary["r2_overall"].isna().all():
        return BeagleVerdict("none", "There is no truth to compare with: accuracy is estimated, not measured.", "")
    if chosen.empty:
        return BeagleVerdict("none", "No trained row was selected on validation samples; nothing is compared.", "")
    method = str(chosen.iloc[0])
    rows = comparisons[
        (comparisons["method_a"] == method)
        & (comparisons["method_b"] == "beagle")
        & (comparisons["population"] == "all")
    ]
    r2 = rows[rows["metric"] == "r2"].set_index("stratum")
    if r2.empty:
        return BeagleVerdict(
            "none", f"{method} was selected on validation samples; Beagle was not run on this mask.", ""
        )
    outcome, rare = _clause(r2, "rare")
    _, overall = _clause(r2, "overall")
    if outcome == "none":  # no rare sites: judge on all
        outcome, _ = _clause(r2, "overall")
        return BeagleVerdict(outcome, f"{method} {overall}.", _bins(r2, metrics, method))
    return BeagleVerdict(outcome, f"{method} {rare}; it {overall}.", _bins(r2, metrics, method))


def _clause(r2: pd.DataFrame, stratum: str) -> tuple[str, str]:
    if stratum not in r2.index or not np.isfinite(r2.loc[stratum, "difference"]):
        return "none", f"has no {stratum} r² to compare"
    row = r2.loc[stratum]
    difference, low, high = (float(row[name]) for name in ("difference", "ci_low", "ci_high"))
    interval = f"[{rounded(low)}, {rounded(high)}]"
    if low > 0:
        return "ahead", f"is ahead of Beagle by {rounded(difference)} {stratum} r² {interval}"
    if high < 0:
        return "behind", f"is behind Beagle by {rounded(-difference)} {stratum} r² [{rounded(-high)}, {rounded(-low)}]"
    return "undecided", f"cannot be told from Beagle in {stratum} r² (difference {rounded(difference)} {interval})"


def bins_with_enough(metrics: pd.DataFrame, method: str) -> list[str]:
    """The allele-count bins of one mask whose truth has enough minor alleles to be judged by."""
    counts = metrics[(metrics["metric"] == "truth_minor_alleles") & (metrics["population"] == "all")]
    counts = counts[counts["method"] == method].groupby("stratum")["value"].first()
    return [name for name in MAC_BINS if name != "mac_0" and counts.get(name, 0) >= ENOUGH_MINOR_ALLELES]


def _bins(r2: pd.DataFrame, metrics: pd.DataFrame, method: str) -> str:
    judged = bins_with_enough(metrics, method)
    judged = [name for name in judged if name in r2.index and np.isfinite(r2.loc[name, "difference"])]
    if not judged:
        return ""
    ahead = sum(r2.loc[name, "difference"] > 0 for name in judged)
    sure = sum(r2.loc[name, "ci_low"] > 0 for name in judged)
    return (
        f"Ahead in {ahead} of {len(judged)} allele-count bins with at least {ENOUGH_MINOR_ALLELES} minor alleles in "
        f"the truth, in {sure} of them with an interval above 0."
    )


def not_worse(metrics: pd.DataFrame, comparisons: pd.DataFrame, metric: str, stratum: str) -> set[str]:
    """The method with the best value, and those that the paired interval does not put behind it: together in bold."""
    rows = metrics[(metrics["metric"] == metric) & (metrics["stratum"] == stratum) & (metrics["population"] == "all")]
    means = rows.groupby("method")["value"].mean().dropna()
    if means.empty:
        return set()
    best = str(means.idxmax())
    paired = comparisons[
        (comparisons["method_a"] == best)
        & (comparisons["population"] == "all")
        & (comparisons["stratum"] == stratum)
        & (comparisons["metric"] == metric)
    ]
    return {best, *paired.loc[paired["ci_low"] <= 0, "method_b"]}
