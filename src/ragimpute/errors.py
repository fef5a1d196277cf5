"""The one exception that means "the user can mend this", and the wording of its message."""

import difflib
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
R = TypeVar("R")


class InputError(Exception):
    """An input is wrong; the message names the file, the line or site, and the fix.

    The CLI prints it without a traceback and exits with 1. Anything else that escapes is a defect of ours.
    """


class NothingUsed(InputError):
    """No record of a file is used, or of the part of it that is to be read."""

    def __init__(self, message: str, dropped: "pd.DataFrame | None" = None) -> None:
        """`dropped`: its records, with the reasons, if there are any."""
        super().__init__(message)
        self.dropped = dropped


class NoTypedSites(NothingUsed):
    """The targets have no genotype at any site of a panel."""


class NoUsableSite(NothingUsed):
    """A panel, or the part of it that is to be read, has no site that can be used."""


class UnusableChromosome(InputError):
    """A sex chromosome cannot be imputed from these files; the others can."""


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean X?` when one of `known` is close to `word`, else the list of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known) or 'none'}"


def suggest_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, whose TypeError for an unknown keyword names the one that was probably meant, or all of them."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*arguments: P.args, **keywords: P.kwargs) -> R:
        for word in keywords:
            if word not in known:
                raise TypeError(f"{function.__name__}() has no option {word!r}{suggestion(word, known)}")
        return function(*arguments, **keywords)

    return checked
