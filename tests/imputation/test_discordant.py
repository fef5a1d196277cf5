"""Typed sites whose genotypes are inverted: found by the other typed sites and by frequency, listed, and left out."""

import dataclasses
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mosaic import mosaic_panel
from ragimpute.cli import ragimpute
from ragimpute.imputation.discordant import find, frequency_contradicts, log_odds_inverted
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes

N_TARGETS, N_SITES = 8, 300


@dataclasses.dataclass
class Case:
    panel: object  # with the targets, its last samples
    typed: np.ndarray  # [T] sites
    alleles: np.ndarray  # [T, N, 2]
    inverted: np.ndarray  # [K] of the T typed sites, common ones


@pytest.fixture(scope="module")
def case() -> Case:
    panel = mosaic_panel(48, N_SITES, 6, seed=11)
    typed = np.arange(0, N_SITES, 3)
    pairs = panel.alleles[:].reshape(N_SITES, -1, 2).astype(np.int8)
    alleles = pairs[typed, -N_TARGETS:]
    frequency = panel.allele_frequency[typed]
    candidates = np.flatnonzero((np.abs(frequency - 0.5) > 0.15) & (np.abs(frequency - 0.5) < 0.4))
    inverted = candidates[3::9]
    alleles = alleles.copy()
    alleles[inverted] = 1 - alleles[inverted]
    return Case(panel, typed, alleles, inverted)


def test_the_odds_count_known_haplotypes_and_trust_no_single_one():
    dosages = np.array([[1.0, 0.0, 0.9, 0.5], [1.0, 0.0, 0.9, 0.5]])
    observed = np.array([[1, 0, 1, 1], [0, 1, -1, 0]])
    one = np.log(0.98 / 0.02)
    np.testing.assert_allclose(log_odds_inverted(dosages, observed), [-2 * one - np.log(9), 2 * one])


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [(0.8, 0.2, True), (0.2, 0.2, False), (0.4, 0.2, False), (0.95, 0.7, False), (0.5, 0.45, True), (0.1, 0.95, True)],
)
def test_a_frequency_near_one_half_does_not_tell(ours, theirs, expected):
    assert frequency_contradicts(ours, theirs) == expected


def test_inverted_sites_are_found_and_no_others(case, outcome):
    reference = case.panel.of_samples(case.panel.samples[:-N_TARGETS])
    phased = np.ones(case.alleles.shape[:2], dtype=bool)
    typed = TargetGenotypes(case.panel.samples[-N_TARGETS:], case.typed, case.alleles, phased, pd.DataFrame())
    found = find(reference, typed, threads=1)
    expected = case.panel.sites.pos[case.typed[case.inverted]]
    assert len(expected) >= 4
    assert found["pos"].tolist() == expected.tolist()
    outcome(
        "inverted sites", "0 <-> 1 at every ninth common typed site", "impute", 0, f"{len(found)} listed, no others"
    )
    assert (np.sign(found["target_frequency"] - 0.5) != np.sign(found["panel_frequency"] - 0.5)).all()


def test_check_names_them_with_both_frequencies_and_er2(case, tmp_path, outcome):
    """As `impute` lists them, as far as the windows reach that --expected-accuracy looks at: here all of the panel."""
    panel, names = case.panel, case.panel.samples
    pairs = panel.alleles[:].reshape(N_SITES, -1, 2).astype(np.int8)
    write_genotypes(tmp_path / "p.vcf.gz", panel.sites, panel.contigs, names[:-N_TARGETS], pairs[:, :-N_TARGETS], True)
    sites = panel.sites.take(case.typed)
    write_genotypes(tmp_path / "t.vcf.gz", sites, panel.contigs, names[-N_TARGETS:], case.alleles, True)
    files = ["--reference", tmp_path / "p.vcf.gz", "--targets", tmp_path / "t.vcf.gz", "--expected-accuracy"]
    done = CliRunner().invoke(ragimpute, ["check", *map(str, files), "--out", str(tmp_path / "qc"), "--json"])
    assert done.exit_code == 0
    [found] = [one for one in json.loads(done.stdout) if one["code"] == "inverted"]
    impute(reference=files[1], targets=files[3], out=tmp_path / "o.vcf.gz", model=DEFAULT, device="cpu")
    listed = pd.read_csv(tmp_path / "o.discordant.tsv", sep="\t", dtype={"chrom": str}).drop(columns="used")
    pd.testing.assert_frame_equal(pd.DataFrame(found["numbers"]["sites"]), listed, check_dtype=False, atol=1e-3)
    assert listed["pos"].tolist() == sites.pos[case.inverted].tolist()
    assert found["fix"] == "ragimpute impute --drop-discordant"
    rows = pd.read_csv(tmp_path / "qc.inverted.tsv", sep="\t")
    np.testing.assert_allclose(rows["er2"], listed["er2"], atol=1e-3)
    np.testing.assert_allclose(rows["frequency"], listed["target_frequency"], atol=1e-3)
    kept = subprocess.run(
        ["bcftools", "query", "-T", tmp_path / "qc.inverted.tsv", "-f", "%POS\n", tmp_path / "t.vcf.gz"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(map(int, kept.stdout.split())) == listed["pos"].tolist()
    outcome("inverted sites", "the same, --expected-accuracy", "check", 0, "named with both frequencies and ER2")


def test_they_are_listed_and_left_out_when_asked(case, tmp_path, outcome):
    panel, names = case.panel, case.panel.samples
    pairs = panel.alleles[:].reshape(N_SITES, -1, 2).astype(np.int8)
    write_genotypes(tmp_path / "p.vcf.gz", panel.sites, panel.contigs, names[:-N_TARGETS], pairs[:, :-N_TARGETS], True)
    sites = panel.sites.take(case.typed)
    write_genotypes(tmp_path / "t.vcf.gz", sites, panel.contigs, names[-N_TARGETS:], case.alleles, True)
    files = {"reference": tmp_path / "p.vcf.gz", "targets": tmp_path / "t.vcf.gz"}
    expected = sites.pos[case.inverted].tolist()
    r2 = {}
    for name, drop in (("used", False), ("left_out", True)):
        impute(**files, out=tmp_path / f"{name}.vcf.gz", model=DEFAULT, device="cpu", drop_discordant=drop)
        table = pd.read_csv(tmp_path / f"{name}.discordant.tsv", sep="\t")
        assert table["pos"].tolist() == expected
        assert set(table["used"]) == {not drop}
        assert ((table["er2"] > 0) & (table["er2"] <= 1)).all()
        found = read_imputed(tmp_path / f"{name}.vcf.gz", panel.sites)
        untyped = np.setdiff1d(np.arange(N_SITES), case.typed)
        truth = pairs[untyped, -N_TARGETS:].sum(axis=2)
        r2[name] = np.corrcoef(found.ds[untyped].ravel(), truth.ravel())[0, 1] ** 2
    assert r2["left_out"] > r2["used"]
    for option, done in (("by default", "listed with both frequencies and ER2"), ("--drop-discordant", "left out too")):
        outcome("inverted sites", f"the same in a file, {option}", "impute", 0, done)
    dropped = pd.read_csv(tmp_path / "left_out.dropped.tsv", sep="\t")
    assert dropped["pos"].tolist() == expected
    assert set(dropped["reason"]) == {"discordant with the reference: its genotypes look inverted"}
