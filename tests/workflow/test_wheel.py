"""The wheel, installed into fresh environments outside of the checkout, does what the pages say of it."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from built_wheel import corner_by_checkout, files_of, impute_corner, run
from plink import CORNER
from tiny_study import ROOT, TABLES

LOCK = ROOT / "requirements.lock"
LIMIT_MB, LIMIT_OF_STUDY_MB = 450, 900
OF_EVERY_ENVIRONMENT = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}  # Python 3.11's venv brings these

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.slow, pytest.mark.ci]


def megabytes(environment: Path) -> float:
    """The size of what is installed, in 10^6 bytes, without what an empty environment has."""
    [packages] = environment.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and not path.is_symlink()]
    return (
        sum(path.stat().st_size for path in files if path.relative_to(packages).parts[0] not in OF_EVERY_ENVIRONMENT)
        / 1e6
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheel")


@pytest.fixture(scope="module")
def plain(place: Path, wheel: Path) -> Path:
    """bin/ of an environment with `pip install ragimpute`."""
    folder = place / "plain"
    run(sys.executable, "-m", "venv", folder, cwd=place)
    print(run(folder / "bin" / "pip", "install", "--quiet", "--constraint", LOCK, wheel, cwd=place))
    return folder / "bin"


@pytest.fixture(scope="module")
def example(place: Path, plain: Path) -> Path:
    """The example that comes with the wheel."""
    ask = "from ragimpute.study.workflow_files import workflow_folder; print(workflow_folder())"
    folder = Path(run(plain / "python", "-c", ask, cwd=place).strip())
    assert folder.is_relative_to(plain.parent)
    return folder / "resources" / "example"


def test_without_torch_the_example_is_checked_imputed_explained_and_scored(place, plain, example) -> None:
    run(plain / "python", "-c", "import torch", cwd=place, fails=True)
    command = plain / "ragimpute"
    run(command, "check", *files_of(example), "--region", CORNER, cwd=place)
    run(command, *impute_corner(example, "wheel.vcf.gz"), cwd=place)
    assert (place / "wheel.vcf.gz").read_bytes() == corner_by_checkout(place)
    said = run(command, "score", "--imputed", "wheel.vcf.gz", "--truth", example / "truth.vcf.gz", cwd=place)
    assert "r2" in said
    site = ["--sample", "NA06989", "--site", "20:1063642", "--n-phasings", 1]
    assert "neighbour" in run(command, "explain", *files_of(example), *site, cwd=place)
    size = megabytes(plain.parent)
    print(f"installed: {size:.0f} MB")
    assert size <= LIMIT_MB


def test_commands_that_lack_an_extra_name_it(place, plain, example) -> None:
    command = plain / "ragimpute"
    assert "pip install '.[study]'" in run(command, "study", cwd=place, fails=True)
    site = ["--sample", "NA06989", "--site", "20:1063642", "--n-phasings", 1, "--plot", "copied.svg"]
    assert "pip install '.[study]'" in run(command, "explain", *files_of(example), *site, cwd=place, fails=True)
    assert "pip install '.[train]'" in run(command, "diagnose-loss", "no_recon", cwd=place, fails=True)


def test_config_needs_no_checkout(place, plain, example) -> None:
    shown = yaml.safe_load(run(plain / "ragimpute", "config", cwd=place))
    assert shown["panels"]["example"]["reference"] == str(example / "reference.vcf.gz")


def test_pretrained_weights_and_other_programs_need_the_extra_study_alone(place, wheel, plain, example) -> None:
    run(plain / "pip", "install", "--quiet", "--constraint", LOCK, f"{wheel}[study]", cwd=place)
    size = megabytes(plain.parent)
    print(f"installed with [study]: {size:.0f} MB")
    assert size <= LIMIT_OF_STUDY_MB
    study = tiny(example)
    (place / "networks.yaml").write_text(yaml.safe_dump(study))
    said = run(plain / "ragimpute", "study", "networks.yaml", "--cores", 2, cwd=place, fails=True)
    assert "pip install '.[train]'" in said
    study["study"] = [
        {"mask": "tiny_omni", "architecture": "copy_rag", "loss": "cross_entropy", "weights": "pretrained"}
    ]
    (place / "pretrained.yaml").write_text(yaml.safe_dump(study))
    words = ["study", "pretrained.yaml", "--cores", 2, "--directory", "of_study", "--", "--quiet", "rules"]
    path = os.pathsep.join([str(plain), os.environ["PATH"]])
    run(plain / "ragimpute", *words, cwd=place, PATH=path)
    results = place / "of_study" / "results"
    assert (results / "report.html").stat().st_size > 100_000
    summary = pd.read_csv(results / "summary.tsv", sep="\t", index_col="method")
    assert {"li_stephens", "copy_rag.cross_entropy.pretrained"} <= set(summary.index)
    assert summary.loc["copy_rag.cross_entropy.pretrained", "r2_overall"] > 0.5


def test_with_torch_the_tiny_study_and_diagnose_loss_run_from_the_wheel(place, wheel, example) -> None:
    """torch and the rest are those of this environment; the package itself is the wheel's."""
    target = place / "target"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel, cwd=place)
    command = [sys.executable, "-P", "-m", "ragimpute"]
    (place / "tiny.yaml").write_text(yaml.safe_dump(tiny(example)))
    environment = {"PYTHONPATH": str(target)}
    words = ["study", "tiny.yaml", "--cores", 2, "--directory", "of_tiny", "--", "--quiet", "rules"]
    run(*command, *words, cwd=place, **environment)
    assert {f"{name}.tsv" for name in TABLES} <= {path.name for path in (place / "of_tiny" / "results").iterdir()}
    diagnose = ["diagnose-loss", "no_recon", "--configfile", "tiny.yaml", "--epochs", 1]
    assert "no_recon" in run(*command, *diagnose, cwd=place, **environment)


def tiny(example: Path) -> dict:
    """The tiny study, on the example of the wheel."""
    text = (ROOT / "tests" / "studies" / "tiny.yaml").read_text()
    return yaml.safe_load(text.replace("../../resources/example", str(example)))
