"""Several phasings of the same people, and the average of what is imputed from each.

Phase is uncertain, most of all where typed sites are sparse: another seed of Beagle phases the same heterozygotes
otherwise. An average over phasings is nearer to the truth than what any one of them gives (docs/methods.md).
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.folds import SPARSE_PER_CM, Fold, typed_per_cm
from ragimpute.panel import Sites, chromosome_bounds
from ragimpute.vcf.genotype_reader import TargetGenotypes
from ragimpute.vcf.imputed import Imputed

KIND = "phasings"
WHERE_SPARSE = 4  # phasings where typed sites are sparse; chosen on reference people


def how_many(sites: Sites, targets: TargetGenotypes) -> int:
    """How many phasings of `targets` are worth their time: one where typed sites are dense or all came phased."""
    typed = np.zeros(len(sites), dtype=bool)
    typed[targets.index] = True
    return 1 if targets.complete or typed_per_cm(sites, typed) >= SPARSE_PER_CM else WHERE_SPARSE


def save(path: Path, phased: Path, phasings: Sequence[TargetGenotypes]) -> None:
    """Write all but the first of `phasings`, which is in the VCF `phased`."""
    first = phasings[0]
    alleles = np.array([other.alleles for other in phasings[1:]], dtype=np.int8).reshape(-1, *first.alleles.shape)
    metadata = {"phased_sha256": artefacts.file_digest(phased), "samples": json.dumps(first.samples)}
    artefacts.save(path, KIND, {"alleles": alleles}, metadata)


def load(path: Path, phased: Path, first: TargetGenotypes) -> list[TargetGenotypes]:
    """`first`, read from the VCF `phased`, and the others in `path`. Raises InputError when they are of another VCF."""
    found = artefacts.load(path, KIND)
    of_this = found.metadata.get("phased_sha256") == artefacts.file_digest(phased)
    if not of_this or json.loads(found.metadata["samples"]) != list(first.samples):
        raise InputError(f"{path}: not of the people and phase in {phased}; run `ragimpute phase` again")
    return [first, *(replace(first, alleles=alleles) for alleles in found.arrays["alleles"])]


def haplotypes(phasings: Sequence[TargetGenotypes]) -> np.ndarray:
    """Alleles [M, 2 P N] uint8: all N people of the first of P phasings, then all of the second, and so on."""
    return np.concatenate([phasing.haplotypes() for phasing in phasings], axis=1)


def some(fold: Fold, start: int, stop: int) -> Fold:
    """The fold with its people start .. stop - 1 only, in all their phasings."""
    first = fold.n_people // fold.phasings * np.arange(fold.phasings)  # of each phasing
    rows = (first[:, None] + np.arange(start, stop)).reshape(-1)
    return replace(
        fold,
        samples=fold.samples[start:stop] * fold.phasings,
        observed=np.ascontiguousarray(fold.observed[:, (2 * rows[:, None] + [0, 1]).reshape(-1)]),
        excluded=fold.excluded[rows],
    )


def average(imputed: Imputed, fold: Fold) -> Imputed:
    """The mean over phasings of what was imputed from each; haplotypes and typed sites are those of the first.

    `imputed` has hds [S, P N, 2] and both [S, P N] of the P phasings of the fold's N people, one after another.
    """
    if fold.phasings == 1:
        return imputed
    n_sites, n = len(fold.typed), fold.n_people // fold.phasings
    hds = imputed.hds.reshape(n_sites, fold.phasings, n, 2)
    both = imputed.both.reshape(n_sites, fold.phasings, n)
    observed = fold.observed.reshape(len(fold.observed), fold.phasings, n, 2)
    total = hds[:, 0].copy()
    for other in range(1, fold.phasings):
        swapped = exchanged(fold, observed[:, 0], observed[:, other])
        total += np.where(swapped[..., None], hds[:, other, :, ::-1], hds[:, other])
    typed = fold.typed
    mean_hds, mean_both = total / np.float32(fold.phasings), both.mean(axis=1)
    mean_hds[typed], mean_both[typed] = hds[typed, 0], both[typed, 0]
    return replace(imputed, samples=fold.samples[:n], hds=mean_hds, both=mean_both)


def exchanged(fold: Fold, first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where the haplotypes of `other` are those of `first` the other way round: [S, N] bool at all sites of the fold.

    first, other: typed alleles [T, N, 2]. Between two heterozygotes the nearer one decides, in cM.
    """
    sites = fold.reference.sites
    swapped = np.zeros((len(sites), first.shape[1]), dtype=bool)
    het = (first[..., 0] != first[..., 1]) & (other[..., 0] != other[..., 1])  # [T, N]
    opposite = het & (first[..., 0] != other[..., 0])
    for start, stop in chromosome_bounds(sites.chrom):
        cm = sites.cm[start:stop]
        rows = slice(*np.searchsorted(fold.typed_sites, (start, stop)))
        typed_cm = sites.cm[fold.typed_sites[rows]]
        for person in np.flatnonzero(opposite[rows].any(axis=0)):
            hets = np.flatnonzero(het[rows, person])
            swapped[start:stop, person] = of_nearest(opposite[rows, person][hets], typed_cm[hets], cm)
    return swapped


def of_nearest(values: np.ndarray, at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each position of `wanted` [L] the one of `values` [K] whose position in `at` [K], increasing, is nearest."""
    return values[np.searchsorted((at[1:] + at[:-1]) / 2, wanted)]
