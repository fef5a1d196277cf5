"""Checks of the targets against the reference: overlap, build, alleles, frequencies, samples in both."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ragimpute.check.each_file import kept
from ragimpute.check.findings import Finding, Level, first_five, tally
from ragimpute.check.survey import Survey
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import SWAPS, SiteIndex
from ragimpute.targets.genotypes import prefix_hint
from ragimpute.vcf.source import contig_lengths

FEW_MATCHES, MANY_RECORDS = 0.5, 50  # below this share of at least so many records another build is suspected
OTHER_ALLELES = 0.2  # share of matching positions with other alleles: by chance it is near two thirds
MIN_SAMPLES, MIN_SITES = 10, 50  # for a comparison of allele frequencies
MIN_CORRELATION, FAR = 0.9, 0.3  # of the frequencies in the two files; difference of one site's
MIN_SHARED = 50  # sites at which two samples are compared at least
SAME_SHARE = 0.995  # of genotypes: one sample's, with typing errors
SURE_SITES, SURE_HETS = 1000, 100  # relatives share both haplotypes over stretches; fewer sites prove no identity
BUILD = "are both files of the same genome build?"


def compare(panel: Survey, samples: Survey, leak: Level) -> Iterator[Finding]:
    """Findings about `samples` in the light of `panel`; `leak` is the level of samples that are in both."""
    ours, theirs = samples.spans, panel.spans
    if not ours.keys() & theirs.keys():
        names = f"it has {first_five(ours)}, the reference has {first_five(theirs)}{prefix_hint(ours, set(theirs))}"
        yield Finding("error", samples.path, "chromosome-names", f"no chromosome in common with the reference: {names}")
        return
    strange = [chrom for chrom in ours if chrom not in theirs]
    if strange:
        message = f"the reference lacks the chromosomes {first_five(strange)}"
        yield Finding("warning", samples.path, "chromosome-names", message)
    table = _match(panel, samples)
    yield from _overlap(table, samples.path, list(_unequal_lengths(panel, samples)))
    matched = table[table["site"] >= 0]
    if len(matched):
        yield from _alleles(matched, samples.path)
        yield from _frequencies(panel, samples, matched)
        yield from _same_samples(panel, samples, matched, leak)


def _match(panel: Survey, samples: Survey) -> pd.DataFrame:
    """Usable target records: site (record of the panel, -1: none), relation (or why there is none), ambiguous."""
    rows = np.flatnonzero(kept(panel))
    columns = {name: panel.records[name].to_numpy()[rows] for name in ("chrom", "pos", "ref", "alt")}
    index = SiteIndex(Sites(**columns, id=columns["alt"], cm=np.zeros(len(rows))))
    left_out = set(panel.records[["chrom", "pos"]].itertuples(index=False, name=None))
    spans = panel.spans
    found = []
    for row in samples.records[samples.usable].itertuples():
        match = index.match(row.chrom, row.pos, row.ref, [] if row.alt == "." else [row.alt])
        low, high = spans.get(row.chrom, (0, -1))
        relation = match.relation
        if match.site < 0 and not low <= row.pos <= high:
            relation = "outside the reference"
        elif relation == "not in the reference" and (row.chrom, row.pos) in left_out:
            relation = "at unusable records of the reference"
        found.append((row.Index, rows[match.site] if match.site >= 0 else -1, relation, match.ambiguous))
    return pd.DataFrame(found, columns=["record", "site", "relation", "ambiguous"]).set_index("record")


def _unequal_lengths(panel: Survey, samples: Survey) -> Iterator[str]:
    ours, theirs = (contig_lengths(seen.header.contigs) for seen in (samples, panel))
    for chrom in samples.spans:
        if chrom in ours and chrom in theirs and ours[chrom] != theirs[chrom]:
            yield f"{chrom}: {ours[chrom]} bases, the reference says {theirs[chrom]}"


def _overlap(table: pd.DataFrame, path: str, unequal: list[str]) -> Iterator[Finding]:
    """How many records match, and whether so few, or so many with other alleles, that the builds must differ."""
    within = table[table["relation"] != "outside the reference"]
    n = len(within)
    matched = int((within["site"] >= 0).sum())
    others = int((within["relation"] == "alleles differ").sum())
    share = matched / n if n else 0.0
    reasons = table.loc[table["site"] < 0, "relation"]
    message = f"{matched} of the {n} usable records in the reference's span match one of its sites ({share:.1%})"
    message += f"; the others: {tally(reasons)}" if len(reasons) else ""
    yield Finding("info" if matched else "error", path, "overlap", message)
    few = n >= MANY_RECORDS and share < FEW_MATCHES
    odd = others > max(OTHER_ALLELES * (matched + others), 5)
    if unequal:
        message = f"contig lengths differ from the reference's: {first_five(unequal)}; {BUILD}"
        yield Finding("error" if few or not matched else "warning", path, "build", message)
    if few or odd:
        message = f"only {share:.1%} of the records match" if few else f"{others} records have other alleles"
        yield Finding("error" if few and odd else "warning", path, "build", f"{message}; {BUILD}")


def _alleles(matched: pd.DataFrame, path: str) -> Iterator[Finding]:
    plain = matched.loc[~matched["ambiguous"] & (matched["relation"] != ""), "relation"]
    if len(plain):
        message = f"{tally(plain)}: recoded to the reference's alleles unless the policy says drop"
        yield Finding("warning", path, "recoded", message)
    alike = int(matched["ambiguous"].sum())
    if alike:
        swapped = int((matched["ambiguous"] & (matched["relation"] != "")).sum())
        message = f"{alike} A/T and C/G sites look the same on both strands"
        if swapped:
            message += f"; {swapped} of them, with swapped alleles, are dropped unless judged by frequency"
        yield Finding("info", path, "ambiguous", message)


def _frequencies(panel: Survey, samples: Survey, matched: pd.DataFrame) -> Iterator[Finding]:
    """Whether the ALT alleles are as frequent in the targets as in the reference."""
    ours, theirs = samples.records.loc[matched.index], panel.records.loc[matched["site"]]
    known = ours["n_complete"].to_numpy() >= MIN_SAMPLES
    if known.sum() < MIN_SITES or len(panel.header.samples) < MIN_SAMPLES:
        return
    is_swapped = matched["relation"].isin(SWAPS).to_numpy()
    ours_p, theirs_p = _alt_frequency(ours), _alt_frequency(theirs)
    p = np.where(is_swapped, 1 - ours_p, ours_p)[known]
    q = theirs_p[known]
    if min(p.std(), q.std()) == 0:
        return
    r = float(np.corrcoef(p, q)[0, 1])
    far = np.abs(p - q) > FAR
    message = f"allele frequencies correlate with the reference's by {r:.3f} over {len(p)} sites"
    message += f"; {int(far.sum())} differ by more than {FAR}" if far.any() else ""
    if r < MIN_CORRELATION:
        hint = "another population, another build, or alleles coded otherwise"
        yield Finding("warning", samples.path, "frequencies", f"{message}: {hint}")
    else:
        yield Finding("info", samples.path, "frequencies", message)


def _alt_frequency(table: pd.DataFrame) -> np.ndarray:
    """The frequency of ALT [R] float64 among the complete genotypes of the records of a survey; NaN without any."""
    count = table["alt_count"].to_numpy()
    number = 2 * table["n_complete"].to_numpy()
    return np.divide(count, number, out=np.full(len(table), np.nan), where=number > 0)


def _same_samples(panel: Survey, samples: Survey, matched: pd.DataFrame, leak: Level) -> Iterator[Finding]:
    """Samples of the targets that are in the reference, by their names or by their genotypes."""
    shared = [name for name in samples.header.samples if name in set(panel.header.samples)]
    if shared:
        message = (
            f"{len(shared)} samples are also in the reference by name: {first_five(shared)}; they will copy themselves"
        )
        yield Finding(leak, samples.path, "same-names", message)
    ours, theirs = _shared_dosages(panel, samples, matched)
    if len(ours) < MIN_SHARED:
        return
    same = np.zeros((ours.shape[1], theirs.shape[1]), dtype=np.float32)  # sites with equal genotypes
    for genotype in (0, 1, 2):
        with_ours = (ours == genotype).astype(np.float32)
        with_theirs = (theirs == genotype).astype(np.float32)
        same += with_ours.T @ with_theirs
    compared = (ours >= 0).sum(axis=0)
    is_enough = compared >= MIN_SHARED
    alike = (same >= SAME_SHARE * compared[:, None]) & is_enough[:, None]
    hets = (ours == 1).sum(axis=0)
    sure: list[str] = []
    unsure: list[str] = []
    for i, j in np.argwhere(alike):
        name, other = samples.header.samples[i], panel.header.samples[j]
        certain = compared[i] >= SURE_SITES and hets[i] >= SURE_HETS
        (sure if certain else unsure).append(name if name == other else f"{name} = {other}")
    if sure:
        message = f"{len(sure)} pairs with the genotypes of one sample (or twins) in both files: {first_five(sure)}"
        yield Finding(leak, samples.path, "duplicate-samples", message)
    if unsure:
        message = (
            f"{len(unsure)} pairs with equal genotypes, at too few sites to tell relatives apart: {first_five(unsure)}"
        )
        yield Finding("warning", samples.path, "duplicate-samples", message)


def _shared_dosages(panel: Survey, samples: Survey, matched: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """ALT alleles [K, N] and [K, R] int8, -1 missing, of the N targets and R reference samples at K matched sites.

    The matched sites whose dosages both surveys have kept; those of targets with swapped alleles are turned round.
    """
    ours, theirs = [], []
    for record, site, relation in zip(matched.index, matched["site"], matched["relation"], strict=True):
        if record not in samples.dosages or site not in panel.dosages:
            continue
        dosage = samples.dosages[record]
        if relation in SWAPS:
            dosage = np.where(dosage >= 0, 2 - dosage, dosage)
        ours.append(dosage)
        theirs.append(panel.dosages[site])
    return np.array(ours), np.array(theirs)
