"""A full disk, a used-up limit and a missing temporary folder are one line, and nothing is left."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ragimpute.artefacts import atomic_path
from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.models.pretrained import DEFAULT
from two_chromosomes import World


def fill(folder: Path, number: int) -> None:
    """Write two megabytes to a file in `folder`, and fail with an error."""
    with atomic_path(folder / "out") as temporary:
        temporary.write_bytes(bytes(2_000_000))
        raise OSError(number, os.strerror(number))


def test_an_error_of_writing_names_the_folder_and_the_sizes(tmp_path, outcome):
    with pytest.raises(InputError, match=r"no space is left on its disk: 2\.0 MB were written there") as caught:
        fill(tmp_path, errno.ENOSPC)
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert list(tmp_path.iterdir()) == []
    outcome("a full disk", "no space is left", "impute", 1, str(caught.value))


def test_a_program_that_says_so_is_understood(tmp_path):
    with pytest.raises(InputError) as caught, temporary_folder("x", tmp_path):
        raise InputError(
            "beagle failed (exit code 1); the end of its output:\njava.io.IOException: No space left on device"
        )
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}: no space is left")


def test_the_outermost_temporary_folder_is_the_one_that_is_named(tmp_path, outcome):
    with pytest.raises(InputError) as caught, temporary_folder("x", tmp_path) as folder:
        fill(folder, errno.EDQUOT)
    assert str(caught.value).startswith(f"{tmp_path}: the quota of its disk is used up")
    outcome("a full disk", "the quota is used up", "impute", 1, str(caught.value))


def test_other_errors_pass(tmp_path):
    with pytest.raises(PermissionError), temporary_folder("x", tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(InputError, match=r"^something else$"), temporary_folder("x", tmp_path):
        raise InputError("something else")


def limited(world: World, out: Path, setup, **environment: str) -> subprocess.CompletedProcess:
    """`ragimpute impute` of the world in a process in which `setup` was called."""
    arguments = ["--reference", world.folder / "reference.vcf.gz", "--targets", world.folder / "phased.vcf.gz"]
    command = [sys.executable, "-m", "ragimpute", "impute", *arguments, "--model", DEFAULT, "--out", out]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, preexec_fn=setup, env=os.environ | environment
    )


@pytest.mark.parametrize("limit", [4_000, 40_000, 100_000])
def test_a_limit_on_the_size_of_files_is_one_line(world: World, tmp_path, limit, outcome):
    """The first is too small for the panel, the second for a window's records, the last for the joined file."""
    out = tmp_path / "o.vcf.gz"
    done = limited(world, out, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ragimpute: error: {tmp_path}")
    assert "the limit on the size of a file is reached (ulimit -f)" in last
    assert "Traceback" not in done.stderr
    left = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".") or path.suffix in (".gz", ".tbi")]
    assert left == []
    outcome("a full disk", f"ulimit -f of {limit} bytes", "impute", 1, last)


def test_no_temporary_folder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "absent")])
    words = r"no temporary file can be written: .*; name a folder by TMPDIR"
    with pytest.raises(InputError, match=words), temporary_folder("x"):
        pass
