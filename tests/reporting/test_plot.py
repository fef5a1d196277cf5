import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from evaluation_data import write_study
from ragimpute.cli.reporting import plot_command
from ragimpute.reporting import FIGURES
from ragimpute.reporting.accuracy_figures import bin_label, bin_middle
from ragimpute.reporting.chart import SUFFIXES, nothing, save_figure
from ragimpute.reporting.study_tables import COLUMNS
from ragimpute.reporting.style import method_styles


def options(folder):
    """The options that name a study's tables."""
    names = [*COLUMNS, "painting"]
    return [part for name in names for part in (f"--{name.replace('_', '-')}", str(folder / f"{name}.tsv"))]


def drawn(folder, out):
    result = CliRunner().invoke(plot_command, [*options(folder), "--out-dir", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder)
    return folder


def test_a_calibrated_method_and_one_with_a_name_have_a_shape_of_their_own():
    ends = {"a": "a", "a.calibrated": "a", "fast": "a", "b": "b", "a.fine_tuned": "a", "a.fine_tuned.calibrated": "a"}
    rows = [
        (f"net.{end}", "net", loss, "fine_tuned" if "fine_tuned" in end else "scratch", False)
        for end, loss in ends.items()
    ]
    summary = pd.DataFrame(rows, columns=["method", "architecture", "loss", "weights", "selected"])
    styles = method_styles(summary)
    assert (
        len({(styles[f"net.{end}"].shape, styles[f"net.{end}"].dash) for end in ("a", "a.calibrated", "fast", "b")})
        == 4
    )
    for end in ("a", "a.calibrated"):  # weights change nothing
        assert styles[f"net.{end}"].shape == styles[f"net.{end.replace('a', 'a.fine_tuned', 1)}"].shape


def test_every_figure_is_drawn_and_the_same_bytes_twice(study, tmp_path):
    for out in ("a", "b"):
        drawn(study, tmp_path / out)
    for name in FIGURES:
        for suffix in SUFFIXES:
            one, other = (tmp_path / out / f"{name}.omni.{suffix}" for out in ("a", "b"))
            assert one.read_bytes() == other.read_bytes()
        spec = json.loads((tmp_path / "a" / f"{name}.omni.json").read_text())
        absent = ("populations", "chromosomes")  # the study has no populations, and its panel is one file
        assert spec["usermeta"]["empty"] == (name in absent)


def test_without_truth_the_figures_say_so(tmp_path):
    write_study(tmp_path, truth=False)
    drawn(tmp_path, tmp_path / "figures")
    assert "Nothing to show" in (tmp_path / "figures" / "r2_by_mac.omni.svg").read_text()
    assert len(list((tmp_path / "figures").glob("*.svg"))) == len(FIGURES)


def test_methods_far_behind_are_named_at_the_edge(study, tmp_path):
    drawn(study, tmp_path)
    spec = json.loads((tmp_path / "accuracy.omni.json").read_text())
    far = {row["method"] for row in spec["data"]["values"] if row["panel"] == "r², overall" and row["far"]}
    assert "frequency" in far
    assert "beagle" not in far


def test_a_figure_is_json_svg_or_png(tmp_path):
    with pytest.raises(ValueError, match=r"figure\.pdf: a figure is written as json, svg, png"):
        save_figure(nothing("title", "message"), tmp_path / "figure.pdf")


def test_bins_on_the_axis():
    assert bin_label("mac_3_5") == "3–5"
    assert bin_label("mac_201_plus") == "201+"
    assert bin_middle("mac_1", 300) == 1
    assert bin_middle("mac_201_plus", 300) == pytest.approx(np.sqrt(201 * 300))
    assert bin_middle("mac_201_plus", 100) == pytest.approx(201)  # a small panel never turns the bin around
