"""Imputed records of haploid, diploid and absent samples, written and read back."""

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.quantise import haplotype_sums, r2_of_sums
from ragimpute.vcf.writer import write_imputed
from two_chromosomes import query

PLOIDY = np.array([1, 2, 0], dtype=np.int8)
HDS = np.array(
    [[[0.25, 0.25], [0.5, 1.0], [0, 0]], [[1, 1], [0, 0], [0, 0]], [[0.5, 0.5], [0.5, 0.5], [0, 0]]], np.float32
)


@pytest.fixture
def panel() -> Panel:
    return mosaic_panel().between(0, 3)


def written(path, panel, ploidy, columns=slice(None), fields=("GT", "DS", "HDS", "GP")):
    hds = HDS[:, columns]
    names = tuple("abc"[columns])
    typed = np.zeros(3, bool)
    imputed = Imputed(names, hds, hds.prod(axis=2), typed, ploidy=ploidy)
    write_imputed(path, panel.sites, panel.contigs, imputed, fields=fields)
    return path


@pytest.mark.parametrize("suffix", ["vcf.gz", "bcf"])
def test_forms_of_each_ploidy(tmp_path, panel, suffix) -> None:
    path = written(tmp_path / f"x.{suffix}", panel, PLOIDY)
    rows = query(path, "%AF[\t%GT:%DS:%HDS:%GP]\n")
    assert rows[0][1:] == ["0:0.25:0.25:0.75,0.25", "0|1:1.5:0.5,1:0,0.5,0.5", ".:.:.:."]
    assert rows[1][1:] == ["1:1:1:0,1", "0|0:0:0,0:1,0,0", ".:.:.:."]
    assert rows[2][1] == "0:0.5:0.5:0.5,0.5"
    assert [float(row[0]) for row in rows] == pytest.approx([1.75 / 3, 1 / 3, 0.5], abs=1e-6)
    back = read_imputed(path, panel.sites)
    np.testing.assert_allclose(back.ds, [[0.25, 1.5, np.nan], [1, 0, np.nan], [0.5, 1, np.nan]])
    np.testing.assert_allclose(back.hds[0], [[0.25, np.nan], [0.5, 1], [np.nan, np.nan]])
    np.testing.assert_allclose(back.gp_both[0], [np.nan, 0.5, np.nan])


def test_records_in_which_all_are_haploid(tmp_path, panel) -> None:
    path = written(tmp_path / "y.vcf.gz", panel, np.array([1, 0], np.int8), slice(0, 3, 2), ("DS", "HDS", "GP"))
    back = read_imputed(path, panel.sites)
    np.testing.assert_allclose(back.hds[:, 0], [[0.25, np.nan], [1, np.nan], [0.5, np.nan]])
    np.testing.assert_allclose(back.ds[:, 0], [0.25, 1, 0.5])
    assert np.isnan(back.ds[:, 1]).all()
    assert np.isnan(back.gp_both).all()


def test_diploid_samples_are_the_same_bytes_by_either_way(tmp_path, panel) -> None:
    plain = written(tmp_path / "a.vcf.gz", panel, None)
    by_ploidy = written(tmp_path / "b.vcf.gz", panel, np.array([2, 2, 2], np.int8))
    assert plain.read_bytes() == by_ploidy.read_bytes()


def test_r2_counts_a_haploid_sample_once() -> None:
    a, b = np.array([[1000, 0, 300]]), np.array([[1000, 0, 300]])
    once = r2_of_sums(*haplotype_sums(a, b, np.array([1, 1, 0], np.int8)))
    assert once.tolist() == [1.0]
    mixed = r2_of_sums(*haplotype_sums(a, b, np.array([1, 2, 0], np.int8)))
    p = 1 / 3
    expected = ((1 - p) ** 2 + 2 * p**2) / 3 / (p * (1 - p))
    assert mixed[0] == pytest.approx(expected)
