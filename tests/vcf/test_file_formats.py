"""docs/file_formats.md says what is in the files: its tables against files of the tiny study and of the tiny panel."""

import re
from dataclasses import replace

import cyvcf2
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from ragimpute.models import architecture, segments
from ragimpute.panel.dropped_records import DROPPED_COLUMNS, as_arrays
from ragimpute.panel.store import Panel
from ragimpute.retrieval.allele_ages import allele_ages
from tiny_study import ROOT, Study
from training_data import fold_of

PAGE = (ROOT / "docs" / "file_formats.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ ([^\n]+)\n\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE))
TABLES = [name for name, text in SECTIONS.items() if "\nColumns: " in text]

pytestmark = pytest.mark.xdist_group("workflow")


def described(section: str) -> dict[str, set[str]]:
    """The arrays of a section's table and the types that each may have."""
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]+) \|", SECTIONS[section], re.MULTILINE)
    return {name: set(kinds.split(" or ")) for names, kinds in rows for name in re.findall(r"`(\w+)`", names)}


def assert_as_described(section: str, *files: dict[str, np.ndarray]) -> None:
    """Each array of the files is in the section, with its type, and each of the section in a file."""
    expected = described(section)
    assert {name for file in files for name in file} == expected.keys()
    wrong = [name for file in files for name, array in file.items() if str(array.dtype) not in expected[name]]
    assert wrong == []


def paths(text: str) -> list[re.Pattern]:
    """The paths under results/ that a text names; a folder stands for all that is in it."""
    names = [re.escape(path) + ".*" * path.endswith("/") for path in re.findall(r"`results/([^`]+)`", text)]
    return [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", name.replace(r"\{seed\}", r"\d+"))) for name in names]


def files(study: Study) -> list[str]:
    return [str(path.relative_to(study.results)) for path in study.results.rglob("*.*") if path.is_file()]


def test_the_panel(tiny_panel: Panel, tmp_path) -> None:
    replace(tiny_panel, ages=allele_ages(tiny_panel, 1)).save(tmp_path / "panel.safetensors")
    dropped = pd.DataFrame([("20", 5, "rs5", "A", "AT", "indel")], columns=list(DROPPED_COLUMNS))
    assert_as_described("Panel", load_file(tmp_path / "panel.safetensors"), as_arrays(dropped))


def test_segments(tiny_panel: Panel, tiny_typed: np.ndarray) -> None:
    fold = fold_of(tiny_panel, tiny_typed, "train")
    found = [segments(architecture(name), "small", fold, 1).arrays() for name in ("copy_rag", "bert_rag")]
    assert_as_described("Segments", *found)


@pytest.mark.slow
def test_statistics_of_an_evaluation(tiny: Study) -> None:
    files = sorted(tiny.results.rglob("*.statistics.safetensors"))
    assert files
    for file in files:
        assert_as_described("Statistics of an evaluation", load_file(file))


@pytest.mark.slow
def test_the_fields_of_an_imputed_vcf(tiny: Study) -> None:
    names = {name for name, _ in re.findall(r"`((INFO|FORMAT)/\w+)`", SECTIONS["Imputed VCF"])}
    for path in tiny.results.glob("imputed/*/*/*.vcf.gz"):
        header = cyvcf2.VCF(str(path)).raw_header
        assert {f"{kind}/{name}" for kind, name in re.findall(r"^##(INFO|FORMAT)=<ID=(\w+)", header, re.M)} == names


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_the_columns_of_a_table(tiny: Study, name: str) -> None:
    text, listed = SECTIONS[name].split("\nColumns: ")
    for path in paths(text):
        found = [file for file in files(tiny) if path.fullmatch(file)]
        assert found, path.pattern
        for file in found:
            header = (tiny.results / file).read_text().split("\n", 1)[0]
            assert header.split("\t") == re.findall(r"`(\w+)`", listed), file


@pytest.mark.slow
def test_every_file_of_a_run_is_on_the_page(tiny: Study) -> None:
    known = paths(PAGE)
    strange = [file for file in files(tiny) if not any(path.fullmatch(file.removesuffix(".tbi")) for path in known)]
    assert strange == []
