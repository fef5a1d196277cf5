"""Choosing Beagle's parameters on samples of the panel whose true genotypes are known, never on targets."""

import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from ragimpute.baselines.methods import run_beagle
from ragimpute.errors import InputError
from ragimpute.evaluation.bootstrap import LEVEL, resampling_weights
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes

logger = logging.getLogger(__name__)

GRID = {"ne": (50_000, 150_000, 1_000_000), "err": (0.0001, 0.01), "cluster": (0.0005, 0.005)}
ALL_STATES = 8000  # imp-states; Beagle's default of 1600 leaves out haplotypes of larger panels
DEFAULT_STATES = 1600
MAX_SCORED = 10_000  # untyped sites that are imputed to score a setting; the model sees typed sites only
BOOTSTRAPS = 1000  # resamplings of the validation samples


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
    reference, samples = panel.of_samples(train), panel.of_samples(validation.samples)
    carriers = reference.allele_count
    polymorphic = (carriers > 0) & (carriers < reference.alleles.shape[1])
    typed = np.isin(np.arange(len(panel.sites)), validation.index)
    scored = np.flatnonzero(~typed & polymorphic)
    if not len(scored):
        raise InputError("Beagle cannot be tuned: no untyped site is polymorphic among the train samples")
    if len(scored) > MAX_SCORED:
        scored = np.random.default_rng(seed).choice(scored, size=MAX_SCORED, replace=False)
    kept = np.flatnonzero(np.isin(np.arange(len(typed)), scored) | typed)
    thinned, truth = _at_sites(reference, kept), _at_sites(samples, kept)
    visible = replace(validation, index=np.searchsorted(kept, validation.index))
    typed_here = typed[kept]
    dosages = truth.alleles[~typed_here].reshape(-1, len(samples.samples), 2).sum(axis=2)
    flip = carriers[kept][~typed_here] * 2 > reference.alleles.shape[1]
    states = {"imp-states": ALL_STATES} if reference.alleles.shape[1] > DEFAULT_STATES else {}
    settings: list[dict[str, float]] = [{}]
    settings += [dict(zip(GRID, values, strict=True)) | states for values in itertools.product(*GRID.values())]

    def sums_of(setting: dict[str, float]) -> np.ndarray:
        memory = memory_mb // threads
        imputed = run_beagle(thinned, visible, genetic_map, parameters=setting, memory_mb=memory, seed=seed)
        return moments(imputed.hds[~typed_here].sum(axis=2), dosages, flip)

    with ThreadPoolExecutor(threads) as pool:  # runs are short: one thread each beats more threads for one
        sums = np.stack(list(pool.map(sums_of, settings)))
    r2 = pooled_r2(sums.sum(axis=1))
    weights = resampling_weights(len(samples.samples), BOOTSTRAPS, seed)
    low = sure_gains(r2, pooled_r2(np.tensordot(weights, sums, axes=(1, 1))))
    rows = []
    for i, setting in enumerate(settings):
        words = " ".join(f"{key}={value:g}" for key, value in setting.items()) or "defaults"
        logger.info("beagle %s: r2 %.4f, gain %+.5f, surely %+.5f", words, r2[i], r2[i] - r2[0], low[i])
        score = {"r2": r2[i], "gain": r2[i] - r2[0], "gain_low": low[i]}
        rows.append({**setting, **{name: round(float(value), 6) for name, value in score.items()}})
    best = int(np.where(low > 0, r2, -1.0).argmax()) if (low > 0).any() else 0
    return {
        "parameters": settings[best],
        "r2": rows[best]["r2"],
        "default_r2": rows[0]["r2"],
        "scores": rows,
        "n_samples": len(samples.samples),
        "n_sites": len(scored),
    }


def sure_gains(r2: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """The lower bounds [C] of the gains of C settings over the first, which hold together with probability LEVEL.

    r2: scores [C]; resampled: the same [B, C] over resamples of the samples, the same resamples for all. Single-step
    max-t: as the best of several settings is looked for, the error of a gain in units of its standard deviation is
    compared with the largest such error of any setting (Westfall & Young 1993, Resampling-Based Multiple Testing). The
    first setting's bound is 0.
    """
    gain, drawn = r2 - r2[0], resampled - resampled[:, :1]
    spread = drawn.std(axis=0)
    errors = np.divide(drawn - gain, spread, out=np.zeros_like(drawn), where=spread > 0)
    return gain - np.quantile(errors.max(axis=1), LEVEL) * spread


def _at_sites(panel: Panel, index: np.ndarray) -> Panel:
    return Panel(panel.sites.take(index), panel.samples, np.ascontiguousarray(panel.alleles[index]), panel.contigs)


def moments(dosage: np.ndarray, truth: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Each sample's sums over sites [P, 6] of 1, x, y, x^2, y^2 and xy, for `pooled_r2`.

    dosage: [S, P] float in [0, 2]; truth: [S, P] allele counts; both are turned where `flip` [S] holds, so that x and y
    count the reference's minor allele.
    """
    x = np.where(flip[:, None], 2 - dosage, dosage).astype(np.float64)
    y = np.where(flip[:, None], 2 - truth.astype(np.float64), truth)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=2).sum(axis=0)


def pooled_r2(sums: np.ndarray) -> np.ndarray:
    """Squared correlation [...] over all genotypes of sums [..., 6] of `moments`; 0 where x or y is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = (n * xx - x * x) * (n * yy - y * y)
    return np.divide((n * xy - x * y) ** 2, spread, out=np.zeros_like(spread), where=spread > 1e-11 * (n * xx * n * yy))
