"""profiles/slurm on a real SLURM cluster of this machine: the tiny study, and jobs that the cluster ends."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tiny_study import ROOT, Study, assert_equal_tables

ONE_NODE = Path("profiles", "slurm", "one_node.sh")
MODEL = "results/models/tiny_omni/bert_rag.no_recon/seed1.safetensors"
EPOCHS, STEPS = 12, 4  # of the training that is ended twice, each time after at most four epochs
PATIENCE = 300  # seconds that anything is waited for

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.slow, pytest.mark.ci]


class OnSlurm(Study):
    """A study whose jobs go to the cluster, started as docs/slurm.md has it."""

    @property
    def program(self) -> list[str]:
        return [str(self.checkout / ONE_NODE), "run"]


def squeue(columns: str, *options: str) -> list[list[str]]:
    """These columns of the jobs that `options` choose, in the order of their submission."""
    command = ["squeue", "--noheader", "--sort=i", f"--format={columns}", *options]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def jobs_of(run: subprocess.CompletedProcess, columns: str) -> list[list[str]]:
    """These columns of all jobs that a run of Snakemake submitted."""
    (name,) = re.findall(r"^SLURM run ID: (\S+)$", run.stdout, re.MULTILINE)
    return squeue(columns, "--states=all", f"--name={name}")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    started = subprocess.run([ROOT / ONE_NODE, "start"], text=True, capture_output=True, check=False)
    if started.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(started.stderr)
    yield
    subprocess.run([ROOT / ONE_NODE, "stop"], check=True)


def test_the_study_on_slurm_has_the_plain_runs_results(tiny: Study, tmp_path: Path) -> None:
    study = OnSlurm(tiny.checkout, tmp_path)
    done = study.snakemake()
    assert done.returncode == 0, done.stdout[-4000:]
    assert_equal_tables(tiny, study)
    jobs = jobs_of(done, "%T %P %k")
    assert {state for state, *_ in jobs} == {"COMPLETED"}
    partitions = [partition for _, partition, name in jobs if re.match("rule_(train|predict)_", name)]
    assert partitions == ["gpu"] * 6
    assert {partition for _, partition, name in jobs} == {"gpu", "main"}
    assert len([name for *_, name in jobs if name.startswith("rule_evaluate_")]) == 1  # seven, in one submission


def test_a_genome_on_slurm_has_the_plain_runs_results(genome: Study, tmp_path: Path) -> None:
    study = OnSlurm(genome.checkout, tmp_path)
    done = study.snakemake(config=str(genome.folder / "study.yaml"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert_equal_tables(genome, study)
    assert {state for (state,) in jobs_of(done, "%T")} == {"COMPLETED"}


@pytest.fixture(scope="module")
def unbroken(tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A longer training than the tiny study's, on this machine and not disturbed; its neighbours are kept."""
    study = Study(tiny.checkout, tmp_path_factory.mktemp("unbroken"))
    content = yaml.safe_load((study.checkout / "tests" / "studies" / "tiny.yaml").read_text())
    content["training"]["bert_rag"] |= {"epochs": EPOCHS, "steps_per_epoch": STEPS}
    content["keep"] = {"segments": True}
    longer(study).write_text(yaml.safe_dump(content))
    done = study.snakemake(MODEL, config=str(longer(study)))
    assert done.returncode == 0, done.stdout[-4000:]
    return study


def longer(study: Study) -> Path:
    return study.checkout / "tests" / "studies" / "longer.yaml"


def train_on_slurm(unbroken: Study, folder: Path) -> list[list[str]]:
    """The same training on the cluster, to the same weights; state and memory in MB of its jobs."""
    study = OnSlurm(unbroken.checkout, folder)
    shutil.copytree(unbroken.folder, folder, dirs_exist_ok=True)
    (folder / MODEL).unlink()
    done = study.snakemake(MODEL, config=str(longer(study)))
    assert done.returncode == 0, done.stdout[-4000:]
    assert (folder / MODEL).read_bytes() == (unbroken.folder / MODEL).read_bytes()
    return jobs_of(done, "%T %m")


def wait_for(condition: Callable[[], Any]) -> Any:
    """What `condition` returns, as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.05)
    return found


def end_half_way(checkpoint: Path, epochs: int, share: float, end: Callable[[str], None]) -> None:
    """`end` the job that trains after `epochs` epochs and a `share` of the next."""

    def running() -> list[list[str]]:
        return squeue("%i", "--states=running", "--partition=gpu")

    def saved() -> int:
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    ((job,),) = wait_for(running)
    times = [saved()]
    while len(times) <= epochs:
        times.append(wait_for(lambda: saved() if saved() != times[-1] else 0))
    time.sleep(share * (times[-1] - times[-2]) / 1e9 if times[-2] else 0)
    end(job)
    wait_for(lambda: not running())


def cancel(job: str) -> None:
    subprocess.run(["scancel", job], check=True)


def kill(job: str) -> None:
    """SIGKILL for the process that trains; scancel would send a SIGTERM first, and wait."""
    listed = subprocess.run(["scontrol", "listpids", job], text=True, capture_output=True, check=True).stdout
    for pid in [line.split()[0] for line in listed.splitlines()[1:]]:
        if b"train" in Path("/proc", pid, "cmdline").read_bytes().split(b"\0"):
            os.kill(int(pid), signal.SIGKILL)


def test_a_training_cancelled_and_then_killed_ends_with_the_weights_of_an_unbroken_one(
    unbroken: Study, tmp_path: Path
) -> None:
    generator = np.random.default_rng(5)
    with ThreadPoolExecutor() as pool:
        training = pool.submit(train_on_slurm, unbroken, tmp_path)
        for end in (cancel, kill):
            epochs, share = int(generator.integers(2, 4)), float(generator.random())
            end_half_way((tmp_path / MODEL).with_suffix(".checkpoint"), epochs, share, end)
        jobs = training.result()
    assert [state for state, _ in jobs] == ["CANCELLED", "FAILED", "COMPLETED"]
    log = (tmp_path / MODEL.replace("models", "logs/train")).with_suffix(".log").read_text()
    (step,) = re.findall(r"resumed from .* after step (\d+)", log)
    assert 0 < int(step) < EPOCHS * STEPS
    assert int(step) % STEPS == 0  # what was lost when it was killed


def test_a_job_killed_for_memory_is_tried_again_with_more(unbroken: Study, tmp_path: Path) -> None:
    rules = unbroken.checkout / "workflow" / "rules" / "training.smk"
    with unbroken.edited(rules, rules.read_text().replace("grow_with_input(2000, for_each_mb=2)", "grow(300)")):
        jobs = train_on_slurm(unbroken, tmp_path)
    assert [memory for _, memory in jobs] == [f"{300 * 2**attempt}M" for attempt in range(len(jobs))]
    assert [state for state, _ in jobs] == ["FAILED"] * (len(jobs) - 1) + ["COMPLETED"]
    logs = [path.read_text() for path in (tmp_path / ".snakemake" / "slurm_logs").rglob("*.log")]
    assert len(logs) == len(jobs) - 1 > 0
    assert all("exceeded memory limit" in log for log in logs)
