"""PLINK's files: told by their bytes, named samples, sexes, and what is wrong with them in one line."""

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.panel.chromosome_names import plain_name
from ragimpute.targets.plink_files import GenotypeReader, find_fileset, is_plink, read_samples, read_variants

BED = b"\x6c\x1b\x01"
FAM = "F1 A 0 0 1 -9\nF1 B 0 0 2 -9\nF2 C 0 0 0 -9\n"
BIM = "1 rs1 0 100 A G\n1 rs2 0 200 0 C\n"


def write(folder, genotypes: bytes = b"\x1b\x3f", fam: str = FAM, bim: str = BIM):
    """A .bed of three samples: at rs1 A/A or missing .., by PLINK's own table of two bits."""
    (folder / "a.bed").write_bytes(BED + genotypes)
    (folder / "a.fam").write_text(fam)
    (folder / "a.bim").write_text(bim)
    return folder / "a.bed"


def test_genotypes_alleles_samples_and_sexes_of_a_bed_written_by_hand(tmp_path) -> None:
    # two bits a sample, the first one lowest: 00 A1/A1, 01 missing, 10 A1/A2, 11 A2/A2
    fileset = find_fileset(write(tmp_path, bytes([0b00_10_01_00, 0b00_11_11_11])))
    names, sexes = read_samples(fileset)
    assert (names, sexes) == (("A", "B", "C"), {"A": "M", "B": "F"})
    variants = read_variants(fileset)
    assert (variants.ref.tolist(), variants.alt.tolist()) == (["G", "C"], ["A", "."])
    assert (variants.pos.tolist(), variants.chrom.tolist()) == ([100, 200], ["1", "1"])
    alleles, phased = GenotypeReader(fileset, 3, variants).read(np.array([1, 0]))
    assert alleles.tolist() == [[[0, 0], [0, 0], [0, 0]], [[1, 1], [-1, -1], [0, 1]]]
    assert not phased[1, 2]


def test_a_file_is_told_by_its_first_bytes(tmp_path) -> None:
    text = tmp_path / "regions.bed"
    text.write_text("20\t100\t200\n")
    assert not is_plink(text)
    assert find_fileset(text) is None
    assert is_plink(write(tmp_path))
    assert not is_plink(tmp_path / "absent.bed")


def test_iids_that_repeat_are_named_with_their_families(tmp_path) -> None:
    fileset = find_fileset(write(tmp_path, fam="F1 A 0 0 1 -9\nF2 A 0 0 2 -9\n0 C 0 0 0 -9\n"))
    assert read_samples(fileset) == (("F1_A", "F2_A", "C"), {"F1_A": "M", "F2_A": "F"})
    (tmp_path / "a.fam").write_text("0 A 0 0 1 -9\n0 A 0 0 2 -9\n0 C 0 0 0 -9\n")
    with pytest.raises(InputError, match=r"a\.fam: sample 'A' occurs twice"):
        read_samples(fileset)


@pytest.mark.parametrize(
    ("header", "row", "sex"),
    [("#IID\tSEX", "A\t2", "F"), ("#FID\tIID\tPAT\tMAT\tSEX\tPHENO1", "0\tA\t0\t0\tM\t1.5", "M"), ("#IID", "A", None)],
)
def test_a_psam_names_its_columns(tmp_path, header, row, sex) -> None:
    (tmp_path / "a.pgen").write_bytes(b"\x6c\x1b\x10")
    (tmp_path / "a.pvar").write_text("")
    (tmp_path / "a.psam").write_text(f"{header}\n{row}\n")
    names, sexes = read_samples(find_fileset(tmp_path / "a.pgen"))
    assert (names, sexes.get("A")) == (("A",), sex)


def read_all(path) -> None:
    fileset = find_fileset(path)
    names, _ = read_samples(fileset)
    GenotypeReader(fileset, len(names), read_variants(fileset))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "a.fam").unlink(), r"a\.bed: a\.fam is not beside it"),
        (lambda folder: (folder / "a.bed").write_bytes(BED + b"\x00"), r"4 bytes, but 3 samples .* take 5"),
        (lambda folder: (folder / "a.bed").write_bytes(b"\x6c\x1b\x00\x00\x00"), r"in the order of samples"),
        (lambda folder: (folder / "a.fam").write_text("A 1\n"), r"a\.fam:1: 2 columns where 5 are expected"),
        (lambda folder: (folder / "a.bim").write_text("1 rs1\n"), r"a\.bim: not a readable table"),
        (lambda folder: (folder / "a.bim").write_text(""), r"a\.bim: no"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path, change, message) -> None:
    path = write(tmp_path)
    change(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        read_all(path)
    assert "\n" not in str(caught.value)


def test_a_file_beside_the_genotypes_is_refused_with_the_name_to_give(tmp_path) -> None:
    bed = write(tmp_path)
    with pytest.raises(InputError, match=rf"name {bed} instead"):
        find_fileset(tmp_path / "a.bim")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("20", "20"),
        ("chr20", "20"),
        ("23", "X"),
        ("chrX", "X"),
        ("25", "X"),
        ("PAR2", "X"),
        ("24", "Y"),
        ("26", "MT"),
        ("chrM", "MT"),
    ],
)
def test_codes_of_chromosomes(code, name) -> None:
    assert plain_name(code) == name
