"""What an evaluation reads: one method's imputed VCF and the truth, at the untyped sites of the target samples."""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation.sample_statistics import Genotypes
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Panel
from ragimpute.targets.alleles import AllelePolicy


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
) -> MethodResult:
    """Read one method's VCF, and the truth (by `policy`) when there is one, at the untyped sites.

    Args:
        imputed, truth: VCF or BCF.
        panel: the reference, whose samples are counted.
        roles: the table of `read_roles`; its targets are scored.
        typed: the path of typed.tsv.
    Raises InputError when all sites are typed, when there is no target, or when a file cannot be read.
    """
    from ragimpute.panel.allele_counts import count_alleles
    from ragimpute.targets.genotypes import read_truth
    from ragimpute.targets.mask import read_typed
    from ragimpute.vcf.imputed_reader import read_imputed

    is_typed = read_typed(typed, panel.sites)
    untyped = np.flatnonzero(~is_typed)
    if not len(untyped):
        raise InputError(f"{typed}: every site is typed: there is nothing to impute or score")
    targets = roles[roles["role"] == "target"]
    if targets.empty:
        raise InputError("no sample has the role target; make the table of roles again with `ragimpute assign-roles`")
    samples = tuple(targets["sample"])
    counted = count_alleles(panel, roles)
    ac = counted["ac"].to_numpy(dtype=np.int64)
    an = counted["an"].to_numpy(dtype=np.int64)
    counts = ReferenceCounts(ac[untyped], an[untyped])
    typed_counts = ReferenceCounts(ac[is_typed], an[is_typed])
    found = read_imputed(imputed, panel.sites, samples)
    genotypes = None
    if truth is not None:
        # a sum of two float32 HDS may differ from .5 or 1.5 in the last digit, and so change the rounded genotype;
        # DS is printed with four digits
        ds = found.ds[untyped].round(4)
        hds = np.repeat(ds[:, :, None] / 2, 2, axis=2) if found.hds is None else found.hds[untyped]
        gp = None if found.gp_both is None else _probabilities(ds, found.gp_both[untyped])
        true = read_truth(truth, panel.sites.take(untyped), samples, policy, counts.ac / counts.an)
        genotypes = Genotypes(ds, hds, gp, true)
    return MethodResult(
        is_typed=is_typed,
        genotypes=genotypes,
        counts=counts,
        info_r2=found.r2[untyped].astype(float),
        typed_counts=typed_counts,
        er2=found.er2[is_typed].astype(float),
        samples=samples,
        populations=tuple(targets["population"].replace("", "NA")),
    )


def _probabilities(ds: np.ndarray, both: np.ndarray) -> np.ndarray:
    """[S, P, 3] float32 from DS = P1 + 2 P2 and P2; the file's rounding must not make them negative."""
    return np.stack([1 - ds + both, ds - 2 * both, both], axis=2).clip(0, 1)
