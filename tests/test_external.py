"""Other people's programs: found on PATH, or named by a variable, and what is said where they are missing."""

import os
import shutil
from pathlib import Path

import pytest

from ragimpute.errors import InputError
from ragimpute.external import BEAGLE_JAR, program_version, require_program, run_program

JAR = Path("/usr/share/beagle/beagle.jar")  # of Debian's package


@pytest.mark.parametrize(
    ("program", "by_hand"),
    [("beagle", f"export {BEAGLE_JAR}="), ("minimac4", "release"), ("plink2", "bioconda")],
)
def test_a_missing_program_is_asked_for_by_debian_by_conda_and_by_hand(monkeypatch, program, by_hand) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError) as raised:
        require_program(program)
    message = str(raised.value)
    assert f"{program} is not installed; install Debian's package (apt-get install {program})" in message
    assert f"(conda install -c conda-forge -c bioconda {program})" in message
    assert by_hand in message
    assert "\n" not in message
    assert program_version(program if program != "plink2" else "htslib") is None


@pytest.mark.skipif("CI" not in os.environ and not JAR.exists(), reason="Debian's package of Beagle is not installed")
def test_a_jar_that_the_variable_names_is_run_by_java(monkeypatch, tmp_path) -> None:
    expected = program_version("beagle")
    (tmp_path / "java").symlink_to(str(shutil.which("java")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_version("beagle") is None
    monkeypatch.setenv(BEAGLE_JAR, str(JAR.resolve()))
    assert program_version("beagle") == expected
    with pytest.raises(InputError, match=r"beagle failed .exit code 1."):
        run_program("beagle", ["gt=nothing.vcf.gz", "out=phased"], tmp_path)


def test_a_jar_that_is_not_there_and_java_that_is_not_there_are_errors(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(BEAGLE_JAR, str(tmp_path / "beagle.jar"))
    with pytest.raises(InputError, match=r"beagle\.jar: no such file; name a jar of Beagle 5"):
        require_program("beagle")
    (tmp_path / "beagle.jar").touch()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="java, which runs it, is not installed"):
        require_program("beagle")
