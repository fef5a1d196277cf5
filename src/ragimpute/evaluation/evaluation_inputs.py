"""What an evaluation reads: one method's imputed VCF and the truth, at the untyped sites of the target samples."""

import logging
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoTypedSites
from ragimpute.evaluation.sample_statistics import Genotypes
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.vcf.imputed_reader import ImputedVcf

logger = logging.getLogger(__name__)

DOSAGE_ERROR = 1e-3  # of a file's rounding


@dataclass(frozen=True)
class MethodResult:
    """One method's result at the S untyped sites of a panel, and its leave-one-out r2 at the T typed ones."""

    is_typed: np.ndarray  # [all sites of the panel] bool
    genotypes: Genotypes | None  # None without truth
    counts: ReferenceCounts
    info_r2: np.ndarray  # [S] float64, INFO R2, NaN where absent
    typed_counts: ReferenceCounts
    er2: np.ndarray  # [T] float64, INFO ER2, NaN where absent
    samples: tuple[str, ...]
    populations: tuple[str, ...]


def read_method_result(
    imputed: str | os.PathLike,
    truth: str | os.PathLike | None,
    panel: Panel,
    roles: pd.DataFrame,
    typed: str | os.PathLike,
    policy: AllelePolicy | None = None,
    *,
    whole: bool = True,
) -> MethodResult:
    """Read one method's VCF, and the truth (by `policy`) when there is one, at the untyped sites.

    Args:
        imputed, truth: VCF or BCF.
        panel: the reference, whose samples are counted.
        roles: the table of `read_roles`; its targets are scored.
        typed: the path of typed.tsv.
        whole: the panel is all there is; False: it is one chromosome, on which all sites may be typed and the truth may
            have no record.
    Raises InputError when all sites are typed, when there is no target, or when a file cannot be read.
    """
    from ragimpute.panel.allele_counts import count_alleles
    from ragimpute.targets.mask import read_typed
    from ragimpute.vcf.imputed_reader import read_imputed

    is_typed = read_typed(typed, panel.sites)
    untyped = np.flatnonzero(~is_typed)
    if whole and not len(untyped):
        raise InputError(f"{typed}: every site is typed: there is nothing to impute or score")
    is_target = roles["role"] == "target"
    targets = roles[is_target]
    if targets.empty:
        raise InputError("no sample has the role target; make the table of roles again with `ragimpute assign-roles`")
    samples = tuple(targets["sample"])
    counted = count_alleles(panel, roles)
    ac = counted["ac"].to_numpy(dtype=np.int64)
    an = counted["an"].to_numpy(dtype=np.int64)
    of_all = ReferenceCounts(ac, an)
    counts = of_all.take(untyped)
    found = read_imputed(imputed, panel.sites, samples)
    ploidy = target_ploidy(imputed, panel, found)
    genotypes = None
    if truth is not None:
        sites = panel.sites.take(untyped)
        true = _read_truth(truth, sites, samples, policy, counts.ac / counts.an, ploidy, whole)
        genotypes = imputed_genotypes(found, untyped, true, ploidy)
    return MethodResult(
        is_typed=is_typed,
        genotypes=genotypes,
        counts=counts,
        info_r2=found.r2[untyped].astype(float),
        typed_counts=of_all.take(is_typed),
        er2=found.er2[is_typed].astype(float),
        samples=samples,
        populations=tuple(targets["population"].replace("", "NA")),
    )


def target_ploidy(path: str | os.PathLike, panel: Panel, found: ImputedVcf) -> np.ndarray | None:
    """How many alleles each sample of the imputed file `path` has: [P] int8, 0, 1 or 2; None: all have two.

    The panel says it of the samples that it holds, the imputed haplotypes of others. Raises InputError where they
    contradict each other, or where a dosage is larger than a sample's number of alleles.
    """
    ploidy = np.full(len(found.samples), 2, dtype=np.int8)
    by_haplotypes = ploidy_of_haplotypes(found)
    if by_haplotypes is not None:
        ploidy = by_haplotypes
    if panel.ploidy is not None:
        of_panel = dict(zip(panel.samples, panel.ploidy.tolist(), strict=True))
        told = np.array([of_panel.get(name, -1) for name in found.samples])
        is_told = told >= 0
        if found.hds is not None:
            differs = told != ploidy
            _refuse(path, found.samples, is_told & differs)
        ploidy = np.where(is_told, told, ploidy).astype(np.int8)
    if (ploidy == 2).all():
        return None
    largest = ploidy + DOSAGE_ERROR
    above = np.nan_to_num(found.ds) > largest
    is_wrong = above.any(axis=0)
    _refuse(path, found.samples, is_wrong)
    return ploidy


def ploidy_of_haplotypes(found: ImputedVcf) -> np.ndarray | None:
    """How many haplotype dosages each sample has: [P] int8; None where all have two, or the file has none."""
    if found.hds is None or not len(found.hds):
        return None
    is_there = ~np.isnan(found.hds).all(axis=0)
    n_there = is_there.sum(axis=1)
    ploidy = n_there.astype(np.int8)
    if (ploidy == 2).all():
        return None
    return ploidy


def _refuse(path: str | os.PathLike, samples: tuple[str, ...], wrong: np.ndarray) -> None:
    """Raise InputError for the first of the `wrong` [P] samples."""
    if wrong.any():
        first = int(wrong.argmax())
        name = samples[first]
        raise InputError(f"{path}: sample {name} has not the number of alleles that it has in the panel; impute again")


def _read_truth(
    path: str | os.PathLike,
    sites: Sites,
    samples: tuple[str, ...],
    policy: AllelePolicy | None,
    frequency: np.ndarray,
    ploidy: np.ndarray | None,
    whole: bool,
) -> np.ndarray:
    """The truth [S, P] int8 at the untyped `sites`; all missing where one chromosome has none."""
    from ragimpute.targets.genotypes import read_truth

    try:
        if len(sites):
            return read_truth(path, sites, samples, policy, frequency, ploidy)
    except NoTypedSites as nothing:
        if whole:
            raise
        logger.warning("%s", nothing)
    return np.full((len(sites), len(samples)), -1, dtype=np.int8)


def imputed_genotypes(found: ImputedVcf, untyped: np.ndarray, true: np.ndarray, ploidy: np.ndarray | None) -> Genotypes:
    """What was imputed at the panel's sites `untyped` [S], beside the truth [S, P]."""
    # a sum of two float32 HDS may differ from .5 or 1.5 in the last digit, and so change the rounded genotype;
    # DS is printed with four digits
    ds = found.ds[untyped].round(4)
    if found.hds is not None:
        hds = found.hds[untyped]
    else:
        hds = np.repeat(ds[:, :, None] / 2, 2, axis=2)
        if ploidy is not None:
            of_one = np.stack([ds, np.full_like(ds, np.nan)], axis=2)
            hds = np.where((ploidy < 2)[:, None], of_one, hds)
    gp = None
    if found.gp_both is not None:
        both = found.gp_both[untyped]
        if ploidy is not None:
            both = np.where(ploidy < 2, np.float32(0), both)
        gp = _probabilities(ds, both)
    return Genotypes(ds, hds, gp, true, ploidy)


def _probabilities(ds: np.ndarray, both: np.ndarray) -> np.ndarray:
    """[S, P, 3] float32 from DS = P1 + 2 P2 and P2; the file's rounding must not make them negative."""
    return np.stack([1 - ds + both, ds - 2 * both, both], axis=2).clip(0, 1)
