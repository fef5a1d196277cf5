"""Regions of X: in a pseudoautosomal region nothing of the haploid men beyond it is read."""

import logging
from pathlib import Path

import pytest

import ragimpute
from ragimpute.imputation.explanation import explain
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from two_chromosomes import query
from x_chromosome import PAR1_END, TARGET, XWorld, x_world

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}
GENOTYPES = "%POS[ %GT:%HDS]\n"


@pytest.fixture(scope="module")
def x(tmp_path_factory) -> XWorld:
    return x_world(tmp_path_factory.mktemp("x"), EXACT)


@pytest.fixture(scope="module")
def files(x: XWorld) -> dict[str, Path]:
    return {"reference": x.folder / "panel.vcf.gz", "targets": x.folder / "targets.vcf.gz"}


@pytest.fixture(scope="module")
def whole(x: XWorld, files: dict[str, Path]) -> Path:
    path = x.folder / "whole.vcf.gz"
    impute(**files, out=path, **EXACT)
    return path


@pytest.mark.parametrize(
    "region",
    [f"X:60001-{PAR1_END}", "X:1200000-1500000", f"X:2400000-{PAR1_END + 900_000}", f"X:{PAR1_END + 1}-4000000"],
    ids=["PAR1", "a part of PAR1", "across its end", "beyond it"],
)
def test_a_region_of_x_has_the_genotypes_of_the_whole(files, whole, tmp_path, region, outcome):
    path = tmp_path / "region.vcf.gz"
    assert [finding for finding in ragimpute.check(**files, region=region) if finding.level == "error"] == []
    impute(**files, out=path, region=region, **EXACT)
    found = query(path, GENOTYPES)
    assert len(found) > 5
    assert found == query(whole, GENOTYPES, "-r", region)
    for command in ("check", "impute"):
        outcome("X by region", f"--region {region}", command, 0, "the genotypes are those of the whole X")


@pytest.mark.parametrize("number", [0, 1])  # a woman and a man
def test_a_genotype_of_par1_is_explained_for_men_too(x, files, whole, number):
    typed_or_not = query(whole, "%POS\t%INFO/TYPED\n", "-r", "X:1200000-1500000")
    pos = next(int(pos) for pos, typed in typed_or_not if typed == ".")
    sample = x.names[number]
    table = explain(**files, sample=sample, site=f"X:{pos}", region=f"X:60001-{PAR1_END}", model=DEFAULT, threads=1)
    [row] = query(whole, "[%HDS]\n", "-r", f"X:{pos}-{pos}", "-s", sample)
    assert table.attrs["dosages"] == pytest.approx([float(text) for text in row[0].split(",")], abs=6e-4)


def test_men_who_are_written_as_women_are_said(x: XWorld, files, caplog, outcome):
    both = [(panel, x.alleles(panel, men_diploid=True)) for panel in (x.par, x.beyond)]
    targets = x.write("diploid.vcf.gz", both, TARGET, typed_only=True)
    words = "samples without a heterozygous genotype on X are taken for women: 3"
    found = ragimpute.check(reference=files["reference"], targets=targets)
    assert [finding.level for finding in found if words in finding.message] == ["warning"]
    [sex] = [finding.numbers for finding in found if finding.code == "sex"]
    assert sex == {"men": 0, "women": 6}
    with caplog.at_level(logging.WARNING, logger="ragimpute"):
        impute(reference=files["reference"], targets=targets, **EXACT)
    assert words in caplog.text
    named = ragimpute.check(reference=files["reference"], targets=targets, sex=x.sexes())
    [sex] = [finding.numbers for finding in named if finding.code == "sex"]
    assert sex == {"men": 3, "women": 3}
    assert not [finding for finding in named if words in finding.message]
    outcome("men coded diploid", "homozygous beyond PAR, without --sex", "impute", 0, words)
    outcome("men coded diploid", "homozygous beyond PAR, with --sex", "check", 0, "3 men, 3 women, and no warning")
