"""Panels with a file for each chromosome in the configuration."""

from pathlib import Path

import pytest

from ragimpute.study.chromosomes import autosomes, chromosome_of, file_of, parts
from ragimpute.study.configuration import ConfigError, load_configuration

ROOT = Path(__file__).parents[2]
SECTIONS = """
panels:
  genome: {{reference: "panel.chr{{chrom}}.vcf.gz", targets: {{holdout: 0.2}}{more}}}
masks:
  array: {{panel: genome, sites: typed.txt}}
study: []
baselines: [frequency]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("2", "10", "1", "X", "MT", "Y"):
        (tmp_path / f"panel.chr{name}.vcf.gz").touch()
    (tmp_path / "typed.txt").touch()
    return tmp_path


def load(folder: Path, more: str = "", sections: str = SECTIONS):
    path = folder / "mine.yaml"
    path.write_text(sections.format(more=more))
    return load_configuration(ROOT, [path])


def problems(folder: Path, more: str, sections: str = SECTIONS) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, more, sections)
    return "\n".join(caught.value.problems)


def test_chromosomes_are_those_whose_file_exists_without_y_and_mt(folder: Path) -> None:
    panel = load(folder)["panels"]["genome"]
    assert panel["chromosomes"] == "1,2,10,X"
    assert parts(panel) == ["/chr1", "/chr2", "/chr10", "/chrX"]
    assert autosomes(panel) == ["/chr1", "/chr2", "/chr10"]
    assert file_of(panel["reference"], "/chr10") == str(folder / "panel.chr10.vcf.gz")
    assert [chromosome_of(part) for part in ("/chrX", "")] == ["X", "all"]


def test_listed_chromosomes_are_taken_in_their_order(folder: Path) -> None:
    assert load(folder, ", chromosomes: '10,1-2'")["panels"]["genome"]["chromosomes"] == "10,1,2"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", chromosomes: '1-3'", "panels.genome.reference: no such file"),
        (", chromosomes: 'X'", "needs an autosome"),
        (", chromosomes: '1,Y'", "Y cannot be studied"),
        (", chromosomes: '3-1'", "write names and spans"),
        (", region: '1:1-100'", "say `chromosomes` instead"),
        (", genetic_map: 'map.{chrom}.txt'", "panels.genome.genetic_map: no such file"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, more: str, expected: str) -> None:
    assert expected in problems(folder, more)


def test_a_mark_needs_one_in_the_reference(folder: Path) -> None:
    single = SECTIONS.replace("panel.chr{{chrom}}.vcf.gz", "panel.chr1.vcf.gz")
    found = problems(folder, ", genetic_map: 'map.{chrom}.txt'", single)
    assert "panels.genome.genetic_map: {chrom} must stand in the name of the reference, too" in found
    assert "needs {chrom}" in problems(folder, ", chromosomes: '1'", single)


def test_a_single_file_is_one_part(folder: Path) -> None:
    panel = load(folder, "", SECTIONS.replace("panel.chr{{chrom}}.vcf.gz", "panel.chr1.vcf.gz"))["panels"]["genome"]
    assert panel["chromosomes"] is None
    assert parts(panel) == autosomes(panel) == [""]
