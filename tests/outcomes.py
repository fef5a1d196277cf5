"""What becomes of each kind of input: the rows of the table that tests write to build/tests/outcomes.tsv.

A test says what it has seen by the fixture `outcome` of conftest.py: the row, the input, the command, its exit code and
the outcome in a sentence. Every kind has at least three inputs: one that is in the list of kinds, and two relatives.
"""

import re
from pathlib import Path

import pandas as pd

from tiny_study import ROOT

ARTEFACT = ROOT / "build" / "tests" / "outcomes.tsv"
COLUMNS = ["row", "input", "command", "exit_code", "outcome"]
FEWEST = 3  # inputs of a row
ROWS = (
    "output over input",
    "an option twice",
    "two probes at one site",
    "merged multiallelic targets",
    "sequencing calls as targets",
    "sites-of-variants only",
    "VCF 4.4",
    "a sample without calls",
    "a panel with missing genotypes",
    "a panel nearly all unusable",
    "X by region",
    "men coded diploid",
    "check and impute disagree",
    "chromosome names",
    "maps",
    "inverted sites",
    "FILTER",
    "QC lists",
    "other formats",
    "versions",
    "a full disk",
    "--out in a folder that does not exist",
    "batches merged",
    "IDs",
    "index",
    "alone or in a batch",
    "split multiallelics",
    "a signal",
    "late validation",
)

Outcome = tuple[str, str, str, str, str]  # COLUMNS


def sentence(text: str) -> str:
    """A message in one line, without the folders that differ from run to run."""
    one_line = " ".join(str(text).split())
    return re.sub(r"(?<![\w.])/(?:[^\s:,;()']+/)+", "", one_line)


def rows_with_too_few(outcomes: list[Outcome]) -> dict[str, int]:
    """The rows that have fewer than FEWEST inputs, and how many they have."""
    inputs = {row: {of_input for of_row, of_input, *_ in outcomes if of_row == row} for row in ROWS}
    return {row: len(found) for row, found in inputs.items() if len(found) < FEWEST}


def write(outcomes: list[Outcome], path: Path = ARTEFACT) -> None:
    """Write the table, in the order of ROWS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(outcomes, key=lambda outcome: (ROWS.index(outcome[0]), outcome))
    pd.DataFrame(ordered, columns=COLUMNS).to_csv(path, sep="\t", index=False)
