"""Paths in a configuration: the variable that may begin one, and what is said of a missing file."""

from pathlib import Path

import pytest

from ragimpute.study.configuration import ConfigError, load_configuration
from ragimpute.study.configuration_paths import resolve_paths

ROOT = Path(__file__).parents[2]
STUDIES = ("arrays", "chr15")


def sites(text: str, folder: Path) -> str:
    """What becomes of the path `text` under `sites`."""
    return resolve_paths({"masks": {"some": {"sites": text}}}, folder)["masks"]["some"]["sites"]


def test_a_variable_begins_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGIMPUTE_DATA", "/data")
    assert sites("${RAGIMPUTE_DATA}/a/list.txt", tmp_path) == "/data/a/list.txt"
    assert sites("${RAGIMPUTE_DATA:-other}/list.txt", tmp_path) == "/data/list.txt"
    monkeypatch.setenv("RAGIMPUTE_DATA", "here")
    monkeypatch.chdir(tmp_path)
    assert sites("${RAGIMPUTE_DATA}/list.txt", tmp_path / "config") == str(tmp_path / "here" / "list.txt")


@pytest.mark.parametrize("value", [None, ""])
def test_the_default_stands_for_a_variable_without_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("RAGIMPUTE_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("RAGIMPUTE_DATA", value)
    assert sites("${RAGIMPUTE_DATA:-../data}/list.txt", tmp_path / "config") == str(tmp_path / "data" / "list.txt")


def test_variables_that_have_no_value_or_are_not_known_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAGIMPUTE_DATA", raising=False)
    for begin, expected in (
        ("${RAGIMPUTE_DATA}", "the environment variable RAGIMPUTE_DATA is not set; docs/arrays.md lists the files"),
        ("${HOME}", r"no path can begin with \$\{HOME\}; known is \$\{RAGIMPUTE_DATA\}"),
    ):
        path = tmp_path / "mine.yaml"
        path.write_text(f'masks: {{some: {{panel: example, sites: "{begin}/list.txt"}}}}\n')
        with pytest.raises(ConfigError, match=expected) as caught:
            load_configuration(ROOT, [path])
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", STUDIES)
def test_a_missing_data_folder_is_an_error_that_names_the_variable_and_each_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGIMPUTE_DATA", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        load_configuration(ROOT, [ROOT / "config" / f"{name}.yaml"])
    assert len(caught.value.problems) == {"arrays": 5, "chr15": 6}[name]
    for problem in caught.value.problems:
        assert f"no such file {tmp_path}/" in problem
        assert "RAGIMPUTE_DATA is the folder that it is looked for in; docs/arrays.md lists" in problem


@pytest.mark.parametrize("name", STUDIES)
def test_the_studies_of_real_arrays_are_sound(name: str) -> None:
    path = ROOT / "config" / f"{name}.yaml"
    effective = load_configuration(ROOT, [path], check_files=False)
    missing = [mask["sites"] for mask in effective["masks"].values() if not Path(mask["sites"]).is_file()]
    if missing:
        pytest.skip(f"{missing[0]} is not there: set RAGIMPUTE_DATA (docs/arrays.md)")
    assert load_configuration(ROOT, [path]) == effective


def test_the_files_of_the_page_are_those_of_the_configurations() -> None:
    page = (ROOT / "docs" / "arrays.md").read_text(encoding="utf-8")
    for name in STUDIES:
        effective = load_configuration(ROOT, [ROOT / "config" / f"{name}.yaml"], check_files=False)
        for mask in effective["masks"].values():
            array = Path(mask["sites"]).name.removeprefix("array_").removesuffix(".txt").removesuffix(".chr15.b37")
            assert array in page
            assert Path(mask["sites"]).parent.name in page
