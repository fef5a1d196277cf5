"""Live displays on a terminal: how far a long piece of work is. Elsewhere nothing is shown."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def terminal_bar(*columns: "ProgressColumn") -> "Progress | None":
    """A bar on standard error, not yet started, with `columns` (rich's own without any); None without a terminal."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console)


@contextmanager
def share_of_work(what: str) -> Iterator[Callable[[float], None]]:
    """Yield a function to be told the share of the work that is done."""
    bar = terminal_bar()
    if bar is None:
        yield lambda share: None
        return
    with bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)
