"""Typed sites: the definitions, and that nothing else of the targets is written."""

import dataclasses
import gzip

import numpy as np
import pandas as pd
import pytest

from ragimpute.errors import InputError
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets import mask
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.site_list import parse_sites
from vcf_text import write_vcf


def make_panel() -> Panel:
    """A SNV, an indel, two alleles at one position, a SNV monomorphic in samples a and b, a SNV."""
    ref, alt = ["A", "AT", "C", "C", "G", "T"], ["C", "A", "T", "G", "A", "C"]
    pos = np.array([100, 200, 300, 300, 400, 500])
    sites = Sites(np.array(["20"] * 6), pos, np.array(["."] * 6), np.array(ref), np.array(alt), pos / 1e6)
    alleles = np.array([[0, 1] * 3, [1, 0] * 3, [0, 1] * 3, [1, 0] * 3, [0, 0, 0, 0, 1, 1], [1, 0] * 3], dtype=np.uint8)
    return Panel(sites, ("a", "b", "c"), alleles, ("##contig=<ID=20>",))


def make_targets(index) -> TargetGenotypes:
    alleles = np.array([[[1, 0], [0, 1]]] * len(index), dtype=np.int8)
    return TargetGenotypes(("x", "y"), np.array(index), alleles, np.ones(alleles.shape[:2], bool), pd.DataFrame())


def typed(spec, index=range(6), seed=1):
    chosen = mask.choose_typed(
        make_panel().of_samples(["a", "b"]), make_targets(list(index)), spec, np.random.default_rng(seed)
    )
    return np.flatnonzero(chosen).tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("array.txt", "20 200\n20\t300\n20 500\n20 999\n"),
        ("array.bed", "track name=x\n20\t199\t200\n20\t299\t300\n20\t499\t500\n"),
        ("array.BED", "20\t150\t350\n20\t499\t500\n"),
    ],
)
def test_listed_positions_type_the_snvs_that_the_targets_have(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    spec = parse_sites(str(path))
    assert typed(spec) == [2, 3, 5]  # both alleles of position 300, not the indel at 200
    assert typed(spec, index=[0, 3, 4]) == [3]


def test_a_bed_is_zero_based_and_may_be_compressed(tmp_path):
    path = tmp_path / "array.bed.gz"
    path.write_bytes(gzip.compress(b"20\t100\t101\n20\t399\t400\n"))
    assert typed(parse_sites(str(path))) == [4]


def test_a_bed_by_another_name_is_refused(tmp_path):
    path = tmp_path / "array.txt"
    path.write_text("20 199 200\n")
    with pytest.raises(InputError, match=r"array.txt:1: looks like BED"):
        parse_sites(str(path))


def test_a_small_fraction_types_one_site():
    assert len(typed(0.01)) == 1


def test_a_vcf_lists_positions_too(tmp_path):
    path = write_vcf(tmp_path / "array.vcf", ["s"], ["20 100 A C 0/1", "20 500 T C 0/1"])
    assert typed(parse_sites(str(path))) == [0, 5]


def test_targets_types_every_site_they_share_with_the_panel():
    assert typed("targets", index=[1, 4]) == [1, 4]


def test_a_fraction_draws_polymorphic_snvs_by_seed():
    assert set(typed(0.99)) == {0, 2, 3, 5}  # no indel, nothing monomorphic among the reference samples a and b
    assert len(typed(0.5)) == 2
    assert typed(0.5, seed=1) == typed(0.5, seed=1)
    assert len({tuple(typed(0.5, seed=seed)) for seed in range(10)}) > 1


def test_nothing_typed_says_what_was_listed_and_what_the_panel_covers(tmp_path):
    path = tmp_path / "array.txt"
    path.write_text("chr20 100\nchr20 300\n")
    with pytest.raises(InputError, match=r"2 positions listed on chr20; the panel covers 20:100-500"):
        typed(parse_sites(str(path)))
    path.write_text("20 200\n")
    with pytest.raises(InputError, match="none is a SNV present in the targets"):
        typed(parse_sites(str(path)))
    path.write_text("20 100\n20 x\n")
    with pytest.raises(InputError, match=r"array.txt:2: expected 'chrom position'"):
        parse_sites(str(path))
    for bad in ("0", "1.5"):
        with pytest.raises(InputError, match="between 0 and 1"):
            typed(parse_sites(bad))
    with pytest.raises(InputError, match="no such file"):
        parse_sites("absent.txt")


def test_only_typed_genotypes_remain_and_erased_phase_tells_nothing():
    chosen = np.array([True, False, False, True, False, False])
    kept = mask.select_sites(make_targets([0, 2, 3]), chosen, erase_phase=False)
    np.testing.assert_array_equal(kept.index, [0, 3])
    assert kept.phased.all()
    erased = mask.select_sites(make_targets([0, 2, 3]), chosen, erase_phase=True)
    assert not erased.phased.any()
    assert (erased.alleles == [0, 1]).all()  # 1|0 and 0|1 look alike


def test_random_masks_are_as_large_as_the_typed_set_and_polymorphic():
    panel = make_panel()
    chosen = np.array([True, False, True, False, False, True])
    masks = mask.draw_masks(panel.of_samples(["a", "b"]), chosen, 3, np.random.default_rng(2))
    assert masks.sum(axis=0).tolist() == [3, 3, 3]
    assert not masks[[1, 4]].any()
    again = mask.draw_masks(panel.of_samples(["a", "b"]), chosen, 3, np.random.default_rng(2))
    np.testing.assert_array_equal(masks, again)


def test_each_chromosome_gets_a_typed_site():
    """One SNV on the second chromosome, among ten: few draws hit it, and it is typed whatever is drawn."""
    panel = make_panel()
    chrom = np.array(["20"] * 5 + ["21"])
    panel = dataclasses.replace(panel, sites=dataclasses.replace(panel.sites, chrom=chrom))
    chosen = np.array([True, False, False, False, False, False])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        fraction = mask.choose_typed(panel.of_samples(["a", "b"]), make_targets(list(range(6))), 0.01, rng)
        random = mask.draw_masks(panel.of_samples(["a", "b"]), chosen, 1, rng)[:, 0]
        for drawn in (fraction, random):
            assert drawn[5]
            assert drawn.sum() <= 2


def test_the_table_is_tied_to_its_panel(tmp_path):
    panel = make_panel()
    chosen = np.array([True, False, True, False, False, True])
    mask.write_typed(tmp_path / "typed.tsv", panel.sites, chosen, ~chosen[:, None])
    np.testing.assert_array_equal(mask.read_typed(tmp_path / "typed.tsv", panel.sites), chosen)
    np.testing.assert_array_equal(mask.read_typed(tmp_path / "typed.tsv", panel.sites, "random1"), ~chosen)
    moved = dataclasses.replace(panel.sites, pos=panel.sites.pos + 1)
    with pytest.raises(InputError, match="not the panel's 6 sites"):
        mask.read_typed(tmp_path / "typed.tsv", moved)
    with pytest.raises(InputError, match="column 'random2' is missing"):
        mask.read_typed(tmp_path / "typed.tsv", panel.sites, "random2")
