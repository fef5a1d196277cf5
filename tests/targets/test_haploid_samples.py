"""Targets on X, Y and MT: who is haploid, and what contradicts it."""

import logging

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.errors import UnusableChromosome
from ragimpute.panel.ploidy import PloidyRule
from ragimpute.targets.haploid_samples import HAPLOID_FORM, settle_ploidy, with_haploid_form

NAMES = ["w", "m", "d"]
SITES = mosaic_panel().sites.take(slice(0, 3))
ONE = HAPLOID_FORM


def genotypes(*rows) -> np.ndarray:
    return np.array(rows, dtype=np.int8)


X = genotypes(
    [[0, 1, 1], [1, 1, ONE], [0, 0, 0]],
    [[1, 0, 0], [-1, -1, ONE], [1, 1, 0]],
    [[1, 1, 0], [0, 0, ONE], [0, 1, 0]],
)


def test_genotypes_of_one_allele_are_marked() -> None:
    mixed = np.array([[0, 1, 1], [1, -2, 0], [-1, -2, 0], [-1, -1, 0]])
    expected = [[0, 1, 1], [1, 1, ONE], [-1, -1, ONE], [-1, -1, 0]]
    assert with_haploid_form(mixed).tolist() == expected
    assert with_haploid_form(np.array([[1, 0]])).tolist() == [[1, 1, ONE]]


def test_without_sexes_form_tells() -> None:
    found = settle_ploidy("t.vcf", PloidyRule("X", {}), NAMES, SITES, X)
    assert found.ploidy.tolist() == [2, 1, 2]
    np.testing.assert_array_equal(found.alleles, X[..., :2])
    assert found.phased.tolist() == [[True, True, False], [False, True, False], [False, True, False]]
    assert found.set_missing.empty


def test_a_given_man_is_haploid_and_his_heterozygotes_are_missing(caplog) -> None:
    found = settle_ploidy("t.vcf", PloidyRule("X", {"d": "M", "w": "F"}), NAMES, SITES, X)
    assert found.ploidy.tolist() == [2, 1, 1]
    assert found.alleles[:, 2].tolist() == [[0, 0], [1, 1], [-1, -1]]
    assert found.phased[:, 2].all()
    assert found.set_missing["pos"].tolist() == [SITES.pos[2]]
    assert found.set_missing["reason"].tolist() == ["set missing in 1 samples of other ploidy: d"]
    assert (
        "t.vcf: genotypes that are impossible on 20 are set missing: 1, in 1 sample (most of them, 1, in d)"
        in caplog.text
    )


def test_a_given_woman_who_is_haploid_is_an_error() -> None:
    with pytest.raises(UnusableChromosome, match=r"t\.vcf: sample m is a woman by --sex and haploid at 20:"):
        settle_ploidy("t.vcf", PloidyRule("X", {"m": "F"}), NAMES, SITES, X)


def test_on_y_those_with_genotypes_are_men() -> None:
    on_y = genotypes(
        [[-1, -1, ONE], [1, 1, ONE], [0, 0, 0]],
        [[0, 0, ONE], [0, 0, ONE], [1, 1, 0]],
        [[-1, -1, ONE], [0, 0, ONE], [0, 1, 0]],
    )
    found = settle_ploidy("t.vcf", PloidyRule("Y", {}), NAMES, SITES, on_y)
    assert found.ploidy.tolist() == [0, 1, 1]
    assert (found.alleles[:, 0] == 0).all()
    assert found.alleles[:, 2].tolist() == [[0, 0], [1, 1], [-1, -1]]
    given = settle_ploidy("t.vcf", PloidyRule("Y", {"d": "F", "w": "M"}), NAMES, SITES, on_y)
    assert given.ploidy.tolist() == [1, 1, 0]
    assert settle_ploidy("t.vcf", PloidyRule("MT", {}), NAMES, SITES, on_y).ploidy.tolist() == [1, 1, 1]


def test_women_only_are_diploid_samples() -> None:
    found = settle_ploidy("t.vcf", PloidyRule("X", {}), ["w", "d"], SITES, X[:, [0, 2]])
    assert found.ploidy is None


def test_women_without_a_heterozygote_are_named(caplog) -> None:
    sites = mosaic_panel().sites
    alleles = np.zeros((60, 2, 3), dtype=np.int8)
    alleles[7, 1] = [0, 1, 0]
    with caplog.at_level(logging.WARNING):
        settle_ploidy("t.vcf", PloidyRule("X", {}), ["h", "w"], sites, alleles)
    assert "samples without a heterozygous genotype on X are taken for women: 1 (h);" in caplog.text
