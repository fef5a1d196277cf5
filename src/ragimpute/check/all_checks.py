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
from ragimpute.targets.plink_copy import targets_as_vcf
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
) -> list[Finding]:
    """Findings about the files, errors first. Nothing that the files hold raises an exception.

    `held_out`: the targets are samples of the reference that will be taken out of it, so that it is the only file.
    `leak` is the level of a finding that samples are in both files.
    """
    if held_out:
        panel = survey(reference, region)
        findings = [*each_file.reference(panel)]
    else:
        samples = _survey_of_targets(targets, reference, region)
        compared = list(samples.dosages)
        columns = samples.records.loc[compared, ["chrom", "pos"]]
        positions = set(columns.itertuples(index=False, name=None))
        panel = survey(reference, region, wanted=positions)
        findings = [*each_file.reference(panel)]
        findings += each_file.targets(samples)
        if panel.readable and samples.readable and each_file.kept(panel).any() and samples.usable.any():
            findings += targets_against_reference.compare(panel, samples, leak)
    spans = panel.spans if panel.readable else {}
    findings += each_file.genetic_map(genetic_map, spans)
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def _survey_of_targets(targets: str | os.PathLike, reference: str | os.PathLike, region: Region | None) -> Survey:
    """What the targets hold; PLINK's files are read as the VCF that `impute` makes of them."""
    name = os.fspath(targets)
    try:
        with targets_as_vcf(targets, reference) as readable:
            found = survey(readable, region, limit=COMPARED_RECORDS, alt_needed=False)
    except InputError as error:
        return unreadable(name, without_path(error, targets))
    return replace(found, path=name)
