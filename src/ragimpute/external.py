"""Running the programs that we compare with and phase by (Beagle, Minimac4): found, fed and failing clearly."""

import copy
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ragimpute.errors import InputError

logger = logging.getLogger(__name__)

PACKAGES = {
    "beagle": "beagle",
    "minimac4": "minimac4",
    "bcftools": "bcftools",
    "plink2": "plink2",
    "tabix": "tabix",
}  # the same names in Debian and bioconda
BEAGLE_JAR = "RAGIMPUTE_BEAGLE_JAR"  # environment variable: a jar of Beagle that no package has installed
BY_HAND = {
    "beagle": f"; or take the jar from Beagle's site, with Java, and name it: export {BEAGLE_JAR}=/path/to/beagle.jar",
    "minimac4": "; or put the program of a release of its repository on the PATH",
}
# the command that prints a program's version, and where that is in what it prints
SAYS_VERSION = {
    "bcftools": (["bcftools", "--version"], r"bcftools (?P<version>[\d.]+)"),
    "beagle": (["beagle"], r"beagle\.(?P<build>\w+\.\w+)\.jar \(version (?P<version>[\d.]+)\)"),
    "htslib": (["tabix", "--version"], r"htslib\) (?P<version>[\d.]+)"),
    "minimac4": (["minimac4", "--version"], r"v(?P<version>[\d.]+)"),
}
TAIL = 2000  # characters of a failed program's output that the error shows


def require_program(name: str) -> list[str]:
    """The first words of a program's command line. Raises InputError when it is not installed, naming the packages.

    Beagle is also a jar that BEAGLE_JAR names, which Java runs.
    """
    jar = os.environ.get(BEAGLE_JAR) if name == "beagle" else None
    if jar:
        if not Path(jar).is_file():
            raise InputError(f"{BEAGLE_JAR}={jar}: no such file; name a jar of Beagle 5, or unset the variable")
        java = shutil.which("java")
        if java is None:
            raise InputError(
                f"{BEAGLE_JAR}={jar}: java, which runs it, is not installed; install Debian's package (apt-get install "
                "default-jre-headless) or conda-forge's (conda install -c conda-forge openjdk)"
            )
        return [java, "-jar", os.path.abspath(jar)]
    program = shutil.which(name)
    if program is None:
        package = PACKAGES[name]
        raise InputError(
            f"{name} is not installed; install Debian's package (apt-get install {package}) or bioconda's "
            f"(conda install -c conda-forge -c bioconda {package}){BY_HAND.get(name, '')}"
        )
    return [program]


def run_program(
    name: str, arguments: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None, stdout: str | None = None
) -> None:
    """Run a program in `folder` (arguments name files relative to it, so that no path needs quoting).

    `extra` is added to its environment; `stdout` names a file in `folder` for its standard output. Raises InputError
    when it is not installed, naming the packages, or when it fails, with the end of what it wrote.
    """
    program = require_program(name)
    with open(folder / (stdout or "stdout"), "wb") as output, open(folder / "stderr", "wb") as errors:
        code = subprocess.run(
            [*program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **(extra or {})},
            check=False,
        ).returncode
    if code != 0:
        said = "" if stdout else _tail(folder / "stdout")
        said = "\n".join(part for part in (said, _tail(folder / "stderr")) if part)
        raise InputError(f"{name} failed (exit code {code}); the end of its output:\n{said}")


@contextmanager
def naming_files(names: Mapping[str, str]) -> Iterator[None]:
    """Make an InputError from within name the user's files instead of the temporary ones that a program was given.

    names: temporary file name -> what the user knows the content by.
    """
    try:
        yield
    except InputError as error:
        message = str(error)
        for temporary, known in names.items():
            message = re.sub(rf"(?<![\w.-]){re.escape(temporary)}", lambda _, known=known: known, message)  # type: ignore[misc]
        renamed = copy.copy(error)  # with what else it knows
        renamed.args = (message,)
        raise renamed from None


def program_version(name: str) -> str | None:
    """The version of a program of SAYS_VERSION, its build joined by `_`; None where it is not there or is silent."""
    command, pattern = SAYS_VERSION[name]
    program, *options = command
    try:
        started = require_program(program)
    except InputError:
        return None
    said = subprocess.run([*started, *options], text=True, capture_output=True, check=False)
    found = re.search(pattern, said.stdout + said.stderr)
    if found is None:
        return None
    version = found["version"]
    build = found.groupdict().get("build")
    if build:
        return f"{version}_{build}"
    return version


def java_memory(memory_mb: int) -> dict[str, str]:
    """The environment that limits Java's heap to nine tenths of `memory_mb`; the rest is Java's own overhead.

    _JAVA_OPTIONS wins over the command line: Debian's wrapper of Beagle takes no memory option, conda's sets 1 GB.
    """
    given = os.environ.get("_JAVA_OPTIONS", "")
    heap_mb = memory_mb * 9 // 10
    options = f"{given} -Xmx{heap_mb}m"
    return {"_JAVA_OPTIONS": options.strip()}


def _tail(path: Path) -> str:
    content = path.read_bytes()
    last = content[-TAIL:]
    text = last.decode(errors="replace")
    return text.strip()
