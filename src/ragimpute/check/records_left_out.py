"""Records of both files that cannot be used, as the reading of a stretch has found."""

from dataclasses import replace

from ragimpute.check.each_file import left_out, unusable_records
from ragimpute.check.findings import Finding
from ragimpute.check.judgement import COMPARED, place_of
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.site_choice import UNTYPED_CHROMOSOME
from ragimpute.panel.from_vcf import ALL_MISSING, LOSSES
from ragimpute.targets.matched_records import EMPTY_BLOCK

UNMATCHED = (*COMPARED, EMPTY_BLOCK, ALL_MISSING)  # of target records that could be used; other findings tell of them


def records_left_out(stretch: ReadStretch) -> list[Finding]:
    """How many records of the panel and of the targets cannot be used, for which reasons."""
    matched = stretch.matched
    within = Regions.parse(stretch.inputs.regions).within
    unread = matched.unused["reason"].astype(str)
    unread = unread[unread != UNTYPED_CHROMOSOME]
    n_sites = sum(part.stop - part.start for part in matched.wanted)
    reference = str(stretch.inputs.reference)
    found = [*unusable_records(reference, unread[~unread.isin(LOSSES)], n_sites + len(matched.unused))]
    n_missing, n_unphased = (int((unread == reason).sum()) for reason in LOSSES)
    found += left_out(reference, n_missing, n_unphased)
    dropped = within(matched.typed.dropped)["reason"].astype(str)
    unusable = dropped[~dropped.isin(UNMATCHED)].str.split(":").str[0]
    n_records = len(within(matched.typed.used.table)) + len(dropped)
    found += unusable_records(str(stretch.inputs.targets), unusable, n_records)
    place = place_of(matched.panel)
    return [replace(finding, place=place) for finding in found]
