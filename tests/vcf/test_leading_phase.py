"""Genotypes of VCF 4.4 with a leading separator."""

import subprocess

import pytest

from ragimpute.errors import InputError
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.vcf.source import Region, genotypes, records
from vcf_text import HEADER, write_vcf

HEADER_4_4 = HEADER.replace("VCFv4.2", "VCFv4.4")
PHASED, UNPHASED = 1, 0


@pytest.mark.parametrize(
    ("genotype", "read"),
    [
        ("|0|1", [0, 1, PHASED]),
        ("/0|1", [0, 1, UNPHASED]),
        ("|0/1", [0, 1, UNPHASED]),
        ("/1/0", [1, 0, UNPHASED]),
        ("0|1", [0, 1, PHASED]),
        ("0/1", [0, 1, UNPHASED]),
        ("/.|1", [-1, 1, UNPHASED]),
        ("|.|.", [-1, -1, PHASED]),
        ("/1", [1, -2]),
        ("|0", [0, -2]),
    ],
)
@pytest.mark.parametrize("version", ["4.4", "4.5"])
def test_the_leading_separator_is_the_phase_of_the_first_allele(tmp_path, genotype, read, version):
    header = HEADER_4_4.replace("4.4", version)
    path = write_vcf(tmp_path / "t.vcf", ["a", "b"], [f"20 100 A C 1|0 {genotype}"], header)
    ((first, second),) = [genotypes(record).tolist() for record in records(path)]
    assert first == [1, 0, PHASED]
    assert second[: len(read)] == read


@pytest.mark.parametrize("indexed", [False, True])
def test_regions_and_samples_are_those_of_the_file(tmp_path, indexed):
    rows = [f"20 {pos} A C |0|1 {pos % 2}/1 /1|0" for pos in range(100, 200, 10)]
    subprocess.run(["bgzip", write_vcf(tmp_path / "t.vcf", ["a", "b", "c"], rows, HEADER_4_4)], check=True)
    path = tmp_path / "t.vcf.gz"
    if indexed:
        subprocess.run(["tabix", "-p", "vcf", path], check=True)
    found = {r.POS: genotypes(r).tolist() for r in records(path, Region("20", 110, 130), samples=["a", "c"])}
    assert list(found) == [110, 120, 130]
    assert all(read == [[0, 1, PHASED], [1, 0, UNPHASED]] for read in found.values())


def test_a_panel_is_phased_where_all_alleles_are(tmp_path):
    rows = ["20 100 A C |0|1 1|1", "20 200 A C /0|1 1|1", "20 300 A C 0|1 /1|1"]
    panel, dropped = read_panel(write_vcf(tmp_path / "p.vcf", ["a", "b"], rows, HEADER_4_4), None, GeneticMap({}))
    assert panel.alleles[:].tolist() == [[0, 1, 1, 1], [0, 1, 1, 1]]
    assert dropped[["pos", "reason"]].to_numpy().tolist() == [[200, "unphased"]]


def test_a_broken_record_is_named_by_the_users_file(tmp_path):
    path = write_vcf(tmp_path / "t.vcf", ["a"], ["20 100 A C |0|1", "20 200 A C |z|1"], HEADER_4_4)
    with pytest.raises(InputError, match=r"t\.vcf: unreadable record after 20:100, line 6: '20 200") as caught:
        list(records(path))
    assert str(caught.value).startswith(str(path))
