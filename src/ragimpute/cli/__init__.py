"""`ragimpute VERB`: each rule of the workflow is one of these commands and can be run by hand."""

import atexit
import errno
import gc
import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from ragimpute import __version__
from ragimpute.disk_space import FULL
from ragimpute.errors import InputError
from ragimpute.extras import missing

# torch and numba each bring an OpenMP, whose idle threads would spin on the cores that jobs beside this one need: two
# trainings on two cores took 60 s each instead of 19 s. It is read when they are first imported, which is after this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# of an OSError: what a user can mend, a full disk or a place where nothing may be written
NO_PLACE = {*FULL, errno.EACCES, errno.EPERM, errno.EROFS}

# verb -> module of this package that defines it; modules are imported when their verb is used, so that --help is quick
VERBS = {
    "impute": "imputation",
    "explain": "imputation",
    "study": "study",
    "config": "study",
    "check": "check",
    "read-panel": "panel",
    "assign-roles": "panel",
    "frequencies": "panel",
    "mask": "targets",
    "phase": "targets",
    "phase-validation": "targets",
    "retrieve": "retrieval",
    "paint": "retrieval",
    "training-set": "training",
    "train": "training",
    "diagnose-loss": "training",
    "merge-batches": "imputation",
    "predict": "imputation",
    "gather-windows": "imputation",
    "compile": "imputation",
    "tune-beagle": "baselines",
    "baseline": "baselines",
    "evaluate": "evaluation",
    "pool-chromosomes": "evaluation",
    "collect": "evaluation",
    "summarise": "evaluation",
    "loss-study": "evaluation",
    "score": "evaluation",
    "plot": "reporting",
    "report": "reporting",
    "provenance": "study",
}


class VerbGroup(click.Group):
    """The verbs, in the order of the workflow, each loaded on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"ragimpute.cli.{VERBS[cmd_name]}")
        verb = cmd_name.replace("-", "_")
        return getattr(module, f"{verb}_command")


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ragimpute")
def ragimpute() -> None:
    """Impute genotypes with a retrieval-augmented network.

    Verbs are listed in the order in which the workflow runs them. Exit codes: 0 done, 1 a problem with an input (the
    message names the file and the fix), 2 an unusable command line.
    """


def main() -> None:
    """Console entry point: what the user can mend becomes one line on standard error and exit code 1."""
    # What numba and pandas define when imported is no garbage. Going through it again and again, and once more at the
    # end, took .4 s of the 2 s that `impute` needs for a few samples.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as of nohup
        signal.signal(signal.SIGHUP, _stop)
    try:
        ragimpute.main(prog_name="ragimpute")
    except InputError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("ragimpute"):
            raise
        if (advice := missing(error.name)) is not None:
            _fail(advice)
        _fail(f"{sys.prefix} has no Python module {error.name}; run `make setup`, or add it to the file in envs/")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in NO_PLACE:
            raise
        _fail(str(error))


def _stop(number: int, frame: object) -> NoReturn:
    """End as a shell expects it of a signal, through all `with` blocks: programs end, temporary files go."""
    sys.exit(128 + number)


def _fail(message: str) -> NoReturn:
    click.echo(f"ragimpute: error: {message}", err=True)
    sys.exit(1)
