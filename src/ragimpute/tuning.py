"""Choosing Beagle's parameters on people of the panel whose true genotypes are known, never on targets."""

import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from ragimpute.baselines import run_beagle
from ragimpute.errors import InputError
from ragimpute.genetic_map import GeneticMap
from ragimpute.panel import Panel
from ragimpute.vcf.genotype_reader import TargetGenotypes

logger = logging.getLogger(__name__)

GRID = {"ne": (50_000, 150_000, 1_000_000), "err": (0.0001, 0.01), "cluster": (0.0005, 0.005)}
ALL_STATES = 8000  # imp-states; Beagle's default of 1600 leaves out haplotypes of larger panels
DEFAULT_STATES = 1600
MAX_SCORED = 3000  # untyped sites that are imputed to score a setting; the model sees typed sites only


def tune_beagle(
    panel: Panel,
    train: Sequence[str],
    validation: Sequence[str],
    typed: np.ndarray,
    genetic_map: GeneticMap,
    *,
    threads: int = 1,
    memory_mb: int = 4000,
    seed: int = 1,
) -> dict:
    """Impute the validation people against the train fold with each setting of GRID and with Beagle's defaults.

    `typed` [S] bool. The validation people show Beagle their alleles at typed sites, in panel phase. A setting's score
    is the pooled dosage r2 at untyped sites polymorphic among the train people (a random MAX_SCORED of them; Beagle's
    model uses typed sites only, so the others would cost time and change nothing).

    Returns {"parameters": the best setting, "r2": its score, "default_r2": .., "scores": one row per setting,
    "n_people", "n_sites"}. Raises InputError when nothing can be scored.
    """
    reference, people = panel.people(train), panel.people(validation)
    carriers = reference.allele_count
    polymorphic = (carriers > 0) & (carriers < reference.alleles.shape[1])
    scored = np.flatnonzero(~typed & polymorphic)
    if not len(scored):
        raise InputError("Beagle cannot be tuned: no untyped site is polymorphic among the train people")
    if len(scored) > MAX_SCORED:
        scored = np.random.default_rng(seed).choice(scored, size=MAX_SCORED, replace=False)
    kept = np.flatnonzero(np.isin(np.arange(len(typed)), scored) | typed)
    thinned, truth = _at_sites(reference, kept), _at_sites(people, kept)
    typed_here = typed[kept]
    index = np.flatnonzero(typed_here)
    alleles = truth.alleles[index].reshape(len(index), len(validation), 2).astype(np.int8)
    visible = TargetGenotypes(tuple(validation), index, alleles, np.ones(alleles.shape[:2], dtype=bool), pd.DataFrame())
    dosages = truth.alleles[~typed_here].reshape(-1, len(validation), 2).sum(axis=2)
    flip = carriers[kept][~typed_here] * 2 > reference.alleles.shape[1]
    states = {"imp-states": ALL_STATES} if reference.alleles.shape[1] > DEFAULT_STATES else {}
    settings: list[dict[str, float]] = [{}]
    settings += [dict(zip(GRID, values, strict=True)) | states for values in itertools.product(*GRID.values())]

    def score(setting: dict[str, float]) -> float:
        memory = memory_mb // threads
        imputed = run_beagle(thinned, visible, genetic_map, parameters=setting, memory_mb=memory, seed=seed)
        r2 = _pooled_r2(imputed.hds[~typed_here].sum(axis=2), dosages, flip)
        logger.info("beagle %s: r2 %.4f", " ".join(f"{k}={v:g}" for k, v in setting.items()) or "defaults", r2)
        return round(r2, 6)

    with ThreadPoolExecutor(threads) as pool:  # runs are short: one thread each beats more threads for one
        scores = [{**setting, "r2": r2} for setting, r2 in zip(settings, pool.map(score, settings), strict=True)]
    best = max(range(len(scores)), key=lambda i: (scores[i]["r2"], -i))
    return {
        "parameters": settings[best],
        "r2": scores[best]["r2"],
        "default_r2": scores[0]["r2"],
        "scores": scores,
        "n_people": len(validation),
        "n_sites": len(scored),
    }


def _at_sites(panel: Panel, index: np.ndarray) -> Panel:
    return Panel(panel.sites.take(index), panel.samples, np.ascontiguousarray(panel.alleles[index]), panel.contigs)


def _pooled_r2(dosage: np.ndarray, truth: np.ndarray, flip: np.ndarray) -> float:
    """Squared correlation over all sites and people, counted on the reference's minor allele (`flip` [S])."""
    turned = np.where(flip[:, None], 2 - dosage, dosage).astype(np.float64).ravel()
    known = np.where(flip[:, None], 2 - truth.astype(np.float64), truth).ravel()
    if turned.std() == 0 or known.std() == 0:
        return 0.0
    return float(np.corrcoef(turned, known)[0, 1] ** 2)
