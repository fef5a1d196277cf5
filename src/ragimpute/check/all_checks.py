"""The input check: everything that is, or may be, wrong with a reference, targets and a map, all of it at once.

An *error* stops imputation or makes its result worthless, a *warning* is for the user to judge, *info* says what was
found.
"""

import os
from dataclasses import replace

from ragimpute.check import each_file, targets_against_reference
from ragimpute.check.findings import LEVELS, Finding, Level
from ragimpute.check.survey import Survey, survey, unreadable, without_path
from ragimpute.errors import InputError
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.targets.lost_sites import MAX_LOST
from ragimpute.targets.plink_copy import targets_as_vcf
from ragimpute.vcf.filter_counts import parse_filters
from ragimpute.vcf.source import Region

COMPARED_RECORDS = 5000  # target records at which samples are compared: enough to recognise a sample


def check_inputs(
    reference: str | os.PathLike,
    targets: str | os.PathLike,
    genetic_map: str | os.PathLike | None = None,
    region: Region | None = None,
    *,
    held_out: bool = False,
    leak: Level = "warning",
    panel_missing: float = MOST_MISSING,
    max_lost_sites: float = MAX_LOST,
    apply_filters: str | None = None,
) -> list[Finding]:
    """Findings about the files, errors first. Nothing that the files hold raises an exception.

    `held_out`: the targets are samples of the reference that will be taken out of it, so that it is the only file.
    `leak` is the level of a finding that samples are in both files. `panel_missing`, `max_lost_sites` and
    `apply_filters` are those of `ragimpute.impute`.
    """
    filters = parse_filters(apply_filters)
    if held_out:
        panel = survey(reference, region, most_missing=panel_missing, filters=filters)
        findings = [*each_file.reference(panel)]
    else:
        samples = _survey_of_targets(targets, reference, region, filters)
        compared = list(samples.dosages)
        columns = samples.records.loc[compared, ["chrom", "pos"]]
        positions = set(columns.itertuples(index=False, name=None))
        panel = survey(reference, region, wanted=positions, most_missing=panel_missing, filters=filters)
        findings = [*each_file.reference(panel)]
        findings += each_file.targets(samples)
        if panel.readable and samples.readable and each_file.kept(panel).any() and samples.usable.any():
            findings += targets_against_reference.compare(panel, samples, leak, max_lost_sites)
    spans = panel.spans if panel.readable else {}
    findings += each_file.genetic_map(genetic_map, spans)
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def _survey_of_targets(
    targets: str | os.PathLike,
    reference: str | os.PathLike,
    region: Region | None,
    filters: frozenset[str] | None,
) -> Survey:
    """What the targets hold; PLINK's files are read as the VCF that `impute` makes of them."""
    name = os.fspath(targets)
    try:
        with targets_as_vcf(targets, reference) as readable:
            found = survey(readable, region, limit=COMPARED_RECORDS, alt_needed=False, filters=filters)
    except InputError as error:
        return unreadable(name, without_path(error, targets))
    return replace(found, path=name)
