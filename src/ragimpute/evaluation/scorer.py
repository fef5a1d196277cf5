"""The one scorer for every method: imputed dosages against the truth at the untyped sites of the target samples.

Scored are untyped sites that are polymorphic in the reference; sites monomorphic there are reported in `mac_0` only.
Genotypes whose truth is missing are left out and counted (`missing_truth`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation import bootstrap, metrics, r2_per_variant, result_tables
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.sample_statistics import CALIBRATION_BINS, Genotypes, SampleStatistics, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts, membership

ALL = "all"
POPULATION_METRICS = ("r2", "f1", "precision", "recall", "concordance", "dosage_ratio")
INFO_MIN_MAC = 5  # estimated against true r2 is judged at sites with at least this many minor reference alleles
INFO_BINS = 10


@dataclass(frozen=True)
class Scored:
    """The sums and resamples from which the metrics of one file follow, kept for paired comparisons."""

    samples: tuple[str, ...]  # [P] sorted by name
    populations: tuple[str, ...]  # [P]
    n_sites: np.ndarray  # [13] int64, sites per stratum with at least one known genotype
    statistics: SampleStatistics
    r2_variant: np.ndarray  # [13]
    r2_variant_resamples: np.ndarray  # [B, 13]


@dataclass(frozen=True)
class BootstrapSettings:
    """How intervals are drawn: the number of resamples of the target samples, and the random seed."""

    bootstraps: int = 1000
    seed: int = 1


def score(
    run: RunNames,
    genotypes: Genotypes,
    counts: ReferenceCounts,
    info_r2: np.ndarray,
    samples: Sequence[str],
    populations: Sequence[str],
    setting: BootstrapSettings,
) -> tuple[pd.DataFrame, Scored]:
    """Score one method at untyped sites.

    Args:
        genotypes: S untyped sites x P samples, as in the VCF (counting ALT).
        counts: reference counts of the same sites.
        info_r2: [S] float, the file's INFO R2 (NaN where absent).
        samples, populations: [P] names and labels; "NA" where there is none.
    Returns: rows with the columns of metrics.tsv, and what comparisons need. Raises InputError when the truth has no
    known genotype at an untyped site that varies in the reference.
    """
    order = np.argsort(np.asarray(samples, dtype=str), kind="stable")
    genotypes = genotypes.of_samples(order)
    names = tuple(str(samples[i]) for i in order)
    labels = tuple(str(populations[i]) for i in order)
    known_sites = np.flatnonzero((genotypes.truth >= 0).any(axis=1))
    genotypes, info_r2 = genotypes.take(known_sites), info_r2[known_sites]
    counts = ReferenceCounts(counts.ac[known_sites], counts.an[known_sites])
    if not (counts.mac > 0).any():
        raise InputError(
            "nothing to score: the truth has no known genotype at an untyped site that varies in the reference"
        )

    member = membership(counts)
    statistics = sample_statistics(genotypes, counts)
    per_site = r2_per_variant.site_r2(genotypes.ds, genotypes.truth)
    r2_variant = _stratum_means(per_site, member)
    weights = bootstrap.resampling_weights(len(names), setting.bootstraps, setting.seed)
    resamples = r2_per_variant.resampled_mean_r2(genotypes.ds, genotypes.truth, member, weights)
    resamples = bootstrap.recentred(resamples, r2_variant)
    scored = Scored(names, labels, member.sum(axis=1), statistics, r2_variant, resamples)

    defined = member & np.isfinite(per_site)  # [13, S]
    n_known = (genotypes.truth >= 0).sum(axis=1)
    rows = _rows_of_all_samples(scored, setting, defined.sum(axis=1), defined @ n_known)
    rows.append(_row(ALL, 0, "reference_haplotypes", counts.an.max(), scored.n_sites[0], 0))
    rows += _calibration_rows(scored)
    rows += _info_rows(counts, member, per_site, info_r2)
    for label in population_labels(labels):
        rows += _rows_of_population(scored, label, setting)
    return _table(run, rows), scored


def score_estimates(run: RunNames, counts: ReferenceCounts, info_r2: np.ndarray, n_samples: int) -> pd.DataFrame:
    """Without truth: the mean INFO R2 of the untyped sites of each stratum, nothing else."""
    return _table(run, _mean_rows("r2_info", info_r2, membership(counts), n_samples))


def score_typed(run: RunNames, counts: ReferenceCounts, er2: np.ndarray, n_samples: int) -> pd.DataFrame:
    """Mean leave-one-out r2 `er2` [T] of the typed sites of each stratum; no rows where the file has none."""
    if not np.isfinite(er2).any():
        return _table(run, [])
    return _table(run, _mean_rows("r2_loo", er2, membership(counts), n_samples))


def population_labels(populations: Sequence[str]) -> list[str]:
    """The labels that get rows of their own: the known ones, when there are at least two."""
    known = sorted({label for label in populations if label not in ("NA", "", ".", ALL)})
    return known if len(known) > 1 else []


def _stratum_means(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Mean of the defined `values` [S] of each stratum, [13]."""
    defined = np.isfinite(values)
    return metrics.ratio(member @ np.where(defined, values, 0.0), member @ defined.astype(float))


def _mean_rows(metric: str, values: np.ndarray, member: np.ndarray, n_samples: int) -> list[dict]:
    """A row for each stratum with the mean of the defined `values` [S]."""
    means = _stratum_means(values, member)
    n_sites = (member & np.isfinite(values)).sum(axis=1)
    return [_row(ALL, k, metric, mean, n_sites[k], n_sites[k] * n_samples) for k, mean in enumerate(means)]


def _row(
    population: str, stratum: int, metric: str, value: float, n_sites: int, n_genotypes: float, low=np.nan, high=np.nan
) -> dict:
    return {
        "population": population,
        "stratum": STRATA[stratum],
        "metric": metric,
        "value": float(value),
        "ci_low": float(low),
        "ci_high": float(high),
        "n_sites": int(n_sites),
        "n_genotypes": round(float(n_genotypes)),
    }


def _table(run: RunNames, rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame([{**run.columns(), **row} for row in rows], columns=list(result_tables.METRIC_COLUMNS))


def _rows_of_all_samples(
    scored: Scored, setting: BootstrapSettings, n_variants: np.ndarray, n_of_variants: np.ndarray
) -> list[dict]:
    """Rows of all samples; n_variants, n_of_variants [13]: sites with an r2 of their own, and their known genotypes."""
    sums = scored.statistics.sums
    weights = bootstrap.resampling_weights(len(scored.samples), setting.bootstraps, setting.seed)
    rows = _sum_rows(ALL, sums, scored.n_sites, weights, tuple(metrics.METRICS))
    n = metrics.field(sums.sum(axis=0), "n")
    calibration = scored.statistics.calibration
    error = metrics.ece(calibration.sum(axis=0))
    resampled_error = metrics.ece(np.tensordot(weights, calibration, axes=1))
    resampled_error = np.maximum(bootstrap.recentred(resampled_error, error), 0)
    rows += _interval_rows(ALL, "ece", error, resampled_error, scored.n_sites, n)
    r2_variant, resamples = scored.r2_variant, scored.r2_variant_resamples
    rows += _interval_rows(ALL, "r2_variant", r2_variant, resamples, n_variants, n_of_variants)
    rows.append(_row(ALL, 0, "n_samples", float(len(scored.samples)), scored.n_sites[0], n[0]))
    return rows


def _rows_of_population(scored: Scored, label: str, setting: BootstrapSettings) -> list[dict]:
    inside = np.array([population == label for population in scored.populations])
    weights = bootstrap.resampling_weights(int(inside.sum()), setting.bootstraps, setting.seed, label)
    return _sum_rows(label, scored.statistics.sums[inside], scored.n_sites, weights, POPULATION_METRICS)


def _sum_rows(
    population: str, sums: np.ndarray, n_sites: np.ndarray, weights: np.ndarray, names: Sequence[str]
) -> list[dict]:
    """Rows of the metrics that are functions of per-sample sums [P, 13, F], with intervals from weights [B, P]."""
    total = sums.sum(axis=0)
    resampled = np.tensordot(weights, sums, axes=1)
    n = metrics.field(total, "n")
    rows = []
    for name in names:
        metric = metrics.METRICS[name]
        rows += _interval_rows(population, name, metric(total), metric(resampled), n_sites, n)
    for name, count in metrics.COUNTS.items():
        rows += [_row(population, k, name, value, n_sites[k], n[k]) for k, value in enumerate(count(total))]
    return rows


def _interval_rows(
    population: str, metric: str, values: np.ndarray, resamples: np.ndarray, n_sites: np.ndarray, n: np.ndarray
) -> list[dict]:
    """A row for each stratum: values [13], with the interval of resamples [B, 13]."""
    low, high = bootstrap.bootstrap_interval(resamples)
    columns = zip(values, n_sites, n, low, high, strict=True)
    return [_row(population, k, metric, *of_stratum) for k, of_stratum in enumerate(columns)]


def _calibration_rows(scored: Scored) -> list[dict]:
    """Mean dosage and mean expected allele of each calibration bin, strata overall and rare."""
    rows = []
    for stratum in (STRATA.index("overall"), STRATA.index("rare")):
        bins = scored.statistics.calibration[:, stratum].sum(axis=0)
        n_haplotypes, predicted, observed = bins.T
        n_sites = scored.n_sites[stratum]
        for j in range(CALIBRATION_BINS):
            for name, total in (("predicted", predicted), ("observed", observed)):
                mean = float(metrics.ratio(total[j], n_haplotypes[j]))
                # n_genotypes counts the haplotypes of the bin here
                rows.append(_row(ALL, stratum, f"calibration_{name}_{j + 1:02d}", mean, n_sites, n_haplotypes[j]))
    return rows


def _info_rows(counts: ReferenceCounts, member: np.ndarray, per_site: np.ndarray, info_r2: np.ndarray) -> list[dict]:
    """Estimated r2: its mean per stratum, its correlation with the true per-variant r2, and means in bins of it."""
    rows = _mean_rows("r2_info", info_r2, member, 0)
    chosen = (counts.mac >= INFO_MIN_MAC) & np.isfinite(per_site) & np.isfinite(info_r2)
    estimated = info_r2[chosen].astype(float)
    true = per_site[chosen]
    n = len(true)
    varies = n > 2 and np.ptp(estimated) > 0 and np.ptp(true) > 0
    correlation = float(np.corrcoef(estimated, true)[0, 1]) if varies else np.nan
    rows.append(_row(ALL, 0, "r2_info_correlation", correlation, n, 0))
    if n == 0:
        return rows
    edges = np.quantile(estimated, np.arange(1, INFO_BINS) / INFO_BINS)
    code = np.searchsorted(edges, estimated, side="right")
    size = np.bincount(code, minlength=INFO_BINS)
    for name, values in (("r2_info_bin", estimated), ("r2_true_bin", true)):
        means = metrics.ratio(np.bincount(code, values, minlength=INFO_BINS), size)
        rows += [_row(ALL, 0, f"{name}_{j + 1:02d}", means[j], size[j], 0) for j in range(INFO_BINS)]
    return rows
