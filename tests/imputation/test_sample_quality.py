"""`--sample-quality`: how well each sample was imputed, without its truth."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ragimpute
from chr15 import MAP, split_chr15
from ragimpute.errors import InputError
from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import Genotypes, sample_sums
from ragimpute.evaluation.strata import STRATA, ReferenceCounts
from ragimpute.imputation import stretch_run
from ragimpute.imputation.sample_quality import ALL, COLUMNS, QualityTally, quality_table
from ragimpute.models.pretrained import DEFAULT
from ragimpute.targets.genotypes import read_truth
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import read_imputed
from tiny_study import ROOT
from two_chromosomes import World
from x_chromosome import x_world

OPTIONS = {"threads": 1, "model": DEFAULT, "device": "cpu", "n_phasings": 1}


def quality(world: World, folder: Path, name: str, targets: str = "phased.vcf.gz", **options) -> pd.DataFrame:
    path = folder / f"{name}.tsv"
    ragimpute.impute(
        reference=world.folder / "reference.vcf.gz",
        targets=world.folder / targets,
        out=folder / f"{name}.vcf.gz",
        sample_quality=path,
        **{**OPTIONS, **options},
    )
    return pd.read_csv(path, sep="\t", dtype={"chrom": str})


@pytest.fixture(scope="module")
def table(world, tmp_path_factory) -> pd.DataFrame:
    return quality(world, tmp_path_factory.mktemp("quality"), "whole")


def test_a_row_for_each_sample_and_chromosome(world, table):
    assert list(table.columns) == list(COLUMNS)
    assert table["chrom"].tolist() == ["20"] * 6 + ["21"] * 6 + [ALL] * 6
    assert table["sample"].tolist() == list(world.panel.samples[-6:]) * 3
    of_all = table[table["chrom"] == ALL]
    assert (of_all["typed"] == world.typed.sum()).all()
    assert (of_all["missing"] == 0).all()
    reference = world.panel.of_samples(world.panel.samples[:-6])
    assert (of_all["untyped"] == np.count_nonzero(reference.polymorphic & ~world.typed)).all()
    assert table["expected_r2"].between(0, 1).all()
    assert table["left_out_concordance"].between(0.5, 1).all()


def test_what_is_imputed_is_not_changed(world, plain, tmp_path):
    quality(world, tmp_path, "with", n_phasings=None)
    body = [
        subprocess.run(["bcftools", "view", "-H", path], capture_output=True).stdout
        for path in (plain, tmp_path / "with.vcf.gz")
    ]
    assert body[0] == body[1]


def test_batches_regions_windows_and_one_sample_give_the_same_numbers(world, table, tmp_path):
    names = list(world.panel.samples[-6:])
    (tmp_path / "two").write_text("\n".join(names[1:3]))
    (tmp_path / "one").write_text(names[4])
    two, one = (quality(world, tmp_path, name, keep_samples=tmp_path / name) for name in ("two", "one"))
    for part in (two, one):
        expected = table[table["sample"].isin(part["sample"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, expected, atol=1e-4)
    cut = quality(world, tmp_path, "cut", region=["20:1-15000000", "20:15000001-90000000", "21"])
    pd.testing.assert_frame_equal(cut, table, atol=1e-4)
    by_file = quality(world, tmp_path, "threads", threads=2)
    pd.testing.assert_frame_equal(by_file, table)


def test_a_stopped_run_gives_the_same_bytes(world, tmp_path, monkeypatch):
    quality(world, tmp_path, "whole", core_cm=8.0)
    written = stretch_run.write_piece

    class Stopped(Exception):
        pass

    made = []

    def stop(piece, *arguments, **options):
        if len(made) == 2:
            raise Stopped
        r2 = written(piece, *arguments, **options)
        made.append(piece)
        return r2

    monkeypatch.setattr(stretch_run, "write_piece", stop)
    with pytest.raises(Stopped):
        quality(world, tmp_path, "resumed", core_cm=8.0)
    assert not (tmp_path / "resumed.tsv").exists()
    monkeypatch.setattr(stretch_run, "write_piece", written)
    quality(world, tmp_path, "resumed", core_cm=8.0)
    assert (tmp_path / "resumed.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_missing_genotypes_are_counted_and_not_compared(world, tmp_path):
    found = quality(world, tmp_path, "missing", "unphased.vcf.gz")
    n_typed = np.count_nonzero(world.typed[:1500])
    of_sample = found[(found["sample"] == world.panel.samples[-4]) & (found["chrom"] == "20")].iloc[0]
    assert of_sample["typed"] == n_typed - 1
    assert of_sample["missing"] == pytest.approx(1 / n_typed, abs=1e-4)


def test_men_and_women_on_x(tmp_path):
    x = x_world(tmp_path, {})
    path = tmp_path / "quality.tsv"
    files = {"reference": tmp_path / "panel.vcf.gz", "targets": tmp_path / "targets.vcf.gz"}
    ragimpute.impute(**files, out=tmp_path / "imputed.vcf.gz", sample_quality=path, **OPTIONS)
    found = pd.read_csv(path, sep="\t")
    assert found["sample"].tolist() == list(x.names[-len(found) :])
    assert set(found["chrom"]) == {"X"}
    assert found["expected_r2"].between(0.3, 1).all()
    assert found["left_out_concordance"].between(0.5, 1).all()


def test_a_haploid_samples_variance_is_of_one_allele():
    """HDS 0, 1 and .5: a dosage of mean .5 and variance 1/6, and a mean variance of .25 / 3."""
    hds = np.array([0.0, 1.0, 0.5]).repeat(2).reshape(3, 1, 2).astype(np.float32)
    part = Imputed(("A",), hds, hds[..., 0], np.zeros(3, bool), left_out=np.zeros((0, 1), np.float32))
    part = dataclasses.replace(part, ploidy=np.ones(1, np.int8))
    tally = QualityTally(ReferenceCounts(np.full(3, 3), np.full(3, 10)), 1)
    list(tally.counted(iter([part])))
    [value] = quality_table(["A"], {"X": tally.sums})["expected_r2"]
    assert value == pytest.approx((1 / 6) / (1 / 6 + 0.25 / 3), abs=1e-4)


def part_of(dosages: np.ndarray, left_out: np.ndarray, typed: np.ndarray) -> Imputed:
    """One sample whose haplotypes have half the dosage each."""
    hds = np.repeat(dosages[:, None, None] / 2, 2, axis=2).astype(np.float32)
    both = (hds[..., 0] * hds[..., 1]).astype(np.float32)
    return Imputed(("A",), hds, both, typed, left_out=left_out[:, None].astype(np.float32))


def test_the_numbers_by_hand():
    """Untyped dosages 0, 1 and 2; 1 is two haplotypes of .5, with a variance of .5: r2 = (2/3) / (2/3 + .5/3) = .8."""
    typed = np.array([False, False, False, True, True, True, True])
    dosages = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 1.0])
    left_out = np.array([0.2, 0.9, 1.2, np.nan])
    counts = ReferenceCounts(np.full(7, 3), np.full(7, 10))
    tally = QualityTally(counts, 1)
    list(tally.counted(iter([part_of(dosages, left_out, typed)])))
    [row] = quality_table(["A"], {"20": tally.sums}).to_dict("records")
    assert row["expected_r2"] == pytest.approx(0.8, abs=1e-4)
    assert (row["typed"], row["missing"], row["untyped"]) == (3, 0.25, 3)
    assert row["left_out_concordance"] == pytest.approx(2 / 3, abs=1e-4)
    true = np.corrcoef([0.2, 0.9, 1.2], [0, 1, 2])[0, 1] ** 2
    assert row["left_out_r2"] == pytest.approx(true, abs=1e-4)
    flipped = QualityTally(ReferenceCounts(np.full(7, 7), np.full(7, 10)), 1)
    list(flipped.counted(iter([part_of(2 - dosages, 2 - left_out, typed)])))
    pd.testing.assert_frame_equal(quality_table(["A"], {"20": flipped.sums}), quality_table(["A"], {"20": tally.sums}))


def test_a_sample_without_the_chromosome_counts_nothing_there():
    """As a woman on Y."""
    part = part_of(np.array([0.0, 1.0, 2.0]), np.array([np.nan]), np.array([False, False, True]))
    part = dataclasses.replace(part, ploidy=np.zeros(1, np.int8))
    tally = QualityTally(ReferenceCounts(np.full(3, 3), np.full(3, 10)), 1)
    list(tally.counted(iter([part])))
    assert not tally.sums.any()


def test_sites_with_one_allele_in_the_reference_tell_nothing():
    typed = np.zeros(3, bool)
    tally = QualityTally(ReferenceCounts(np.array([0, 5, 10]), np.full(3, 10)), 1)
    list(tally.counted(iter([part_of(np.ones(3), np.zeros(0), typed)])))
    assert quality_table(["A"], {"20": tally.sums})["untyped"].tolist() == [1]


def test_it_may_not_replace_an_input(world, tmp_path):
    with pytest.raises(InputError, match="--sample-quality"):
        ragimpute.impute(
            reference=world.folder / "reference.vcf.gz",
            targets=world.folder / "phased.vcf.gz",
            out=tmp_path / "o.vcf.gz",
            sample_quality=world.folder / "phased.vcf.gz",
        )


def rank_correlation(imputed: Path, truth: Path, reference: Path, table: pd.DataFrame) -> float:
    """Of the expected r2 with the true r2 by sample, at untyped sites."""
    panel = ragimpute.read_panel(reference)
    samples = table["sample"].tolist()
    found = read_imputed(imputed, panel.sites, samples, complete=False)
    true = read_truth(truth, panel.sites, samples)
    counts = ReferenceCounts(panel.allele_count, np.full(len(panel.sites), panel.n_haplotypes))
    untyped = np.flatnonzero(~found.typed & np.isfinite(found.ds[:, 0]))
    genotypes = Genotypes(found.ds, found.hds, None, true).take(untyped)
    sums = sample_sums(genotypes, counts.take(untyped))
    of_samples = pd.Series(metrics.METRICS["r2"](sums)[:, STRATA.index("overall")])
    return float(of_samples.corr(table["expected_r2"].reset_index(drop=True), method="spearman"))


@pytest.mark.slow
def test_samples_of_the_example_are_ranked_as_their_truth_ranks_them(tmp_path):
    folder = ROOT / "resources/example"
    world = dataclasses.make_dataclass("Files", ["folder"])(folder)
    names = subprocess.run(
        ["bcftools", "query", "-l", folder / "targets.vcf.gz"], capture_output=True, text=True
    ).stdout
    (tmp_path / "some").write_text("\n".join(names.split()[::3]))
    table = quality(
        world,
        tmp_path,
        "example",
        "targets.vcf.gz",
        genetic_map=folder / "genetic_map.plink.map",
        keep_samples=tmp_path / "some",
        region="20:1500000-2500000",
        model=None,
    )
    found = rank_correlation(tmp_path / "example.vcf.gz", folder / "truth.vcf.gz", folder / "reference.vcf.gz", table)
    assert found >= 0.5


@pytest.mark.long
def test_samples_of_chr15_are_ranked_as_their_truth_ranks_them(tmp_path):
    split_chr15(tmp_path)
    world = dataclasses.make_dataclass("Files", ["folder"])(tmp_path)
    table = quality(
        world,
        tmp_path,
        "chr15",
        "targets.vcf.gz",
        genetic_map=MAP,
        model=None,
        n_phasings=None,
    )
    found = rank_correlation(tmp_path / "chr15.vcf.gz", tmp_path / "truth.vcf.gz", tmp_path / "reference.vcf.gz", table)
    assert found >= 0.5
