"""The one exception that means "the user can mend this", and the wording of its message."""

import difflib
from collections.abc import Sequence


class InputError(Exception):
    """An input is wrong; the message names the file, the line or site, and the fix.

    The CLI prints it without a traceback and exits with 1. Anything else that escapes is a defect of ours.
    """


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean X?` when one of `known` is close to `word`, else the list of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known) or 'none'}"
