import numpy as np
import pytest
from click.testing import CliRunner

from evaluation_data import write_study
from ragimpute.cli.reporting import plot
from ragimpute.reporting.figures import bin_label, bin_middle
from ragimpute.reporting.plot import FIGURES

TABLES = ("metrics", "summary", "comparisons", "loss_study", "claims")


def drawn(folder, out, history=()):
    arguments = [part for name in TABLES for part in (f"--{name.replace('_', '-')}", str(folder / f"{name}.tsv"))]
    for mask, method, path in history:
        arguments += ["--history", mask, method, str(path)]
    result = CliRunner().invoke(plot, [*arguments, "--out-dir", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, write_study(folder)["history"]


def test_every_figure_is_drawn_and_the_same_bytes_twice(study, tmp_path):
    folder, history = study
    for out in ("a", "b"):
        drawn(folder, tmp_path / out, history)
    for name in FIGURES:
        svg = (tmp_path / "a" / f"{name}.omni.svg").read_bytes()
        assert svg == (tmp_path / "b" / f"{name}.omni.svg").read_bytes()
        assert b"<dc:date>" not in svg
        assert (tmp_path / "a" / f"{name}.omni.png").stat().st_size > 5000


def test_without_truth_the_figures_say_so(tmp_path):
    history = write_study(tmp_path, truth=False)["history"]
    drawn(tmp_path, tmp_path / "figures", history)
    assert len(list((tmp_path / "figures").glob("*.svg"))) == len(FIGURES)


def test_bins_on_the_axis():
    assert bin_label("mac_3_5") == "3–5"
    assert bin_label("mac_201_plus") == "201+"
    assert bin_middle("mac_1", 300) == 1
    assert bin_middle("mac_201_plus", 300) == pytest.approx(np.sqrt(201 * 300))
    assert bin_middle("mac_201_plus", 100) == pytest.approx(201)  # a small panel never turns the bin around
