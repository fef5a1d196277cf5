"""Reading panels: what is kept, what is dropped and why, and that every defect is one clear message."""

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pysam
import pytest

from ragimpute.errors import InputError
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.vcf.source import Region, records
from vcf_text import HEADER, write_vcf

MAP = GeneticMap({"20": (np.array([0.0, 1e6]), np.array([0.0, 2.0]))})
EXAMPLE = Path(__file__).parents[2] / "resources" / "example"
BAD_INPUTS = Path(os.environ.get("RAGIMPUTE_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "bad_inputs"


def test_only_biallelic_phased_complete_diploid_records_are_kept(tmp_path):
    path = write_vcf(
        tmp_path / "p.vcf",
        ["a", "b"],
        [
            "20 100 A C 0|1 1|0",
            "20 100 A G 0|0 0/0",  # another allele at the same position; an unphased homozygote is no loss
            "20 100 A C 0|1 1|1",
            "20 100 a c 0|1 1|1",  # letters of either case are the same
            "20 200 A C,G 0|1 1|2",
            "20 300 A <DEL> 0|1 0|0",
            "20 301 A * 0|1 0|0",
            "20 400 A C 0|1 .|0",
            "20 401 A C . 0|1",
            "20 500 A C 0/1 0|0",
            "20 600 A C 0 0|1",
            "20 601 A C 0|1|1 0|1",
            "20 700 A . 0|0 0|0",
            "20 800 AT A 1|1 0|1",
        ],
    )
    panel, dropped = read_panel(path, None, MAP)
    assert panel.samples == ("a", "b")
    assert panel.sites.keys() == [("20", 100, "A", "C"), ("20", 100, "A", "G"), ("20", 800, "AT", "A")]
    np.testing.assert_array_equal(panel.alleles, [[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 1]])
    np.testing.assert_allclose(panel.sites.cm, [0.0002, 0.0002, 0.0016])
    assert panel.contigs == ("##contig=<ID=20,length=63025520>",)
    assert list(zip(dropped["pos"], dropped["reason"], strict=True)) == [
        (100, "duplicate"),
        (100, "duplicate"),
        (200, "multiallelic"),
        (300, "symbolic"),
        (301, "symbolic"),
        (400, "missing"),
        (401, "missing"),
        (500, "unphased"),
        (600, "haploid"),
        (601, "polyploid"),
        (700, "no ALT allele"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["20 200 A C 0|1", "20 100 A C 0|1"], r"20:100 comes after 20:200"),
        (["20 1 A C 0|1", "21 1 A C 0|1", "20 9 A C 0|1"], r"20:9: 20 appears again"),
        (["20 0 A C 0|1"], "positions start at 1"),
        (["20 x A C 0|1"], "unreadable record"),
        (["20 5 A C 0|3"], "names an allele that ALT lacks"),
        (["20 4 A C 0|1", "20 5 A C z|1"], "unreadable record after 20:4"),
        (["20 5 A C 0/1", "20 6 A C .|1"], "all 2 records are unusable"),
        ([], "it has no records"),
    ],
)
def test_broken_records_are_errors_that_name_file_and_record(tmp_path, rows, message):
    path = write_vcf(tmp_path / "p.vcf", ["a"], rows)
    with pytest.raises(InputError, match=message) as caught:
        read_panel(path, None, MAP)
    assert str(path) in str(caught.value)


def test_a_bad_position_on_an_undeclared_contig_is_an_error_not_a_crash(tmp_path):
    path = write_vcf(
        tmp_path / "p.vcf", ["a"], ["20 -5 A C 0|1"], HEADER.replace("##contig=<ID=20,length=63025520>\n", "")
    )
    code = (
        "import sys\nfrom ragimpute.panel.from_vcf import read_panel\n"
        "from ragimpute.panel.genetic_map import GeneticMap\n"
        "from ragimpute.errors import InputError\n"
        "try:\n    read_panel(sys.argv[1], None, GeneticMap({}))\nexcept InputError:\n    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello\n", "not a VCF"),
        (b"\x00\x01\x02" * 40, "not a VCF"),
        (b"##fileformat=VCFv4.2\n", "no #CHROM line"),
        (HEADER.encode() + b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "no samples"),
        (HEADER.encode() + b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\ta\n", "'a' occurs twice"),
    ],
)
def test_files_that_are_no_panel(tmp_path, content, message):
    path = tmp_path / "p.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_panel(path, None, MAP)
    with pytest.raises(InputError, match="no such file"):
        read_panel(tmp_path / "absent.vcf", None, MAP)


@pytest.mark.parametrize("keep", [0.4, 0.999])
def test_a_truncated_file_is_never_taken_for_a_complete_one(tmp_path, keep):
    whole = (EXAMPLE / "targets.vcf.gz").read_bytes()
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError, match="truncated"):
        read_panel(cut, None, MAP)
    plain_gzip = tmp_path / "plain.vcf.gz"
    plain_gzip.write_bytes(gzip.compress(gzip.decompress(whole))[:-2000])
    with pytest.raises(InputError):
        read_panel(plain_gzip, None, MAP)


def test_vcf_gz_and_bcf_with_and_without_index_give_the_same_panel(tmp_path):
    rows = [f"20 {pos} A C 0|1 {pos % 2}|0" for pos in range(100, 900, 7)]
    plain = write_vcf(tmp_path / "p.vcf", ["a", "b"], rows)
    pysam.tabix_compress(str(plain), str(tmp_path / "p.vcf.gz"))
    subprocess.run(["bcftools", "view", "-Ob", "-o", tmp_path / "p.bcf", plain], check=True)
    files = [plain, tmp_path / "p.vcf.gz", tmp_path / "p.bcf"]
    expected, _ = read_panel(plain, "20:200-400", MAP)
    assert (expected.sites.pos[0], expected.sites.pos[-1]) == (205, 394)
    for indexed in (False, True):
        for file in files:
            panel, _ = read_panel(file, "20:200-400", MAP)
            np.testing.assert_array_equal(panel.sites.pos, expected.sites.pos)
            np.testing.assert_array_equal(panel.alleles, expected.alleles)
        if not indexed:
            for file in files[1:]:
                subprocess.run(["bcftools", "index", file], check=True)
    with pytest.raises(InputError, match="names the chromosomes 20"):
        read_panel(plain, "chr20:1-1000", MAP)
    with pytest.raises(InputError, match="START-END"):
        read_panel(plain, "20:9", MAP)


def test_the_example_holds_what_its_readme_says():
    panel, dropped = read_panel(EXAMPLE / "reference.vcf.gz", None, GeneticMap.read(EXAMPLE / "genetic_map.plink.map"))
    assert panel.alleles.shape == (24_990, 600)
    assert len(dropped) == 0
    _, records_at = np.unique(panel.sites.pos, return_counts=True)
    assert (records_at > 1).sum() == 10


def test_malformed_vcfs_of_others_never_end_in_a_traceback():
    files = sorted(BAD_INPUTS.rglob("*.vcf"))
    if not files:
        pytest.skip(f"the collection of malformed VCFs is not at {BAD_INPUTS}")
    messages = {}
    for file in files:
        try:
            panel, _ = read_panel(file, None, GeneticMap({}))
        except InputError as error:
            messages[file] = str(error)
        else:
            assert len(panel.sites) > 0
    assert len(messages) >= 40
    assert all(str(file) in message for file, message in messages.items())


def test_an_older_index_beside_the_right_one_leaves_no_record_out(tmp_path):
    """bcftools index, the file made anew, then tabix: htslib by itself takes the old .csi."""
    path = tmp_path / "twice.vcf.gz"
    for n_records, index in ((3_000, "bcftools index --force --csi"), (10_000, "tabix --force --preset vcf")):
        text = write_vcf(tmp_path / "twice.vcf", ["s"], [f"20 {100 * i + 1} A C 0|1" for i in range(n_records)])
        subprocess.run(["bcftools", "view", "--output", path, text], check=True)
        subprocess.run([*index.split(), path], check=True)
        older = time.time() - 10
        for file in (path, path.with_name("twice.vcf.gz.csi")):
            if n_records == 3_000:
                os.utime(file, (older, older))
    assert sum(1 for _ in records(path, Region("20", 1, 900_000))) == 9_000
