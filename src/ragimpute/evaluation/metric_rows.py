"""The rows of metrics.tsv from the sums of an evaluation, of one chromosome or of all."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ragimpute.evaluation import bootstrap, calibration, estimated_r2, metrics, result_tables
from ragimpute.evaluation.evaluation_sums import BootstrapSettings, Estimates, Evaluation, Scored, StratumSums
from ragimpute.evaluation.r2_filter import THRESHOLDS, FilteredR2
from ragimpute.evaluation.result_tables import ALL
from ragimpute.evaluation.strata import STRATA

POPULATION_METRICS = ("r2", "f1", "precision", "recall", "concordance", "dosage_ratio")


def metric_table(evaluation: Evaluation) -> pd.DataFrame:
    """The rows of one evaluation, with the columns of metrics.tsv. Without truth they are estimates alone."""
    scored = evaluation.scored
    estimates = evaluation.estimates
    setting = evaluation.setting
    rows = []
    if scored is not None:
        rows += _rows_of_all_samples(scored, setting)
        rows.append(_row(ALL, 0, "reference_haplotypes", scored.n_haplotypes, scored.n_sites[0], 0))
        rows += _calibration_rows(scored)
        rows += _estimated_rows(scored.estimated_r2)
        rows += _passing_rows(estimates)
        rows += _filtered_rows(scored.filtered, estimates.passing)
        for label in population_labels(scored.populations):
            rows += _rows_of_population(scored, label, setting)
    rows += _mean_rows("r2_info", estimates.info, estimates.n_samples if scored is None else 0)
    if estimates.left_out.n_sites.any():
        rows += _mean_rows("r2_loo", estimates.left_out, estimates.n_samples)
    names = {**evaluation.run.columns(), "chrom": evaluation.chrom}
    named = [{**names, **row} for row in rows]
    columns = list(result_tables.METRIC_COLUMNS)
    return pd.DataFrame(named, columns=columns)


def population_labels(populations: Sequence[str]) -> list[str]:
    """The labels that get rows of their own: the known ones, when there are at least two."""
    known = sorted({label for label in populations if label not in ("NA", "", ".", ALL)})
    if len(known) < 2:
        return []
    return known


def _mean_rows(metric: str, sums: StratumSums, n_samples: int) -> list[dict]:
    """A row for each stratum with the mean over its sites."""
    n_sites = sums.n_sites
    return [_row(ALL, k, metric, mean, n_sites[k], n_sites[k] * n_samples) for k, mean in enumerate(sums.mean)]


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


def _rows_of_all_samples(scored: Scored, setting: BootstrapSettings) -> list[dict]:
    sums = scored.statistics.sums
    n_samples = len(scored.samples)
    weights = bootstrap.resampling_weights(n_samples, setting.bootstraps, setting.seed)
    rows = _sum_rows(ALL, sums, scored.n_sites, weights, tuple(metrics.METRICS))
    total = sums.sum(axis=0)
    n = metrics.field(total, "n")
    of_samples = scored.statistics.calibration
    of_all = of_samples.sum(axis=0)
    error = metrics.ece(of_all)
    of_resamples = np.tensordot(weights, of_samples, axes=1)
    resampled_error = metrics.ece(of_resamples)
    recentred = bootstrap.recentred(resampled_error, error)
    resampled_error = np.maximum(recentred, 0)
    rows += _interval_rows(ALL, "ece", error, resampled_error, scored.n_sites, n)
    variants = scored.r2_variant
    rows += _interval_rows(ALL, "r2_variant", variants.mean, variants.resamples, variants.n_sites, variants.n_genotypes)
    rows.append(_row(ALL, 0, "n_samples", float(n_samples), scored.n_sites[0], n[0]))
    return rows


def _rows_of_population(scored: Scored, label: str, setting: BootstrapSettings) -> list[dict]:
    inside = np.array([population == label for population in scored.populations])
    n_samples = int(inside.sum())
    weights = bootstrap.resampling_weights(n_samples, setting.bootstraps, setting.seed, label)
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
        values = metric(total)
        resamples = metric(resampled)
        rows += _interval_rows(population, name, values, resamples, n_sites, n)
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
    calibrations = scored.statistics.calibration
    rows = []
    for stratum in (STRATA.index("overall"), STRATA.index("rare")):
        of_samples = calibrations[:, stratum]
        bins = of_samples.sum(axis=0)
        n_haplotypes, predicted, observed = bins.T
        n_sites = scored.n_sites[stratum]
        for j in range(calibration.BINS):
            for name, total in (("predicted", predicted), ("observed", observed)):
                mean = float(metrics.ratio(total[j], n_haplotypes[j]))
                # n_genotypes counts the haplotypes of the bin here
                rows.append(_row(ALL, stratum, f"calibration_{name}_{j + 1:02d}", mean, n_sites, n_haplotypes[j]))
    return rows


def _estimated_rows(table: estimated_r2.EstimatedR2) -> list[dict]:
    """Correlation of estimated r2 with the true r2 of sites, and means of both in bins of the estimate."""
    correlation = estimated_r2.correlation(table)
    rows = [_row(ALL, 0, "r2_info_correlation", correlation, table.n_sites.sum(), 0)]
    bins = estimated_r2.bins(table)
    if bins is None:
        return rows
    for name, means in (("r2_info_bin", bins.estimated), ("r2_true_bin", bins.true)):
        for j, mean in enumerate(means):
            rows.append(_row(ALL, 0, f"{name}_{j + 1:02d}", mean, bins.n_sites[j], 0))
    return rows


def _passing_rows(estimates: Estimates) -> list[dict]:
    """The share of the untyped sites that pass each filter by INFO R2; n_sites: how many these are."""
    shares = metrics.ratio(estimates.passing, estimates.info.n_sites)
    rows = []
    for name, of_filter, n_sites in zip(THRESHOLDS, shares, estimates.passing, strict=True):
        rows += [_row(ALL, k, f"passing_{name}", share, n_sites[k], 0) for k, share in enumerate(of_filter)]
    return rows


def _filtered_rows(filtered: FilteredR2, passing: np.ndarray) -> list[dict]:
    """r2 of the sites that pass each filter by INFO R2, over all their genotypes and as a mean over sites."""
    n_genotypes = filtered.moments[:, :, 0]
    rows = []
    for i, name in enumerate(THRESHOLDS):
        for k in range(len(STRATA)):
            r2, mean = filtered.r2[i, k], filtered.r2_variant[i, k]
            rows.append(_row(ALL, k, f"r2_passing_{name}", r2, passing[i, k], n_genotypes[i, k]))
            rows.append(_row(ALL, k, f"r2_variant_passing_{name}", mean, filtered.variant_sites[i, k], 0))
    return rows
