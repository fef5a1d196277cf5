"""A module of this package as definitions by name, without what changes no result: docstrings, help texts, messages.

`parse_module` splits a source text into its definitions (functions, classes, constants) and the statements that run
when it is imported; `Definition` holds the normalised text of one and the names that it uses.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# What makes a function a command: ragimpute.cli.verb, and click for the group of all verbs.
VERB_DECORATORS = {("verb",), ("click", "command"), ("click", "group")}
# Keywords of click's options and commands that are texts for a reader.
HELP_WORDS = frozenset({"help", "short_help", "epilog", "metavar", "show_default", "hidden"})
LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
OWN_LOGS = (("self", "log"), ("self", "_log"))
ECHOES = frozenset({"echo", "secho", "warn"})
EXCEPTIONS = ("Error", "Warning", "BadParameter")
# Decorators that change or register nothing outside the function: by the first part of their name.
PLAIN_DECORATORS = frozenset(
    {
        *("dataclass", "cache", "lru_cache", "contextmanager", "njit", "overload"),
        *("numba", "torch", "functools", "contextlib"),
    }
)


@dataclass(frozen=True)
class Definition:
    """A function, a class, a constant, or a statement of a module's top level."""

    text: str  # normalised: equal texts do the same
    names: tuple[tuple[str, ...], ...]  # what it refers to: `a.b.c` is ("a", "b", "c")
    imports: dict[str, tuple[str, str]]  # alias -> module and name in it (empty: the module itself), imported inside
    runs: tuple[tuple[str, str], ...]  # the modules, and names in them, that these imports run
    imports_by_text: bool  # it calls importlib.import_module or __import__, so that what it refers to is not known


@dataclass(frozen=True)
class ParsedModule:
    """The top level of a module."""

    definitions: dict[str, Definition]  # by name
    at_import: tuple[Definition, ...]  # statements that run whenever the module is imported
    imports: dict[str, tuple[str, str]]  # as in Definition
    runs: tuple[tuple[str, str], ...]  # as in Definition; without imports for the type checker


@cache
def parse_module(text: str, package: str) -> ParsedModule:
    """The definitions of a module with the source `text`; remembered by it. Raises SyntaxError.

    `package` is the name of its package and a dot (`ragimpute.study.`), from which relative imports start.
    """
    definitions: dict[str, Definition] = {}
    at_import: list[Definition] = []
    imports: dict[str, tuple[str, str]] = {}
    runs: list[tuple[str, str]] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= _imported(node, package)
            runs += _run_by(node, package)
        elif _is_text(node):
            continue
        elif _is_guard(node, "TYPE_CHECKING") or _is_guard(node, "__name__"):
            imports |= _imports_in(node, package)
        else:
            definition = _definition(node, package)
            names = _defined_names(node)
            definitions |= dict.fromkeys(names, definition)
            if not names or _registers(node):
                at_import.append(definition)
            if isinstance(node, ast.If | ast.Try | ast.With):
                imports |= definition.imports
                runs += definition.runs
    return ParsedModule(definitions, tuple(at_import), imports, tuple(runs))


def _is_text(node: ast.stmt) -> bool:
    """Whether `node` is a docstring, or another text that stands by itself."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_guard(node: ast.stmt, name: str) -> bool:
    """Whether `node` is `if TYPE_CHECKING:` or `if __name__ == "__main__":`, whose body no verb runs."""
    if not isinstance(node, ast.If):
        return False
    names = [part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)]
    return name in names


def _defined_names(node: ast.stmt) -> list[str]:
    """The names that a statement of the top level defines; none for one that does something else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return []
    names: list[str] = []
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if not all(isinstance(part, ast.Name) for part in parts):
            return []  # such as TABLE["key"] = value: it changes something that exists
        names += [part.id for part in parts if isinstance(part, ast.Name)]
    return names


def _registers(node: ast.stmt) -> bool:
    """Whether a function's decorator may register it somewhere, so that it is used without being named."""
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False
    if is_command(node):
        return False
    paths = [_path(_called(decorator)) for decorator in node.decorator_list]
    roots = {path[0] for path in paths if path}
    return not roots <= PLAIN_DECORATORS


def is_command(node: ast.stmt) -> bool:
    """Whether `node` is the function of a verb."""
    if not isinstance(node, ast.FunctionDef):
        return False
    decorators = [_path(_called(decorator)) for decorator in node.decorator_list]
    return any(path in VERB_DECORATORS for path in decorators)


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _path(node: ast.AST) -> tuple[str, ...]:
    """`a.b.c` as ("a", "b", "c"); empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ()
    return (node.id, *reversed(parts))


def _definition(node: ast.stmt, package: str) -> Definition:
    imports = _imports_in(node, package)
    runs: list[tuple[str, str]] = []
    for child in _import_statements(node):
        runs += _run_by(child, package)
    plain = _Normaliser().visit(node)
    text = ast.dump(plain)
    names = sorted(set(_names(plain)))
    by_text = any(path[-1] in ("import_module", "__import__") for path in names)
    return Definition(text, tuple(names), imports, tuple(runs), by_text)


def _names(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """The longest paths of names in `node`."""
    path = _path(node)
    if path:
        yield path
        return
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def _imports_in(node: ast.AST, package: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for child in _import_statements(node):
        found |= _imported(child, package)
    return found


def _import_statements(node: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    return [child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)]


def _run_by(node: ast.Import | ast.ImportFrom, package: str) -> list[tuple[str, str]]:
    """Module and name of what an import statement imports, whatever it is called afterwards."""
    if isinstance(node, ast.Import):
        return [(alias.name, "") for alias in node.names]
    return list(_imported(node, package).values())


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str]]:
    """Alias -> module and name, of one import statement."""
    if isinstance(node, ast.Import):
        found = {}
        for alias in node.names:
            # `import a.b as c` binds a.b, `import a.b` binds a
            first = alias.name.partition(".")[0]
            if alias.asname:
                found[alias.asname] = (alias.name, "")
            else:
                found[first] = (first, "")
        return found
    source = node.module or ""
    if node.level:
        around = package.split(".")[: -node.level]
        source = ".".join([*around, source] if source else around)
    return {alias.asname or alias.name: (source, alias.name) for alias in node.names}


class _Normaliser(ast.NodeTransformer):
    """Leaves out what changes no result: docstrings, imports, annotations of functions, help texts, messages."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        if is_command(node):
            node.decorator_list = [_without_texts(decorator) for decorator in node.decorator_list]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        plain = self.generic_visit(node)
        return _Silencer().visit(plain)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = _path(node.func)
        if called[:1] == ("click",):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in HELP_WORDS]
        self.generic_visit(node)
        return _Silencer().visit(node) if _says_something(called) else node


def _says_something(called: tuple[str, ...]) -> bool:
    """Whether what is called is an exception, click.echo, a method of a logger, or an object's own `log`."""
    if not called:
        return False
    last = called[-1]
    logs = called[-2:-1] in (("logger",), ("logging",)) and last in LOG_METHODS
    if logs or called in OWN_LOGS:
        return True
    return last in ECHOES or last.endswith(EXCEPTIONS)


def _without_texts(decorator: ast.expr) -> ast.expr:
    """A verb's decorator without the help text that one of this package's own takes (`@quiet_option("...")`)."""
    if isinstance(decorator, ast.Call) and _path(decorator.func)[:1] != ("click",):
        return _Silencer().visit(decorator)
    return decorator


class _Silencer(ast.NodeTransformer):
    """Empties all texts."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        filled = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        plain = [self.visit(part) for part in filled]
        return ast.Tuple(plain, ast.Load())
