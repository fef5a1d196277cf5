"""Malformed VCFs of others, as reference and as targets: never a traceback or a hang, and never a silent acceptance."""

import faulthandler
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import read_genotypes
from vcf_text import refusal

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "resources" / "example"
BAD_INPUTS = Path(os.environ.get("RAGIMPUTE_SHARED", ROOT.parent / "shared")) / "data" / "bad_inputs"
FILES = sorted(BAD_INPUTS.rglob("*.vcf"))
ARTEFACT = ROOT / "build" / "tests" / "bad_inputs.tsv"  # what happened to each file
HANGS_AFTER = 60  # seconds

# Defects that VCF readers pass over: outside the fields that imputation reads, or no defect for imputation.
HARMLESS = {
    "failed_body_chrom_001.vcf": "a colon in a chromosome's name, as in HLA contigs",
    "failed_body_chrom_004.vcf": "an unusual character in a chromosome's name",
    "failed_body_duplicated_000.vcf": "duplicates are dropped and counted",
    "failed_body_duplicated_001.vcf": "duplicates are dropped and counted",
    "failed_body_duplicated_002.vcf": "multiallelic records are dropped and counted",
    "failed_body_duplicated_003.vcf": "the same variant in two notations counts as two",
    "failed_body_format_001.vcf": "FORMAT beyond GT",
    "failed_body_format_003.vcf": "FORMAT beyond GT",
    "failed_body_format_004.vcf": "FORMAT beyond GT",
    "failed_body_format_005.vcf": "FORMAT beyond GT",
    "failed_body_format_007.vcf": "FORMAT beyond GT",
    "failed_body_no_newline_001.vcf": "no newline at the end",
    "failed_body_no_newline_002.vcf": "no newline at the end",
    "failed_body_sample_005.vcf": "FORMAT beyond GT",
    "failed_body_sample_010.vcf": "FORMAT beyond GT",
}

# a panel without a site that any of the files has
CHROMS = np.array(["1", "2", "20", "X"])
ELSEWHERE = Sites(CHROMS, np.full(4, 7), *(np.full(4, text) for text in ("site", "A", "C")), np.zeros(4))


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A call that hangs in C code ends the test process, and says where."""
    faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def happened() -> Iterator[list[dict[str, str]]]:
    """Collects a row for each file and role, and writes the table at the end."""
    rows: list[dict[str, str]] = []
    yield rows
    ARTEFACT.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(ARTEFACT, sep="\t", index=False)


@pytest.mark.skipif(not FILES, reason=f"the collection of malformed VCFs is not at {BAD_INPUTS}")
@pytest.mark.parametrize("role", ["reference", "targets"])
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_check_and_readers_refuse_it_by_name_or_read_it_right(file, role, happened):
    # a file is its own partner, so that only its defect can be the matter; as a reference it also meets sound targets
    pair = [file, EXAMPLE / "targets.vcf.gz"] if role == "reference" else [file, file]
    done = CliRunner().invoke(ragimpute, ["check", "--reference", str(pair[0]), "--targets", str(pair[1])])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    about = [line for line in done.output.splitlines() if line.startswith("error") and str(file) in line]
    message = refusal(file, lambda: read_panel(file, None, GeneticMap({})))
    if role == "targets":
        refusal(file, lambda: read_genotypes(file, ELSEWHERE, require_match=False))
        if not message:
            sites = read_panel(file, None, GeneticMap({}))[0].sites
            assert len(read_genotypes(file, sites).index) == len(sites)
    row = {"file": file.name, "role": role, "check": str(done.exit_code), "reader": message or "read"}
    happened.append({name: text.replace(str(BAD_INPUTS), "..") for name, text in row.items()})
    if message:
        assert done.exit_code == 1
        assert about
    else:
        assert file.name in HARMLESS
        assert not about or role == "reference"
