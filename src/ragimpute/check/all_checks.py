"""The input check: everything that is, or may be, wrong with a reference, targets and a map, all of it at once.

An *error* stops imputation or makes its result worthless, a *warning* is for the user to judge, *info* says what was
found.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ragimpute.artefacts import is_safetensors
from ragimpute.check import each_file, targets_against_reference
from ragimpute.check.findings import Finding, Level, by_level, distinct, with_places
from ragimpute.check.site_lists import SiteLists
from ragimpute.check.survey import Survey, survey, unreadable, without_path
from ragimpute.check.survey_of_panel import survey_of_panel
from ragimpute.errors import InputError
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.inputs import ImputationInputs
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.targets.lost_sites import MAX_LOST
from ragimpute.targets.plink_copy import targets_as_vcf
from ragimpute.vcf.filter_counts import parse_filters
from ragimpute.vcf.source import Region

OF_NAMES = ("same-names", "renamed-chromosomes", "chromosome-names")  # codes of findings
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
    lists: SiteLists | None = None,
) -> list[Finding]:
    """Findings about the files, errors first. Nothing that the files hold raises an exception.

    `held_out`: the targets are samples of the reference that will be taken out of it, so that it is the only file.
    `leak` is the level of a finding that samples are in both files. `panel_missing`, `max_lost_sites` and
    `apply_filters` are those of `ragimpute.impute`. `lists` takes the target records of each finding.
    """
    filters = parse_filters(apply_filters)
    if held_out:
        panel = survey(reference, region, most_missing=panel_missing, filters=filters)
        findings = [*each_file.reference(panel)]
    else:
        samples = _survey_of_targets(targets, [reference], region, filters)
        panel = _panel_at(reference, region, samples, panel_missing, filters)
        findings = [*each_file.reference(panel)]
        findings += each_file.targets(samples)
        if panel.readable and samples.readable and each_file.kept(panel).any() and samples.usable.any():
            findings += targets_against_reference.compare(panel, samples, leak, max_lost_sites)
            if lists is not None:
                lists.add(panel, samples)
    spans = panel.spans if panel.readable else {}
    findings += each_file.genetic_map(genetic_map, spans)
    return by_level(findings)


def check_files(
    files: Sequence[ChromosomeFiles], inputs: ImputationInputs, lists: SiteLists | None = None
) -> list[Finding]:
    """`check_inputs` of each chromosome's files. A file of several chromosomes is compared at each one's own.

    `inputs` holds the options; of several regions the first one counts.
    """
    region = Region.parse(inputs.regions[0]) if inputs.regions else None
    if len(files) == 1:
        [only] = files
        return check_inputs(
            only.reference,
            only.targets,
            only.genetic_map,
            region,
            panel_missing=inputs.panel_missing,
            max_lost_sites=inputs.max_lost_sites,
            apply_filters=inputs.apply_filters,
            lists=lists,
        )
    filters = parse_filters(inputs.apply_filters)
    references = [one.reference for one in files]
    findings: list[Finding] = []
    of_targets: dict[Path, Survey] = {}
    for one in files:
        if one.targets not in of_targets:
            samples = _survey_of_targets(one.targets, references, region, filters)
            of_targets[one.targets] = samples
            findings += each_file.targets(samples)
        samples = of_targets[one.targets]
        panel = _panel_at(one.reference, region, samples, inputs.panel_missing, filters)
        findings += each_file.reference(panel)
        if panel.readable and samples.readable and each_file.kept(panel).any():
            here = samples.renamed(panel.spans)[0].on(panel.spans)
            if here.usable.any():
                compared = targets_against_reference.compare(panel, here, "warning", inputs.max_lost_sites)
                place = ", ".join(panel.spans)
                findings += [_of_place(finding, place) for finding in compared]
                if lists is not None:
                    lists.add(panel, samples)
        findings += each_file.genetic_map(one.genetic_map, panel.spans if panel.readable else {})
    return by_level(distinct(with_places(findings)))


def _of_place(finding: Finding, place: str) -> Finding:
    """A finding about the records of a chromosome; one about the names of samples or chromosomes is of all."""
    return finding if finding.code in OF_NAMES else replace(finding, place=place)


def _panel_at(
    reference: str | os.PathLike,
    region: Region | None,
    samples: Survey,
    most_missing: float,
    filters: frozenset[str] | None,
) -> Survey:
    """The survey of a panel, with the dosages at the sites at which those of `samples` were kept."""
    compared = list(samples.dosages)
    columns = samples.records.loc[compared, ["chrom", "pos"]]
    positions = {(plain_name(row.chrom), row.pos) for row in columns.itertuples()}
    if is_safetensors(reference):
        return survey_of_panel(reference, region, positions)
    return survey(reference, region, wanted=positions, most_missing=most_missing, filters=filters)


def _survey_of_targets(
    targets: str | os.PathLike,
    references: Sequence[str | os.PathLike],
    region: Region | None,
    filters: frozenset[str] | None,
) -> Survey:
    """What the targets hold; PLINK's files are read as the VCF that `impute` makes of them."""
    name = os.fspath(targets)
    try:
        with targets_as_vcf(targets, references) as readable:
            found = survey(readable, region, limit=COMPARED_RECORDS, alt_needed=False, filters=filters)
    except InputError as error:
        return unreadable(name, without_path(error, targets))
    return replace(found, path=name)
