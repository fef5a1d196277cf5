"""Findings of the input check, and how they are worded."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ragimpute.errors import InputError
from ragimpute.tables import write_table
from ragimpute.targets.plink_files import is_plink

logger = logging.getLogger(__name__)

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")
COLUMNS = ["level", "file", "code", "message"]


LIFT_OVER = (
    "picard LiftoverVcf --INPUT {file} --OUTPUT lifted.vcf.gz --CHAIN SOURCE_TO_TARGET.chain --REJECT rejected.vcf.gz "
    "--REFERENCE_SEQUENCE TARGET.fa"
)
# the command that mends what a finding is about; of a panel or of targets, as the code is used for
FIXES = {
    "unsorted": "bcftools sort --output sorted.vcf.gz {file}",
    "missing": "beagle gt={file} out=filled",
    "phase": "beagle gt={file} out=phased",
    "unusable-panel": "beagle gt={file} out=phased",
    "unusable-records": "bcftools norm --multiallelics -any --output split.vcf.gz {file}",
    "missing-sites": "bcftools view --exclude 'F_MISSING>0.1' --output called.vcf.gz {file}",
    "missing-samples": "bcftools view --samples ^{samples} --output called.vcf.gz {file}",
    "recoded": "bcftools +fixref {file} -Oz -o fixed.vcf.gz -- -f genome.fa -m flip",
    "frequencies": "ragimpute check --reference PANEL --targets {file} --out qc",
    "chromosome-names": "bcftools annotate --rename-chrs names.txt --output renamed.vcf.gz {file}",
    "renamed-chromosomes": "bcftools annotate --rename-chrs names.txt --output renamed.vcf.gz {file}",
    "build": LIFT_OVER,
    "overlap": LIFT_OVER,
    "duplicate-sites": "bcftools norm --rm-dup {duplicates} --output unique.vcf.gz {file}",
    "lost-sites": "beagle gt={file} out=phased",
    "inverted": "ragimpute impute --drop-discordant",
    "filter": "ragimpute impute --apply-filters PASS,.",
    "variants-only": "bcftools mpileup --fasta-ref GENOME.fa --targets-file SITES.tsv SAMPLE.bam | bcftools call "
    "--multiallelic-caller --output called.vcf.gz",
    "same-names": "ragimpute impute --exclude-samples FILE",
    "duplicate-samples": "ragimpute impute --exclude-samples FILE",
}


@dataclass(frozen=True)
class Finding:
    """One line of the check. The message does not name the file. `numbers` are what it was made from, by name.

    `place`: the chromosome, or the stretch of X, that it is about; '' where it is about all of the file.
    """

    level: Level
    file: str
    code: str
    message: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.file}: {self.message}"

    @property
    def fix(self) -> str:
        """A command that mends it, '' where it needs none or there is none. Words in capitals are the user's files."""
        if self.level == "info":
            return ""
        command = FIXES.get(self.code, "")
        is_of_vcf = "{file}" in command and not command.startswith("ragimpute")
        if is_of_vcf and is_plink(self.file):
            return ""
        if self.code == "chromosome-names" and "chromosomes" in self.numbers:  # that the reference lacks
            return ""
        if self.code == "unusable-records" and "multiallelic" not in self.numbers.get("reasons", ()):
            return ""
        samples = ",".join(self.numbers.get("missing_by_sample", ()))
        duplicates = "exact" if self.numbers.get("equal_alleles") else "any"
        return command.format(file=self.file, samples=samples, duplicates=duplicates)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        facts = {"level": self.level, "file": self.file, "code": self.code, "message": self.message}
        return {**facts, "fix": self.fix, "numbers": dict(self.numbers)}


def by_level(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, errors first."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def with_places(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, whose messages begin with their places where these are several: equal counts remain apart."""
    places = {finding.place for finding in findings if finding.place}
    if len(places) < 2:
        return list(findings)
    return [
        replace(finding, message=f"{finding.place}: {finding.message}") if finding.place else finding
        for finding in findings
    ]


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, each once."""
    found = {(one.level, one.file, one.code, one.message): one for one in findings}
    return list(found.values())


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise InputError for the first error."""
    for finding in findings:
        if finding.level == "error":
            raise InputError(f"{finding.file}: {finding.message}")


def say(findings: Sequence[Finding]) -> None:
    """Log the warnings. Raises InputError for the first error."""
    refuse_errors(findings)
    for finding in findings:
        if finding.level == "warning":
            logger.warning("%s: %s", finding.file, finding.message)


def write_findings(findings: Sequence[Finding], path: str | os.PathLike) -> None:
    """Write the findings as TSV (COLUMNS), files by their names alone: the same table wherever the files lie."""
    rows = []
    for finding in findings:
        file_name = Path(finding.file).name
        row = (finding.level, file_name, finding.code, finding.message)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_table(table, path)


def first_five(names: Iterable[object]) -> str:
    """The first five of `names`, and how many there are when there are more."""
    every_name = [str(name) for name in names]
    listed = ", ".join(every_name[:5])
    number = len(every_name)
    return f"{listed}, ... ({number})" if number > 5 else listed


def tally(reasons: pd.Series) -> str:
    """'12 symbolic, 3 duplicate': how often each reason occurs, most frequent first."""
    counts = reasons.value_counts()
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return ", ".join(f"{count} {reason}" for reason, count in ordered)
