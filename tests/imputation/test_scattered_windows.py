"""The windows of a chromosome in several jobs: shares of them, and their records gathered to the same file."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mosaic import mosaic_panel
from ragimpute.cli import ragimpute
from ragimpute.imputation.predict import share_of_windows
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.store import Panel
from ragimpute.panel.windows import windows
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.targets.several_phasings import save_phasings
from tiny_cohort import write_cohort
from two_chromosomes import stretched

N_WINDOWS = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's files on a chromosome of 70 cM, which has four windows."""
    folder = tmp_path_factory.mktemp("long")
    panel = stretched(mosaic_panel(24, 400), "1", 70.0)
    typed = np.arange(400) % 5 == 2
    write_cohort(folder, panel, typed)
    phased = read_genotypes(folder / "phased.vcf.gz", panel.sites)
    save_phasings(folder / "phasings", folder / "phased.vcf.gz", [phased])
    assert len(list(windows(Panel.load(folder / "panel")))) == N_WINDOWS
    return folder


def call(*words: object) -> str:
    """What a command prints."""
    result = CliRunner().invoke(ragimpute, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def predict(files: Path, out: Path, *words: object) -> Path:
    study = ("--panel", files / "panel", "--roles", files / "roles.tsv", "--typed", files / "typed.tsv")
    inputs = ("--phasings", files / "phasings", "--model", DEFAULT, "--device", "cpu")
    call("predict", *study, *inputs, *words, "--out", out)
    return out


@pytest.mark.parametrize("n_parts", [2, 6])
def test_gathered_parts_are_the_bytes_of_one_job(files: Path, tmp_path: Path, n_parts: int) -> None:
    whole = predict(files, files / "whole.vcf.gz")
    pieces = []
    for number in range(1, n_parts + 1):
        part = f"{number}-of-{n_parts}"
        piece = predict(files, tmp_path / f"{part}.records", "--part", part)
        pieces += ["--records", piece]
    assert sum(piece.stat().st_size == 0 for piece in tmp_path.iterdir()) == max(0, n_parts - N_WINDOWS)
    gathered = tmp_path / "gathered.vcf.gz"
    call("gather-windows", "--panel", files / "panel", "--roles", files / "roles.tsv", *pieces, "--out", gathered)
    assert gathered.read_bytes() == whole.read_bytes()
    index = [path.with_name(f"{path.name}.tbi").read_bytes() for path in (gathered, whole)]
    assert index[0] == index[1]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 7])
def test_shares_are_whole_windows_and_hold_each_site_once(files: Path, total: int) -> None:
    panel = Panel.load(files / "panel")
    cuts = {window.first for window in windows(panel)} | {len(panel.sites)}
    shares = [share_of_windows(panel, number, total, WorkSize()) for number in range(1, total + 1)]
    assert shares[0].start == 0
    assert shares[-1].stop == len(panel.sites)
    assert all(one.stop == other.start for one, other in pairwise(shares))
    assert {share.start for share in shares} <= cuts


@pytest.mark.parametrize("part", ["0-of-2", "3-of-2", "1", "1-of-", "-1-of-2"])
def test_a_part_that_cannot_be_is_an_unusable_command_line(files: Path, part: str) -> None:
    words = ["predict", "--part", part]
    result = CliRunner().invoke(ragimpute, words)
    assert result.exit_code == 2
    assert "is not N-of-M" in result.output
