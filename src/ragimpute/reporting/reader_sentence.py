"""The report's first sentence: how good the leading method is at rare and common sites, in words of any geneticist."""

import numpy as np
import pandas as pd

from ragimpute.evaluation.r2_filter import THRESHOLDS
from ragimpute.evaluation.strata import RARE_BELOW

FILTER = "30"  # of THRESHOLDS: the filter that is usual


def first_sentence(metrics: pd.DataFrame, method: str) -> str:
    """What the rows of metrics.tsv of one mask say of `method`. Without truth it says that."""
    rows = metrics[(metrics["method"] == method) & (metrics["population"] == "all")]
    means = rows.groupby(["metric", "stratum"])[["value", "n_sites"]].mean()
    rare = _value(means, "r2", "rare")
    common = _value(means, "r2", "common")
    passing = _passing(means)
    maf = f"MAF < {RARE_BELOW * 100:.0f} %"
    if np.isfinite(rare) and np.isfinite(common):
        accuracy = f"Rare variants ({maf}) are imputed with r² {rare:.2f}, common ones with {common:.2f}"
    elif np.isfinite(common):
        accuracy = f"Common variants are imputed with r² {common:.2f}"
    elif np.isfinite(rare):
        accuracy = f"Rare variants ({maf}) are imputed with r² {rare:.2f}"
    else:
        accuracy = "The accuracy is estimated, as there are no true genotypes to compare with"
    return f"{accuracy}; {passing}." if passing else f"{accuracy}."


def _value(means: pd.DataFrame, metric: str, stratum: str) -> float:
    return float(means["value"].get((metric, stratum), np.nan))


def _passing(means: pd.DataFrame) -> str:
    """How many rare sites, or of all where none is rare, pass the filter; nothing where no site has an R2."""
    for stratum, sites in (("rare", "rare sites"), ("overall", "sites")):
        n_passing = means["n_sites"].get((f"passing_{FILTER}", stratum), np.nan)
        n_sites = means["n_sites"].get(("r2_info", stratum), 0)
        if n_sites and np.isfinite(n_passing):
            least = f"{THRESHOLDS[FILTER]:g}"
            return f"{_of(n_passing, n_sites)} {sites} pass estimated R² ≥ {least}"
    return ""


def _of(part: float, whole: float) -> str:
    """5.7 of 12.2 thousand; 569 of 1,203."""
    if whole < 10_000:
        return f"{part:,.0f} of {whole:,.0f}"
    unit, word = (1e6, "million") if whole >= 1e6 else (1e3, "thousand")
    return f"{part / unit:.1f} of {whole / unit:.1f} {word}"
