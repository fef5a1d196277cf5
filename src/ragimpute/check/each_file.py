"""Checks of one file: the reference, the targets, the genetic map."""

import os
from collections.abc import Iterator, Mapping

import numpy as np

from ragimpute.check.findings import Finding, first_five, tally
from ragimpute.check.survey import Survey, without_path
from ragimpute.errors import InputError
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.sex_chromosomes import find_build, kind_of
from ragimpute.vcf.source import contig_lengths

MISSING_SHARE = 0.1  # of a sample's or a site's genotypes: more is worth a warning
INVALID = ("position below 1", "allele that ALT lacks")  # reasons for which reading stops


def kept(seen: Survey) -> np.ndarray:
    """[R] bool: the records of a reference that imputation will use."""
    table = seen.records
    on_y = np.array([kind_of(chrom) == "Y" for chrom in table["chrom"]], dtype=bool)  # women have no genotype there
    n_complete = table["n_complete"].to_numpy()
    complete = (n_complete == len(seen.header.samples)) | (on_y & (n_complete > 0))
    return seen.usable & complete & (table["n_unphased"] == 0).to_numpy()


def reference(seen: Survey) -> Iterator[Finding]:
    """Findings about the phased panel."""
    yield from _any_file(seen)
    if seen.disorder:
        yield Finding("error", seen.path, "unsorted", f"record {seen.disorder}; sort the file (bcftools sort)")
    if not seen.readable:
        return
    n, table, usable = len(seen.header.samples), seen.records, int(kept(seen).sum())
    incomplete = int((seen.usable & (table["n_complete"] < n)).sum())
    unphased = int((seen.usable & (table["n_complete"] == n) & (table["n_unphased"] > 0)).sum())
    if incomplete:
        yield Finding("warning", seen.path, "missing", f"{incomplete} records with missing genotypes are left out")
    if unphased:
        yield Finding("warning", seen.path, "phase", f"{unphased} records with unphased heterozygotes are left out")
    if not usable:
        message = "no usable site: none is biallelic, diploid, complete and phased"
        yield Finding("error", seen.path, "no-usable-site", message)
    yield Finding("info", seen.path, "reference", f"{n} samples, {usable} usable sites on {first_five(seen.spans)}")


def targets(seen: Survey) -> Iterator[Finding]:
    """Findings about the samples to impute."""
    yield from _any_file(seen)
    if seen.disorder:
        yield Finding("warning", seen.path, "unsorted", f"record {seen.disorder}; the panel's order is used")
    if not seen.readable:
        return
    n, table, usable = len(seen.header.samples), seen.records, int(seen.usable.sum())
    if not usable:
        yield Finding("error", seen.path, "no-usable-site", "no record is biallelic with diploid genotypes")
        return
    share = seen.missing / usable
    poor = []
    for name, part in zip(seen.header.samples, share, strict=True):
        if part > MISSING_SHARE:
            poor.append(f"{name} {part:.0%}")
    if poor:
        message = f"{len(poor)} samples lack over {MISSING_SHARE:.0%} of their genotypes: {first_five(poor)}"
        yield Finding("warning", seen.path, "missing-samples", message)
    sparse = table[seen.usable & (table["n_complete"] < (1 - MISSING_SHARE) * n)]
    if len(sparse):
        places = first_five(f"{row.chrom}:{row.pos}" for row in sparse.itertuples())
        message = f"{len(sparse)} sites lack over {MISSING_SHARE:.0%} of their genotypes: {places}"
        yield Finding("warning", seen.path, "missing-sites", message)
    het, unphased = int(table["n_het"].sum()), int(table["n_unphased"].sum())
    if unphased:
        message = f"{unphased / het:.1%} of the heterozygotes are unphased: Beagle will phase the typed genotypes"
        yield Finding("info", seen.path, "phase", message)
    message = (
        f"{n} samples, {usable} usable records on {first_five(seen.spans)}, {share.mean():.2%} of genotypes missing"
    )
    yield Finding("info", seen.path, "targets", message)


def genetic_map(path: str | os.PathLike | None, spans: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """Whether the map can be read and covers the panel's `spans`: chromosome -> first and last position."""
    if path is None:
        yield Finding("info", "genetic map", "map", "none given: 1 cM per Mb is assumed")
        return
    name = os.fspath(path)
    try:
        found = GeneticMap.read(path)
        for chrom in spans:
            found.centimorgans(chrom, np.array(spans[chrom]))
    except InputError as error:
        yield Finding("error", name, "map", without_path(error, path))
        return
    for chrom, (low, high) in spans.items():
        first, last = found.points[chrom][0][[0, -1]].astype(int).tolist()
        if last < low or first > high:
            message = f"chromosome {chrom}: its points, {first}-{last}, lie outside the reference's {low}-{high}"
            yield Finding("error", name, "map", f"{message}; is it of the same genome build?")
        elif first > low or last < high:
            message = f"chromosome {chrom}: it covers {first}-{last} of the reference's {low}-{high}"
            yield Finding("warning", name, "map", f"{message}; beyond its ends its mean rate is assumed")


def _any_file(seen: Survey) -> Iterator[Finding]:
    """Readable, with samples and records, at possible positions, haploid on X only where the build is known."""
    if seen.problem:
        yield Finding("error", seen.path, "unreadable", seen.problem)
        return
    if not seen.header.samples:
        yield Finding("error", seen.path, "no-samples", "the file has no samples")
        return
    table = seen.records
    if table.empty:
        yield Finding("error", seen.path, "no-records", "no records (in the region, if one was given)")
        return
    lengths = contig_lengths(seen.header.contigs)
    of_unknown_build = [
        chrom for chrom in seen.spans if kind_of(chrom) == "X" and find_build(chrom, [lengths], None) is None
    ]
    haploid_on_x = (table["reason"] == "haploid") & table["chrom"].isin(of_unknown_build)
    invalid = [(reason, table["reason"] == reason, "correct or remove them") for reason in INVALID]
    invalid.append(("haploid", haploid_on_x, "the length of contig X does not tell the build: give impute --build"))
    for reason, rows, advice in invalid:
        if rows.any():
            first = table[rows].iloc[0]
            message = f"{reason}: {int(rows.sum())} records, the first at {first.chrom}:{first.pos}; {advice}"
            yield Finding("error", seen.path, "invalid-record", message)
    reasons = table.loc[~seen.usable, "reason"]
    if len(reasons):
        advice = "; split multiallelic records to impute them (bcftools norm -m -any)"
        message = f"{len(reasons)} of {len(table)} records cannot be used: {tally(reasons)}"
        message += advice if (reasons == "multiallelic").any() else ""
        yield Finding("warning", seen.path, "unusable-records", message)
