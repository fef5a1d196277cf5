"""Samples, regions, R2 and sites only: what is written is what bcftools makes of the full output."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.imputation.regions import Regions
from ragimpute.models.pretrained import DEFAULT
from two_chromosomes import query

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}
RECORDS = "%CHROM\t%POS\t%ID\t%REF\t%ALT\t%INFO[\t%GT:%DS:%HDS:%GP]\n"
FORMAT = "%CHROM\t%POS\t%REF\t%ALT[\t%SAMPLE=%GT:%DS:%HDS:%GP]\n"
OPTIONS = {"regions": ("20:5,000,000-9,000,000", "20:8500000-10000000", "21:2000000-3000000", "20:25000000-26000000")}


def bcftools(out: Path, *words: object) -> Path:
    subprocess.run(["bcftools", "view", "--no-version", "-o", str(out), *map(str, words)], check=True)
    return out


def text(path: Path, *words: str) -> str:
    """The file as text, without the header's lines about the run, which say what was chosen."""
    found = subprocess.run(
        ["bcftools", "view", "--no-version", *words, path], check=True, capture_output=True, text=True
    ).stdout
    return "".join(line for line in found.splitlines(keepends=True) if not line.startswith("##ragimpute="))


def test_kept_samples_are_those_of_the_full_output_in_its_order(world, plain, tmp_path) -> None:
    names = world.panel.samples[-3:]
    (tmp_path / "keep.txt").write_text("\n".join(reversed(names)) + "\n")
    out = world.impute("kept.vcf.gz", "--keep-samples", str(tmp_path / "keep.txt"))
    expected = bcftools(tmp_path / "expected.vcf.gz", "-s", ",".join(names), plain)
    assert query(out, FORMAT) == query(expected, FORMAT)
    assert len(query(out, FORMAT)[0]) == 4 + 3


@pytest.mark.parametrize(("names", "message"), [("P045\nNobody\n", "'Nobody' is not in"), ("\n", "no sample")])
def test_names_that_are_not_there_are_an_error(world, tmp_path, names, message) -> None:
    (tmp_path / "keep.txt").write_text(names)
    with pytest.raises(InputError, match=rf"keep\.txt: .*{message}"):
        world.impute("nobody.vcf.gz", "--keep-samples", str(tmp_path / "keep.txt"))


@pytest.mark.parametrize("limit", ["0.3", "0.8", "1"])
def test_min_r2_leaves_out_imputed_sites_by_their_printed_r2(world, plain, tmp_path, limit) -> None:
    out = world.impute(f"r2_{limit}.vcf.gz", "--min-r2", limit)
    expected = bcftools(tmp_path / "expected.vcf.gz", "-i", f"TYPED=1 || R2>={limit}", plain)
    assert text(out) == text(expected)
    assert 0 < len(query(out, RECORDS)) < len(query(plain, RECORDS))


def test_the_number_of_sites_left_out_is_said(world, plain, tmp_path) -> None:
    call = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz", **EXACT}
    result = impute(**call, out=tmp_path / "out.vcf.gz", min_r2=0.8)
    n_written = len(query(tmp_path / "out.vcf.gz", RECORDS))
    assert result.summary["left_out_below_0.8"] == len(world.typed) - n_written
    assert len(result.sites) == n_written


def test_sites_only_is_the_full_output_without_genotypes(world, plain) -> None:
    for name in ("sites.vcf.gz", "sites.bcf"):
        out = world.impute(name, "--sites-only", "--min-r2", "0.3")
        assert text(out) == text(plain, "-G", "-i", "TYPED=1 || R2>=0.3")
        assert query(out, "%POS\n", "-r", "21") == query(plain, "%POS\n", "-r", "21", "-i", "TYPED=1 || R2>=0.3")


def test_several_regions_are_those_of_the_full_output(world, plain, tmp_path) -> None:
    options = [word for region in OPTIONS["regions"] for word in ("--region", region)]
    out = world.impute("regions.vcf.gz", *options)
    chosen = ",".join(region.replace(",", "") for region in OPTIONS["regions"])
    expected = bcftools(tmp_path / "expected.vcf.gz", "-r", chosen, plain)
    subprocess.run(["bcftools", "sort", "-o", tmp_path / "sorted.vcf.gz", expected], check=True, capture_output=True)
    assert query(out, RECORDS) == query(tmp_path / "sorted.vcf.gz", RECORDS)
    chroms, counts = np.unique([row[0] for row in query(out, RECORDS)], return_counts=True)
    assert (chroms.tolist(), counts.min() > 20) == (["20", "21"], True)


def test_all_at_once_as_regions_of_a_genome_in_files(world, plain, tmp_path) -> None:
    for chrom in ("20", "21"):
        bcftools(tmp_path / f"panel.chr{chrom}.vcf.gz", "-r", chrom, world.folder / "reference.vcf.gz")
    (tmp_path / "panel.chr22.vcf.gz").write_bytes(b"")  # not of a region, and not opened
    (tmp_path / "keep.txt").write_text("\n".join(world.panel.samples[-2:]) + "\n")
    out = tmp_path / "out.vcf.gz"
    result = impute(
        reference=tmp_path / "panel.chr{chrom}.vcf.gz",
        targets=world.folder / "phased.vcf.gz",
        region=("21:2000000-3000000", "20:5000000-9000000"),
        keep_samples=tmp_path / "keep.txt",
        out=out,
        **EXACT,
    )
    names = ",".join(world.panel.samples[-2:])
    expected = bcftools(tmp_path / "e.vcf.gz", "-s", names, "-r", "20:5000000-9000000,21:2000000-3000000", plain)
    assert query(out, FORMAT) == query(expected, FORMAT)
    assert result.summary["samples"] == 2


@pytest.mark.parametrize("texts", [("20", "chr20"), ("21", "20:5-9", "020:1-7")])
def test_two_names_of_one_chromosome_in_regions_are_an_error(texts: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=rf"--region: 20 and {texts[-1].split(':')[0]} are one chromosome"):
        Regions.parse(texts)


def test_regions_that_are_given_twice_or_overlap_are_imputed_once(world, plain) -> None:
    regions = ("20:5000000-9000000", "20:5,000,000-9,000,000", "20:7000000-9500000")
    out = world.impute("twice.vcf.gz", *[word for region in regions for word in ("--region", region)])
    assert query(out, RECORDS) == query(plain, RECORDS, "-r", "20:5000000-9500000")


def test_regions_of_two_chromosomes_that_have_sites_are_not_said_to_have_none(world, caplog) -> None:
    world.impute("both.vcf.gz", "--region", "20:5000000-9000000", "--region", "21:2000000-3000000")
    assert "no site in region" not in caplog.text


def test_a_region_without_sites_beside_others_is_said(world, tmp_path, caplog) -> None:
    out = world.impute("gap.vcf.gz", "--region", "20:1-10", "--region", "20:5000000-9000000", "--region", "5:1-1000")
    alone = world.impute("alone.vcf.gz", "--region", "20:5000000-9000000")
    assert query(out, RECORDS) == query(alone, RECORDS)
    assert "no site in region 20:1-10" in caplog.text
    assert "no site in region 20:5000000" not in caplog.text
    assert "chromosome 5 is not imputed" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sites_only": True, "out": "a.pgen"}, "--sites-only: neither"),
        ({"sites_only": True, "keep_unmatched": True, "out": "a.vcf.gz"}, "--sites-only: neither"),
        ({"min_r2": 1.5, "out": "a.vcf.gz"}, r"--min-r2 1\.5"),
        ({"sample_quality": ".", "out": "a.vcf.gz"}, "--sample-quality .: it is a folder"),
        ({"region": ("20:1-5", "nonsense:x"), "out": "a.vcf.gz"}, "write it as CHROM:START-END"),
        ({"region": "20:,-,", "out": "a.vcf.gz"}, "write it as CHROM:START-END"),
    ],
)
def test_options_that_cannot_be_are_errors_before_the_work(world, tmp_path, options, message) -> None:
    call = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz", **EXACT}
    with pytest.raises(InputError, match=message):
        impute(**call, **{**options, "out": tmp_path / options["out"]})
    assert list(tmp_path.iterdir()) == []
