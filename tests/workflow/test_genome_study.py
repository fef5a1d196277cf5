"""A study of a panel with a file for each chromosome, X among them: what is of the genome, and what of a chromosome."""

import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ragimpute.imputation.predict import predict_targets
from ragimpute.panel.roles import read_roles
from ragimpute.panel.store import Panel
from tiny_study import Study, assert_equal_files, killed

CHROMOSOMES = ("1", "2", "X")
METHODS = {"beagle": 0, "frequency": 0, "copy_rag.cross_entropy": 1, "copy_rag.cross_entropy.pretrained": 1}

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.slow]


def table(study: Study, name: str) -> pd.DataFrame:
    return pd.read_csv(study.results / name, sep="\t", keep_default_na=False, dtype={"chrom": str})


def test_each_chromosome_has_a_vcf_and_the_genome_one_summary(genome: Study) -> None:
    for method, seed in METHODS.items():
        for chrom in CHROMOSOMES:
            assert (genome.results / "imputed" / "array" / method / f"seed{seed}" / f"chr{chrom}.vcf.gz").is_file()
    summary = table(genome, "summary.tsv")
    assert sorted(summary["method"]) == sorted(METHODS)


def test_tables_have_the_genome_and_each_chromosome(genome: Study) -> None:
    for name in ("metrics.tsv", "comparisons.tsv"):
        assert list(dict.fromkeys(table(genome, name)["chrom"])) == ["all", *CHROMOSOMES]
    metrics = table(genome, "metrics.tsv")
    chosen = metrics[(metrics["metric"] == "concordance") & (metrics["stratum"] == "overall")]
    sites = chosen[chosen["method"] == "beagle"].set_index("chrom")["n_sites"]
    assert sites["all"] == sites[list(CHROMOSOMES)].sum()


def test_the_whole_is_the_sum_of_its_parts(genome: Study) -> None:
    """Concordance of the genome is the mean over chromosomes, weighted by their genotypes."""
    metrics = table(genome, "metrics.tsv")
    chosen = metrics[(metrics["metric"] == "concordance") & (metrics["stratum"] == "rare") & (metrics["seed"] == 1)]
    rows = chosen[chosen["method"] == "copy_rag.cross_entropy"].set_index("chrom")
    parts = rows.loc[list(CHROMOSOMES)].astype({"value": float, "n_genotypes": float})
    expected = np.average(parts["value"], weights=parts["n_genotypes"])
    assert float(rows.loc["all", "value"]) == pytest.approx(expected, abs=2e-6)


def test_a_sample_has_one_role_and_the_training_set_holds_autosomes_alone(genome: Study) -> None:
    roles = read_roles(genome.results / "panels" / "genome" / "roles.tsv")
    assert (roles["role"] == "target").sum() == 6
    training = genome.results / "masks" / "array" / "training"
    chroms = set(Panel.load(training / "panel.safetensors").sites.chrom.tolist())
    assert chroms <= {"1", "2"}
    limited = read_roles(training / "roles.tsv")
    assert set(limited["sample"]) == set(roles["sample"])


def test_a_chromosomes_vcf_is_that_of_the_command(genome: Study, tmp_path: Path) -> None:
    results = genome.results
    out = tmp_path / "chr2.vcf.gz"
    predict_targets(
        results / "panels" / "genome" / "chr2" / "panel.safetensors",
        results / "panels" / "genome" / "roles.tsv",
        results / "masks" / "array" / "chr2" / "typed.tsv",
        results / "masks" / "array" / "chr2" / "phasings.safetensors",
        results / "models" / "array" / "copy_rag.cross_entropy" / "seed1.safetensors",
        out,
    )
    made = results / "imputed" / "array" / "copy_rag.cross_entropy" / "seed1" / "chr2.vcf.gz"
    assert out.read_bytes() == made.read_bytes()


def test_scattered_windows_are_gathered_to_the_same_bytes(genome: Study, tmp_path: Path) -> None:
    """X and an autosome anew in two jobs each, beside the finished rest."""
    study = Study(genome.checkout, tmp_path / "again")
    shutil.copytree(genome.folder, study.folder, symlinks=True)
    config = genome.folder / "scattered.yaml"
    config.write_text((genome.folder / "study.yaml").read_text() + "scatter: 2\n")
    folder = Path("results", "imputed", "array", "copy_rag.cross_entropy", "seed1")
    names = [str(folder / f"chr{chrom}.vcf.gz") for chrom in ("1", "X")]
    for name in names:
        (study.folder / name).unlink()
    done = study.snakemake(*names, config=str(config))
    assert done.returncode == 0, done.stdout[-4000:]
    jobs = Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))
    assert jobs == {"predict_windows": 4, "gather_windows": 2}
    for name in names:
        for suffix in ("", ".tbi"):
            file = f"{name}{suffix}"
            assert (study.folder / file).read_bytes() == (genome.folder / file).read_bytes()
    assert not list((study.folder / folder).glob("*.records"))


def test_nothing_is_left_to_do_and_no_segments_stay(genome: Study) -> None:
    done = genome.snakemake("--dry-run", config=str(genome.folder / "study.yaml"))
    assert "Nothing to be done" in done.stdout, done.stdout[-3000:]
    assert not list((genome.results / "segments").rglob("*.safetensors"))


def test_the_report_has_the_chromosomes(genome: Study) -> None:
    report = (genome.results / "report.html").read_text()
    assert all(f"chr{chrom}" in report or f">{chrom}<" in report for chrom in CHROMOSOMES)


@pytest.mark.long
def test_three_kills_leave_the_same_files(genome: Study, tmp_path: Path) -> None:
    study = Study(genome.checkout, tmp_path / "again")
    study.folder.mkdir()
    config = str(genome.folder / "study.yaml")
    for after_jobs, seconds in ((2, 1.0), (15, 0.3), (30, 1.5)):
        assert killed(study, after_jobs, seconds, "--nolock", config=config)
    done = study.snakemake("--nolock", config=config)
    assert done.returncode == 0, done.stdout[-4000:]
    assert_equal_files(genome, study)
