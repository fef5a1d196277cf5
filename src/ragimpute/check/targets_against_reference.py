"""Checks of the targets against the reference: overlap, build, alleles, frequencies, samples in both."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.check.each_file import kept
from ragimpute.check.findings import Finding, Level, first_five, tally
from ragimpute.check.survey import Survey
from ragimpute.nouns import with_noun
from ragimpute.panel.from_vcf import LOSSES
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import NOT_IN_REFERENCE, SWAPS, SiteIndex
from ragimpute.targets.common_chromosomes import rename_advice
from ragimpute.targets.lost_sites import MAX_LOST, lost_message, lost_records
from ragimpute.targets.plink_files import is_plink
from ragimpute.targets.variants_only import ABSENT_SITES, lists_variants_only
from ragimpute.vcf.renamed import Renaming, renamed_chromosomes
from ragimpute.vcf.source import contig_lengths

FEW_MATCHES, MANY_RECORDS = 0.5, 50  # below this share of at least so many records another build is suspected
OTHER_ALLELES = 0.2  # share of matching positions with other alleles: by chance it is near two thirds
MIN_SAMPLES, MIN_SITES = 10, 50  # for a comparison of allele frequencies
MIN_CORRELATION, FAR = 0.9, 0.3  # of the frequencies in the two files; difference of one site's
MIN_SHARED = 50  # sites at which two samples are compared at least
SAME_SHARE = 0.995  # of genotypes: one sample's, with typing errors
SURE_SITES, SURE_HETS = 1000, 100  # relatives share both haplotypes over stretches; fewer sites prove no identity
BUILD = "are both files of the same genome build?"


def compare(panel: Survey, samples: Survey, leak: Level, max_lost: float = MAX_LOST) -> Iterator[Finding]:
    """Findings about `samples` in the light of `panel`; `leak` is the level of samples that are in both.

    `max_lost`: the share of typed sites that may be lost, as in `targets.lost_sites`.
    """
    path = samples.path
    theirs = panel.spans
    samples, renamed = samples.renamed(theirs)
    if renamed:
        yield Finding("info", path, "renamed-chromosomes", renamed_chromosomes(renamed))
    ours = samples.spans
    if not ours.keys() & theirs.keys():
        names = f"it has {first_five(ours)}, the reference has {first_five(theirs)}"
        message = f"no chromosome in common with the reference: {names}; {rename_advice(path, ours, theirs)}"
        yield Finding("error", path, "chromosome-names", message)
        return
    strange = [chrom for chrom in ours if chrom not in theirs]
    if strange:
        message = f"the reference lacks the chromosomes {first_five(strange)}"
        yield Finding("warning", path, "chromosome-names", message, {"chromosomes": strange})
    table = match_records(panel, samples)
    unequal_lengths = list(_unequal_lengths(panel, samples))
    yield from overlap(table, path, unequal_lengths)
    yield from _lost_sites(panel, samples, table, max_lost)
    has_site = table["site"] >= 0
    matched = table[has_site]
    if len(matched):
        yield from _alleles(matched, path)
        yield from _same_site(matched, samples)
        yield from _variants_only(panel, samples, matched)
        yield from _frequencies(panel, samples, matched)
        yield from _names_in_both(panel, samples, leak)
        yield from _same_genotypes(panel, samples, matched, leak)


def match_records(panel: Survey, samples: Survey) -> pd.DataFrame:
    """Usable target records: site (record of the panel, -1: none), relation (or why there is none), ambiguous."""
    rows = np.flatnonzero(kept(panel))
    columns = {name: panel.records[name].to_numpy()[rows] for name in ("chrom", "pos", "ref", "alt")}
    no_map = np.zeros(len(rows))
    sites = Sites(**columns, id=columns["alt"], cm=no_map)
    index = SiteIndex(sites)
    positions = panel.records[["chrom", "pos"]]
    has_record = set(positions.itertuples(index=False, name=None))
    spans = panel.spans
    found = []
    for row in samples.records[samples.usable].itertuples():
        alts = [] if row.alt == "." else [row.alt]
        match = index.match(row.chrom, row.pos, row.ref, alts)
        low, high = spans.get(row.chrom, (0, -1))
        relation = match.relation
        if match.site < 0 and not low <= row.pos <= high:
            relation = "outside the reference"
        elif relation == "not in the reference" and (row.chrom, row.pos) in has_record:
            relation = "at unusable records of the reference"
        site = rows[match.site] if match.site >= 0 else -1
        found.append((row.Index, row.number, row.chrom, site, relation, match.ambiguous))
    table = pd.DataFrame(found, columns=["record", "number", "chrom", "site", "relation", "ambiguous"])
    return _one_of_each(table).set_index("record")


def _one_of_each(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the alleles of a record that match a site; one row of a record of which none does."""
    has_site = table["site"] >= 0
    matched = table["number"].isin(table.loc[has_site, "number"])
    is_first = ~table["number"].duplicated()
    return table[has_site | (~matched & is_first)]


def _lost_sites(panel: Survey, samples: Survey, table: pd.DataFrame, max_lost: float) -> Iterator[Finding]:
    """Whether many typed sites are lost because the panel's genotypes there are incomplete or unphased."""
    is_lost = panel.usable & ~kept(panel)
    columns = ["chrom", "pos", "ref", "alt"]
    is_incomplete = panel.records["n_unphased"] == 0
    reasons = np.where(is_incomplete, *LOSSES)
    unread = panel.records[columns].assign(id=".", reason=reasons)[is_lost]
    unmatched = table[table["site"] < 0]
    dropped = samples.records.loc[unmatched.index, columns].assign(id=".", reason=NOT_IN_REFERENCE)
    lost = lost_records(unread, dropped)
    n_lost = len(lost)
    n_all = n_lost + table.loc[table["site"] >= 0, "site"].nunique()
    if not n_lost:
        return
    message = lost_message(panel.path, n_lost, n_all, tally(lost["reason"])).removeprefix(f"{panel.path}: ")
    level: Level = "error" if n_lost > max_lost * n_all else "warning"
    numbers = {"lost": n_lost, "sites": n_all, "reasons": _counts(lost["reason"])}
    yield Finding(level, panel.path, "lost-sites", message, numbers)


def _unequal_lengths(panel: Survey, samples: Survey) -> Iterator[str]:
    ours = contig_lengths(samples.header.contigs)
    theirs = contig_lengths(panel.header.contigs)
    renaming = Renaming(samples.spans)
    ours = {renaming.name_of(name): length for name, length in ours.items()}
    for chrom in samples.spans:
        length = ours.get(chrom)
        reference_length = theirs.get(chrom)
        if length is not None and reference_length is not None and length != reference_length:
            yield f"{chrom}: {length} bases, the reference says {reference_length}"


def overlap(table: pd.DataFrame, path: str, unequal: list[str]) -> Iterator[Finding]:
    """How many records match, and whether so few, or so many with other alleles, that the builds must differ."""
    is_within = table["relation"] != "outside the reference"
    within = table[is_within]
    n = len(within)
    has_site = within["site"] >= 0
    has_other_alleles = within["relation"] == "alleles differ"
    matched = int(has_site.sum())
    others = int(has_other_alleles.sum())
    share = matched / n if n else 0.0
    reasons = table.loc[table["site"] < 0, "relation"]
    message = f"{matched} of the {n} usable records in the reference's span match one of its sites ({share:.1%})"
    if len(reasons):
        message += f"; the others: {tally(reasons)}"
    level: Level = "info" if matched else "error"
    numbers: dict[str, Any] = {"matched": matched, "records": n, "share": share}
    numbers["reasons"] = _counts(reasons)
    if "chrom" in within:
        by_chromosome = has_site.groupby(within["chrom"], sort=False).agg(["sum", "count"])
        numbers["by_chromosome"] = {
            str(chrom): {"matched": int(found), "records": int(count)}
            for chrom, found, count in by_chromosome.itertuples()
        }
    yield Finding(level, path, "overlap", message, numbers)
    few = n >= MANY_RECORDS and share < FEW_MATCHES
    at_same_position = matched + others
    odd = others > max(OTHER_ALLELES * at_same_position, 5)
    if unequal:
        message = f"contig lengths differ from the reference's: {first_five(unequal)}; {BUILD}"
        level = "error" if few or not matched else "warning"
        yield Finding(level, path, "build", message, {"contigs": unequal})
    if few or odd:
        message = f"only {share:.1%} of the records match" if few else f"records with other alleles: {others}"
        message += f"; {BUILD}"
        level = "error" if few and odd else "warning"
        yield Finding(level, path, "build", message, {"share": share, "other_alleles": others, "records": n})


def _counts(reasons: pd.Series) -> dict[str, int]:
    """How often each reason occurs."""
    return {str(reason): int(count) for reason, count in reasons.value_counts().items()}


def recoded_alleles(relations: pd.Series, path: str) -> Iterator[Finding]:
    """Target records whose alleles are not the reference's as they stand, by their `relations` to its sites."""
    if len(relations):
        message = f"{tally(relations)}: recoded to the reference's alleles unless the policy says drop"
        yield Finding("warning", path, "recoded", message, {"records": len(relations), "relations": _counts(relations)})


def _alleles(matched: pd.DataFrame, path: str) -> Iterator[Finding]:
    is_ambiguous = matched["ambiguous"]
    is_coded_otherwise = matched["relation"] != ""
    recoded = matched.loc[~is_ambiguous & is_coded_otherwise, "relation"]
    yield from recoded_alleles(recoded, path)
    n_ambiguous = int(is_ambiguous.sum())
    if n_ambiguous:
        is_swapped = is_ambiguous & is_coded_otherwise
        n_swapped = int(is_swapped.sum())
        message = f"{n_ambiguous} A/T and C/G sites look the same on both strands"
        if n_swapped and not is_plink(path):  # a .bed has no order of alleles
            message += f"; {n_swapped} of them, with swapped alleles, are dropped unless judged by frequency"
        numbers = {"records": n_ambiguous, "swapped": n_swapped}
        yield Finding("info", path, "ambiguous", message, numbers)


def _same_site(matched: pd.DataFrame, samples: Survey) -> Iterator[Finding]:
    """Records of the targets, such as two probes, that are of one site."""
    is_repeated = matched["site"].duplicated()
    n_repeated = int(is_repeated.sum())
    if n_repeated:
        repeated = samples.records.loc[matched.index[is_repeated]]
        places = [f"{row.chrom}:{row.pos}" for row in repeated.itertuples()]
        listed = first_five(places)
        message = f"records of a site that another record is of are merged: {n_repeated} ({listed})"
        is_one_coding = matched.groupby("site")["relation"].nunique() == 1
        numbers = {"records": n_repeated, "sites": places, "equal_alleles": bool(is_one_coding.all())}
        yield Finding("warning", samples.path, "duplicate-sites", message, numbers)


def _variants_only(panel: Survey, samples: Survey, matched: pd.DataFrame) -> Iterator[Finding]:
    """Whether the targets list only variants that a sample carries."""
    ours = samples.records.loc[matched.index]
    n_known = ours["n_complete"].to_numpy()
    n_het = ours["n_het"].to_numpy()
    n_alt = (ours["alt_count"].to_numpy() - n_het) // 2
    is_swapped = matched["relation"].isin(SWAPS)
    n_homozygous = np.where(is_swapped, n_alt, n_known - n_het - n_alt)
    frequency = alt_frequency(panel.records.loc[matched["site"]])
    if lists_variants_only(n_known, n_homozygous, frequency, len(samples.header.samples)):
        yield Finding("warning", samples.path, "variants-only", ABSENT_SITES)


def _frequencies(panel: Survey, samples: Survey, matched: pd.DataFrame) -> Iterator[Finding]:
    """Whether the ALT alleles are as frequent in the targets as in the reference."""
    ours = samples.records.loc[matched.index]
    theirs = panel.records.loc[matched["site"]]
    known = ours["n_complete"].to_numpy() >= MIN_SAMPLES
    if known.sum() < MIN_SITES or len(panel.header.samples) < MIN_SAMPLES:
        return
    is_swapped = matched["relation"].isin(SWAPS)
    frequency = alt_frequency(ours)
    frequency = np.where(is_swapped, 1 - frequency, frequency)
    p = frequency[known]
    q = alt_frequency(theirs)[known]
    places = [f"{row.chrom}:{row.pos}" for row in ours[known].itertuples()]
    yield from compare_frequencies(p, q, places, samples.path)


def compare_frequencies(p: np.ndarray, q: np.ndarray, places: Sequence[str], path: str) -> Iterator[Finding]:
    """Whether ALT is as frequent in the targets (p) as in the reference (q), at K sites, called `places`."""
    if min(p.std(), q.std()) == 0:
        return
    correlations = np.corrcoef(p, q)
    r = float(correlations[0, 1])
    difference = np.abs(p - q)
    n_far = np.count_nonzero(difference > FAR)
    message = f"allele frequencies correlate with the reference's by {r:.3f} over {len(p)} sites"
    if n_far:
        far = np.flatnonzero(difference > FAR).tolist()
        listed = first_five(f"{places[i]} {p[i]:.2f}, reference {q[i]:.2f}" for i in far)
        message += f"; {n_far} differ by more than {FAR} ({listed})"
    numbers = {"correlation": r, "sites": len(p), "differing": int(n_far)}
    if r < MIN_CORRELATION:
        message += ": another population, another build, or alleles coded otherwise"
        yield Finding("warning", path, "frequencies", message, numbers)
    else:
        yield Finding("info", path, "frequencies", message, numbers)


def alt_frequency(table: pd.DataFrame) -> np.ndarray:
    """The frequency of ALT [R] float64 among the complete genotypes of the records of a survey; NaN without any."""
    count = table["alt_count"].to_numpy()
    number = 2 * table["n_complete"].to_numpy()
    frequency = np.full(len(table), np.nan)
    return np.divide(count, number, out=frequency, where=number > 0)


def _names_in_both(panel: Survey, samples: Survey, leak: Level) -> Iterator[Finding]:
    """Samples of the targets that are in the reference, by their names."""
    reference_names = set(panel.header.samples)
    shared = [name for name in samples.header.samples if name in reference_names]
    if shared:
        listed = first_five(shared)
        message = f"samples that are in the reference by name are imputed from themselves: {len(shared)} ({listed})"
        yield Finding(leak, samples.path, "same-names", message, {"samples": shared})


def _same_genotypes(panel: Survey, samples: Survey, matched: pd.DataFrame, leak: Level) -> Iterator[Finding]:
    """Samples of the targets that are in the reference, by their genotypes."""
    ours, theirs = _shared_dosages(panel, samples, matched)
    if len(ours) < MIN_SHARED:
        return
    n_equal = _equal_genotypes(ours, theirs)
    n_compared = np.count_nonzero(ours >= 0, axis=0)[:, None]
    n_het = np.count_nonzero(ours == 1, axis=0)
    is_same = (n_equal >= SAME_SHARE * n_compared) & (n_compared >= MIN_SHARED)
    sure: list[str] = []
    unsure: list[str] = []
    for i, j in np.argwhere(is_same):
        name = samples.header.samples[i]
        other = panel.header.samples[j]
        pair = name if name == other else f"{name} = {other}"
        if n_compared[i, 0] >= SURE_SITES and n_het[i] >= SURE_HETS:
            sure.append(pair)
        else:
            unsure.append(pair)
    if sure:
        listed = first_five(sure)
        message = f"{with_noun(len(sure), 'pair')} with the genotypes of one sample (or twins) in both files: {listed}"
        yield Finding(leak, samples.path, "duplicate-samples", message, {"pairs": sure})
    if unsure:
        listed = first_five(unsure)
        counted = with_noun(len(unsure), "pair")
        message = f"{counted} with equal genotypes, at too few sites to tell relatives apart: {listed}"
        yield Finding("warning", samples.path, "duplicate-samples", message, {"pairs": unsure})


def _equal_genotypes(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """At how many of K sites two samples have equal genotypes [N, R], of dosages [K, N] and [K, R]."""
    n_equal = np.zeros((ours.shape[1], theirs.shape[1]), dtype=np.float32)
    for genotype in (0, 1, 2):
        is_ours = ours == genotype
        is_theirs = theirs == genotype
        n_equal += is_ours.astype(np.float32).T @ is_theirs.astype(np.float32)
    return n_equal


def _shared_dosages(panel: Survey, samples: Survey, matched: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """ALT alleles [K, N] and [K, R] int8, -1 missing, of the N targets and R reference samples at K matched sites.

    The matched sites whose dosages both surveys have kept; those of targets with swapped alleles are turned round.
    """
    ours: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    for record, site, relation in zip(matched.index, matched["site"], matched["relation"], strict=True):
        if record not in samples.dosages or site not in panel.dosages:
            continue
        dosage = samples.dosages[record]
        if relation in SWAPS:
            dosage = np.where(dosage >= 0, 2 - dosage, dosage)
        ours.append(dosage)
        theirs.append(panel.dosages[site])
    return np.array(ours), np.array(theirs)
