"""Panels with haploid samples: which haplotypes are whose, which records agree, and the stretches of X."""

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.errors import InputError, UnusableChromosome
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import Fold
from ragimpute.panel.from_vcf import read_panel, read_records_of_panel, write_records_of_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords, PloidyRule, check_records
from ragimpute.panel.role_assignment import assign_roles
from ragimpute.panel.sex_chromosomes import BUILDS, find_build, kind_of, may_be_haploid, stretches_of_x
from ragimpute.panel.sexes import read_sexes
from ragimpute.panel.store import Panel
from vcf_text import HEADER, write_vcf

PLOIDY = np.array([2, 1, 1, 2], dtype=np.int8)
X_HEADER = HEADER.replace("ID=20,length=63025520", "ID=X,length=155270560")
NAMES = ["w1", "m1", "m2", "w2"]
BEYOND = ChosenRecords(rule=PloidyRule("X", {}))


@pytest.fixture
def mixed() -> Panel:
    """Two women and two men: six haplotypes at 60 sites."""
    panel = mosaic_panel(3)
    return Panel(panel.sites, tuple(NAMES), panel.alleles, panel.contigs, ploidy=PLOIDY)


def test_the_haplotypes_of_samples(mixed) -> None:
    assert mixed.haplotype_pairs.tolist() == [[0, 1], [2, -1], [3, -1], [4, 5]]
    assert mixed.haplotypes_of(np.array([3, 1])).tolist() == [4, 5, 2]
    assert mixed.sample_of_haplotype.tolist() == [0, 0, 1, 2, 3, 3]
    assert mixed.number_in_sample(np.arange(6)).tolist() == [1, 2, 1, 1, 1, 2]
    pairs = mixed.allele_pairs()
    assert (pairs[:, 1:3, 1] == -2).all()
    np.testing.assert_array_equal(pairs[:, 3], mixed.alleles[:][:, 4:])
    diploid = mosaic_panel(3)
    assert diploid.haplotype_pairs.tolist() == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(diploid.allele_pairs().reshape(60, 6), diploid.alleles[:])


def test_some_samples_and_sites_keep_their_ploidy(mixed, tmp_path) -> None:
    some = mixed.of_samples(["w2", "m1"]).take(slice(0, 10))
    assert some.ploidy.tolist() == [2, 1]
    np.testing.assert_array_equal(some.alleles[:], mixed.alleles[:10][:, [4, 5, 2]])
    mixed.save(tmp_path / "panel.safetensors")
    back = Panel.load(tmp_path / "panel.safetensors")
    assert back.ploidy.tolist() == PLOIDY.tolist()
    np.testing.assert_array_equal(back.alleles[:], mixed.alleles[:])


def test_what_is_left_out_of_a_mixed_panel(mixed) -> None:
    typed = np.arange(60) % 5 == 0
    excluded = np.array([[1, -1], [3, 2]])
    fold = Fold("train", mixed, ("m1", "w2"), typed, np.zeros((12, 4), np.uint8), None, excluded)
    assert fold.excluded_haplotypes(np.array([0, 1])).tolist() == [[2, -1, -1, -1], [4, 5, 3, -1]]
    count, number = fold.left_out_count(np.array([0, 1]), slice(None))
    alleles = mixed.alleles[:].astype(int)
    assert number.tolist() == [5, 3]
    np.testing.assert_array_equal(count[:, 0], alleles[:, [0, 1, 3, 4, 5]].sum(axis=1))
    np.testing.assert_array_equal(count[:, 1], alleles[:, [0, 1, 2]].sum(axis=1))


def test_a_study_refuses_haploid_samples(mixed, tmp_path) -> None:
    with pytest.raises(InputError, match="needs a panel of diploid samples"):
        assign_roles(mixed, np.random.default_rng(1), holdout=0.5)
    mixed.save(tmp_path / "panel.safetensors")
    roles = tmp_path / "roles.tsv"
    roles.write_text("sample\trole\tfold\tpopulation\tfamily\n")
    with pytest.raises(InputError, match=r"panel\.safetensors: a study needs a panel of diploid samples"):
        Cohort.load(tmp_path / "panel.safetensors", roles, tmp_path / "typed.tsv")


def test_records_of_another_ploidy_are_dropped(tmp_path) -> None:
    rows = [
        "X 3000000 A G 0|1 . 1 0|0",  # incomplete: tells no ploidy
        "X 3000001 A G 0|1 0 1 0|0",
        "X 3000002 A G 0|1 0|0 1 1|1",  # a man's two equal alleles are one
        "X 3000003 A G 0|1 0|1 1 1|1",
        "X 3000004 A G 1 0 1 1|1",
        "X 3000005 A G 0/1 0 1 1|1",
        "X 3000006 A G 1|1 1 0 0|0",
    ]
    path = write_vcf(tmp_path / "x.vcf", NAMES, rows, X_HEADER)
    panel, dropped = read_records_of_panel(path, BEYOND, GeneticMap({}))
    assert panel.samples == tuple(NAMES)
    assert panel.ploidy.tolist() == PLOIDY.tolist()
    assert panel.alleles[:].tolist() == [[0, 1, 0, 1, 0, 0], [0, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    other = "ploidy of a sample differs from other records"
    found = list(zip(dropped["pos"] - 3_000_000, dropped["reason"], strict=True))
    assert found == [(0, "missing"), (3, other), (4, other), (5, "unphased")]
    write_records_of_panel(path, BEYOND, GeneticMap({}), tmp_path / "x.safetensors")
    np.testing.assert_array_equal(Panel.load(tmp_path / "x.safetensors").alleles[:], panel.alleles[:])
    with pytest.raises(UnusableChromosome, match="X:3000001: haploid genotypes on chromosome X"):
        read_panel(path, "X:3000001-3000002", GeneticMap({}))


def test_women_are_left_out_on_y_and_all_are_haploid_on_mt(tmp_path) -> None:
    rows = ["Y 5000000 A G . 0 1 .", "Y 5000001 A G ./. 1|1 1 0|0"]
    path = write_vcf(tmp_path / "y.vcf", NAMES, rows, HEADER.replace("20", "Y"))
    panel, _ = read_records_of_panel(path, ChosenRecords(rule=PloidyRule("Y", {})), GeneticMap({}))
    assert (panel.samples, panel.alleles[:].tolist()) == (("m1", "m2"), [[0, 1], [1, 1]])
    path = write_vcf(tmp_path / "mt.vcf", NAMES, ["MT 100 A G 0 1|1 0 1"], HEADER.replace("20", "MT"))
    panel, _ = read_records_of_panel(path, ChosenRecords(rule=PloidyRule("MT", {})), GeneticMap({}))
    assert panel.alleles[:].tolist() == [[0, 1, 0, 1]]


def test_a_sex_wins_over_two_equal_alleles_and_not_over_one(tmp_path) -> None:
    rows = ["X 3000001 A G 0|1 0|0 1|1 0|0", "X 3000002 A G 1|1 1|1 0|0 0|1"]
    path = write_vcf(tmp_path / "x.vcf", NAMES, rows, X_HEADER)
    chosen = ChosenRecords(rule=PloidyRule("X", {"m1": "M", "m2": "M", "w1": "F"}))
    panel, _ = read_records_of_panel(path, chosen, GeneticMap({}))
    assert panel.ploidy.tolist() == PLOIDY.tolist()
    path = write_vcf(tmp_path / "x.vcf", NAMES, ["X 3000001 A G 0 0 1 0|0"], X_HEADER)
    with pytest.raises(UnusableChromosome, match=r"x\.vcf: sample w1 is a woman by --sex and haploid at X:3000001"):
        read_records_of_panel(path, chosen, GeneticMap({}))


def test_a_wrong_build_is_noticed(tmp_path) -> None:
    rows = ["X 1 A G 0|1 0|0 1|1 0|0", *(f"X {pos} A G 0|1 0 1 0|0" for pos in range(2, 5))]
    path = write_vcf(tmp_path / "x.vcf", NAMES, rows, X_HEADER)
    with pytest.raises(UnusableChromosome, match=r"3 records, the first at X:2, .*is the build right"):
        read_records_of_panel(path, BEYOND, GeneticMap({}))


def test_diploid_records_are_checked_as_before() -> None:
    genotypes = np.array([[[0, 1, 1], [1, 1, 0]], [[0, -2, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1]], [[-1, -1, 0]] * 2])
    found = check_records(genotypes, None)
    assert found.other_ploidy.tolist() == [False, True, False, False]
    assert found.unphased[[0, 2]].tolist() == [False, True]
    assert found.n_missing.tolist() == [0, 0, 0, 2]
    assert found.alleles[0].tolist() == [0, 1, 1, 1]


def test_names_and_builds_of_sex_chromosomes() -> None:
    assert [kind_of(name) for name in ("X", "chrX", "23", "chrY", "MT", "chrM", "CHRX", "24", "20", "X_par1")] == [
        *("X", "X", "X", "Y", "MT", "MT", "X"),
        *(None, None, None),
    ]
    assert find_build("X", [{"X": 155_270_560}], None) == BUILDS["37"]
    assert find_build("chrX", [{}, {"chrX": 156_040_895}], None) == BUILDS["38"]
    assert find_build("X", [{"X": 5}], None) is None
    assert find_build("X", [{"X": 5}], "38") == BUILDS["38"]
    with pytest.raises(UnusableChromosome, match="the lengths of contig X"):
        find_build("X", [{"X": 155_270_560}, {"X": 156_040_895}], None)
    stretches = stretches_of_x("X", BUILDS["38"])
    assert [(name, region.start) for name, region in stretches.items()] == [
        *(("par1", 0), ("", 2_781_480)),  # position 0 is one of PAR1
        ("par2", 155_701_383),
    ]
    lengths = {"X": 155_270_560}
    assert [may_be_haploid("X", pos, lengths) for pos in (2_699_520, 2_699_521, 154_931_044)] == [False, True, False]
    assert not may_be_haploid("X", 3_000_000, {})
    assert may_be_haploid("Y", 1, {})
    assert not may_be_haploid("20", 1, {})


@pytest.mark.parametrize(
    "text",
    [
        "sample\tsex\na\tM\nb\tF\nc\tNA\n",
        "a 1\nb 2\nc 0\n",
        "#IID SEX PHENO\na 1 0\nb 2 0\nc NA 0\n",
        "f a 0 0 1 -9\nf b 0 0 2 -9\nf c 0 0 0 -9\n",
        "sample\tpopulation\tsex\na\tGBR\tmale\nb\tGBR\tfemale\n\n",
    ],
)
def test_tables_of_sexes(tmp_path, text) -> None:
    (tmp_path / "sexes").write_text(text)
    assert read_sexes(tmp_path / "sexes") == {"a": "M", "b": "F"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tx\n", "1: sex 'x' of a"),
        ("a\t1\na\t2\n", "2: sample 'a' has two sexes"),
        ("a b c\n", "1: expected the columns sample and sex"),
        ("a\t1\nb\n", "2: 1 columns where 2 are expected"),
    ],
)
def test_what_is_no_table_of_sexes(tmp_path, text, message) -> None:
    (tmp_path / "sexes").write_text(text)
    with pytest.raises(InputError, match=f"sexes:{message}"):
        read_sexes(tmp_path / "sexes")
    with pytest.raises(InputError, match="not a readable table"):
        read_sexes(tmp_path / "absent")


def test_the_map_of_a_stretch() -> None:
    points = (np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    assert list(GeneticMap({"X_par1": points}).of_stretch("X").points) == ["X"]
    assert list(GeneticMap({"X": points}).of_stretch("X").points) == ["X"]
    assert GeneticMap({"20": points}).of_stretch("MT").is_uniform
    assert list(GeneticMap({"20": points}).of_stretch("X").points) == ["20"]
