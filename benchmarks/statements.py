"""How much each simple statement of the code does: the number of nodes of its syntax tree, by package.

A simple statement holds no other statement: an assignment, a call, a return. Docstrings and imports are left out; nodes
are all those of `ast.walk`. `python benchmarks/statements.py [FILE OR FOLDER ..]`; `--longest N` lists the N longest.
"""

import argparse
import ast
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SIMPLE = (
    *(ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Assert, ast.Delete),
    *(ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal),
)


def sizes(path: Path) -> list[tuple[int, int]]:
    """The size and the line of each simple statement of a Python file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, SIMPLE) and not _is_text(node)]
    return [(size(node), node.lineno) for node in statements]


def size(statement: ast.stmt) -> int:
    """The number of nodes of a statement."""
    return sum(1 for _ in ast.walk(statement))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "src" / "ragimpute"])
    parser.add_argument("--longest", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    found: dict[str, list[int]] = {}
    listed = []
    for start in arguments.paths:
        for path in sorted(start.rglob("*.py")) if start.is_dir() else [start]:
            group = path.parent.name if start.is_dir() else path.name
            for number, line in sizes(path):
                found.setdefault(group, []).append(number)
                listed.append((number, f"{path}:{line}"))
    print(f"{'package':20s} statements median   p99 longest")
    everything = [number for numbers in found.values() for number in numbers]
    for group, numbers in [*found.items(), ("all", everything)]:
        median, high = np.percentile(numbers, (50, 99))
        print(f"{group:20s} {len(numbers):10d} {median:6.0f} {high:5.0f} {max(numbers):7d}")
    for number, place in sorted(listed, reverse=True)[: arguments.longest]:
        print(f"{number:5d} {place}")


if __name__ == "__main__":
    main()
