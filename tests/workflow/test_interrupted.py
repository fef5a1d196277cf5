"""SIGKILL at random moments: afterwards snakemake completes, and every compared file is that of an unbroken run."""

from pathlib import Path

import numpy as np
import pytest

from tiny_study import Study, assert_equal_files, killed

FEWEST_JOBS = 39  # the tiny study has some more, so that no run ends before it is killed

pytestmark = pytest.mark.xdist_group("workflow")


def interrupted(tiny: Study, folder: Path, kills: int, seed: int) -> None:
    """Kill and go on until there have been `kills`, spread over a run, then let it finish and compare."""
    study, generator = Study(tiny.checkout, folder), np.random.default_rng(seed)
    moments = generator.integers(FEWEST_JOBS // kills, size=kills).tolist()
    done = 0
    for after_jobs in moments[:-1]:
        done += killed(study, after_jobs, float(generator.uniform(0, 2)), "--nolock")
    done += killed(study, moments[-1], float(generator.uniform(0, 2)))  # its lock stays, as a user would find it
    assert done == kills, "each kill has met a run"
    assert study.snakemake("--unlock").returncode == 0
    last = study.snakemake()
    assert last.returncode == 0, last.stdout[-4000:]
    assert_equal_files(tiny, study)


@pytest.mark.slow
def test_three_kills_leave_the_results_as_they_would_have_been(tiny: Study, tmp_path: Path) -> None:
    interrupted(tiny, tmp_path, kills=3, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 9))
def test_many_kills_leave_the_results_as_they_would_have_been(tiny: Study, tmp_path: Path, seed: int) -> None:
    """Three in each of seven runs."""
    interrupted(tiny, tmp_path, kills=3, seed=seed)
