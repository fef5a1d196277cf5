"""The tiny study, which all end-to-end tests share: run in a copy of the checkout whose files tests may edit."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
COPIED = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src", "resources", "tests/studies")
TABLES = ("metrics", "comparisons", "summary")
COMPARED = (".gz", ".tsv", ".safetensors", ".svg")
PATIENCE = 900  # seconds without a finished job


@dataclass(frozen=True)
class Study:
    """A copy of the checkout and the folder in which it ran the tiny study."""

    checkout: Path
    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def program(self) -> list[str]:
        """What runs Snakemake on the copy."""
        return [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(self.checkout / "Snakefile")]

    def command(self, *words: str, config: str | None = None) -> list[str]:
        """The command line of snakemake in the copy's tiny study."""
        configfile = config or str(self.checkout / "tests" / "studies" / "tiny.yaml")
        return [*self.program, "--directory", str(self.folder), *words, "--configfile", configfile]

    def snakemake(
        self, *words: str, cwd: Path | None = None, config: str | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """Run that command, this interpreter's programs first on PATH, `environment` added; both streams in stdout."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.run(
            self.command(*words, config=config),
            cwd=cwd or self.checkout,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, **(environment or {})},
        )

    def would_run(self, *words: str) -> Counter:
        """How many jobs of each rule a dry run lists, `all` left out."""
        done = self.snakemake("--dry-run", *words)
        assert done.returncode == 0, done.stdout[-4000:]
        return Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE)) - Counter(["all"])

    def compared_files(self) -> dict[Path, bytes]:
        """The files that two runs are compared by, logs and times left out."""
        return {
            path.relative_to(self.results): path.read_bytes()
            for path in sorted(self.results.rglob("*.*"))
            if path.relative_to(self.results).parts[0] not in ("logs", "benchmarks") and path.suffix in COMPARED
        }

    @contextmanager
    def edited(self, path: Path, content: str | bytes) -> Iterator[None]:
        """`path` of the copy with `content` in it; afterwards as it was, times included."""
        before, stat = path.read_bytes(), path.stat()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            yield
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def copy_checkout(target: Path) -> None:
    """What the workflow needs of this checkout, compiled numba kernels included."""
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source, target / name)


def assert_equal_tables(one: Study, other: Study) -> None:
    """The same rows, the same text, and numbers equal to 1e-6."""
    for name in TABLES:
        left, right = (pd.read_csv(study.results / f"{name}.tsv", sep="\t") for study in (one, other))
        numeric = left.select_dtypes("number").columns
        pd.testing.assert_frame_equal(left.drop(columns=numeric), right.drop(columns=numeric))
        np.testing.assert_allclose(left[numeric], right[numeric], rtol=0, atol=1e-6, err_msg=name)


def assert_equal_files(one: Study, other: Study) -> None:
    """All compared files, byte for byte."""
    left, right = one.compared_files(), other.compared_files()
    assert len(left) > 40
    assert left.keys() == right.keys(), sorted(map(str, left.keys() ^ right.keys()))
    assert [str(name) for name in left if left[name] != right[name]] == []


def killed(study: Study, after_jobs: int, then_seconds: float, *words: str, config: str | None = None) -> bool:
    """Start the study and kill snakemake and all its jobs `then_seconds` after that many jobs; False: it had ended."""
    log = study.folder / "interrupted.log"
    with log.open("w") as stream:
        running = subprocess.Popen(
            study.command(*words, config=config),
            cwd=study.checkout,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    waited = time.monotonic()
    while running.poll() is None and len(re.findall(r"^Finished jobid", log.read_text(), re.MULTILINE)) < after_jobs:
        assert time.monotonic() - waited < PATIENCE, log.read_text()[-3000:]
        time.sleep(0.05)
    time.sleep(then_seconds)
    ended = running.poll() is not None
    if not ended:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return not ended
