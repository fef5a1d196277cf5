"""What an evaluation reads: one method's imputed VCF and the truth, at the untyped sites of the target samples."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, NoTypedSites
from ragimpute.evaluation.sample_statistics import Genotypes
from ragimpute.evaluation.site_blocks import opened
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Panel
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.vcf.imputed_reader import ImputedVcf

logger = logging.getLogger(__name__)

DOSAGE_ERROR = 1e-3  # of a file's rounding


@dataclass(frozen=True)
class MethodResult:
    """One method's result at the S untyped sites of a panel or a block of its sites, and ER2 at the T typed ones."""

    is_typed: np.ndarray  # [all sites of the panel, or of the block] bool
    genotypes: Genotypes | None  # None without truth
    counts: ReferenceCounts
    info_r2: np.ndarray  # [S] float64, INFO R2, NaN where absent
    typed_counts: ReferenceCounts
    er2: np.ndarray  # [T] float64, INFO ER2, NaN where absent
    samples: tuple[str, ...]
    populations: tuple[str, ...]


def method_results(
    imputed: str | os.PathLike,
    truth: str | os.PathLike | None,
    panel: Panel,
    roles: pd.DataFrame,
    typed: str | os.PathLike,
    policy: AllelePolicy | None = None,
    *,
    whole: bool = True,
) -> Iterator[MethodResult]:
    """Read one method's VCF, and the truth (by `policy`) when there is one, in blocks of consecutive sites.

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

    is_typed = read_typed(typed, panel.sites)
    if whole and is_typed.all():
        raise InputError(f"{typed}: every site is typed: there is nothing to impute or score")
    is_target = roles["role"] == "target"
    targets = roles[is_target]
    if targets.empty:
        raise InputError("no sample has the role target; make the table of roles again with `ragimpute assign-roles`")
    samples = tuple(targets["sample"])
    populations = tuple(targets["population"].replace("", "NA"))
    counted = count_alleles(panel, roles)
    ac = counted["ac"].to_numpy(dtype=np.int64)
    an = counted["an"].to_numpy(dtype=np.int64)
    of_all = ReferenceCounts(ac, an)
    del counted
    with opened(imputed, truth, panel.sites, samples, policy) as (blocks, true):
        for block in blocks:
            found = block.imputed
            typed_here = is_typed[block.sites]
            untyped = np.flatnonzero(~typed_here)
            of_block = of_all.take(block.sites)
            counts = of_block.take(untyped)
            sites = panel.sites.take(block.sites)
            ploidy = target_ploidy(imputed, panel, found)
            genotypes = None
            if true is not None:
                frequency = counts.ac / counts.an
                alleles = true.read(sites.take(untyped), block.region, frequency, ploidy)
                genotypes = imputed_genotypes(found, untyped, alleles, ploidy)
            yield MethodResult(
                is_typed=typed_here,
                genotypes=genotypes,
                counts=counts,
                info_r2=found.r2[untyped].astype(float),
                typed_counts=of_block.take(typed_here),
                er2=found.er2[typed_here].astype(float),
                samples=samples,
                populations=populations,
            )
        if true is not None and not is_typed.all():
            try:
                true.report(panel.sites)
            except NoTypedSites as nothing:
                if whole:
                    raise
                logger.warning("%s", nothing)


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
    """How many haplotypes each sample has in a block of sites: [P] int8; None where all have two, or none is told."""
    number = found.n_haplotypes
    if number is None or not len(number):
        return None
    ploidy: np.ndarray = number.max(axis=0)
    if (ploidy == 2).all():
        return None
    return ploidy


def _refuse(path: str | os.PathLike, samples: tuple[str, ...], wrong: np.ndarray) -> None:
    """Raise InputError for the first of the `wrong` [P] samples."""
    if wrong.any():
        first = int(wrong.argmax())
        name = samples[first]
        raise InputError(f"{path}: sample {name} has not the number of alleles that it has in the panel; impute again")


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
