"""Missing genotypes of a panel: filled in by the panel itself, up to a share."""

import numpy as np

from mosaic import mosaic_panel
from ragimpute.panel.from_vcf import read_panel, read_records_of_panel
from ragimpute.panel.gaps import fill_gaps
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords
from vcf_text import HEADER, write_vcf

MAP = GeneticMap({})


def test_a_gap_gets_the_allele_of_the_haplotypes_that_are_most_like_it():
    alleles = np.array(
        [
            [0, 0, 1, 1, 0],
            [1, 1, 0, 0, 1],
            [1, -1, 0, 0, 0],  # haplotype 1 is like haplotype 0, where most carry REF
            [0, 0, 1, 1, 1],
        ],
        dtype=np.int16,
    )
    fill_gaps(alleles, np.array([2]), np.ones(4, dtype=bool))
    assert alleles[2].tolist() == [1, 1, 0, 0, 0]


def test_a_tie_gets_the_more_frequent_allele_and_records_that_are_not_trusted_do_not_count():
    alleles = np.array([[0, 1, 1, 0, 0], [-1, 1, 1, 1, 0]], dtype=np.int16)
    fill_gaps(alleles, np.array([1]), np.array([False, True]))
    assert alleles[1].tolist() == [1, 1, 1, 1, 0]
    alleles[1, 0] = -1
    fill_gaps(alleles, np.array([1]), np.array([True, True]))
    assert alleles[1].tolist() == [1, 1, 1, 1, 0]  # haplotypes 3 and 4 are alike, and disagree


def rows_of(panel, missing: np.ndarray) -> list[str]:
    pairs = panel.alleles[:].reshape(len(panel.sites), -1, 2)
    rows = []
    for pos, samples, gaps in zip(panel.sites.pos, pairs.tolist(), missing.tolist(), strict=True):
        texts = [".|." if gap else f"{a}|{b}" for (a, b), gap in zip(samples, gaps, strict=True)]
        rows.append(f"20 {pos} A G {' '.join(texts)}")
    return rows


def test_what_is_filled_in_is_mostly_right_and_the_rest_stays(tmp_path, caplog):
    caplog.set_level("INFO")
    panel = mosaic_panel()
    missing = np.random.default_rng(1).random((len(panel.sites), len(panel.samples))) < 0.01
    path = write_vcf(tmp_path / "p.vcf", panel.samples, rows_of(panel, missing))
    chosen = ChosenRecords(most_missing=0.1)
    found, dropped = read_records_of_panel(path, chosen, MAP)
    assert dropped.empty
    is_gap = np.repeat(missing, 2, axis=1)
    np.testing.assert_array_equal(found.alleles[:][~is_gap], panel.alleles[:][~is_gap])
    assert (found.alleles[:][is_gap] == panel.alleles[:][is_gap]).mean() > 0.9
    again, _ = read_records_of_panel(path, chosen, MAP)
    np.testing.assert_array_equal(again.alleles[:], found.alleles[:])
    counts = f"{missing.sum()}, in {missing.any(axis=1).sum()} records"
    assert f"missing genotypes are filled in by the panel itself: {counts}" in caplog.text


def test_records_beyond_the_share_are_dropped_and_listed(tmp_path):
    samples = [f"s{i}" for i in range(20)]
    rows = [f"20 {100 + n} A C {' '.join(['.|.'] * n + ['0|1'] * (20 - n))}" for n in range(4)]
    path = write_vcf(tmp_path / "p.vcf", samples, rows)
    for share, kept in ((0.0, [100]), (0.05, [100, 101]), (0.1, [100, 101, 102]), (1.0, [100, 101, 102, 103])):
        panel, dropped = read_records_of_panel(path, ChosenRecords(most_missing=share), MAP)
        assert panel.sites.pos.tolist() == kept
        assert dropped["reason"].tolist() == ["missing"] * (4 - len(kept))


def test_losing_a_tenth_of_the_records_is_said(tmp_path, caplog):
    rows = [f"20 {pos} A C {'.|.' if pos % 5 == 0 else '0|1'} 0|1" for pos in range(100, 120)]
    path = write_vcf(tmp_path / "p.vcf", ["a", "b"], rows)
    read_panel(path, None, MAP)
    assert "p.vcf: 4 of 20 biallelic records are dropped" in caplog.text
    caplog.clear()
    read_records_of_panel(path, ChosenRecords(most_missing=0.5), MAP)
    assert "dropped, as" not in caplog.text


def test_half_a_genotype_and_one_written_short_are_filled_in(tmp_path):
    samples = [f"s{i}" for i in range(20)]
    first = ["20 100 A C " + " ".join(["0|1"] * 20), "20 200 A C " + " ".join(["0|1"] * 20)]
    odd = {150: ".|1", 151: "0|.", 152: ".", 153: "./1", 154: "./."}
    others = " ".join(["0|1"] * 19)
    rows = [first[0], *(f"20 {pos} A C {genotype} {others}" for pos, genotype in odd.items()), first[1]]
    panel, dropped = read_panel(write_vcf(tmp_path / "p.vcf", samples, rows), None, MAP)
    assert dropped.empty
    assert (panel.alleles[:] == np.tile([0, 1], 20)).all()


def test_a_chromosome_is_filled_in_as_if_it_were_alone(tmp_path):
    panel = mosaic_panel()
    missing = np.random.default_rng(2).random((len(panel.sites), len(panel.samples))) < 0.01
    alone = rows_of(panel, missing)
    before = [row.replace("20 ", "19 ", 1) for row in rows_of(panel, np.zeros_like(missing))]
    header = HEADER.replace("##contig=<ID=20", "##contig=<ID=19>\n##contig=<ID=20")
    chosen = ChosenRecords(most_missing=0.1)
    together = write_vcf(tmp_path / "both.vcf", panel.samples, [*before, *alone], header)
    both, _ = read_records_of_panel(together, chosen, MAP)
    one, _ = read_records_of_panel(write_vcf(tmp_path / "one.vcf", panel.samples, alone), chosen, MAP)
    np.testing.assert_array_equal(both.alleles[len(panel.sites) : 2 * len(panel.sites)], one.alleles[:])
