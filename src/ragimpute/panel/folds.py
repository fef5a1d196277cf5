"""The samples of one fold beside the reference that they are imputed from, with one leave-out for everything.

Retrieval, allele counts and the choice of scored sites all take the reference *without* the query sample's own sample
and declared relatives from here, so that no two of them can disagree (disagreement tells the network the answer).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.roles import COPIED
from ragimpute.panel.store import Panel, Sites, chromosome_bounds, haplotype_index

# typed sites per cM below which much remains uncertain; chosen on reference samples (docs/experiments.md)
SPARSE_PER_CM = 300
ABSENT_FAMILY = frozenset({"", ".", "NA", "nan", "0"})


@dataclass(frozen=True)
class SampleRole:
    """One row of roles.tsv."""

    sample: str
    role: str  # reference | target
    fold: str  # train | validation | copied | targets
    population: str = "NA"
    family: str = "NA"


@dataclass(frozen=True)
class Fold:
    """P query samples and the reference panel of R samples that serves them."""

    name: str  # train | random1.. | validation | targets
    reference: Panel  # at all S sites
    samples: tuple[str, ...]  # [P]
    typed: np.ndarray  # [S] bool
    observed: np.ndarray  # [T, 2P] uint8, alleles at the typed sites: all that may be used of the samples
    # [S, 2P] uint8, in the panel's phase, which `observed` of fold validation need not have; None for targets
    truth: np.ndarray | None
    excluded: np.ndarray  # [P, E] int64, reference samples left out for each query sample (own sample first); -1: none
    phasings: int = 1  # P counts samples once for each of their phasings: all in the first, then all in the second, ..
    density: float | None = None  # typed sites per cM of all that this is a window of; None: it is a window of nothing
    cm_scale: float = 1.0  # of the cM in which neighbours are retrieved (`retrieval.map_scale`)

    @property
    def n_samples(self) -> int:
        return len(self.samples)

    @cached_property
    def typed_sites(self) -> np.ndarray:
        """Panel indices [T] of the typed sites."""
        return np.flatnonzero(self.typed)

    @property
    def typed_per_cm(self) -> float:
        """How dense the array is: typed sites per cM, over the chromosomes together."""
        if self.density is not None:
            return self.density
        return typed_per_cm(self.reference.sites, self.typed)

    def left_out_count(self, samples: np.ndarray, sites: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """Alternate-allele counts [L, B] and numbers of haplotypes [B] of the reference that serves `samples` [B].

        Both int64, at the panel sites `sites` [L]. The excluded samples' alleles are subtracted.
        """
        reference = self.reference
        n_samples = len(samples)
        everywhere = reference.allele_count[sites]
        count = np.repeat(everywhere[:, None], n_samples, axis=1)
        number = np.full(n_samples, reference.n_haplotypes, dtype=np.int64)
        for left_out in self.excluded[samples].T:
            present = left_out >= 0
            if not present.any():
                continue
            pairs = reference.haplotype_pairs[left_out[present]]  # [.., 2]
            first, second = pairs.T
            alleles = reference.alleles[sites]
            count[:, present] -= alleles[:, first]
            count[:, present] -= np.where(second >= 0, alleles[:, second], 0)
            number[present] -= (pairs >= 0).sum(axis=1)
        return count, number

    def chromosomes(self) -> "list[Fold]":
        """The fold cut into its chromosomes, in order. Raises InputError when one of them has no typed site."""
        bounds = chromosome_bounds(self.reference.sites.chrom)
        if len(bounds) == 1 and self.typed.any():
            return [self]
        for start, stop in bounds:
            if not self.typed[start:stop].any():
                chrom = self.reference.sites.chrom[start]
                raise InputError(f"chromosome {chrom} of the panel has no typed site; limit the panel by its region")
        return [self.between(slice(start, stop)) for start, stop in bounds]

    def between(self, sites: slice) -> "Fold":
        """The fold at some consecutive `sites` of its own."""
        if sites == slice(0, len(self.typed)):
            return self
        typed = self.typed[sites]
        observed = self.observed[self.typed_rows(sites)]
        truth = None if self.truth is None else self.truth[sites]
        local = self.reference.between(sites.start, sites.stop)
        return replace(self, reference=local, typed=typed, observed=observed, truth=truth)

    def of_samples(self, rows: np.ndarray) -> "Fold":
        """The fold with the query samples `rows` [B] only; a sample may be among them several times."""
        columns = haplotype_index(rows)
        samples = tuple(self.samples[row] for row in rows)
        observed = np.ascontiguousarray(self.observed[:, columns])
        truth = None if self.truth is None else self.truth[:, columns]
        return replace(self, samples=samples, observed=observed, truth=truth, excluded=self.excluded[rows])

    def typed_rows(self, sites: slice) -> slice:
        """Which of the T typed sites lie among consecutive `sites`."""
        first, stop = np.searchsorted(self.typed_sites, (sites.start, sites.stop)).tolist()
        return slice(first, stop)

    def scored(self, samples: np.ndarray, sites: np.ndarray) -> np.ndarray:
        """Which of `sites` [L] count for each of `samples` [B] in a loss or metric: [B, L] bool.

        Untyped, and polymorphic once the sample is left out: a left-out count of 0 at a site of the panel would say
        that the left-out haplotypes carry the allele.
        """
        count, number = self.left_out_count(samples, sites)
        polymorphic = (count > 0) & (count < number)
        untyped = ~self.typed[sites]
        scored = untyped[:, None] & polymorphic
        return scored.T

    def excluded_haplotypes(self, samples: np.ndarray) -> np.ndarray:
        """Reference haplotypes [B, 2E] int64 that may not be retrieved for `samples` [B]; -1: none."""
        excluded = self.excluded[samples]  # [B, E]
        pairs = self.reference.haplotype_pairs[excluded]  # [B, E, 2]
        is_excluded = excluded[..., None] >= 0
        haplotypes = np.where(is_excluded, pairs, -1)
        return haplotypes.reshape(len(samples), -1)


def allele_pairs_sum(alleles: np.ndarray) -> np.ndarray:
    """Genotypes [L, P] uint8, the number of ALT alleles, of haplotypes' alleles [L, 2P] uint8."""
    first = alleles[:, 0::2]
    second = alleles[:, 1::2]
    return first + second


def densities(sites: Sites, typed: np.ndarray) -> dict[str, float]:
    """`typed_per_cm` of each chromosome by itself: other chromosomes of a file must change nothing in its results."""
    bounds = chromosome_bounds(sites.chrom)
    return {str(sites.chrom[a]): typed_per_cm(sites.take(slice(a, b)), typed[a:b]) for a, b in bounds}


def typed_per_cm(sites: Sites, typed: np.ndarray) -> float:
    """Typed sites [S] bool per cM between the first and the last site of each chromosome; inf without any length."""
    length = 0.0
    for start, stop in chromosome_bounds(sites.chrom):
        first, last = sites.cm[[start, stop - 1]]
        length += float(last - first)
    if length <= 0:
        return float("inf")
    return float(typed.sum() / length)


def load_fold(
    panel: Panel,
    roles: Sequence[SampleRole],
    masks: Mapping[str, np.ndarray],
    name: str,
    observed: np.ndarray | None = None,
    target_samples: Sequence[str] | None = None,
) -> Fold:
    """Assemble fold `name`: train, randomN (train roles under the N-th random mask), validation or targets.

    `masks` holds the columns `typed`, `random1`, .. of typed.tsv, each [S] bool. Training and validation samples are
    imputed from the train fold's reference samples; targets from all reference samples. For targets, `observed`
    [T, 2P] are the phased typed alleles of `target_samples`. For validation they are the alleles of the validation
    samples in the order of `roles`, phased as targets are; without them `observed` has the panel's phase. The truth has
    the panel's phase either way: validation scores are of genotype dosages, to which phase does not matter.

    Raises InputError for an unknown fold, an empty fold, targets whose alleles were not given, or validation samples
    whose alleles are not their genotypes in the panel.
    """
    mask = name if name.startswith("random") else "typed"
    if mask not in masks:
        columns = ", ".join(masks)
        raise InputError(f"typed.tsv has no column {mask!r} (it has {columns}); ask for fewer random masks")
    typed = np.asarray(masks[mask], dtype=bool)
    n_rows = len(typed)
    n_sites = len(panel.sites)
    if n_rows != n_sites:
        raise InputError(f"typed.tsv has {n_rows} rows but the panel has {n_sites} sites; make it again")
    if name == "targets" and (observed is None or target_samples is None):
        raise InputError("fold targets needs the phased typed genotypes of the target samples")
    queries, copied = _queries_and_reference(roles, name, target_samples or ())
    n_samples = len(queries)
    n_reference = len(copied)
    if not n_samples or not n_reference:
        raise InputError(f"fold {name} has {n_samples} samples and {n_reference} reference samples; check roles.tsv")
    samples = tuple(row.sample for row in queries)
    reference = panel.of_samples([row.sample for row in copied])
    truth = None
    if name != "targets":
        truth = panel.of_samples(samples).alleles[:]
        if name != "validation" or observed is None:
            observed = truth[typed]
    assert observed is not None
    _check_observed(name, observed, typed, truth, n_samples)
    excluded = exclusions(queries, copied)
    return Fold(name, reference, samples, typed, observed, truth, excluded)


def _queries_and_reference(
    roles: Sequence[SampleRole], name: str, target_samples: Sequence[str]
) -> tuple[list[SampleRole], list[SampleRole]]:
    """The query samples of fold `name` and the reference samples that they are imputed from."""
    references = [row for row in roles if row.role == "reference"]
    train = [row for row in references if row.fold == "train"]
    copied = [row for row in references if row.fold in ("train", COPIED)]
    if name == "targets":
        by_name = {row.sample: row for row in roles}
        targets = []
        for sample in target_samples:
            without_row = SampleRole(sample, "target", "targets")
            role = by_name.get(sample, without_row)
            targets.append(role)
        return targets, references
    if name == "validation":
        return [row for row in references if row.fold == "validation"], copied
    if name == "train" or name.startswith("random"):
        return train, copied
    raise InputError(f"unknown fold {name!r}; known are train, random1.., validation and targets")


def _check_observed(
    name: str, observed: np.ndarray, typed: np.ndarray, truth: np.ndarray | None, n_samples: int
) -> None:
    """Raise InputError unless `observed` has the shape [T, 2P] and the genotypes of `truth` [S, 2P], if any."""
    n_typed = int(typed.sum())
    expected = (n_typed, 2 * n_samples)
    if observed.shape != expected:
        raise InputError(f"the typed genotypes have shape {observed.shape}, expected {expected}")
    if truth is not None and not np.array_equal(allele_pairs_sum(observed), allele_pairs_sum(truth[typed])):
        raise InputError(
            f"fold {name}: the typed genotypes are not those of its samples in the panel; run "
            "`ragimpute phase-validation` again with this panel and these roles"
        )


def exclusions(queries: Sequence[SampleRole], reference: Sequence[SampleRole]) -> np.ndarray:
    """Reference rows [P, E] int64 to leave out for each query: the same sample first, then the same family; -1 pads."""
    place = {row.sample: i for i, row in enumerate(reference)}
    families: dict[str, list[int]] = {}
    for i, row in enumerate(reference):
        if row.family not in ABSENT_FAMILY:
            family = families.setdefault(row.family, [])
            family.append(i)
    lists = []
    for row in queries:
        own = [place[row.sample]] if row.sample in place else []
        family = families.get(row.family, [])
        relatives = [i for i in family if i not in own]
        lists.append(own + relatives)
    width = max([1, *map(len, lists)])
    table = np.full((len(lists), width), -1, dtype=np.int64)
    for i, members in enumerate(lists):
        table[i, : len(members)] = members
    return table
