"""Which modules of this package a verb runs, and a digest of them for the workflow to have as a parameter of its rules.

Snakemake does not see edits under src/. Imports are followed in the source text: those at the top of the verb's module
and inside the verb's own function, then all imports of every module reached. Editing a figure's code thus redraws
figures, and editing a loss trains again. (As inputs, a hundred modules of each of hundreds of jobs kept Snakemake's
scheduler busy, which asks for the size of every input at every look: half a core in the loss study.)
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "ragimpute"
ROOT = Path(__file__).parents[1]
# the dispatcher of the verbs and the version say nothing about any result
LEFT_OUT = frozenset({"ragimpute", "ragimpute.cli"})


@cache
def digest(verb: str, cli_module: str, without: tuple[str, ...] = ()) -> str:
    """SHA-256 of the modules that `modules_of` names, their names included."""
    found = hashlib.sha256()
    for path in map(Path, modules_of(verb, cli_module, without)):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def modules_of(verb: str, cli_module: str, without: tuple[str, ...] = ()) -> list[str]:
    """Paths of the modules that `verb`, a function of ragimpute.cli.`cli_module`, can reach, sorted.

    `without` names modules that are not followed: those that the verb reaches and, called as it is, does not run.
    Raises FileNotFoundError when there is no such module, and KeyError when it has no such function.
    """
    start = f"{PACKAGE}.cli.{cli_module}"
    tree = _tree(start)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    verb_function = functions[f"{verb.replace('-', '_')}_command"]
    # other verbs live beside this one: their function bodies are not read, those of plain helpers are
    others = [node for node in functions.values() if node is not verb_function and node.decorator_list]
    found = {start}
    queue = [name for node in tree.body if node not in others for name in _imports(node, start)]
    while queue:
        name = queue.pop()
        if name not in found and name not in without:
            found.add(name)
            queue += _imported(name)
    return sorted(str(_path(name)) for name in found - LEFT_OUT)


def _path(name: str) -> Path:
    path = ROOT.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_path(name).read_text(encoding="utf-8"))


@cache
def _imported(name: str) -> tuple[str, ...]:
    """What the module `name` imports anywhere; remembered, as a workflow asks for hundreds of jobs."""
    return tuple(_imports(_tree(name), name))


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    """Modules of the package that are imported anywhere in `tree`, with the packages around them."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE:
                yield from (
                    parent for end in range(1, len(parts) + 1) if _path(parent := ".".join(parts[:end])).is_file()
                )


def of_other_architectures(architecture: str) -> tuple[str, ...]:
    """Modules of `ragimpute.models` that belong to architectures other than `architecture`.

    Each architecture has a folder of its name.
    """
    others = [path for path in (ROOT / "models").glob("*_rag") if path.name != architecture]
    modules = [path for folder in others for path in folder.glob("*.py")]
    names = [f"{PACKAGE}.models.{path.parent.name}.{path.stem}".removesuffix(".__init__") for path in modules]
    return tuple(sorted(names))
