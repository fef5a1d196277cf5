"""Reading what an evaluation needs: the imputed VCF, the truth, and the tables of sites and samples."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.evaluation.statistics import Genotypes
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import AllelePolicy


@dataclass(frozen=True)
class Untyped:
    """One method's result at the untyped sites of a panel, and its empirical r2 at the typed ones."""

    is_typed: np.ndarray  # [all sites of the panel] bool
    genotypes: Genotypes | None  # None without truth
    counts: ReferenceCounts
    info_r2: np.ndarray  # [S] float64, NaN where absent
    typed_counts: ReferenceCounts
    er2: np.ndarray  # [T] float64, leave-one-out r2, NaN where absent
    samples: tuple[str, ...]
    populations: tuple[str, ...]


def read_site_table(path: str | os.PathLike, sites: Sites, columns: Sequence[str]) -> np.ndarray:
    """Integer `columns` [S, C] of a TSV with one row per panel site, in panel order.

    Raises InputError when a column or a site is missing or the rows are those of another panel.
    """
    table = _read(path, ("chrom", "pos", "ref", "alt", *columns))
    # objects: as numpy's text, a single long insertion would take its length at every site
    same = (
        len(table) == len(sites)
        and np.array_equal(table["pos"].to_numpy(dtype=str), sites.pos.astype(str))
        and all(
            np.array_equal(table[name].to_numpy(dtype=object), getattr(sites, name)) for name in ("chrom", "ref", "alt")
        )
    )
    if not same:
        raise InputError(f"{path}: its sites are not the panel's; was it made from another panel?")
    try:
        return table[list(columns)].to_numpy(dtype=np.int64)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected whole numbers in {' '.join(columns)}") from None


def read_targets(path: str | os.PathLike) -> dict[str, str]:
    """Target samples of roles.tsv with their population ("NA" when unknown), in the file's order."""
    table = _read(path, ("sample", "role"))
    if "population" not in table.columns:
        table["population"] = "NA"
    targets = table[table["role"] == "target"]
    return dict(zip(targets["sample"], targets["population"].replace("", "NA"), strict=True))


def read_untyped(
    imputed: str | os.PathLike,
    truth: str | os.PathLike | None,
    sites: Sites,
    roles: str | os.PathLike,
    typed: str | os.PathLike,
    frequencies: str | os.PathLike,
    policy: AllelePolicy | None = None,
) -> Untyped:
    """Read one method's VCF, and the truth (by `policy`) when there is one, at the untyped sites."""
    from ragimpute.targets.genotypes import read_truth
    from ragimpute.vcf.imputed_reader import read_imputed

    is_typed = read_site_table(typed, sites, ("typed",))[:, 0] == 1
    untyped = np.flatnonzero(~is_typed)
    if not len(untyped):
        raise InputError(f"{typed}: every site is typed: there is nothing to impute or score")
    counted = read_site_table(frequencies, sites, ("ac", "an"))
    ac, an = counted[untyped].T
    populations = read_targets(roles)
    samples = tuple(populations)
    if not samples:
        raise InputError(f"{roles}: nobody has the role target")
    chosen = sites.take(untyped)
    found = read_imputed(imputed, sites, samples)
    genotypes = None
    if truth is not None:
        # a sum of two float32 HDS may miss .5 or 1.5 by a hair, and the hard call with it: back to the printed DS
        ds = found.ds[untyped].round(4)
        hds = np.repeat(ds[:, :, None] / 2, 2, axis=2) if found.hds is None else found.hds[untyped]
        gp = None if found.gp_both is None else _probabilities(ds, found.gp_both[untyped])
        genotypes = Genotypes(ds, hds, gp, read_truth(truth, chosen, samples, policy, ac / an))
    labels = tuple(populations.values())
    r2, er2 = found.r2[untyped].astype(float), found.er2[is_typed].astype(float)
    counts, typed_counts = ReferenceCounts(ac, an), ReferenceCounts(*counted[is_typed].T)
    return Untyped(is_typed, genotypes, counts, r2, typed_counts, er2, samples, labels)


def _probabilities(ds: np.ndarray, both: np.ndarray) -> np.ndarray:
    """[S, P, 3] float32 from DS = P1 + 2 P2 and P2; the file's rounding must not make them negative."""
    return np.stack([1 - ds + both, ds - 2 * both, both], axis=2).clip(0, 1)


def _read(path: str | os.PathLike, columns: Sequence[str]) -> pd.DataFrame:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{path}: line 1: column {missing[0]!r} is missing")
    return table
