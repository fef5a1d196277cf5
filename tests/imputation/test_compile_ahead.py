"""After `ragimpute compile` an imputation compiles nothing, whatever the size of the panel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "resources" / "example"


def run(cache: Path, *words: object) -> str:
    """Standard output and error of a verb whose compiled code lies in `cache`."""
    command = [sys.executable, "-m", "ragimpute", *map(str, words)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "NUMBA_DEBUG_CACHE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_first_imputation_compiles_nothing(tmp_path: Path) -> None:
    compiled = run(tmp_path / "cache", "compile")
    assert compiled.count("data saved") > 20
    inputs = ["--reference", EXAMPLE / "reference.vcf.gz", "--map", EXAMPLE / "genetic_map.plink.map"]
    region = ["--region", "20:2000000-2050000", "--out", tmp_path / "imputed.vcf.gz"]
    for targets in ("truth", "targets"):  # phased, and not
        told = run(tmp_path / "cache", "impute", *inputs, *region, "--targets", EXAMPLE / f"{targets}.vcf.gz")
        assert "data loaded" in told
        assert "data saved" not in told
