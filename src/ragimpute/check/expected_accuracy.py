"""The accuracy to expect of `impute`, before imputing: samples of the panel are imputed from the others and scored.

Some samples are left out of the panel, all but their typed sites are hidden, and the engine of `impute` imputes them as
it would impute the targets: phased or not, as often, with the same weights. The one scorer compares the result with
what was hidden. Targets may be harder to impute than samples of the panel, as their population may not be in it, or
their genotypes may hold errors. So some targets are imputed in the same windows, and the r2 that genotype
probabilities imply (`metrics.implied_r2`) is compared: the odds r2 / (1 - r2) of the left-out samples are multiplied by
the ratio of the targets' implied odds to theirs, in each stratum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ragimpute.check.left_out_samples import choose_left_out, some_of
from ragimpute.check.left_out_window import GROUP_SHARE, LeftOutWindow
from ragimpute.evaluation import metrics
from ragimpute.evaluation.bootstrap import bootstrap_interval, resampling_weights
from ragimpute.evaluation.strata import STRATA
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
LEAST_R2 = 1e-4  # r2 nearer to 0, and 1 - r2, are taken for this


@dataclass(frozen=True)
class ExpectedAccuracy:
    """The sums of the scorer over L left-out samples and T targets, as `WindowSums`."""

    left_out: np.ndarray  # [L, 13, F]
    of_targets: np.ndarray  # [T, 13, F]
    n_sites: np.ndarray  # [13]
    weights: np.ndarray  # [L] float64, how many targets each left-out sample stands for
    samples: tuple[str, ...]  # the names of the L left-out samples; one is there once for each stretch
    targets: tuple[str, ...]  # of the T targets, likewise
    # typed sites of the windows at which the targets' genotypes look inverted: `discordant.COLUMNS`
    inverted: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(discordant.COLUMNS)))

    def rows(self, seed: int) -> list[dict[str, float | int | str]]:
        """For each stratum that has sites: the expected r2, its 95 % interval over samples, and that of the panel."""
        targets = np.ones(len(self.targets))
        drawn = _drawn(self.samples, seed) * self.weights
        drawn_targets = _drawn(self.targets, seed, "targets")
        of_panel = metrics.r2(_added(self.left_out, self.weights))
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

    def odds_ratio(self, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The implied odds of r2 of the targets over those of the left-out samples [.., 13]; 1 where one is unknown.

        weights: of the left-out samples [.., L]; targets: of the targets [.., T].
        """
        theirs = _odds(metrics.implied_r2(_added(self.left_out, weights)))
        ours = _odds(metrics.implied_r2(_added(self.of_targets, targets)))
        found = metrics.ratio(ours, theirs)
        return np.where(np.isfinite(found), found, 1.0)

    def _expected(self, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The expected r2 [.., 13]."""
        of_panel = _odds(metrics.r2(_added(self.left_out, weights)))
        odds = of_panel * self.odds_ratio(weights, targets)
        expected: np.ndarray = odds / (1 + odds)
        return expected


def _odds(r2: np.ndarray) -> np.ndarray:
    """r2 / (1 - r2); values near 0 and 1 are moved inwards, so that odds have a ratio."""
    inside = np.clip(r2, LEAST_R2, 1 - LEAST_R2)
    odds: np.ndarray = inside / (1 - inside)
    return odds


def _added(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Samples' sums [P, 13, F], weighted by [.., P] and added: [.., 13, F]."""
    return np.tensordot(weights, sums, axes=1)


def _drawn(names: Sequence[str], seed: int, *of_what: str) -> np.ndarray:
    """Weights [BOOTSTRAPS, P] of resamples of people, by their names: one person's rows are drawn together."""
    person, people = pd.factorize(np.asarray(names, dtype=object))
    weights = resampling_weights(len(people), BOOTSTRAPS, seed, *of_what)
    return weights[:, person]


def add_expected(parts: list[ExpectedAccuracy]) -> ExpectedAccuracy:
    """That of several stretches; a sample has a row for each of them that it was left out of."""
    left_out, of_targets, weights = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("left_out", "of_targets", "weights")
    )
    n_sites = np.sum([part.n_sites for part in parts], axis=0)
    samples = tuple(name for part in parts for name in part.samples)
    targets = tuple(name for part in parts for name in part.targets)
    inverted = join_tables([part.inverted for part in parts], dict.fromkeys(discordant.COLUMNS, str))
    return ExpectedAccuracy(left_out, of_targets, n_sites, weights, samples, targets, inverted)


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
    left_out, of_targets, n_sites = (
        np.sum([getattr(part, name) for part in found], axis=0) for name in ("left_out", "of_targets", "n_sites")
    )
    suspects = [one for part in found for one in part.suspects]
    samples = tuple(panel.samples[i] for i in chosen.samples.tolist())
    inverted = discordant.table_of(panel, some_targets, suspects, used=True)
    targets = some_targets.samples
    return ExpectedAccuracy(left_out, of_targets, n_sites, chosen.weights, samples, targets, inverted)


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
