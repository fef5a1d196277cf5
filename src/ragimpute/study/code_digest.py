"""Which definitions of this package a verb runs, and a digest of them, a parameter of the verb's rule.

Snakemake does not see edits under src/. So names are followed through the syntax trees: from the function of the verb
to every function, class and constant that it names (`name`, or `module.name`), and from these to all that they name.
Editing a figure's code thus redraws figures, and editing a loss trains again. What counts:

- of a class that is reached, all methods and base classes: names alone do not tell which method an object's is;
- of a module that is imported, the statements that run then, and functions whose decorator may register them
  (`@extra_term`); the same of the packages around it;
- defaults and types of the verb's options.

What does not count: docstrings, comments, annotations of functions, help texts, the texts in exceptions, `click.echo`
and log messages, imports, and what is not reached: options of other verbs, functions beside those that are used.

Where names do not tell what is reached, more counts. A module that is used as a value (`getattr(module, name)`), or
asked for a name that it does not define, counts whole. `importlib.import_module` makes the whole package count. An
attribute that is read from an object (`getattr(table, name)`) belongs to a class, which counts whole already.

It is a digest, because a hundred modules as inputs of each of hundreds of jobs kept Snakemake's scheduler busy, which
asks for the size of every input at every look: half a core in the loss study.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ragimpute.study.definitions import Definition, ParsedModule, parse_module

PACKAGE = "ragimpute"
ROOT = Path(__file__).parents[1]
# The dispatcher of the verbs, the version, and this digest say nothing about any result.
LEFT_OUT = frozenset({"ragimpute", "ragimpute.cli", "ragimpute.study.code_digest", "ragimpute.study.definitions"})
AT_IMPORT = "at import"


@cache
def digest(verb: str, cli_module: str, without: tuple[str, ...] = (), root: Path = ROOT) -> str:
    """SHA-256 of the definitions that `reached` finds, their names included; remembered by the process."""
    found = hashlib.sha256()
    definitions = reached(verb, cli_module, without, root)
    for name, definition in sorted(definitions.items()):
        entry = f"{name}\0{definition.text}\0"
        found.update(entry.encode())
    return found.hexdigest()


def reached(verb: str, cli_module: str, without: tuple[str, ...] = (), root: Path = ROOT) -> dict[str, Definition]:
    """The definitions that `verb`, a function of ragimpute.cli.`cli_module`, can reach, by `module:name`.

    `without` names modules that are not followed: those that the verb reaches and, called as it is, does not run.
    `root` is the folder of the package. Raises FileNotFoundError when there is no such module, and KeyError when it has
    no such function.
    """
    left_out = LEFT_OUT.union(without)
    search = _Search(root, left_out)
    return search.from_verb(verb, f"{PACKAGE}.cli.{cli_module}")


@cache
def of_other_architectures(architecture: str, root: Path = ROOT) -> tuple[str, ...]:
    """Modules of `ragimpute.models` that belong to architectures other than `architecture`.

    Each architecture has a folder of its name.
    """
    others = [path for path in (root / "models").glob("*_rag") if path.name != architecture]
    names = []
    for folder in others:
        for path in folder.glob("*.py"):
            name = f"{PACKAGE}.models.{folder.name}.{path.stem}"
            names.append(name.removesuffix(".__init__"))
    return tuple(sorted(names))


class _Search:
    """Follows names from definition to definition through the modules under `root`."""

    def __init__(self, root: Path, left_out: frozenset[str]) -> None:
        self._root = root
        self._left_out = left_out
        self._modules: dict[str, ParsedModule | None] = {}
        self._found: dict[str, Definition] = {}
        self._begun: set[str] = set()
        self._queue: list[tuple[str, Definition]] = []

    def from_verb(self, verb: str, start: str) -> dict[str, Definition]:
        """All that the verb's function in the module `start` reaches."""
        module = self._module(start)
        if module is None:
            raise FileNotFoundError(f"no module {start} in {self._root}")
        name = f"{verb.replace('-', '_')}_command"
        function = module.definitions[name]
        self._add(start, name, function)
        while self._queue:
            where, definition = self._queue.pop()
            self._follow(where, definition)
        return self._found

    def _path(self, name: str) -> Path:
        _, *parts = name.split(".")
        path = self._root.joinpath(*parts)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def _module(self, name: str) -> ParsedModule | None:
        """The module called `name`, None when there is none in this package or it is left out."""
        if name not in self._modules:
            self._modules[name] = self._parsed(name)
        return self._modules[name]

    def _parsed(self, name: str) -> ParsedModule | None:
        path = self._path(name)
        is_ours = name.split(".")[0] == PACKAGE
        if not is_ours or name in self._left_out or not path.is_file():
            return None
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        text = path.read_text(encoding="utf-8")
        return parse_module(text, f"{package}.")

    def _add(self, module: str, name: str, definition: Definition) -> None:
        key = f"{module}:{name}"
        if key in self._found:
            return
        self._found[key] = definition
        self._queue.append((module, definition))
        self._begin(module)

    def _begin(self, name: str) -> None:
        """Add what runs when the module `name` is imported."""
        if name in self._begun or not name:
            return
        self._begun.add(name)
        package, _, _ = name.rpartition(".")
        self._begin(package)
        module = self._module(name)
        if module is None:
            return
        for i, definition in enumerate(module.at_import):
            self._add(name, f"{AT_IMPORT} {i}", definition)
        for source in module.runs:
            self._begin_imported(source)

    def _begin_imported(self, source: tuple[str, str]) -> None:
        """Add what runs when an import is carried out."""
        name, attribute = source
        if name.split(".")[0] == PACKAGE:
            self._begin(name)
            if attribute:
                self._begin(f"{name}.{attribute}")

    def _add_whole(self, name: str) -> None:
        """Add all definitions of the module `name`."""
        module = self._module(name)
        if module is not None:
            for defined, definition in module.definitions.items():
                self._add(name, defined, definition)

    def _follow(self, where: str, definition: Definition) -> None:
        """Add what a definition of the module `where` names."""
        if definition.imports_by_text:
            for name in self._all_modules():
                self._add_whole(name)
        for source in definition.runs:
            self._begin_imported(source)
        for path in definition.names:
            first, *rest = path
            if first in definition.imports:
                source = definition.imports[first]
                self._add_imported(source, tuple(rest))
            else:
                self._add_named(where, path)

    def _add_named(self, where: str, path: tuple[str, ...]) -> None:
        """Add what `path` means at the top level of the module `where`: nothing for a local or a built-in name."""
        module = self._module(where)
        if module is None:
            return
        first, *rest = path
        if first in module.definitions:
            definition = module.definitions[first]
            self._add(where, first, definition)
        elif first in module.imports:
            source = module.imports[first]
            self._add_imported(source, tuple(rest))

    def _add_imported(self, source: tuple[str, str], rest: tuple[str, ...]) -> None:
        """Add what is meant by `rest`, attribute by attribute, of an imported module or of a name in it."""
        name, attribute = source
        if name.split(".")[0] != PACKAGE:
            return
        path = (attribute, *rest) if attribute else rest
        # Names of submodules come first: `from ragimpute import artefacts`, `models.pretrained.FOLDER`.
        while path and self._path(f"{name}.{path[0]}").is_file():
            name, path = f"{name}.{path[0]}", path[1:]
        module = self._module(name)
        if module is None:
            return
        if path and (path[0] in module.definitions or path[0] in module.imports):
            self._add_named(name, path)
            self._begin(name)
        else:
            self._add_whole(name)

    def _all_modules(self) -> Iterator[str]:
        for path in sorted(self._root.rglob("*.py")):
            parts = path.relative_to(self._root).with_suffix("").parts
            name = ".".join([PACKAGE, *parts])
            yield name.removesuffix(".__init__")
