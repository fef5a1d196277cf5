"""Choosing Beagle's parameters on samples of the panel whose true genotypes are known, never on targets."""

import itertools
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ragimpute.artefacts import atomic_path
from ragimpute.baselines.assembly import typed_mask
from ragimpute.baselines.beagle import run_beagle
from ragimpute.errors import InputError
from ragimpute.evaluation.bootstrap import LEVEL, resampling_weights
from ragimpute.evaluation.metrics import pooled_r2
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.roles import read_roles, reference_samples
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.mask import read_phased
from ragimpute.vcf.imputed import Imputed

logger = logging.getLogger(__name__)

GRID = {"ne": (50_000, 150_000, 1_000_000), "err": (0.0001, 0.01), "cluster": (0.0005, 0.005)}
ALL_STATES = 8000  # imp-states; Beagle's default of 1600 leaves out haplotypes of larger panels
DEFAULT_STATES = 1600
MAX_SCORED = 10_000  # untyped sites that are imputed to score a setting; the model sees typed sites only
BOOTSTRAPS = 1000  # resamplings of the validation samples


@dataclass(frozen=True)
class ScoringTask:
    """What each setting is scored on: validation samples at their typed sites and at some untyped ones."""

    reference: Panel  # the train fold at the S sites that are kept
    targets: TargetGenotypes  # the N validation samples at the typed ones of them
    typed: np.ndarray  # [S] bool
    truth: np.ndarray  # [U, N] ALT counts at the untyped ones
    minor_is_ref: np.ndarray  # [U] bool, in the reference

    def sums(self, imputed: Imputed) -> np.ndarray:
        """`correlation_sums` [N, 6] of what was imputed."""
        hds = imputed.hds[~self.typed]
        dosages = hds.sum(axis=2)
        return correlation_sums(dosages, self.truth, self.minor_is_ref)


def choose_parameters(
    panel: Path,
    roles: Path,
    typed: Path,
    validation: Path,
    out: Path,
    genetic_map: GeneticMap,
    *,
    threads: int = 1,
    memory_mb: int = 4000,
    seed: int = 1,
) -> None:
    """The step `tune_beagle` of a study: write what `tune_beagle` returns to `out`, as JSON.

    Files are those of `ragimpute read-panel`, `assign-roles`, `mask` and `phase-validation`. Raises InputError when one
    is unusable, nothing can be scored, or Beagle is missing or fails.
    """
    whole = Panel.load(panel)
    samples = read_roles(roles)
    validation_samples = reference_samples(samples, "validation")
    genotypes = read_phased(validation, whole.sites, validation_samples, typed)
    train = reference_samples(samples, "train")
    result = tune_beagle(whole, train, genotypes, genetic_map, threads=threads, memory_mb=memory_mb, seed=seed)
    text = json.dumps(result, indent=1)
    with atomic_path(out) as temporary:
        temporary.write_text(text + "\n")


def tune_beagle(
    panel: Panel,
    train: Sequence[str],
    validation: TargetGenotypes,
    genetic_map: GeneticMap,
    *,
    threads: int = 1,
    memory_mb: int = 4000,
    seed: int = 1,
) -> dict:
    """Impute the validation samples against the train fold with each setting of GRID and with Beagle's defaults.

    `validation` has their genotypes at the typed sites, phased as the targets are (`phase_like_targets`): what is best
    for haplotypes in the panel's phase is not what is best for inferred ones. A setting's score is the pooled dosage r2
    at untyped sites polymorphic in the train fold (a random MAX_SCORED of them; Beagle's model uses typed sites only,
    so the others would cost time and change nothing). The defaults stay unless a setting is surely better
    (`sure_gains`).

    Returns {"parameters": the chosen setting, {} for the defaults, "r2": its score, "default_r2": .., "scores": one row
    per setting, with its `gain` over the defaults and that gain's lower bound `gain_low`, "n_samples", "n_sites"}.
    Raises InputError when nothing can be scored.
    """
    task = scoring_task(panel, train, validation, seed)
    n_haplotypes = task.reference.alleles.shape[1]
    settings = _settings(n_haplotypes)

    def sums_of(setting: dict[str, float]) -> np.ndarray:
        memory = memory_mb // threads
        imputed = run_beagle(task.reference, task.targets, genetic_map, parameters=setting, memory_mb=memory, seed=seed)
        return task.sums(imputed)

    with ThreadPoolExecutor(threads) as pool:  # runs are short: one thread each beats more threads for one
        results = list(pool.map(sums_of, settings))
    sums = np.stack(results)  # [C, N, 6]
    r2 = r2_of_sums(sums.sum(axis=1))
    n_samples = len(validation.samples)
    weights = resampling_weights(n_samples, BOOTSTRAPS, seed)
    resampled = np.tensordot(weights, sums, axes=(1, 1))  # [B, C, 6]
    low = sure_gains(r2, r2_of_sums(resampled))
    rows = _scores(settings, r2, low)
    is_better = low > 0
    best = int(np.where(is_better, r2, -1.0).argmax()) if is_better.any() else 0
    return {
        "parameters": settings[best],
        "r2": rows[best]["r2"],
        "default_r2": rows[0]["r2"],
        "scores": rows,
        "n_samples": n_samples,
        "n_sites": len(task.truth),
    }


def _scores(settings: list[dict[str, float]], r2: np.ndarray, low: np.ndarray) -> list[dict[str, float]]:
    """One row per setting: its score, its gain over the first setting, and that gain's lower bound. All are logged."""
    rows = []
    default_r2 = float(r2[0])
    for setting, score, bound in zip(settings, r2.tolist(), low.tolist(), strict=True):
        gain = score - default_r2
        options = [f"{key}={value:g}" for key, value in setting.items()]
        words = " ".join(options) or "defaults"
        logger.info("beagle %s: r2 %.4f, gain %+.5f, surely %+.5f", words, score, gain, bound)
        rounded = {"r2": round(score, 6), "gain": round(gain, 6), "gain_low": round(bound, 6)}
        rows.append(setting | rounded)
    return rows


def scoring_task(panel: Panel, train: Sequence[str], validation: TargetGenotypes, seed: int) -> ScoringTask:
    """The validation samples beside the train fold, at the typed sites and at most MAX_SCORED untyped ones.

    Scored are untyped sites that are polymorphic in the train fold. Raises InputError when there is none.
    """
    reference = panel.of_samples(train)
    samples = panel.of_samples(validation.samples)
    carriers = reference.allele_count
    n_haplotypes = reference.alleles.shape[1]
    polymorphic = (carriers > 0) & (carriers < n_haplotypes)
    typed = typed_mask(panel.sites, validation)
    scored = np.flatnonzero(~typed & polymorphic)
    if not len(scored):
        raise InputError("Beagle cannot be tuned: no untyped site is polymorphic among the train samples")
    if len(scored) > MAX_SCORED:
        rng = np.random.default_rng(seed)
        scored = rng.choice(scored, size=MAX_SCORED, replace=False)
    needed = typed.copy()
    needed[scored] = True
    kept = np.flatnonzero(needed)
    thinned = reference.take(kept)
    index_in_kept = np.searchsorted(kept, validation.index)
    visible = replace(validation, index=index_in_kept)
    typed_here = typed[kept]
    untyped_here = ~typed_here
    truth = _allele_counts(samples.take(kept), untyped_here)
    minor_is_ref = thinned.minor_is_ref[untyped_here]
    return ScoringTask(thinned, visible, typed_here, truth, minor_is_ref)


def _allele_counts(panel: Panel, chosen: np.ndarray) -> np.ndarray:
    """Copies of ALT [U, N] that each sample of a panel has at the `chosen` [S] bool sites."""
    haplotypes = panel.alleles[chosen]
    n_samples = len(panel.samples)
    alleles = haplotypes.reshape(-1, n_samples, 2)
    return alleles.sum(axis=2)


def _settings(n_haplotypes: int) -> list[dict[str, float]]:
    """Beagle's defaults, {}, and each combination of GRID, with all states in a panel of more than the default's."""
    states = {"imp-states": ALL_STATES} if n_haplotypes > DEFAULT_STATES else {}
    settings: list[dict[str, float]] = [{}]
    for values in itertools.product(*GRID.values()):
        combination = dict(zip(GRID, values, strict=True))
        settings.append(combination | states)
    return settings


def sure_gains(r2: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """The lower bounds [C] of the gains of C settings over the first, which hold together with probability LEVEL.

    r2: scores [C]; resampled: the same [B, C] over resamples of the samples, the same resamples for all. Single-step
    max-t: as the best of several settings is looked for, the error of a gain in units of its standard deviation is
    compared with the largest such error of any setting (Westfall & Young 1993, Resampling-Based Multiple Testing). The
    first setting's bound is 0.
    """
    gain = r2 - r2[0]
    drawn = resampled - resampled[:, :1]
    spread = drawn.std(axis=0)
    errors = np.zeros_like(drawn)
    np.divide(drawn - gain, spread, out=errors, where=spread > 0)
    largest_of_each = errors.max(axis=1)
    largest = np.quantile(largest_of_each, LEVEL)
    return gain - largest * spread


def correlation_sums(dosage: np.ndarray, truth: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Each sample's sums over sites [N, 6] of 1, x, y, x^2, y^2 and xy, for `r2_of_sums`.

    dosage: [S, N] float in [0, 2]; truth: [S, N] allele counts; both are turned where `flip` [S] holds, so that x and y
    count the reference's minor allele.
    """
    flipped = flip[:, None]
    x = np.where(flipped, 2 - dosage, dosage)
    x = x.astype(np.float64)
    y = truth.astype(np.float64)
    y = np.where(flipped, 2 - y, y)
    ones = np.ones_like(x)
    terms = np.stack([ones, x, y, x * x, y * y, x * y], axis=2)
    return terms.sum(axis=0)


def r2_of_sums(sums: np.ndarray) -> np.ndarray:
    """Pooled r2 [...] of sums [..., 6] of `correlation_sums`; 0 where x or y is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    r2 = pooled_r2(n, x, y, xx, yy, xy)
    return np.nan_to_num(r2)
