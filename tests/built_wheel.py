"""The wheel of this checkout, built as a release is, and what tests run outside of the checkout with it."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from plink import CORNER, EXAMPLE
from tiny_study import ROOT

BUILT_FROM = (
    *("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"),
    *("requirements.lock", "Snakefile", "config.yaml", "workflow", "envs", "profiles", "src", "resources/example"),
    *("container", "recipe"),
)


def run(*words: object, cwd: Path, fails: bool = False, **environment: str) -> str:
    """What a command prints to both streams. The checkout is on no path of it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**inherited, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (done.returncode != 0) == fails, f"{words}\n{done.stdout[-6000:]}"
    return done.stdout


def build_wheel(place: Path) -> Path:
    """The wheel that pip builds, in `place`, of the source distribution, and this of a copy of the checkout's files."""
    source = place / "source"
    for name in BUILT_FROM:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(ROOT / name, target)
    build = "from setuptools import build_meta; print(build_meta.build_sdist('..'))"
    archive = place / run(sys.executable, "-c", build, cwd=source).split()[-1]
    with tarfile.open(archive) as content:
        assert [name for name in content.getnames() if name.endswith("/workflow/schemas/config.schema.yaml")]
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", archive, cwd=place)
    [built] = place.glob("*.whl")
    return built


def files_of(example: Path) -> list[object]:
    """The options that name the files of the example at `example`."""
    names = {"--reference": "reference.vcf.gz", "--targets": "targets.vcf.gz", "--map": "genetic_map.plink.map"}
    return [word for option, name in names.items() for word in (option, example / name)]


def impute_corner(example: Path, out: str | Path) -> list[object]:
    """The words after `ragimpute` that impute a corner of the example at `example`."""
    return ["impute", *files_of(example), "--region", CORNER, "--n-phasings", 1, "--out", out]


def corner_by_checkout(place: Path) -> bytes:
    """What this checkout writes for `impute_corner`; it runs in `place`."""
    words = impute_corner(EXAMPLE, "checkout.vcf.gz")
    run(sys.executable, "-m", "ragimpute", *words, cwd=place, PYTHONPATH=str(ROOT / "src"))
    return (place / "checkout.vcf.gz").read_bytes()
