"""Fixtures shared by tests."""

import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import outcomes
import two_chromosomes
from accounting import check_run
from built_wheel import build_wheel
from genome_files import write_genome
from mosaic import mosaic_panel
from ragimpute.panel.store import Panel
from tiny_study import ROOT, Study, copy_checkout


@pytest.fixture(autouse=True)
def keep_denormals() -> Iterator[None]:
    """Training flushes denormal floats to zero, for the whole process; other tests want IEEE arithmetic."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def own_log_level() -> Iterator[None]:
    """--quiet sets the package's level for the whole process; other tests read what is logged."""
    yield
    logging.getLogger("ragimpute").setLevel(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def accounting() -> Iterator[None]:
    """After each run of `impute` in this process its records are counted: used, or listed with a reason."""
    with pytest.MonkeyPatch.context() as patch:
        from ragimpute.imputation import impute

        impute_genome = impute.impute_genome

        def counted(request, restart=False):
            summary = impute_genome(request, restart)
            check_run(request, summary)
            return summary

        patch.setattr(impute, "impute_genome", counted)
        yield


SAID = "outcome"  # the property of a report


@pytest.fixture
def outcome(record_property) -> Callable[[str, str, str, int, str], None]:
    """Says what became of an input, for the table of outcomes: row, input, command, exit code and a sentence."""

    def say(row: str, of_input: str, command: str, exit_code: int, text: str) -> None:
        assert row in outcomes.ROWS
        record_property(SAID, (row, of_input, command, str(exit_code), outcomes.sentence(text)))

    return say


class OutcomeTable:
    """Collects what tests say of outcomes, also in other processes, and writes the table at the end."""

    def __init__(self) -> None:
        self.found: list[outcomes.Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.found += [tuple(value) for name, value in report.user_properties if name == SAID]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.found:
            return
        outcomes.write(self.found)
        config = session.config
        is_chosen = config.option.keyword or not (config.option.markexpr or "not").startswith("not")
        of_all = config.args_source == pytest.Config.ArgsSource.TESTPATHS and not is_chosen
        too_few = outcomes.rows_with_too_few(self.found) if of_all and not session.testsfailed else {}
        if too_few:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"\nrows of {outcomes.ARTEFACT} with fewer than {outcomes.FEWEST} inputs: {too_few}", file=sys.stderr)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist sends its reports to the main process
        config.pluginmanager.register(OutcomeTable())


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For networks with tiny tensors: more threads of torch only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_panel() -> Panel:
    """24 samples at 60 sites of chromosome 20; site 0 is a singleton that P001 carries."""
    return mosaic_panel()


@pytest.fixture(scope="session")
def tiny_typed(tiny_panel: Panel) -> np.ndarray:
    """[60] bool: every fifth site is typed."""
    return np.arange(len(tiny_panel.sites)) % 5 == 2


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Study:
    # names that a shell would cut up, if anything were not quoted
    base = tmp_path_factory.mktemp("tiny")
    study = Study(base / "a copy; it's", base / "a run & more")
    copy_checkout(study.checkout)
    study.folder.mkdir()
    done = study.snakemake()
    assert done.returncode == 0, done.stdout[-6000:]
    return study


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> two_chromosomes.World:
    """46 samples, of whom six are targets, on two chromosomes of 30 and 10 cM."""
    return two_chromosomes.written(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def plain(world: two_chromosomes.World) -> Path:
    """The world's phased targets imputed, everything by default."""
    return world.impute("plain.vcf.gz")


@pytest.fixture(scope="session")
def genome(tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The finished study of two autosomes and X; its configuration and its files lie beside its results."""
    folder = tmp_path_factory.mktemp("genome")
    write_genome(folder / "genome")
    shutil.copy2(ROOT / "tests" / "studies" / "genome.yaml", folder / "study.yaml")
    study = Study(tiny.checkout, folder)
    done = study.snakemake(config=str(folder / "study.yaml"))
    assert done.returncode == 0, done.stdout[-6000:]
    return study
