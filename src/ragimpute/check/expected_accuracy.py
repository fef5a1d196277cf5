"""The accuracy to expect of `impute`, before imputing: samples of the panel are imputed from the others and scored.

Some samples are left out of the panel, all but their typed sites are hidden, and the engine of `impute` imputes them as
it would impute the targets: phased or not, as often, with the same weights. The one scorer compares the result with
what was hidden. Targets may be harder to impute than samples of the panel, as their population may not be in it, or
their genotypes may hold errors. At typed sites this can be measured: each is imputed from all others, for both. The
left-out samples' share of unexplained variance, 1 - r2, is multiplied by how much larger it is for the targets there,
to the power that relates typed and untyped sites among the left-out samples (`ExpectedAccuracy.slopes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.check.left_out_samples import choose_left_out, some_of
from ragimpute.check.left_out_window import GROUP_SHARE, LeftOutWindow
from ragimpute.evaluation import metrics
from ragimpute.evaluation.bootstrap import bootstrap_interval, resampling_weights
from ragimpute.evaluation.strata import MAC_BINS, RARE_BELOW, STRATA
from ragimpute.imputation import back_ends, discordant
from ragimpute.imputation.expected_work import expected_work
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.models import pretrained
from ragimpute.panel.windows import Window, windows
from ragimpute.tables import join_tables

CORE_CM, MARGIN_CM = 4.0, 2.0  # of the windows that are imputed: short ones, so that they can lie far apart
MOST_SAMPLES, MOST_TARGETS = 1000, 500  # left-out samples, and targets that are looked at
NUMBERS_OF_WINDOWS = (4, 2, 1)  # as many as time allows with at least ENOUGH of both samples in each
ENOUGH = 100
FEWEST = 20  # samples of a panel, below which nothing is learnt from leaving some out; and that are left out at least
BOOTSTRAPS = 1000
OVERALL, RARE, COMMON = (STRATA.index(name) for name in ("overall", "rare", "common"))
N_WIDE = len(STRATA) - len(MAC_BINS)  # these three
LEAST_ERROR = 0.05  # of the mean squared error, added to that of each sample


@dataclass(frozen=True)
class ExpectedAccuracy:
    """The sums of the scorer over L left-out samples and T targets, as `WindowSums`."""

    untyped: np.ndarray  # [L, 13, F]
    typed: np.ndarray  # [2, L, 13, F], of the two halves of the typed sites
    of_targets: np.ndarray  # [2, T, 13, F]
    n_sites: np.ndarray  # [13]
    weights: np.ndarray  # [L] float64, how many targets each left-out sample stands for
    n_haplotypes: int  # of the panel
    samples: tuple[str, ...]  # the names of the L left-out samples; one is there once for each stretch
    targets: tuple[str, ...]  # of the T targets, likewise
    # typed sites of the windows at which the targets' genotypes look inverted: `discordant.COLUMNS`
    inverted: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(discordant.COLUMNS)))

    def rows(self, seed: int) -> list[dict[str, float | int | str]]:
        """For each stratum that has sites: the expected r2, its 95 % interval over samples, and that of the panel."""
        drawn = _drawn(self.samples, seed) * self.weights
        targets = np.ones(len(self.targets))
        drawn_targets = _drawn(self.targets, seed, "targets")
        of_panel = _r2(self.untyped, self.weights)
        expected = self._expected(self.weights, targets)
        low, high = bootstrap_interval(self._expected(drawn, drawn_targets))
        found = []
        for k, stratum in enumerate(STRATA):
            if not self.n_sites[k] or not np.isfinite(expected[k]):
                continue
            row: dict[str, float | int | str] = {"stratum": stratum, "sites": int(self.n_sites[k])}
            row |= {"r2": float(expected[k]), "r2_low": float(low[k]), "r2_high": float(high[k])}
            found.append({**row, "r2_of_panel": float(of_panel[k])})
        return found

    def harder(self, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """How many times the left-out samples' share of unexplained variance is expected of the targets.

        weights: of the left-out samples [.., L]; targets: of the targets [.., T]. Returns [.., 13].
        """
        ours = 1 - _r2(self.of_targets.sum(axis=0), targets)[..., OVERALL]
        theirs = 1 - _r2(self.typed.sum(axis=0), weights)[..., OVERALL]
        at_typed_sites = metrics.ratio(ours, theirs)
        is_known = at_typed_sites > 0
        logarithm = np.log(np.where(is_known, at_typed_sites, 1.0))
        factor: np.ndarray = np.exp(self.slopes * logarithm[..., None])
        return factor

    @cached_property
    def slopes(self) -> np.ndarray:
        """How much of a difference between samples at typed sites there is in each stratum: [13] in [0, 1].

        The slope of the log of a left-out sample's squared error at untyped sites on that at typed sites. Errors at one
        half of the typed sites are the instrument for those at the other half: chance at a few sites would else flatten
        the slope. Bins of minor allele counts have the slope of rare or of common sites.
        """
        even, odd = (_log_errors(half, OVERALL) for half in self.typed)
        of_strata = [_slope(_log_errors(self.untyped, k), even, odd, self.weights) for k in range(N_WIDE)]
        lowest = np.array([low for low, _ in MAC_BINS.values()])
        is_common = lowest >= RARE_BELOW * self.n_haplotypes
        of_bins = np.where(is_common, of_strata[COMMON], of_strata[RARE])
        return np.concatenate([of_strata, of_bins])

    def _expected(self, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The expected r2 [.., 13]."""
        unexplained = 1 - _r2(self.untyped, weights)
        return 1 - np.minimum(1.0, unexplained * self.harder(weights, targets))


def _drawn(names: Sequence[str], seed: int, *of_what: str) -> np.ndarray:
    """Weights [BOOTSTRAPS, P] of resamples of people, by their names: one person's rows are drawn together."""
    person, people = pd.factorize(np.asarray(names, dtype=object))
    weights = resampling_weights(len(people), BOOTSTRAPS, seed, *of_what)
    return weights[:, person]


def _log_errors(sums: np.ndarray, stratum: int) -> np.ndarray:
    """The log of each sample's mean squared error in a stratum [P], of sums [P, 13, F]; plus a little, against 0."""
    of_stratum = sums[:, stratum]
    n, xx, yy, xy = (metrics.field(of_stratum, name) for name in ("n", "xx", "yy", "xy"))
    error = np.nan_to_num(metrics.ratio(xx - 2 * xy + yy, n))
    mean = float(error.mean())
    logarithms: np.ndarray = np.log(error + LEAST_ERROR * mean) if mean > 0 else np.zeros(len(error))
    return logarithms


def _slope(untyped: np.ndarray, even: np.ndarray, odd: np.ndarray, weights: np.ndarray) -> float:
    """The slope of `untyped` [P] on what both halves of the typed sites have in common."""
    covariance = np.cov(np.stack([untyped, even, odd]), aweights=weights)
    if not covariance[1, 2] > 0:  # nor where there is one sample
        return 0.0
    return float(np.clip((covariance[0, 1] + covariance[0, 2]) / (2 * covariance[1, 2]), 0.0, 1.0))


def _r2(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """r2 [.., 13] of samples' sums [P, 13, F], weighted by [.., P]."""
    return metrics.METRICS["r2"](np.tensordot(weights, sums, axes=1))


def add_expected(parts: list[ExpectedAccuracy]) -> ExpectedAccuracy:
    """That of several stretches; a sample has a row for each of them that it was left out of."""
    names = {"untyped": 0, "typed": 1, "of_targets": 1, "weights": 0}  # and the axis of the samples
    joined: dict[str, Any] = {}
    for name, axis in names.items():
        joined[name] = np.concatenate([getattr(part, name) for part in parts], axis)
    n_sites = np.sum([part.n_sites for part in parts], axis=0)
    n_haplotypes = max(part.n_haplotypes for part in parts)
    samples = tuple(name for part in parts for name in part.samples)
    targets = tuple(name for part in parts for name in part.targets)
    inverted = join_tables([part.inverted for part in parts], dict.fromkeys(discordant.COLUMNS, str))
    joined |= {"samples": samples, "targets": targets, "inverted": inverted}
    return ExpectedAccuracy(n_sites=n_sites, n_haplotypes=n_haplotypes, **joined)


def can_be_told(stretch: ReadStretch) -> bool:
    """Whether samples of the stretch's panel can be left out: they are diploid, and there are enough of them."""
    panel, typed = stretch.matched.panel, stretch.matched.typed
    return panel.ploidy is None and typed.ploidy is None and len(panel.samples) >= FEWEST


def expected_accuracy(stretch: ReadStretch, seconds: float, seed: int) -> ExpectedAccuracy:
    """Impute samples of the stretch's panel in some windows that are spread over it, and score them.

    It takes about `seconds`, or less. The stretch is one of which it `can_be_told`.
    """
    panel, typed = stretch.matched.panel, stretch.matched.typed
    plan, n_targets, n_left_out = _fitting(stretch, _spread_windows(stretch), seconds)
    generator = np.random.default_rng(seed)
    some_targets = typed.of_samples(some_of(len(typed.samples), n_targets, generator))
    chosen = choose_left_out(panel, some_targets, n_left_out, generator)
    inputs = stretch.inputs
    model = inputs.model or pretrained.choose_weights(panel.sites.extents(), panel.n_haplotypes)
    imputer = back_ends.load_back_end(model, inputs.device, inputs.threads)
    found = [LeftOutWindow(stretch, imputer, some_targets, chosen, *where).run(seed) for where in plan]
    names = ("untyped", "typed", "of_targets", "n_sites")
    sums = {name: np.sum([getattr(part, name) for part in found], axis=0) for name in names}
    suspects = [one for part in found for one in part.suspects]
    samples = tuple(panel.samples[i] for i in chosen.samples.tolist())
    return ExpectedAccuracy(
        weights=chosen.weights,
        n_haplotypes=panel.n_haplotypes,
        samples=samples,
        targets=some_targets.samples,
        inverted=discordant.table_of(panel, some_targets, suspects, used=True),
        **sums,
    )


def _spread_windows(stretch: ReadStretch) -> list[tuple[Window, slice]]:
    """The short windows of the panel that are wanted, with the wanted sites of each."""
    panel, typed = stretch.matched.panel, stretch.matched.typed
    chrom = panel.sites.chrom
    found = []
    for window in windows(panel, CORE_CM, MARGIN_CM):
        for part in stretch.matched.wanted:
            first, last = max(window.first, part.start), min(window.last, part.stop)
            if first < last:
                nearby = typed.index[chrom[typed.index] == chrom[window.first]]
                found.append((window.reaching(nearby), slice(first, last)))
    return found


def _fitting(
    stretch: ReadStretch, plan: list[tuple[Window, slice]], seconds: float
) -> tuple[list[tuple[Window, slice]], int, int]:
    """Which of the windows, how many targets and how many left-out samples take about `seconds`, or less."""
    n_targets = min(MOST_TARGETS, len(stretch.matched.typed.samples))
    n_left_out = min(MOST_SAMPLES, len(stretch.matched.panel.samples))
    of_window = _seconds_of_window(stretch, plan, n_targets, n_left_out)
    for number in NUMBERS_OF_WINDOWS:
        chosen = _evenly(plan, number)
        share = min(1.0, seconds / (len(chosen) * of_window))
        if share * n_left_out >= min(ENOUGH, n_left_out) or number == NUMBERS_OF_WINDOWS[-1]:
            break
    n_targets, n_left_out = (max(min(most, FEWEST), int(share * most)) for most in (n_targets, n_left_out))
    return chosen, n_targets, n_left_out


def _evenly(plan: list[tuple[Window, slice]], number: int) -> list[tuple[Window, slice]]:
    """At most `number` windows, evenly spread."""
    if len(plan) <= number:
        return plan
    middles = (np.arange(number) + 0.5) * len(plan) / number
    return [plan[int(place)] for place in middles]


def _seconds_of_window(
    stretch: ReadStretch, plan: list[tuple[Window, slice]], n_targets: int, n_left_out: int
) -> float:
    """How long the longest window takes with so many samples, by the slopes of `expected_work`."""
    whole = stretch.size()
    n_sites = max(window.stop - window.start for window, _ in plan)
    typed_sites = round(n_sites * whole.typed_sites / whole.sites)
    n_samples = n_targets + n_left_out
    of_window = replace(
        whole, sites=n_sites, imputed_sites=n_sites, typed_sites=typed_sites, targets=n_samples, prepared=True
    )
    described = replace(of_window, described=True)
    threads = stretch.inputs.threads
    once, again = (expected_work([size], threads, stretch.inputs.memory_mb).seconds for size in (of_window, described))
    n_groups = n_left_out / len(stretch.matched.panel.samples) / GROUP_SHARE  # the panel is described anew for each
    return once + n_groups * (once - again)
