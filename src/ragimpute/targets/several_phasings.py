"""Several phasings of the same samples, and the average of what is imputed from each.

Phase is uncertain, most of all where typed sites are sparse: another draw phases the same heterozygotes otherwise. An
average over phasings is nearer to the truth than what any one of them gives (docs/experiments.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numba import njit

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.panel.folds import SPARSE_PER_CM, Fold, densities
from ragimpute.panel.store import Sites, chromosome_bounds
from ragimpute.parallel import in_threads
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed

KIND = "phasings"
WHERE_SPARSE = 4  # phasings where typed sites are sparse; chosen on reference samples


def phasings_worth_it(sites: Sites, targets: TargetGenotypes) -> dict[str, int]:
    """How many phasings of `targets` are worth their time on each chromosome of `sites`, those of the panel.

    One where typed sites are dense or all targets came phased and complete.
    """
    typed = np.zeros(len(sites), dtype=bool)
    typed[targets.index] = True
    density = densities(sites, typed)
    found = {}
    for start, stop in chromosome_bounds(sites.chrom):
        chrom = str(sites.chrom[start])
        is_dense = density[chrom] >= SPARSE_PER_CM
        rows = targets.rows(start, stop)
        is_settled = targets.at(np.arange(rows.start, rows.stop)).complete
        found[chrom] = 1 if is_dense or is_settled else WHERE_SPARSE
    return found


def save_phasings(path: Path, phased: Path | None, phasings: Sequence[TargetGenotypes]) -> None:
    """Write all of `phasings`, P of the same N samples at the same M sites, as an artefact of KIND.

    Arrays: `alleles` [P, M, N, 2] int8; `index` [M] int64, the panel indices of the sites; `filled` [M, N] uint8, 1
    where the genotype was missing and phasing filled it in; `samples`, the names; `ploidy` [N] int8, if not all are
    diploid. The metadata has the SHA-256 of the VCF `phased`, which holds the first phasing for users, if there is one.
    """
    first = phasings[0]
    alleles = np.stack([phasing.alleles for phasing in phasings], dtype=np.int8)
    filled = np.zeros_like(first.phased) if first.filled is None else first.filled
    arrays: dict[str, np.ndarray] = {}
    arrays["alleles"] = alleles
    arrays["index"] = first.index.astype(np.int64)
    arrays["filled"] = filled.astype(np.uint8)
    arrays["samples"] = artefacts.encode_strings(first.samples)
    if first.ploidy is not None:
        arrays["ploidy"] = first.ploidy
    metadata = {}
    if phased is not None:
        metadata["phased_sha256"] = artefacts.file_digest(phased)
    artefacts.save(path, KIND, arrays, metadata)


def load_phasings(path: Path, samples: Sequence[str], typed: np.ndarray) -> list[TargetGenotypes]:
    """All phasings of `samples` in a file of `save_phasings`, complete at the sites where `typed` [S] holds.

    Raises InputError when the file is of other samples or sites, or of an earlier version.
    """
    arrays = artefacts.load(path, KIND).arrays
    again = "run `ragimpute phase` again"
    if "index" not in arrays:
        raise InputError(f"{path}: written by an earlier version, without the first phasing; {again}")
    names = tuple(artefacts.decode_strings(arrays["samples"]))
    if names != tuple(samples):
        numbers = f"{len(names)} samples are not the {len(samples)} targets"
        raise InputError(f"{path}: its {numbers} of the roles; {again}")
    index = arrays["index"]
    if not np.array_equal(index, np.flatnonzero(typed)):
        n_typed = int(typed.sum())
        raise InputError(
            f"{path}: its {len(index)} sites are not those that are marked as typed, {n_typed}; "
            "run `ragimpute mask` and `ragimpute phase` again"
        )
    filled = arrays["filled"] == 1
    phased = np.ones_like(filled)
    ploidy = arrays.get("ploidy")
    phasings = []
    for alleles in arrays["alleles"]:
        phasing = TargetGenotypes(names, index, alleles, phased, pd.DataFrame(), filled=filled, ploidy=ploidy)
        phasings.append(phasing)
    return phasings


def haplotypes(phasings: Sequence[TargetGenotypes]) -> np.ndarray:
    """Alleles [M, 2 P N] uint8: all N samples of the first of P phasings, then all of the second, and so on.

    The two haplotypes of a sample stand in the order in which they agree with the first phasing at most heterozygotes,
    so that phasings that differ by nothing but this order are the same here.
    """
    first = phasings[0].haplotypes()
    n_sites = len(first)
    pairs = first.reshape(n_sites, -1, 2)
    parts = [first]
    for phasing in phasings[1:]:
        others = phasing.haplotypes().reshape(pairs.shape)
        is_het = (pairs[..., 0] != pairs[..., 1]) & (others[..., 0] != others[..., 1])
        is_opposite = is_het & (pairs[..., 0] != others[..., 0])
        is_exchanged = 2 * is_opposite.sum(axis=0) > is_het.sum(axis=0)  # [N]
        in_order = np.where(is_exchanged[:, None], others[..., ::-1], others)
        parts.append(in_order.reshape(n_sites, -1))
    return np.concatenate(parts, axis=1)


def distinct_samples(fold: Fold) -> tuple[Fold, np.ndarray]:
    """The fold with the first of its samples that have the same two haplotypes; which of these each sample is: [P].

    Where phasings agree, nothing has to be imputed twice. Samples of the first phasing come first, in order. Samples
    that are left out of the reference, each for itself, are all distinct.
    """
    every_sample = np.arange(fold.n_samples)
    if fold.phasings == 1 or (fold.excluded >= 0).any():
        return fold, every_sample
    per_sample = fold.observed.reshape(len(fold.observed), -1, 2).transpose(1, 0, 2)
    packed = np.packbits(per_sample.reshape(fold.n_samples, -1), axis=1)
    numbers: dict[bytes, int] = {}
    of_first = fold.n_samples // fold.phasings
    kept: list[int] = []
    which = np.empty(fold.n_samples, dtype=np.int64)
    for sample in every_sample.tolist():
        content = packed[sample].tobytes()
        if sample < of_first or content not in numbers:
            numbers[content] = len(kept)
            kept.append(sample)
        which[sample] = numbers[content]
    return fold.of_samples(np.array(kept)), which


def first_phasings(fold: Fold, start: int, stop: int) -> Fold:
    """The fold with its samples start .. stop - 1 only, in all their phasings."""
    n_samples = fold.n_samples // fold.phasings
    first_of_each = n_samples * np.arange(fold.phasings)
    of_each = first_of_each[:, None] + np.arange(start, stop)
    return fold.of_samples(of_each.reshape(-1))


def mean_of_fold(imputed: Imputed, fold: Fold, which: np.ndarray, at: slice | None = None, threads: int = 1) -> Imputed:
    """The `mean` of what was imputed from the P phasings of the fold's N samples, one phasing after another.

    `imputed` has hds [S, D, 2] and both [S, D] of D `distinct_samples`; `which` [P N] of them each sample is. The
    result has hds [S, N, 2] and both [S, N]. `at`: they are of these sites of the fold; None: of all.
    """
    if fold.phasings == 1:
        return imputed
    n_samples = fold.n_samples // fold.phasings
    columns = which.reshape(fold.phasings, n_samples)
    observed = fold.observed.reshape(len(fold.observed), fold.phasings, n_samples, 2)
    named = replace(imputed, samples=fold.samples[:n_samples])
    alleles = [observed[:, p] for p in range(fold.phasings)]
    return mean(fold.reference.sites, fold.typed_sites, alleles, lambda p: (named, columns[p]), at, threads)


def mean(
    sites: Sites,
    typed_sites: np.ndarray,
    alleles: Sequence[np.ndarray],
    of_phasing: Callable[[int], tuple[Imputed, np.ndarray]],
    at: slice | None = None,
    threads: int = 1,
) -> Imputed:
    """The mean over phasings of what is imputed from each; haplotypes and typed sites are those of the first.

    Arguments:
        sites: the S panel sites.
        typed_sites: [T] int64, which of them are typed.
        alleles: of each phasing the phased alleles [T, N, 2] of the same N samples at the T typed sites.
        of_phasing: what is imputed from the phasing of this number, hds [L, D, 2] and both [L, D], and which of the D
            columns each of the N samples has: [N]. It is called once for each phasing, in order; one result beside
            their sum is held.
        at: which L of the sites these are; None: all.

    The mean has no estimate `r2`, and so gets Minimac's estimator on the averaged haplotype dosages, as networks do: a
    tool's estimate takes the phasing that it was given for certain. A single phasing is returned as it is.
    """
    first, columns = of_phasing(0)
    if len(alleles) == 1:
        return first
    samples, typed = first.samples, first.typed
    hds = np.take(first.hds, columns, axis=1)
    both = np.take(first.both, columns, axis=1)
    del first
    given_hds, given_both = hds[typed], both[typed]
    for p in range(1, len(alleles)):
        other, columns = of_phasing(p)
        is_exchanged = exchanged(sites, typed_sites, alleles[0], alleles[p])
        swapped = is_exchanged[at or slice(None)]
        in_threads(_add, threads, other.hds, other.both, columns, swapped, hds, both)
        del other
    n_phasings = np.float32(len(alleles))
    hds /= n_phasings
    both /= n_phasings
    hds[typed] = given_hds
    both[typed] = given_both
    return Imputed(samples, hds, both, typed)


@njit(cache=True, nogil=True)
def _add(block, n_blocks, other_hds, other_both, columns, swapped, hds, both):
    """Add `columns` [N] of what was imputed from another phasing, haplotypes `swapped` [L, N], to hds and both."""
    for s in range(len(hds) * block // n_blocks, len(hds) * (block + 1) // n_blocks):
        for n in range(len(columns)):
            column = columns[n]
            first = 1 if swapped[s, n] else 0
            hds[s, n, 0] += other_hds[s, column, first]
            hds[s, n, 1] += other_hds[s, column, 1 - first]
            both[s, n] += other_both[s, column]


def exchanged(sites: Sites, typed_sites: np.ndarray, first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where the haplotypes of `other` are those of `first` the other way round: [S, N] bool at all `sites`.

    typed_sites: [T] indices of sites; first, other: typed alleles [T, N, 2]. Between two heterozygotes the nearer one
    decides, in cM.
    """
    n_samples = first.shape[1]
    swapped = np.zeros((len(sites), n_samples), dtype=bool)
    het_in_first = first[..., 0] != first[..., 1]
    het_in_other = other[..., 0] != other[..., 1]
    het = het_in_first & het_in_other  # [T, N]
    opposite = het & (first[..., 0] != other[..., 0])
    for start, stop in chromosome_bounds(sites.chrom):
        cm = sites.cm[start:stop]
        rows = slice(*np.searchsorted(typed_sites, (start, stop)))
        typed_cm = sites.cm[typed_sites[rows]]
        for sample in np.flatnonzero(opposite[rows].any(axis=0)):
            hets = np.flatnonzero(het[rows, sample])
            opposite_at_hets = opposite[rows, sample][hets]
            swapped[start:stop, sample] = of_nearest(opposite_at_hets, typed_cm[hets], cm)
    return swapped


def of_nearest(values: np.ndarray, at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each position of `wanted` [L] the one of `values` [K] whose position in `at` [K] is nearest.

    Both `wanted` and `at` increase. Of two that are as near, the first one.
    """
    middles = (at[1:] + at[:-1]) / 2
    ends = np.searchsorted(wanted, middles, side="right")
    numbers = np.diff(ends, prepend=0, append=len(wanted))
    return np.repeat(values, numbers)
