"""`ragimpute study`, and what commands say when an extra is not installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute, study
from ragimpute.errors import InputError
from ragimpute.evaluation.result_tables import SUMMARY_COLUMNS
from ragimpute.extras import OF_MODULE, missing
from ragimpute.study import workflow_files
from tiny_study import ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that were run, and ended well."""
    lines: list[list[str]] = []

    def run(command: list[str]) -> int:
        lines.append(command)
        return 0

    monkeypatch.setattr(study, "run_to_its_end", run)
    return lines


def test_words_after_two_dashes_are_snakemakes_own(started, tmp_path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("{}\n")
    words = ["study", str(config), "--cores", "3", "--directory", str(tmp_path), "--", "--dry-run", "--until", "train"]
    done = CliRunner().invoke(ragimpute, words, catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, "")
    expected = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "3", "--directory", str(tmp_path)]
    expected += ["--dry-run", "--until", "train", "--configfile", str(config)]
    assert started == [[sys.executable, "-P", "-m", "snakemake", *expected]]


def test_without_a_configuration_it_is_the_example(started) -> None:
    CliRunner().invoke(ragimpute, ["study", "--", "--unlock"], catch_exceptions=False)
    assert started[0][4:] == ["--snakefile", str(ROOT / "Snakefile"), "--cores", "all", "--unlock"]


def test_it_ends_with_the_summary_and_the_place_of_the_report(started, tmp_path) -> None:
    results = tmp_path / "mine" / "results"
    results.mkdir(parents=True)
    row = dict.fromkeys(SUMMARY_COLUMNS, "0.5") | {"panel": "p", "mask": "m", "method": "beagle", "selected": "false"}
    row |= {"architecture": "NA", "loss": "NA", "weights": "NA", "n_seeds": "1"}
    (results / "summary.tsv").write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    done = CliRunner().invoke(ragimpute, ["study", "--directory", str(tmp_path / "mine")], catch_exceptions=False)
    assert done.output.startswith("panel p, mask m\n")
    assert done.output.endswith(f"\nReport: {results / 'report.html'}\n")


def test_a_signal_is_passed_on_and_the_status_is_that_of_the_command() -> None:
    """The inner process ends by itself after SIGTERM, with a status of its own."""
    ends = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7))"
    command = [sys.executable, "-c", f"{ends}; print('ready', flush=True); time.sleep(60)"]
    outer = f"import sys; from ragimpute.cli.study import run_to_its_end; sys.exit(run_to_its_end({command!r}))"
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(30) == 7


def test_a_dry_run_really_starts(tmp_path) -> None:
    command = [sys.executable, "-P", "-m", "ragimpute", "study", str(ROOT / "tests" / "studies" / "tiny.yaml")]
    done = subprocess.run(
        [*command, "--cores", "1", "--directory", tmp_path, "--", "--dry-run"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule report:" in done.stdout + done.stderr


def test_without_snakemake_it_names_the_extra(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "snakemake" else found(name))
    with pytest.raises(InputError, match=r"pip install '\.\[study\]'"):
        CliRunner().invoke(ragimpute, ["study"], catch_exceptions=False)


def test_the_command_names_the_extra_of_a_module_that_is_not_there(tmp_path) -> None:
    """torch is hidden; `ragimpute diagnose-loss` needs it."""
    hide = "import sys; sys.modules['torch'] = None; from ragimpute.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hide, "diagnose-loss", "no_recon"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    expected = f"ragimpute: error: {missing('torch')}\n"
    assert done.stderr.endswith(expected), done.stderr


def test_modules_of_extras_are_those_of_the_metadata() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for module, extra in OF_MODULE.items():
        listed = text.split(f"\n{extra} = [")[1].split("]")[0]
        assert module.replace("vl_convert", "vl-convert-python") in listed
    advice = "in a checkout pip install '.[train]', else pip install 'WHEEL[train]'"
    assert (
        missing("torch.nn") == f"Python module torch.nn is not installed: {advice} with the path of the package's wheel"
    )
    assert missing("numpy") is None


def test_the_files_of_a_wheel_are_in_the_package_and_its_source_is_a_link(monkeypatch, tmp_path: Path) -> None:
    assert workflow_files.workflow_folder() == ROOT
    assert workflow_files.source_folder(tmp_path / "unused") == ROOT / "src"
    package = tmp_path / "site-packages" / "ragimpute"
    (package / "workflow_files").mkdir(parents=True)
    monkeypatch.setattr(workflow_files, "PACKAGE", package)
    monkeypatch.setattr(workflow_files, "OF_WHEEL", package / "workflow_files")
    assert workflow_files.workflow_folder() == package / "workflow_files"
    for _ in range(2):
        source = workflow_files.source_folder(tmp_path / "made")
        assert [path.name for path in source.iterdir()] == ["ragimpute"]
        assert (source / "ragimpute").resolve() == package
