"""Samples without a genotype on a chromosome, and those with few."""

import subprocess

import numpy as np
import pandas as pd
import pytest

from ragimpute.errors import InputError
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import TARGETS, query

EMPTY, WITHOUT_21 = 1, 3  # a sample without any genotype, and one without those of a chromosome


@pytest.fixture(scope="module")
def gappy(world):
    """The world's phased targets, two of them with gaps; the names of all."""
    sites, seen = world.panel.sites.take(world.typed), world.truth[world.typed].astype(np.int8)
    seen[:, EMPTY] = -1
    seen[sites.chrom == "21", WITHOUT_21] = -1
    names = world.panel.samples[-TARGETS:]
    write_genotypes(world.folder / "gappy.vcf.gz", sites, world.panel.contigs, names, seen, True)
    return names


def rows_of(path, samples) -> list[list[str]]:
    return query(path, "%CHROM:%POS[\t%GT:%DS:%HDS:%GP]\n", "--samples", ",".join(samples))


def test_a_sample_without_genotypes_gets_frequencies_and_the_others_what_they_get_without_it(
    world, plain, gappy, caplog
):
    path = world.impute("of_gappy.vcf.gz", targets="gappy.vcf.gz")
    found = read_imputed(path, world.panel.sites)
    frequency = world.panel.of_samples(world.panel.samples[:-TARGETS]).allele_frequency
    here = world.panel.sites.chrom == "21"
    for sites, sample in ((slice(None), EMPTY), (here, WITHOUT_21)):
        np.testing.assert_allclose(found.ds[sites, sample], 2 * frequency[sites], atol=0.0011)
    gt = np.array([row[0] for row in query(path, "[%GT]\n", "--samples", gappy[EMPTY])])
    np.testing.assert_array_equal(gt[frequency > 0.501], "1|1")
    np.testing.assert_array_equal(gt[frequency < 0.499], "0|0")
    others = [name for i, name in enumerate(gappy) if i not in (EMPTY, WITHOUT_21)]
    assert rows_of(path, others) == rows_of(plain, others)
    partly = rows_of(path, [gappy[WITHOUT_21]]), rows_of(plain, [gappy[WITHOUT_21]])
    assert [row for row in partly[0] if row[0].startswith("20:")] == [
        row for row in partly[1] if row[0].startswith("20:")
    ]
    table = pd.read_csv(path.with_name("of_gappy.uncalled.tsv"), sep="\t", dtype=str)
    expected = {(gappy[EMPTY], "20"), (gappy[EMPTY], "21"), (gappy[WITHOUT_21], "21")}
    assert set(zip(table["sample"], table["chrom"], strict=True)) == expected
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("without a genotype on chromosome 20" in text and gappy[EMPTY] in text for text in warnings)


def test_max_missing_leaves_samples_out_by_chromosome(world, plain, gappy):
    path = world.impute("kept.vcf.gz", "--max-missing", "0.5", targets="gappy.vcf.gz")
    kept = [name for i, name in enumerate(gappy) if i not in (EMPTY, WITHOUT_21)]
    listed = subprocess.run(["bcftools", "query", "-l", path], capture_output=True, text=True, check=True).stdout
    assert listed.split() == kept
    assert rows_of(path, kept) == rows_of(plain, kept)
    table = pd.read_csv(path.with_name("kept.uncalled.tsv"), sep="\t", dtype=str)
    assert table["reason"].tolist() == ["left out: 100.0% of the genotypes are missing"] * 3


def test_max_missing_that_leaves_nobody_is_an_error(world, gappy):
    only = world.folder / "only.vcf.gz"
    subprocess.run(["bcftools", "view", "-s", gappy[EMPTY], "-o", only, world.folder / "gappy.vcf.gz"], check=True)
    with pytest.raises(InputError, match=r"only.vcf.gz: all samples lack more than 0.2"):
        world.impute("nobody.vcf.gz", "--max-missing", "0.2", targets="only.vcf.gz")


def test_unphased_samples_are_phased_as_without_the_empty_one(world):
    names = world.panel.samples[-TARGETS:]
    others = list(names[:-1])
    unphased, without, with_it = (world.folder / name for name in ("unphased.vcf.gz", "five.vcf.gz", "empty.vcf"))
    subprocess.run(["bcftools", "view", "-s", ",".join(others), "-o", without, unphased], check=True)
    text = subprocess.run(["bcftools", "view", unphased], capture_output=True, text=True, check=True).stdout
    lines = [line if line.startswith("#") else line.rpartition("\t")[0] + "\t./." for line in text.splitlines()]
    with_it.write_text("\n".join(lines) + "\n")
    options = ("--n-phasings", "1", "--region", "21:1000000-3000000")
    first = world.impute("with_empty.vcf.gz", *options, targets=with_it.name)
    second = world.impute("without_empty.vcf.gz", *options, targets=without.name)
    assert rows_of(first, others) == rows_of(second, others)
