"""Reading imputed VCFs back: the dosages of a file that ragimpute or a baseline wrote."""

import logging
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.ploidy import ABSENT, diploid_form
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.store import Sites, strings
from ragimpute.vcf.source import Header, Region, genotypes, read_header, records, sample_order

logger = logging.getLogger(__name__)


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
    # [S, N] bool, genotypes of one allele on X, Y and MT, where the file has no HDS; None: HDS tells
    one_allele: np.ndarray | None = None

    @property
    def n_haplotypes(self) -> np.ndarray | None:
        """How many haplotypes the values of each sample are of: [S, N] int8, 0 where missing; None: two everywhere."""
        if self.hds is not None:
            is_there = ~np.isnan(self.hds)
            number = is_there.sum(axis=2, dtype=np.int8)
        elif self.one_allele is not None and self.one_allele.any():
            of_known = np.where(self.one_allele, 1, 2)
            number = np.where(np.isnan(self.ds), 0, of_known).astype(np.int8)
        else:
            return None
        return None if (number == 2).all() else number

    def at(self, rows: slice) -> "ImputedVcf":
        """The same samples at some of the sites."""
        arrays = {name: getattr(self, name) for name in OF_SITES}
        chosen = {name: None if array is None else array[rows] for name, array in arrays.items()}
        return ImputedVcf(self.samples, **chosen)  # type: ignore[arg-type]


TYPED_MARK, IMPUTED_MARK = "TYPED", "IMP"  # flags in INFO
OF_SITES = ("ds", "hds", "gp_both", "r2", "er2", "typed", "one_allele")  # fields with a row for each site


def read_sites(path: str | os.PathLike) -> Sites:
    """The sites of an imputed VCF, as `read_marked_sites` has them."""
    sites, _ = read_marked_sites(path)
    return sites


def read_marked_sites(path: str | os.PathLike) -> tuple[Sites, np.ndarray]:
    """The sites of an imputed VCF, in its order, and which of them are typed [S] bool.

    Their genetic positions are not known (NaN). A record without an ALT allele is passed over, and their number is
    logged.
    """
    header = read_header(path)
    rows = []
    typed = []
    n_without_alt = 0
    for record in records(path, samples=[]):
        if not record.ALT:
            n_without_alt += 1
            continue
        name = record.ID or "."
        row = (record.CHROM, record.POS, name, record.REF, record.ALT[0])
        rows.append(row)
        typed.append(is_typed(record.INFO, header))
    if n_without_alt:
        logger.warning("%s: records without an ALT allele, which are passed over: %d", path, n_without_alt)
    chrom, pos, ids, ref, alt = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    chroms = np.array(chrom)
    positions = np.array(pos, dtype=np.int64)
    unknown = np.full(len(rows), np.nan)
    sites = Sites(chroms, positions, strings(ids), strings(ref), strings(alt), unknown)
    return sites, np.array(typed, dtype=bool)


def join_imputed(parts: Sequence[ImputedVcf]) -> ImputedVcf:
    """The same samples at the sites of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> np.ndarray | None:
        arrays = [getattr(part, name) for part in parts]
        is_absent = any(array is None for array in arrays)
        return None if is_absent else np.concatenate(arrays)

    samples = parts[0].samples
    return ImputedVcf(samples, *(joined(name) for name in OF_SITES))  # type: ignore[arg-type]


def read_imputed(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str] | None = None,
    *,
    complete: bool = True,
    region: Region | None = None,
) -> ImputedVcf:
    """Read DS, HDS and GP of `samples` (default: all, in file order), aligned to the panel by CHROM, POS, REF, ALT.

    `region`: where the records of `sites` lie, all of which is read of a file with an index.
    Raises InputError when the file is unreadable, lacks a sample, has neither DS nor HDS, names a site twice or (with
    `complete`) lacks a site of the panel.
    """
    header = read_header(path)
    wanted = tuple(header.samples if samples is None else samples)
    order = sample_order(path, header.samples, wanted)
    if not header.formats & {"DS", "HDS"}:
        raise InputError(f"{path}: FORMAT has neither DS nor HDS: this is not an imputed VCF")
    read = _no_records(len(sites), wanted, header.formats)
    seen = np.zeros(len(sites), dtype=bool)
    lookup = {key: i for i, key in enumerate(sites.keys())}
    limited_to = None if samples is None else wanted
    for record in records(path, region, samples=limited_to):
        alts = record.ALT
        alt = alts[0] if alts else "."
        key = (record.CHROM, record.POS, record.REF, alt)
        site = lookup.get(key, -1)
        if site < 0:
            continue
        if seen[site]:
            raise InputError(f"{path}: {record.CHROM}:{record.POS} {record.REF}>{alt} occurs twice")
        seen[site] = True
        _take_record(read, site, path, record, order)
        read.typed[site] = is_typed(record.INFO, header)
    if complete and not seen.all():
        _raise_absent(path, sites, seen)
    return read


def _no_records(n_sites: int, samples: tuple[str, ...], formats: Container[str]) -> ImputedVcf:
    """What a file with the FORMAT fields `formats` says as long as no record has been read."""
    n_samples = len(samples)
    ds = np.full((n_sites, n_samples), np.nan, dtype=np.float32)
    hds = both = None
    if "HDS" in formats:
        hds = np.full((n_sites, n_samples, 2), np.nan, dtype=np.float32)
    if "GP" in formats:
        both = np.full((n_sites, n_samples), np.nan, dtype=np.float32)
    r2 = np.full(n_sites, np.nan, dtype=np.float32)
    er2 = np.full(n_sites, np.nan, dtype=np.float32)
    typed = np.zeros(n_sites, dtype=bool)
    one_allele = None if hds is not None else np.zeros((n_sites, n_samples), dtype=bool)
    return ImputedVcf(samples, ds, hds, both, r2, er2, typed, one_allele)


def _take_record(read: ImputedVcf, site: int, path: str | os.PathLike, record, order: np.ndarray) -> None:
    """Put what a record says about the samples, whose rows in the record are `order`, into `read` at `site`."""
    if read.hds is None:
        dosages = _field(path, record, "DS", 1)
        read.ds[site] = dosages[order, 0]
        called = genotypes(record) if kind_of(record.CHROM) else None
        if read.one_allele is not None and called is not None:
            of_samples = diploid_form(called)[order]
            read.one_allele[site] = of_samples[:, 1] == ABSENT
    else:
        haplotype_dosages = _field(path, record, "HDS", 2)[order]
        read.hds[site] = haplotype_dosages
        h1, h2 = read.hds[site].T
        is_haploid = np.isnan(h2)
        read.ds[site] = np.where(is_haploid, h1, h1 + h2)
    if read.gp_both is not None:
        probabilities = _field(path, record, "GP", 3)
        read.gp_both[site] = probabilities[order, 2]
    info = record.INFO
    for values, key in ((read.r2, "R2"), (read.er2, "ER2")):
        estimate = info.get(key)
        values[site] = np.nan if estimate is None else estimate


def is_typed(info: Mapping[str, object], header: Header) -> bool:
    """Whether a record is of a typed site: Minimac4 and ragimpute mark these, Beagle and IMPUTE5 those imputed."""
    if IMPUTED_MARK in header.infos:
        return info.get(IMPUTED_MARK) is None
    return info.get(TYPED_MARK) is not None


def _raise_absent(path: str | os.PathLike, sites: Sites, seen: np.ndarray) -> NoReturn:
    """Raise InputError because of the sites that are not among those `seen` [S] bool in a file."""
    first = int(np.argmin(seen))
    n_absent = np.count_nonzero(~seen)
    chrom = sites.chrom[first]
    pos = sites.pos[first]
    ref = sites.ref[first]
    alt = sites.alt[first]
    where = f"{chrom}:{pos} {ref}>{alt}"
    raise InputError(f"{path}: {n_absent} of the panel's {len(sites)} sites are absent, the first is {where}")


def _field(path: str | os.PathLike, record, name: str, width: int) -> np.ndarray:
    """FORMAT field [N, width] of a record; NaN in the places that genotypes of fewer alleles lack."""
    try:
        values = record.format(name)
    except KeyError:
        values = None
    if values is not None and values.shape[1] == width:
        return values
    if values is None or values.shape[1] != width - 1:
        where = f"{record.CHROM}:{record.POS}"
        raise InputError(f"{path}: {where}: FORMAT/{name} is absent or has not {width} values")
    one_more_value = ((0, 0), (0, 1))
    return np.pad(values, one_more_value, constant_values=np.nan)  # all samples are haploid
