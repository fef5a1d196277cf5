"""The workflow on two chromosomes whose targets have no truth: VCFs, the check, and estimates in place of accuracy."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mosaic import mosaic_panel
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from tiny_study import Study
from two_chromosomes import joined, stretched

TARGETS = 5
METHODS = ("copy_rag.cross_entropy", "copy_rag.cross_entropy.pretrained", "bert_rag.no_recon", "li_stephens", "beagle")

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.slow]


@pytest.fixture(scope="module")
def panel() -> Panel:
    first, second = mosaic_panel(35, 200, 8, seed=3), mosaic_panel(35, 120, 8, seed=4)
    return joined(stretched(first, "1", 4), stretched(second, "2", 3))


@pytest.fixture(scope="module")
def typed(panel: Panel) -> np.ndarray:
    return np.arange(len(panel.sites)) % 4 == 1


@pytest.fixture(scope="module")
def untold(tiny: Study, panel: Panel, typed: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("untold")
    alleles = panel.alleles[:].reshape(len(typed), -1, 2).astype(np.int8)
    samples = panel.samples[:-TARGETS], panel.samples[-TARGETS:]
    write_genotypes(folder / "panel.vcf.gz", panel.sites, panel.contigs, samples[0], alleles[:, :-TARGETS], True)
    sites = panel.sites.take(typed)
    write_genotypes(folder / "array.vcf.gz", sites, panel.contigs, samples[1], alleles[typed][:, -TARGETS:], True)
    row = {"mask": "array", "architecture": "copy_rag", "loss": "cross_entropy"}
    short = {"epochs": 1, "steps_per_epoch": 2, "batch_samples": 4, "evaluation_windows": 1}
    config = {
        "panels": {"mine": {"reference": "panel.vcf.gz", "targets": "array.vcf.gz"}},
        "masks": {"array": {"panel": "mine", "sites": "targets"}},
        "study": [row, row | {"weights": "pretrained"}, row | {"architecture": "bert_rag", "loss": "no_recon"}],
        "seeds": [1],
        "baselines": ["li_stephens", "beagle"],
        "training": {"copy_rag": short, "bert_rag": short},
        "device": "cpu",
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    study = Study(tiny.checkout, folder)
    done = study.snakemake(config=str(folder / "mine.yaml"))
    assert done.returncode == 0, done.stdout[-6000:]
    return study


def test_metrics_hold_the_two_estimates_only(untold: Study) -> None:
    metrics = pd.read_csv(untold.results / "metrics.tsv", sep="\t")
    assert set(metrics["metric"]) == {"r2_info", "r2_loo"}
    assert set(metrics["method"]) == set(METHODS)
    overall = metrics[metrics["stratum"] == "overall"].set_index(["metric", "method"])["value"]
    assert overall.between(0, 1).all()
    loo = overall["r2_loo"]
    is_pretrained = loo.index.str.endswith(".pretrained")  # in cM of the panel's rate (`retrieval.map_scale`)
    # networks compute it window by window, baselines chromosome by chromosome
    assert np.ptp(loo[~is_pretrained]) < 1e-4, "it tells of the data, not of the method"
    assert is_pretrained.sum() == 1
    summary = pd.read_csv(untold.results / "summary.tsv", sep="\t")
    assert summary["r2_overall"].isna().all()
    assert pd.read_csv(untold.results / "comparisons.tsv", sep="\t").empty


def test_the_report_shows_estimates_and_the_check(untold: Study) -> None:
    html = (untold.results / "report.html").read_text()
    assert "There is no truth to compare with" in html
    assert "each left out in turn" in html
    assert "Input check" in html


@pytest.mark.parametrize("method", METHODS)
def test_vcfs_span_both_chromosomes_and_carry_er2(untold: Study, panel: Panel, typed: np.ndarray, method: str) -> None:
    (path,) = (untold.results / "imputed" / "array" / method).glob("seed?.vcf.gz")
    found = read_imputed(path, panel.sites)
    assert not np.isnan(found.ds).any()
    truth = panel.alleles[:, -2 * TARGETS :]
    assert np.array_equal(found.ds[typed], truth[typed].reshape(-1, TARGETS, 2).sum(axis=2))
    assert np.array_equal(np.isfinite(found.er2), typed & (np.ptp(truth, axis=1) > 0))
    assert gzip.decompress(path.read_bytes()).count(b"\n2\t") == (panel.sites.chrom == "2").sum()


def test_copy_rag_takes_each_chromosome_by_itself(untold: Study, tmp_path: Path) -> None:
    """A study of chromosome 2 alone gives the records that the study of both has there."""
    config = yaml.safe_load((untold.folder / "mine.yaml").read_text())
    mine = {key: str(untold.folder / path) for key, path in config["panels"]["mine"].items()}
    config["panels"]["mine"] = mine | {"region": "2:1-80000000"}
    config["study"], config["baselines"] = config["study"][1:2], []
    (tmp_path / "alone.yaml").write_text(yaml.safe_dump(config))
    alone = Study(untold.checkout, tmp_path)
    name = Path("results", "imputed", "array", "copy_rag.cross_entropy.pretrained", "seed1.vcf.gz")
    done = alone.snakemake(str(name), config=str(tmp_path / "alone.yaml"))
    assert done.returncode == 0, done.stdout[-6000:]
    both, one = (gzip.decompress((study.folder / name).read_bytes()).splitlines() for study in (untold, alone))
    there = [[line for line in lines if line.startswith(b"2\t")] for lines in (both, one)]
    assert there[0] == there[1]
    assert there[0]
