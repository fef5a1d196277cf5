"""Alleles of records against those of the panel: same, swapped, other strand, ambiguous; and what each policy does."""

import numpy as np
import pytest

from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import AMBIGUOUS, BOTH, FLIPPED, SWAPPED, AllelePolicy, SiteIndex, resolve
from ragimpute.targets.genotypes import read_genotypes
from vcf_text import write_vcf

# site 0 and 1 share a position; 3 and 4 are ambiguous; 5 is an insertion
PANEL = ["100 A C", "100 A G", "200 C T", "300 A T", "400 C G", "500 A AT", "600 G A"]


@pytest.fixture
def sites():
    pos, ref, alt = zip(*(row.split() for row in PANEL), strict=True)
    n = len(PANEL)
    return Sites(
        np.array(["20"] * n), np.array(pos, int), np.array(["."] * n), np.array(ref), np.array(alt), np.zeros(n)
    )


@pytest.mark.parametrize(
    ("record", "site", "relation"),
    [
        ("100 A C", 0, ""),
        ("100 A G", 1, ""),
        ("100 C A", 0, SWAPPED),
        ("100 T G", 0, FLIPPED),
        ("100 G T", 0, BOTH),
        ("100 T C", 1, FLIPPED),
        ("200 T C", 2, SWAPPED),
        ("200 G A", 2, FLIPPED),
        ("200 A G", 2, BOTH),
        ("200 C G", -1, "alleles differ"),
        ("300 T A", 3, SWAPPED),
        ("500 A AT", 5, ""),
        ("500 AT A", -1, "alleles differ"),  # the deletion is another variant than the insertion
        ("500 T TA", -1, "alleles differ"),
        ("600 G <DEL>", -1, "symbolic"),
        ("600 G A,T", -1, "multiallelic"),
        ("650 G A", -1, "not in the reference"),
        ("200 c t", 2, ""),
        ("200 t c", 2, SWAPPED),
        ("200 C .", 2, ""),  # nobody carries ALT: one sample's file
        ("200 T .", 2, SWAPPED),
        ("200 G .", -1, "no ALT allele"),
        ("100 A .", -1, "no ALT allele"),  # two sites are there
        ("500 A .", -1, "no ALT allele"),  # an insertion
    ],
)
def test_a_record_finds_its_site(sites, record, site, relation):
    pos, ref, alts = record.split()
    match = SiteIndex(sites).match("20", int(pos), ref, [] if alts == "." else alts.split(","))
    assert (match.site, match.relation) == (site, relation)


ROWS = ["20 100 A C 0|1 1|1", "20 200 T C 0|1 0|0", "20 300 A T 0|1 ./1", "20 400 G C 1|1 1|1", "20 600 C T 1|0 .|."]


def test_swapped_and_flipped_records_are_recoded_by_default(sites, tmp_path):
    found = read_genotypes(write_vcf(tmp_path / "t.vcf", ["a", "b"], ROWS), sites)
    assert found.index.tolist() == [0, 2, 3, 6]
    expected = [[[0, 1], [1, 1]], [[1, 0], [1, 1]], [[0, 1], [-1, -1]], [[1, 0], [-1, -1]]]
    assert found.alleles.tolist() == expected
    assert found.recoded[["pos", "reason"]].to_numpy().tolist() == [[200, SWAPPED], [600, FLIPPED]]
    assert found.dropped[["pos", "reason"]].to_numpy().tolist() == [[400, AMBIGUOUS]]


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [
        (AllelePolicy(swapped="drop"), [0, 3, 6], {200: SWAPPED, 400: AMBIGUOUS}),
        (AllelePolicy(flipped="drop"), [0, 2, 3], {400: AMBIGUOUS, 600: FLIPPED}),
        (AllelePolicy(ambiguous="drop"), [0, 2, 6], {300: AMBIGUOUS, 400: AMBIGUOUS}),
        (AllelePolicy("drop", "drop", "drop"), [0], {200: SWAPPED, 300: AMBIGUOUS, 400: AMBIGUOUS, 600: FLIPPED}),
    ],
)
def test_each_policy_drops_and_lists_its_records(sites, tmp_path, policy, kept, dropped):
    found = read_genotypes(write_vcf(tmp_path / "t.vcf", ["a", "b"], ROWS), sites, policy=policy)
    assert found.index.tolist() == kept
    assert dict(zip(found.dropped["pos"], found.dropped["reason"], strict=True)) == dropped


def test_frequency_judges_ambiguous_records(sites, tmp_path):
    """20 samples, 36 of 40 alleles ALT; ALT of the panel is common, rare, or near one half."""
    rows = [f"20 {pos} {' '.join(['1|1'] * 16 + ['0|1'] * 4)}" for pos in ("300 A T", "400 G C")]
    path = write_vcf(tmp_path / "t.vcf", [f"s{i}" for i in range(20)], rows)
    policy = AllelePolicy(ambiguous="frequency")
    outcomes = {}
    for name, p in (("common", 0.85), ("rare", 0.15), ("half", 0.45)):
        found = read_genotypes(path, sites, policy=policy, frequency=np.full(7, p), require_match=False)
        outcomes[name] = (found.alleles.mean(axis=(1, 2)).tolist(), found.recoded["reason"].tolist())
        assert len(found.dropped) == 2 - len(found.index)
    assert outcomes["common"] == ([0.9, 0.9], [FLIPPED])  # G/C is C/G read from the other strand
    assert outcomes["rare"] == ([pytest.approx(0.1)] * 2, [BOTH, SWAPPED])
    assert outcomes["half"] == ([], [])
    with pytest.raises(ValueError, match="frequencies"):
        read_genotypes(path, sites, policy=policy)


def test_one_sample_is_too_few_to_judge_by(sites):
    match = SiteIndex(sites).match("20", 300, "A", ["T"])
    policy = AllelePolicy(ambiguous="frequency")
    assert resolve(match, policy, 2, 2, 0.9) == (AMBIGUOUS, "")  # odds 81 : 1
    assert resolve(match, policy, 4, 4, 0.9) == ("", "")  # 6561 : 1
