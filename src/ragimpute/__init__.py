"""Genotype imputation with a retrieval-augmented network, and the study of its training losses.

The public interface (docs/python.md): `impute`, `check`, `explain`, `score` and `read_panel`. Each is imported when it
is first used, so that `import ragimpute` costs nothing. Their types are in __init__.pyi.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "check", "explain", "impute", "read_panel", "score"]

# name -> the module that defines it; `check` is the stage's package, which can be called
_PUBLIC = {
    "explain": "ragimpute.imputation.explanation",
    "impute": "ragimpute.imputation.impute",
    "read_panel": "ragimpute.imputation.inputs",
    "score": "ragimpute.evaluation.score_files",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name == "check":
        return importlib.import_module("ragimpute.check")
    raise AttributeError(f"module 'ragimpute' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
