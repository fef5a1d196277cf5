"""Reading imputed VCFs back: the dosages of a file that ragimpute or a baseline wrote."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.store import Sites, strings
from ragimpute.vcf.source import read_header, records, sample_order


@dataclass(frozen=True)
class ImputedVcf:
    """What an imputed VCF says about N samples at the panel's S sites; NaN where the file lacks a record."""

    samples: tuple[str, ...]
    ds: np.ndarray  # [S, N] float32 in [0, 2]; in [0, 1] where the sample is haploid
    # [S, N, 2] float32 in [0, 1], the second NaN where the sample is haploid; None when the file has no HDS
    hds: np.ndarray | None
    # [S, N] float32, the probability of two alternate alleles, NaN where haploid; None when the file has no GP
    gp_both: np.ndarray | None
    r2: np.ndarray  # [S] float32, the file's own estimate; NaN when absent
    er2: np.ndarray  # [S] float32, its leave-one-out r2; NaN when absent
    typed: np.ndarray  # [S] bool


def read_sites(path: str | os.PathLike) -> Sites:
    """The sites of a VCF that ragimpute wrote, in its order; their genetic positions are not known (NaN)."""
    rows = [
        (record.CHROM, record.POS, record.ID or ".", record.REF, record.ALT[0]) for record in records(path, samples=[])
    ]
    chrom, pos, ids, ref, alt = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    unknown = np.full(len(rows), np.nan)
    return Sites(np.array(chrom), np.array(pos, dtype=np.int64), strings(ids), strings(ref), strings(alt), unknown)


def join_imputed(parts: Sequence[ImputedVcf]) -> ImputedVcf:
    """The same samples at the sites of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> np.ndarray | None:
        arrays = [getattr(part, name) for part in parts]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    names = ("ds", "hds", "gp_both", "r2", "er2", "typed")
    return ImputedVcf(parts[0].samples, *(joined(name) for name in names))  # type: ignore[arg-type]


def read_imputed(
    path: str | os.PathLike, sites: Sites, samples: Sequence[str] | None = None, *, complete: bool = True
) -> ImputedVcf:
    """Read DS, HDS and GP of `samples` (default: all, in file order), aligned to the panel by CHROM, POS, REF, ALT.

    Raises InputError when the file is unreadable, lacks a sample, has neither DS nor HDS, names a site twice or (with
    `complete`) lacks a site of the panel.
    """
    header = read_header(path)
    wanted = tuple(header.samples if samples is None else samples)
    order = sample_order(path, header.samples, wanted)
    if not header.formats & {"DS", "HDS"}:
        raise InputError(f"{path}: FORMAT has neither DS nor HDS: this is not an imputed VCF")
    has_hds, has_gp = "HDS" in header.formats, "GP" in header.formats
    n_sites, n = len(sites), len(wanted)
    ds = np.full((n_sites, n), np.nan, dtype=np.float32)
    hds = np.full((n_sites, n, 2), np.nan, dtype=np.float32) if has_hds else None
    both = np.full((n_sites, n), np.nan, dtype=np.float32) if has_gp else None
    r2, er2 = (np.full(n_sites, np.nan, dtype=np.float32) for _ in range(2))
    typed = np.zeros(n_sites, dtype=bool)
    seen = np.zeros(n_sites, dtype=bool)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    for record in records(path, samples=None if samples is None else wanted):
        alts = record.ALT
        site = lookup.get((record.CHROM, record.POS, record.REF, alts[0] if alts else "."), -1)
        if site < 0:
            continue
        if seen[site]:
            raise InputError(f"{path}: {record.CHROM}:{record.POS} {record.REF}>{alts[0]} occurs twice")
        seen[site] = True
        if hds is not None:
            hds[site] = _field(path, record, "HDS", 2)[order]
            h1, h2 = hds[site, :, 0], hds[site, :, 1]
            ds[site] = np.where(np.isnan(h2), h1, h1 + h2)
        else:
            ds[site] = _field(path, record, "DS", 1)[order, 0]
        if both is not None:
            both[site] = _field(path, record, "GP", 3)[order, 2]
        info = record.INFO
        for values, key in ((r2, "R2"), (er2, "ER2")):
            estimate = info.get(key)
            values[site] = np.nan if estimate is None else estimate
        typed[site] = info.get("TYPED") is not None
    if complete and not seen.all():
        first = int(np.argmin(seen))
        absent = np.count_nonzero(~seen)
        where = f"{sites.chrom[first]}:{sites.pos[first]} {sites.ref[first]}>{sites.alt[first]}"
        raise InputError(f"{path}: {absent} of the panel's {n_sites} sites are absent, the first is {where}")
    return ImputedVcf(wanted, ds, hds, both, r2, er2, typed)


def _field(path: str | os.PathLike, record, name: str, width: int) -> np.ndarray:
    """FORMAT field [N, width] of a record; NaN in the places that genotypes of fewer alleles lack."""
    try:
        values = record.format(name)
    except KeyError:
        values = None
    if values is not None and values.shape[1] == width:
        return values
    if values is None or values.shape[1] != width - 1:
        raise InputError(f"{path}: {record.CHROM}:{record.POS}: FORMAT/{name} is absent or has not {width} values")
    return np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan)  # all samples are haploid
