"""The stage check: what is, or may be, wrong with the inputs.

The package can be called, as `ragimpute.check(...)` is in the public interface and the stage has the same name.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from ragimpute.errors import suggest_keywords

if TYPE_CHECKING:
    from ragimpute.check.findings import Finding
    from ragimpute.imputation.inputs import FilePath


@suggest_keywords
def check(
    *,
    reference: "FilePath | Sequence[FilePath]",
    targets: str | os.PathLike,
    genetic_map: str | os.PathLike | None = None,
    chromosomes: str | None = None,
    region: str | None = None,
    exclude_samples: str | os.PathLike | None = None,
    sex: str | os.PathLike | None = None,
    build: str | int | None = None,
    panel_missing: float = 0.05,
    max_lost_sites: float = 0.1,
    apply_filters: str | None = None,
    expected_accuracy: bool = False,
    threads: int = 2,
    seed: int = 1,
) -> "list[Finding]":
    """Everything that is, or may be, wrong with a reference, targets and a map: findings, errors first.

    Arguments are those of `ragimpute.impute`, which fails with these inputs exactly when a finding is an error. A
    finding has `level` (error, warning or info), `file`, `code`, `message`, `numbers` and `fix`. With
    `expected_accuracy`, which takes up to a minute, one of them says what r2 to expect. Nothing that the files hold
    raises an exception; InputError for options that mean nothing, such as a `region` that cannot be read, and missing
    files.
    """
    from ragimpute.check.verdict import check_imputation
    from ragimpute.imputation.impute import files_and_inputs

    files, inputs = files_and_inputs(
        reference,
        targets,
        genetic_map,
        chromosomes,
        region=region,
        exclude_samples=exclude_samples,
        sex=sex,
        build=build,
        panel_missing=panel_missing,
        max_lost_sites=max_lost_sites,
        apply_filters=apply_filters,
        threads=threads,
        seed=seed,
    )
    return check_imputation(files, inputs, with_accuracy=expected_accuracy)


class _CallablePackage(ModuleType):
    """This package as a function: `ragimpute.check(...)` is `check(...)`."""

    __call__ = staticmethod(check)


sys.modules[__name__].__class__ = _CallablePackage
