"""Names of files with {chrom}, and which chromosomes they stand for."""

from pathlib import Path

import pytest

from ragimpute.errors import InputError
from ragimpute.imputation.chromosome_files import _names, chromosome_files
from ragimpute.panel.chromosome_names import existing_chromosomes, list_chromosomes


@pytest.fixture
def folder(tmp_path):
    for name in ("10", "2", "X", "1", "MT", "22"):
        (tmp_path / f"panel.chr{name}.vcf.gz").touch()
        (tmp_path / f"map.{name}.{name}.txt").touch()
    (tmp_path / "panel.chr1.vcf.gz.tbi").touch()
    (tmp_path / "map.1.2.txt").touch()
    (tmp_path / "targets.vcf.gz").touch()
    return tmp_path


def test_those_whose_file_exists_in_the_order_of_the_genome(folder) -> None:
    assert existing_chromosomes(f"{folder}/panel.chr{{chrom}}.vcf.gz") == ["1", "2", "10", "22", "X", "MT"]
    assert existing_chromosomes(f"{folder}/map.{{chrom}}.{{chrom}}.txt") == ["1", "2", "10", "22", "X", "MT"]
    with pytest.raises(InputError, match="no such file for any"):
        existing_chromosomes(f"{folder}/other.{{chrom}}.vcf")
    with pytest.raises(InputError, match="not in a folder"):
        existing_chromosomes("chr{chrom}/panel.vcf")


@pytest.mark.parametrize(
    ("text", "names"),
    [("1-3,X", ["1", "2", "3", "X"]), ("20", ["20"]), (" X , 1-2", ["X", "1", "2"]), ("2,1-3", ["2", "1", "3"])],
)
def test_a_list_of_chromosomes(text, names) -> None:
    assert list_chromosomes(text) == names


@pytest.mark.parametrize("text", ["", "3-1", "1;2", "1-X", "a b"])
def test_what_is_no_list(text) -> None:
    with pytest.raises(InputError, match="chromosomes"):
        list_chromosomes(text)


def test_the_files_of_each_chromosome(folder) -> None:
    panel, targets = f"{folder}/panel.chr{{chrom}}.vcf.gz", f"{folder}/targets.vcf.gz"
    found = chromosome_files([panel], targets, f"{folder}/map.{{chrom}}.{{chrom}}.txt", "1-2,X")
    assert [(files.name, files.reference.name, files.targets.name) for files in found] == [
        ("1", "panel.chr1.vcf.gz", "targets.vcf.gz"),
        ("2", "panel.chr2.vcf.gz", "targets.vcf.gz"),
        ("X", "panel.chrX.vcf.gz", "targets.vcf.gz"),
    ]
    assert [files.genetic_map.name for files in found] == ["map.1.1.txt", "map.2.2.txt", "map.X.X.txt"]
    several = chromosome_files([f"{folder}/panel.chr2.vcf.gz", f"{folder}/panel.chr1.vcf.gz"], targets)
    assert [files.name for files in several] == ["panel.chr2", "panel.chr1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["panel.chr{chrom}.vcf.gz", "panel.chr1.vcf.gz"], "targets.vcf.gz"), "give it alone"),
        ((["panel.chr1.vcf.gz"], "targets.chr{chrom}.vcf.gz"), "--targets .*must stand in --reference"),
        ((["panel.chr1.vcf.gz"], "targets.vcf.gz", "map.{chrom}.txt"), "--map .*must stand in --reference"),
        ((["panel.chr1.vcf.gz"], "targets.vcf.gz", None, "1-22"), "--chromosomes 1-22: needs"),
        ((["panel.chr{chrom}.vcf.gz"], "targets.vcf.gz", None, "1,3"), "panel.chr3.vcf.gz: no such file"),
        ((["panel.chr{chrom}.vcf.gz"], "nothing.vcf.gz"), "--targets .*nothing.vcf.gz: no such file"),
    ],
)
def test_what_cannot_be_meant(folder, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=message):
        chromosome_files(*arguments)


def test_no_two_files_have_one_name() -> None:
    """Also where a file is called as another one would be by its number."""
    paths = [Path("a/x.vcf.gz"), Path("b/x.vcf.gz"), Path("x.2.vcf.gz"), Path("c/x.bcf")]
    assert _names(paths) == ["x", "x.2", "x.2.2", "x.3"]
