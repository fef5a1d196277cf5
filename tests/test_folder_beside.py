"""What a killed run leaves beside an output is removed by the next run that writes it, and nothing else is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragimpute import folder_beside
from ragimpute.artefacts import atomic_path

WRITES_FOR_EVER = """
import sys, time
from ragimpute.artefacts import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen]:
    """A process that is writing `path`; it is killed in the end."""
    with subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def write(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("whole")


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_what_a_killed_run_left_is_removed_by_the_next_that_writes_the_file(tmp_path: Path) -> None:
    with writer(tmp_path / "out.vcf.gz"):
        pass
    assert len(hidden(tmp_path)) == 1
    write(tmp_path / "out.vcf")
    write(tmp_path / "other.vcf.gz")
    assert len(hidden(tmp_path)) == 1
    write(tmp_path / "out.vcf.gz")
    assert hidden(tmp_path) == []
    assert (tmp_path / "out.vcf.gz").read_text() == "whole"


def test_a_run_that_fails_removes_nothing_of_others(tmp_path: Path) -> None:
    with writer(tmp_path / "out"):
        pass
    with pytest.raises(KeyError), atomic_path(tmp_path / "out"):
        raise KeyError
    assert len(hidden(tmp_path)) == 1


def test_what_a_living_run_writes_stays(tmp_path: Path) -> None:
    with writer(tmp_path / "out"):
        write(tmp_path / "out")
        [name] = hidden(tmp_path)
        assert (tmp_path / name / "out").read_text() == "half"
    with atomic_path(tmp_path / "out") as outer:
        outer.write_text("outer")
        write(tmp_path / "out")  # by the same process
        assert outer.read_text() == "outer"
    assert hidden(tmp_path) == []


def test_what_another_machine_writes_to_a_shared_disk_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer(tmp_path / "out"):
        pass
    monkeypatch.setattr(folder_beside.socket, "gethostname", lambda: "another")
    write(tmp_path / "out")
    assert len(hidden(tmp_path)) == 1


def test_names_that_only_look_alike_stay(tmp_path: Path) -> None:
    (tmp_path / ".out.notes").mkdir()
    (tmp_path / ".out").write_text("mine")
    write(tmp_path / "out")
    assert sorted(hidden(tmp_path)) == [".out", ".out.notes"]
