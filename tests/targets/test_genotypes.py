"""Genotypes of targets and truth, matched to the panel by CHROM, POS, REF and ALT."""

import re
import subprocess

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import read_genotypes, read_truth
from ragimpute.vcf.source import Region
from vcf_text import HEADER, write_vcf

SITES = Sites(
    np.array(["20"] * 4),
    np.array([100, 100, 200, 300]),
    np.array(["."] * 4),
    np.array(["A", "A", "C", "G"]),
    np.array(["C", "G", "T", "A"]),
    np.arange(4.0),
)
ROWS = [
    "20 50 A C 0/1 0|1 0/0",
    "20 100 A G 1|0 0/1 ./.",
    "20 100 A C 0|1 0/0 1/.",
    "20 200 T C 0/1 0/1 0/1",
    "20 300 G T 0/1 0/1 0/1",
    "20 300 G A 1/1 0/0 0|1",
    "20 300 G A 0/0 0/0 0/0",
    "20 300 G A,T 0/0 0/0 0/2",
]


@pytest.fixture
def targets(tmp_path):
    return write_vcf(tmp_path / "t.vcf", ["a", "b", "c"], ROWS)


def test_records_match_by_alleles_and_samples_keep_the_order_asked_for(targets):
    found = read_genotypes(targets, SITES, ["c", "a"])
    np.testing.assert_array_equal(found.index, [0, 1, 2, 3])
    np.testing.assert_array_equal(found.alleles[:, 0], [[-1, -1], [-1, -1], [1, 0], [-1, -1]])
    np.testing.assert_array_equal(found.alleles[:, 1], [[0, 1], [1, 0], [1, 0], [-1, -1]])
    np.testing.assert_array_equal(found.phased[:, 1], [True, True, False, False])
    assert not found.complete
    merged = "merged with another record of the site: {} discordant genotypes set missing"
    assert found.recoded[["pos", "ref", "alt", "reason"]].to_numpy().tolist() == [
        [200, "T", "C", "alleles swapped"],
        [300, "G", "A", merged.format(2)],
        [300, "G", "A,T", "one of several alleles: 1 genotypes with other alleles set missing"],
        [300, "G", "A,T", merged.format(1)],
    ]
    assert found.dropped["reason"].tolist() == ["not in the reference", "alleles differ"]
    assert found.n_used == len(ROWS) - 2
    with pytest.raises(InputError, match="ragimpute phase"):
        found.haplotypes()


def test_truth_counts_are_missing_where_the_file_says_nothing(targets):
    np.testing.assert_array_equal(
        read_truth(targets, SITES, ["a", "b", "c"]), [[1, 0, -1], [1, 1, -1], [1, 1, 1], [-1, 0, -1]]
    )


def test_the_command_that_renames_chromosomes_makes_the_file_readable(tmp_path):
    """The advice is run as it is printed."""
    named = write_vcf(tmp_path / "t.vcf", ["a"], ["LG20 100 A C 0|1"], HEADER.replace("ID=20", "ID=LG20"))
    with pytest.raises(InputError) as caught:
        read_genotypes(named, SITES)
    command, line = re.search(r"(bcftools annotate .*?), where names.txt .*'(.*)'", str(caught.value)).groups()
    (tmp_path / "names.txt").write_text(f"{line}\n")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    assert len(read_genotypes(tmp_path / "renamed.vcf.gz", SITES).index) == 1


@pytest.mark.parametrize("name", ["chr20", "020", "NC_000020.11"])
@pytest.mark.parametrize("with_index", [True, False])
def test_another_name_of_the_same_chromosome_is_read_and_said(tmp_path, caplog, name, with_index):
    """The genotypes are those that bcftools gives after the chromosome is renamed."""
    rows = [f"{name} 100 A C 0|1", f"{name} 200 C T 1|1"]
    path = write_vcf(tmp_path / "t.vcf", ["a"], rows, HEADER.replace("ID=20", f"ID={name}"))
    if with_index:
        subprocess.run(["bcftools", "view", "-Oz", "-o", tmp_path / "t.vcf.gz", path], check=True)
        path = tmp_path / "t.vcf.gz"
        subprocess.run(["bcftools", "index", "-t", path], check=True)
    as_panel = write_vcf(tmp_path / "s.vcf", ["a"], [row.replace(name, "20", 1) for row in rows])
    expected = read_genotypes(as_panel, SITES)
    with caplog.at_level("INFO"):
        found = read_genotypes(path, SITES, chosen=ChosenRecords(Region("20")))
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.alleles, expected.alleles)
    assert f"{name} is 20" in caplog.text
    assert set(found.dropped["chrom"]) <= {"20"}


def test_what_cannot_be_aligned_is_an_error_with_the_fix(tmp_path, targets):
    with pytest.raises(InputError, match="1 of 2 samples are not in the file: nobody"):
        read_genotypes(targets, SITES, ["a", "nobody"])
    named = write_vcf(tmp_path / "chr.vcf", ["a"], ["LG20 100 A C 0|1"], HEADER.replace("ID=20", "ID=LG20"))
    with pytest.raises(InputError, match=r"bcftools annotate --rename-chrs names.txt .*such as 'LG20 20'"):
        read_genotypes(named, SITES)
    elsewhere = write_vcf(tmp_path / "else.vcf", ["a"], ["20 7 A C 0|1"])
    with pytest.raises(InputError, match="1 not in the reference"):
        read_genotypes(elsewhere, SITES)


@pytest.mark.parametrize("record", ["20 300 G A 0/1 0/2 0/0", "20 300 G . 0/1 0/0 0/0"])
def test_a_genotype_of_an_allele_that_alt_lacks_is_an_error(tmp_path, record):
    path = write_vcf(tmp_path / "t.vcf", ["a", "b", "c"], [record])
    with pytest.raises(InputError, match="record 20:300: a genotype names an allele that ALT lacks"):
        read_genotypes(path, SITES)
