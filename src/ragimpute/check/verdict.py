"""What `ragimpute check` says of the inputs of `ragimpute impute`: it fails exactly where `impute` fails.

The survey finds all that may be wrong, at once. Whether it is an error is judged by reading the files as `impute` does.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ragimpute.check.all_checks import check_files
from ragimpute.check.findings import Finding, Level, by_level, distinct, with_places
from ragimpute.check.forecast import Forecast
from ragimpute.check.records_left_out import records_left_out
from ragimpute.check.site_lists import SiteLists
from ragimpute.check.survey import without_path
from ragimpute.errors import InputError
from ragimpute.imputation.chromosome_files import ChromosomeFiles, refuse_other_files
from ragimpute.imputation.genome import NOT_IMPUTED, read_genome
from ragimpute.imputation.inputs import ImputationInputs
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.imputation.stretch_run import GenomeRequest
from ragimpute.imputation.stretches import regions_of_panels
from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.chromosome_names import MARK
from ragimpute.vcf.format_kernel import FIELDS

OF_IMPUTE = "imputation"  # code of a finding that `impute` makes and the survey does not
# codes of findings of the survey that are made anew of what was read: which genotypes are used, and how
OF_GENOTYPES = ("missing-samples", "missing-sites", "recoded")
# the same of records, unless a chromosome is not imputed: the survey then says more of it
OF_RECORDS = ("unusable-records", "missing", "phase", "invalid-record", "no-usable-site")
# codes of warnings that the survey words itself
SAID_BY_SURVEY = ("map", "same-names", "filter", "lost-records", "variants-only")


def check_imputation(
    files: Sequence[ChromosomeFiles],
    inputs: ImputationInputs,
    lists: SiteLists | None = None,
    with_accuracy: bool = False,
) -> list[Finding]:
    """Findings about the files of each chromosome, errors first: an error is what `impute` would end with.

    `inputs` holds the options; `lists` takes the target records that the findings are about. `with_accuracy`: also what
    accuracy is to be expected, which takes up to a minute.
    """
    surveyed = check_files(files, _named_as_in_panels(files, inputs), lists)
    forecast = Forecast(_typed_chromosomes(surveyed), inputs, with_accuracy)
    samples_of: dict[str, tuple[str, ...]] = {}  # of each stretch
    of_records: list[Finding] = []

    def look(stretch: ReadStretch) -> None:
        samples_of[stretch.name] = stretch.matched.typed.samples
        of_records.extend(records_left_out(stretch))
        forecast.look(stretch)

    out = "imputed.vcf.gz" if len(files) == 1 else f"imputed.chr{MARK}.vcf.gz"
    request = GenomeRequest(files, inputs, out, FIELDS, keep_unmatched=False, work=WorkSize())
    judged: list[Finding] = []
    made_anew: list[str] = []
    problem = None
    with _collected_warnings(files) as said:
        try:
            refuse_other_files(files)
            found = read_genome(request, look)
            made_anew += OF_GENOTYPES
            if not any(finding.code == NOT_IMPUTED for finding in found):
                made_anew += OF_RECORDS
                found += of_records
            judged += with_places(found)
            judged += _other_samples(files, samples_of.values())
            judged += forecast.findings()
            if lists is not None:
                lists.add_inverted(forecast.inverted)
        except InputError as error:
            problem = _as_finding(str(error), files, "error")
    judged += said
    settled = {(finding.file, finding.code) for finding in judged if finding.code != "build"}  # contigs tell it, too
    is_old = [finding.code in made_anew and finding.level != "info" for finding in surveyed]
    surveyed = [finding for finding, old in zip(surveyed, is_old, strict=True) if not old]
    kept = [finding for finding in surveyed if (finding.file, finding.code) not in settled]
    is_error = any(finding.level == "error" for finding in judged) or problem is not None
    if not is_error:
        kept = [_as_warning(finding) for finding in kept]
    named = {finding.file for finding in kept if finding.level == "error"}
    if problem is not None and problem.file not in named:
        judged.append(problem)
    return by_level(distinct([*kept, *judged]))


def _named_as_in_panels(files: Sequence[ChromosomeFiles], inputs: ImputationInputs) -> ImputationInputs:
    """The options with regions by the names that the panels have, as far as these can be read."""
    try:
        refuse_other_files(files)
        return replace(inputs, regions=regions_of_panels(files, inputs.regions))
    except InputError:  # it is met again, and told, where all is read
        return inputs


def _typed_chromosomes(surveyed: Sequence[Finding]) -> int:
    """On how many chromosomes target records match the reference."""
    overlaps = [finding.numbers.get("by_chromosome", {}) for finding in surveyed if finding.code == "overlap"]
    matched = [counts["matched"] for by_chromosome in overlaps for counts in by_chromosome.values()]
    return sum(number > 0 for number in matched)


def _other_samples(files: Sequence[ChromosomeFiles], samples: Iterable[tuple[str, ...]]) -> Iterator[Finding]:
    """A warning where the chromosomes' targets have not the same samples: one output cannot hold them."""
    if len(set(samples)) > 1:
        message = f"the chromosomes' targets have other samples; a file for each is needed: --out with {MARK}"
        yield Finding("warning", str(files[0].targets), "other-samples", message)


def _as_warning(finding: Finding) -> Finding:
    """An error of the survey with which `impute` succeeds is a warning."""
    return replace(finding, level="warning") if finding.level == "error" else finding


def _as_finding(text: str, files: Sequence[ChromosomeFiles], level: Level, code: str = OF_IMPUTE) -> Finding:
    """A message of `impute` as a finding about the file that it begins with."""
    for one in files:
        for path in (one.reference, one.targets, one.genetic_map):
            if path is not None and text.startswith(f"{path}:"):
                return Finding(level, str(path), code, without_path(text, path))
    return Finding(level, OF_IMPUTE, code, text)


@contextmanager
def _collected_warnings(files: Sequence[ChromosomeFiles]) -> Iterator[list[Finding]]:
    """Warnings that are logged in the block, as findings. What is logged there is not printed."""
    found: list[Finding] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            code = getattr(record, "code", OF_IMPUTE)
            if record.levelno >= logging.WARNING and code not in SAID_BY_SURVEY:
                found.append(_as_finding(record.getMessage(), files, "warning", code))

    package = logging.getLogger("ragimpute")
    collector = Collector()
    before = package.propagate
    package.addHandler(collector)
    package.propagate = False
    try:
        yield found
    finally:
        package.removeHandler(collector)
        package.propagate = before
