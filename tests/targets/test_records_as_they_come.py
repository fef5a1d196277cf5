"""Targets as programs write them: two probes of a site, several ALT alleles, spanning deletions, gVCFs."""

import subprocess

import numpy as np
import pytest

from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import read_genotypes
from vcf_text import HEADER, write_vcf

# 100 and 200 have two records, 500 is a deletion, 600 an insertion
PANEL = ["100 A C", "100 A G", "150 T C", "200 AT A", "200 A G", "300 C T", "400 G A", "500 CTT C", "600 G GA"]
SITES = Sites(
    np.array(["20"] * len(PANEL)),
    np.array([int(row.split()[0]) for row in PANEL]),
    np.array(["."] * len(PANEL)),
    np.array([row.split()[1] for row in PANEL]),
    np.array([row.split()[2] for row in PANEL]),
    np.arange(float(len(PANEL))),
)
GVCF = HEADER + (
    '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
)


def read(path, samples, rows):
    """What is read, the panel's site -> the samples' genotypes as text, and pos -> reason of the two tables."""
    found = read_genotypes(write_vcf(path, samples, rows), SITES)
    return found, genotypes_of(found), reasons(found.dropped), reasons(found.recoded)


def genotypes_of(found) -> dict[str, str]:
    texts = {}
    for site, samples in zip(found.index.tolist(), found.alleles.tolist(), strict=True):
        texts[PANEL[site]] = " ".join("./." if -1 in pair else "/".join(map(str, pair)) for pair in samples)
    return texts


def reasons(table) -> list[tuple[int, str]]:
    return list(zip(table["pos"].tolist(), table["reason"].tolist(), strict=True))


MERGED = "merged with another record of the site"


@pytest.mark.parametrize(
    ("rows", "genotypes", "listed"),
    [
        # a copy without any call before the probe, and after it
        (["300 C T ./. ./. ./.", "300 C T 0/1 1/1 0/0"], "0/1 1/1 0/0", [(300, MERGED)]),
        (["300 C T 0/1 1/1 0/0", "300 C T ./. ./. ./."], "0/1 1/1 0/0", [(300, MERGED)]),
        # each fills in what the other lacks
        (["300 C T 0/1 ./. 0/0", "300 C T ./. 1/1 0/0"], "0/1 1/1 0/0", [(300, MERGED)]),
        # a discordant genotype is missing, even where a third record agrees with one of the two
        (
            ["300 C T 0/1 1/1 0/0", "300 C T 0/1 0/1 0/0", "300 C T ./. 1/1 0/0"],
            "0/1 ./. 0/0",
            [(300, f"{MERGED}: 1 discordant genotypes set missing"), (300, MERGED)],
        ),
        # the second probe, the best called, is of the other strand; the third has its alleles swapped
        (
            ["300 C T 0/1 1/1 ./.", "300 G A 0/1 1/1 1/1", "300 T C ./. ./. 0/0"],
            "0/1 1/1 1/1",
            [(300, MERGED), (300, "strand flipped"), (300, "alleles swapped"), (300, MERGED)],
        ),
        # a half call is none
        (["300 C T 0/. 1/1 0/0", "300 C T 0/1 1/. 0/0"], "0/1 1/1 0/0", [(300, MERGED)]),
    ],
)
def test_records_of_one_site_are_merged_genotype_by_genotype(tmp_path, rows, genotypes, listed):
    found, texts, dropped, recoded = read(tmp_path / "t.vcf", ["a", "b", "c"], [f"20 {row}" for row in rows])
    assert texts == {"300 C T": genotypes}
    assert (dropped, recoded) == ([], listed)
    assert found.n_used == len(rows)


def test_a_phased_probe_gives_the_phase(tmp_path):
    found, *_ = read(tmp_path / "t.vcf", ["a", "b"], ["20 300 C T 0/1 1|0", "20 300 C T 1|0 0/1"])
    assert found.alleles.tolist() == [[[1, 0], [1, 0]]]
    assert found.phased.tolist() == [[True, True]]


def test_of_probes_that_disagree_much_the_better_called_is_used(tmp_path):
    samples = [f"s{i}" for i in range(20)]
    better = ["0/0"] * 14 + ["0/1"] * 5 + ["./."]
    worse = ["1/1"] * 6 + ["0/0"] * 8 + ["./."] * 6
    rows = [f"20 300 C T {' '.join(genotypes)}" for genotypes in (worse, better)]
    found, texts, dropped, recoded = read(tmp_path / "t.vcf", samples, rows)
    assert texts == {"300 C T": " ".join(better)}
    assert dropped == [(300, "duplicate: 6 of 14 genotypes differ")]
    assert (recoded, found.n_used) == ([], 1)


@pytest.mark.parametrize(
    ("row", "expected", "n_other"),
    [
        ("400 G T,A 0/2 1/2 2|2 0/0", {"400 G A": "0/1 ./. 1/1 0/0"}, 1),
        ("400 G A,* 0/1 1/2 2/2 0/0", {"400 G A": "0/1 ./. ./. 0/0"}, 2),
        ("400 G *,A 0/2 1/2 2/2 0/0", {"400 G A": "0/1 ./. 1/1 0/0"}, 1),
        ("400 G A,<DEL> 0/1 0/2 1/1 0/0", {"400 G A": "0/1 ./. 1/1 0/0"}, 1),
        ("400 A T,G 0/2 0/1 2/2 0/0", {}, 0),  # several alleles, none of them the panel's: no guess
        ("400 A *,G 0/2 0/1 2/2 0/0", {"400 G A": "1/0 ./. 0/0 1/1"}, 1),  # one that has a name: swapped
        ("100 A G,C 0/1 1/2 2/2 0/0", {"100 A C": "0/0 0/1 1/1 0/0", "100 A G": "0/1 1/0 0/0 0/0"}, 0),
        ("100 A G,T,C 0/1 1/2 3/3 1/3", {"100 A C": "0/0 ./. 1/1 0/1", "100 A G": "0/1 ./. 0/0 1/0"}, 1),
        # a REF made longer by another allele
        ("200 AT GT,A 0/1 1/2 2/2 0/0", {"200 AT A": "0/0 0/1 1/1 0/0", "200 A G": "0/1 1/0 0/0 0/0"}, 0),
        ("500 CTT C,CT 0/1 1/2 0/0 1/1", {"500 CTT C": "0/1 ./. 0/0 1/1"}, 1),
        ("600 G A,GA 0/2 1/2 0/0 ./2", {"600 G GA": "0/1 ./. 0/0 ./."}, 1),
        ("600 g a,ga 0/2 1/2 0/0 ./2", {"600 G GA": "0/1 ./. 0/0 ./."}, 1),
    ],
)
def test_records_of_several_alleles_are_matched_by_each(tmp_path, row, expected, n_other):
    found, texts, dropped, recoded = read(tmp_path / "t.vcf", list("abcd"), [f"20 {row}", "20 300 C T 0/0 0/0 0/0 0/0"])
    assert texts.pop("300 C T") == "0/0 0/0 0/0 0/0"
    assert texts == expected
    if not expected:
        assert [reason for _, reason in dropped] == ["alleles differ"]
    told = [reason for _, reason in recoded if "other alleles" in reason]
    assert bool(told) == bool(n_other)
    assert all(f": {n_other} genotypes" in reason for reason in told)
    assert found.n_used + len(dropped) == 2


def test_split_records_of_the_panel_read_as_bcftools_splits_the_targets(tmp_path):
    """Wherever all alleles are the panel's."""
    rows = ["20 100 A G,C 0/1 1/2 2/2 0/0 ./. 2|1", "20 200 A G 0/1 0/0 1/1 0/0 ./. 0|1"]
    merged, texts, *_ = read(tmp_path / "t.vcf", list("abcdef"), rows)
    split = tmp_path / "split.vcf"
    subprocess.run(["bcftools", "norm", "-m", "-any", "-o", split, tmp_path / "t.vcf"], check=True, capture_output=True)
    found = read_genotypes(split, SITES)
    assert genotypes_of(found) == texts
    np.testing.assert_array_equal(found.alleles, merged.alleles)
    assert len(texts) == 3


def gvcf(path, lines, samples=("s",)):
    """Lines are 'pos ref alt INFO FORMAT values'."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    texts = []
    for line in lines:
        pos, ref, alt, info, *rest = line.split()
        texts.append("\t".join(["20", pos, ".", ref, alt, ".", ".", info, *rest]))
    path.write_text(GVCF + "\n".join(["\t".join(columns), *texts]) + "\n")
    return path


@pytest.mark.parametrize("symbol", ["<NON_REF>", "<*>", "<X>"])
def test_a_gvcf_gives_its_variants_and_the_sites_of_its_reference_blocks(tmp_path, symbol):
    lines = [
        f"10 G {symbol} END=60 GT:GQ 0/0:50",
        f"90 T {symbol} END=160 GT:GQ 0/0:50",
        f"200 AT A,{symbol} . GT 0/1",
        f"300 C T,{symbol} . GT 0/2",
        f"301 C {symbol} END=399 GT 0/0",
        f"400 G {symbol} . GT 0/0",
        f"490 A {symbol} END=700 GT 0/0",
    ]
    found = read_genotypes(gvcf(tmp_path / "g.vcf", lines), SITES)
    hom_ref = dict.fromkeys(("100 A C", "100 A G", "150 T C", "400 G A"), "0/0")
    assert genotypes_of(found) == {**hom_ref, "200 AT A": "0/1", "300 C T": "./."}  # no block types an insertion
    block = "reference block without a site of the panel"
    assert reasons(found.dropped) == [(10, block), (301, block), (490, block)]
    assert reasons(found.recoded) == [(300, "one of several alleles: 1 genotypes with other alleles set missing")]
    assert found.n_used + len(found.dropped) == len(lines)


def test_a_block_without_reads_says_nothing(tmp_path):
    lines = [
        "90 T <NON_REF> END=160 GT:GQ:DP 0/0:0:0 0/0:30:9",
        "300 C . END=310 GT:GQ:DP 0/0:20:0 0/0:30:9",  # as bcftools call --gvcf writes blocks
        "400 G <NON_REF> . GT:DP ./.:0 0/1:9",
    ]
    found = read_genotypes(gvcf(tmp_path / "g.vcf", lines, ("a", "b")), SITES)
    with_reads = "./. 0/0"
    expected = dict.fromkeys(("100 A C", "100 A G", "150 T C", "300 C T"), with_reads)
    assert genotypes_of(found) == {**expected, "400 G A": "./. ./."}


def test_a_record_of_its_own_comes_before_a_block_and_a_block_fills_its_gaps(tmp_path):
    lines = ["90 T <NON_REF> END=160 GT 0/0 0/0 ./.", "150 T C,<NON_REF> . GT 0/1 ./. ./."]
    found = read_genotypes(gvcf(tmp_path / "g.vcf", lines, ("a", "b", "c")), SITES)
    assert genotypes_of(found)["150 T C"] == "0/1 0/0 ./."
    assert genotypes_of(found)["100 A C"] == "0/0 0/0 ./."
