"""The command class of all verbs: what is wrong with the options is said before anything is read."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ragimpute.cli.options import FILE, GENOTYPES, OUT
from ragimpute.output_places import Named, check_outputs


class Verb(click.Command):
    """A command whose options may be given once, and whose outputs replace none of its inputs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does. Raises click.UsageError for an option given twice, InputError for unusable outputs."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        self._refuse_repeated(ctx, list(args))
        rest = super().parse_args(ctx, args)
        inputs = [*self._files(ctx, FILE), *self._files(ctx, GENOTYPES)]
        check_outputs(self._files(ctx, OUT), inputs)
        return rest

    def _refuse_repeated(self, ctx: click.Context, args: list[str]) -> None:
        parser = self.make_parser(ctx)
        _, _, order = parser.parse_args(args)
        for option, number in Counter(order).items():
            takes_one = isinstance(option, click.Option) and not (option.multiple or option.count or option.is_flag)
            if number > 1 and takes_one:
                name = option.opts[0]
                raise click.UsageError(f"{name} is given {number} times, and takes one value", ctx)

    def _files(self, ctx: click.Context, kind: click.Path) -> Iterator[Named]:
        """The files of the options whose type is `kind`, with the options' names."""
        for option in self.get_params(ctx):
            value: Any = ctx.params.get(option.name or "")
            if option.type is not kind or value is None:
                continue
            paths = value if isinstance(value, tuple) else [value]
            for path in paths:
                yield option.opts[0], Path(path)


def verb(name: str | None = None):
    """Decorator: a function becomes a `Verb`."""
    return click.command(name, cls=Verb)
