"""Checks of one file: the reference, the targets, the genetic map."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.check.findings import Finding, first_five, tally
from ragimpute.check.survey import Survey, without_path
from ragimpute.errors import InputError
from ragimpute.nouns import with_noun
from ragimpute.panel.chromosome_names import two_names
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.sex_chromosomes import build_of, find_build, kind_of
from ragimpute.vcf.source import contig_lengths

MISSING_SHARE = 0.1  # of a sample's or a site's genotypes: more is worth a warning
MISSING_SHARES = (0, 0.01, 0.05, MISSING_SHARE)  # sites that lack more are counted
INVALID = ("position below 1", "allele that ALT lacks")  # reasons for which reading stops


def kept(seen: Survey) -> np.ndarray:
    """[R] bool: the records of a reference that imputation will use."""
    table = seen.records
    n_samples = len(seen.header.samples)
    on_y = _on_y(seen)
    n_complete = table["n_complete"].to_numpy()
    is_complete = (n_complete > 0) & (n_samples - n_complete <= seen.most_missing * n_samples)
    is_complete |= on_y & (n_complete > 0)
    is_phased = table["n_unphased"].to_numpy() == 0
    return seen.usable & is_complete & is_phased


def left_out(path: str, n_incomplete: int, n_unphased: int) -> Iterator[Finding]:
    """How many records of a panel are left out for their genotypes."""
    if n_incomplete:
        message = f"records with missing genotypes are left out: {n_incomplete}"
        yield Finding("warning", path, "missing", message, {"records": n_incomplete})
    if n_unphased:
        message = f"records with unphased heterozygotes are left out: {n_unphased}"
        yield Finding("warning", path, "phase", message, {"records": n_unphased})


def _on_y(seen: Survey) -> np.ndarray:
    """[R] bool: the records on Y, where women have no genotype."""
    kinds = [kind_of(chrom) for chrom in seen.records["chrom"]]
    return np.array([kind == "Y" for kind in kinds], dtype=bool)


def reference(seen: Survey) -> Iterator[Finding]:
    """Findings about the phased panel."""
    yield from _any_file(seen)
    path = seen.path
    if seen.disorder:
        message = f"record {seen.disorder}; sort the file (bcftools sort)"
        yield Finding("error", path, "unsorted", message)
    if not seen.readable:
        return
    said = two_names(seen.spans, path)
    if said:
        yield Finding("error", path, "chromosome-names", said)
    table = seen.records
    usable = seen.usable
    n_samples = len(seen.header.samples)
    n_missing = n_samples - table["n_complete"]
    is_incomplete = (n_missing > seen.most_missing * n_samples) | (n_missing == n_samples)
    is_unphased = ~is_incomplete & (table["n_unphased"] > 0)
    n_incomplete = int((usable & is_incomplete).sum())
    is_filled = kept(seen) & (n_missing > 0) & ~_on_y(seen)
    if is_filled.any():
        numbers = {"genotypes": int(n_missing[is_filled].sum()), "records": int(is_filled.sum())}
        counted = with_noun(numbers["records"], "record")
        message = f"missing genotypes are filled in: {numbers['genotypes']}, in {counted}"
        yield Finding("info", path, "filled", message, numbers)
    n_unphased = int((usable & is_unphased).sum())
    n_kept = int(kept(seen).sum())
    yield from left_out(path, n_incomplete, n_unphased)
    if not n_kept:
        message = "no usable site: none is biallelic, diploid, complete and phased"
        yield Finding("error", path, "no-usable-site", message)
    chromosomes = first_five(seen.spans)
    message = f"{with_noun(n_samples, 'sample')}, {with_noun(n_kept, 'usable site')} on {chromosomes}"
    of_file = {"samples": n_samples, "usable_sites": n_kept, "by_chromosome": _counts(table["chrom"][kept(seen)])}
    yield Finding("info", path, "reference", message, of_file | _build(seen))


def targets(seen: Survey) -> Iterator[Finding]:
    """Findings about the samples to impute."""
    yield from _any_file(seen)
    path = seen.path
    if seen.disorder:
        message = f"record {seen.disorder}; the panel's order is used"
        yield Finding("warning", path, "unsorted", message)
    if not seen.readable:
        return
    n_usable = int(seen.usable.sum())
    if not n_usable:
        yield Finding("error", path, "no-usable-site", "no record is biallelic with diploid genotypes")
        return
    share_missing = seen.missing / n_usable
    usable = seen.records[seen.usable]
    places = [f"{row.chrom}:{row.pos}" for row in usable.itertuples()]
    share_of_sites = 1 - usable["n_complete"].to_numpy() / len(seen.header.samples)
    yield from missing_genotypes(path, seen.header.samples, share_missing, places, share_of_sites)
    n_het = int(seen.records["n_het"].sum())
    n_unphased = int(seen.records["n_unphased"].sum())
    if n_unphased:
        share = n_unphased / n_het
        message = f"{share:.1%} of the heterozygotes are unphased: Beagle will phase the typed genotypes"
        yield Finding("info", path, "phase", message, {"heterozygotes": n_het, "unphased": n_unphased, "share": share})
    n_samples = len(seen.header.samples)
    chromosomes = first_five(seen.spans)
    mean = share_missing.mean()
    counted = f"{with_noun(n_samples, 'sample')}, {with_noun(n_usable, 'usable record')}"
    message = f"{counted} on {chromosomes}, {mean:.2%} of genotypes missing"
    of_samples = dict(zip(seen.header.samples, share_missing.tolist(), strict=True))
    numbers: dict[str, Any] = {"samples": n_samples, "usable_records": n_usable, "missing": float(mean)}
    numbers |= {"missing_by_sample": of_samples, "by_chromosome": _counts(usable["chrom"])}
    numbers["sites_missing_over"] = {f"{share:g}": int((share_of_sites > share).sum()) for share in MISSING_SHARES}
    yield Finding("info", path, "targets", message, numbers | _build(seen))


def _counts(values: pd.Series) -> dict[str, int]:
    """How often each value occurs, in the order of their first occurrences."""
    counts = values.value_counts(sort=False)
    return {str(name): int(count) for name, count in counts.items()}


def _build(seen: Survey) -> dict[str, str | None]:
    """The genome's build by the lengths of contigs in the header; None where they do not tell it."""
    return {"build": build_of(contig_lengths(seen.header.contigs))}


def missing_genotypes(
    path: str, samples: Sequence[str], of_samples: np.ndarray, places: Sequence[str], of_sites: np.ndarray
) -> Iterator[Finding]:
    """Samples [N] and sites [M], called `places`, that lack many genotypes, by their shares of missing ones."""
    poor = []
    for name, share in zip(samples, of_samples.tolist(), strict=True):
        if share > MISSING_SHARE:
            poor.append(f"{name} {share:.0%}")
    if poor:
        listed = first_five(poor)
        counted = with_noun(len(poor), "sample lacks", "samples lack")
        message = f"{counted} over {MISSING_SHARE:.0%} of their genotypes: {listed}"
        shares = {
            name: share for name, share in zip(samples, of_samples.tolist(), strict=True) if share > MISSING_SHARE
        }
        yield Finding("warning", path, "missing-samples", message, {"missing_by_sample": shares})
    sparse = [places[i] for i in np.flatnonzero(of_sites > MISSING_SHARE).tolist()]
    if sparse:
        counted = with_noun(len(sparse), "site lacks", "sites lack")
        message = f"{counted} over {MISSING_SHARE:.0%} of the genotypes: {first_five(sparse)}"
        shares = {place: share for place, share in zip(places, of_sites.tolist(), strict=True) if share > MISSING_SHARE}
        yield Finding("warning", path, "missing-sites", message, {"missing_by_site": shares})


def genetic_map(path: str | os.PathLike | None, spans: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """Whether the map can be read and covers the panel's `spans`: chromosome -> first and last position."""
    if path is None:
        yield Finding("info", "genetic map", "map", "none given: 1 cM per Mb is assumed")
        return
    name = os.fspath(path)
    try:
        found = GeneticMap.read(path)
        for chrom, ends in spans.items():
            found.centimorgans(chrom, np.array(ends))
    except InputError as error:
        message = without_path(error, path)
        yield Finding("error", name, "map", message)
        return
    yield from map_coverage(found, spans)


def map_coverage(found: GeneticMap, spans: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """Whether the map `found`, which has all chromosomes of `spans`, covers them."""
    name = found.path
    for chrom, (low, high) in spans.items():
        positions, _ = found.points_of(chrom)
        first, last = positions[[0, -1]].astype(int).tolist()
        numbers = {"chromosome": chrom, "map": [first, last], "reference": [int(low), int(high)]}
        if last < low or first > high:
            message = f"chromosome {chrom}: its points, {first}-{last}, lie outside the reference's {low}-{high}"
            message += "; is it of the same genome build?"
            yield Finding("error", name, "map", message, numbers)
        elif first > low or last < high:
            message = f"chromosome {chrom}: it covers {first}-{last} of the reference's {low}-{high}"
            message += "; beyond its ends its mean rate is assumed"
            yield Finding("warning", name, "map", message, numbers)


def _any_file(seen: Survey) -> Iterator[Finding]:
    """Readable, with samples and records, at possible positions, haploid on X only where the build is known."""
    path = seen.path
    if seen.problem:
        yield Finding("error", path, "unreadable", seen.problem)
        return
    if not seen.header.samples:
        yield Finding("error", path, "no-samples", "the file has no samples")
        return
    table = seen.records
    if table.empty:
        yield Finding("error", path, "no-records", "no records (in the region, if one was given)")
        return
    for reason in INVALID:
        invalid = table[table["reason"] == reason]
        yield from _invalid_records(path, reason, invalid, "correct or remove them")
    of_unknown_build = _x_of_unknown_build(seen)
    haploid = table[table["reason"] == "haploid"]
    haploid_on_x = haploid[haploid["chrom"].isin(of_unknown_build)]
    advice = "the length of contig X does not tell the build: give impute --build"
    yield from _invalid_records(path, "haploid", haploid_on_x, advice)
    if seen.filters:
        yield Finding("warning", path, "filter", seen.filters)
    reasons = table.loc[~seen.usable, "reason"]
    yield from unusable_records(path, reasons, len(table))


def unusable_records(path: str, reasons: pd.Series, n_records: int) -> Iterator[Finding]:
    """How many of the records of a file cannot be used, by the `reasons` of those that cannot."""
    if len(reasons):
        message = f"{len(reasons)} of {n_records} records cannot be used: {tally(reasons)}"
        is_multiallelic = reasons == "multiallelic"
        if is_multiallelic.any():
            message += "; split multiallelic records to impute them (bcftools norm -m -any)"
        numbers = {"unusable": len(reasons), "records": n_records, "reasons": _counts(reasons)}
        yield Finding("warning", path, "unusable-records", message, numbers)


def _invalid_records(path: str, reason: str, invalid: pd.DataFrame, advice: str) -> Iterator[Finding]:
    """The finding that there are `invalid` records, if there are any."""
    if len(invalid):
        first = invalid.iloc[0]
        message = f"{reason}: {with_noun(len(invalid), 'record')}, the first at {first.chrom}:{first.pos}; {advice}"
        yield Finding("error", path, "invalid-record", message)


def _x_of_unknown_build(seen: Survey) -> list[str]:
    """The names of chromosome X in a file whose contig lengths do not tell the genome build."""
    lengths = contig_lengths(seen.header.contigs)
    names = [chrom for chrom in seen.spans if kind_of(chrom) == "X"]
    return [chrom for chrom in names if find_build(chrom, [lengths], None) is None]
