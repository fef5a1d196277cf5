"""--use-conda and the package's recipe on channels of this disk: solver, builder and environments are real."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from built_wheel import corner_by_checkout, impute_corner, run
from conda_channel.build import build_channels, conda_name
from plink import EXAMPLE
from tiny_study import ROOT, Study, assert_equal_tables

STAND_IN = ROOT / "tests" / "conda_channel" / "bin"
RECIPE = ROOT / "recipe" / "recipe.yaml"
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
NOT_SNAKEMAKES = (
    *("allel", "click", "cyvcf2", "matplotlib", "numba", "numpy", "pandas", "pysam", "rich", "safetensors", "scipy"),
    *("statsmodels", "torch"),
)

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.slow, pytest.mark.ci]


def recipe() -> dict:
    return yaml.safe_load(RECIPE.read_text())


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which Snakemake finds the stand-in for conda, and that the channels."""
    folder = tmp_path_factory.mktemp("conda")
    specs = [spec for path in ENVIRONMENTS for spec in yaml.safe_load(path.read_text())["dependencies"]]
    requirements = recipe()["requirements"]
    build_channels(folder / "channels", [*specs, *requirements["host"], *requirements["run"]])
    return {
        "PATH": os.pathsep.join([str(STAND_IN), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "CONDA_CHANNEL_ALIAS": (folder / "channels").as_uri(),
        "CONDA_PKGS_DIRS": str(folder / "packages"),
        "SNAKEMAKE_CONDA_PREFIX": str(folder / "environments"),
    }


def test_the_study_in_conda_environments_has_the_plain_runs_results(
    tiny: Study, conda: dict[str, str], tmp_path: Path
) -> None:
    study = Study(tiny.checkout, tmp_path)
    done = study.snakemake("--use-conda", environment=conda)
    assert done.returncode == 0, done.stdout[-4000:]
    used = set(re.findall(r"^Activating conda environment: (.+)$", done.stdout, re.MULTILINE))
    assert len(used) == len(ENVIRONMENTS)
    python = json.loads((study.results / "provenance.json").read_text())["python"]
    assert Path(python["prefix"]).parent == Path(conda["SNAKEMAKE_CONDA_PREFIX"])
    assert_equal_tables(tiny, study)
    for name, content in tiny.compared_files().items():
        if name.suffix == ".gz":
            assert content == (study.results / name).read_bytes(), name


@pytest.mark.parametrize(
    ("environment", "package", "target"),
    [
        ("ragimpute", "cyvcf2", "results/panels/tiny/panel.safetensors"),
        ("baselines", "pysam", "results/masks/tiny_omni/phased.vcf.gz"),
    ],
)
def test_an_environment_that_lacks_a_dependency_fails_and_says_which(
    tiny: Study, conda: dict[str, str], tmp_path: Path, environment: str, package: str, target: str
) -> None:
    path = tiny.checkout / "envs" / f"{environment}.yaml"
    with tiny.edited(path, re.sub(rf"^  - {package} .*\n", "", path.read_text(), flags=re.MULTILINE)):
        done = Study(tiny.checkout, tmp_path).snakemake(target, "--use-conda", environment=conda)
    assert done.returncode == 1
    message = rf"ragimpute: error: \S.* has no Python module {package}; .*envs/"
    assert re.search(message, done.stdout), done.stdout[-3000:]


def test_a_version_that_no_channel_has_ends_before_any_work(tiny: Study, conda: dict[str, str], tmp_path: Path) -> None:
    path = tiny.checkout / "envs" / "ragimpute.yaml"
    with tiny.edited(path, path.read_text().replace("numpy >=2.1", "numpy >=99")):
        done = Study(tiny.checkout, tmp_path).snakemake("--use-conda", environment=conda)
    assert done.returncode == 1
    assert "numpy >=99" in done.stdout
    assert not (tmp_path / "results").exists()


def test_snakemakes_own_interpreter_needs_none_of_the_packages_in_envs(conda: dict[str, str]) -> None:
    blocked = f"import sys; from snakemake.cli import main; sys.modules |= dict.fromkeys({NOT_SNAKEMAKES})"
    run = [sys.executable, "-c", f"{blocked}; main(['--dry-run', '--quiet', '--use-conda'])"]
    done = subprocess.run(run, cwd=ROOT, env={**os.environ, **conda}, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipe_asks_for_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert recipe()["context"]["version"] == project["version"]
    asked = [Requirement(text) for text in project["dependencies"]]
    specs = [f"{conda_name(needed.name)} {needed.specifier}".strip() for needed in asked]
    assert sorted(recipe()["requirements"]["run"]) == sorted([*specs, f"python {project['requires-python']}", "beagle"])


def test_the_conda_package_of_the_recipe_imputes_with_the_bytes_of_the_checkout(
    conda: dict[str, str], tmp_path: Path
) -> None:
    """The builder's own tests of the package, those of the recipe, run; then an environment holds nothing but it."""
    folder, alias = tmp_path / "channels" / "local", conda["CONDA_CHANNEL_ALIAS"]
    channels = [f"{alias}/{name}" for name in ("conda-forge", "bioconda")]
    build = [
        "import sys, pathlib",
        "from rattler_build import Package, Stage0Recipe",
        "recipe, folder, *channels = sys.argv[1:]",
        "[built] = Stage0Recipe.from_file(recipe).run_build(channels=channels, output_dir=folder)",
        "tests = Package.from_file(built.packages[0]).run_tests(channel=channels)",
        "print(*[line for test in tests for line in test.output], sep=chr(10))",
        "assert [test.success for test in tests] == [True, True]",
    ]
    print(run(sys.executable, "-c", "\n".join(build), RECIPE, folder, *channels, cwd=tmp_path))
    (tmp_path / "environment.yaml").write_text(
        yaml.safe_dump({"channels": [folder.as_uri(), *channels], "dependencies": ["ragimpute"]})
    )
    made = ["env", "create", "--file", "environment.yaml", "--prefix", "made"]
    run(STAND_IN / "conda", *made, cwd=tmp_path, **conda)

    path = os.pathsep.join([str(tmp_path / "made" / "bin"), os.defpath])
    words = impute_corner(EXAMPLE, "conda.vcf.gz")
    run(tmp_path / "made" / "bin" / "ragimpute", *words, cwd=tmp_path, PATH=path)
    assert (tmp_path / "conda.vcf.gz").read_bytes() == corner_by_checkout(tmp_path)
