"""The stage check: what is, or may be, wrong with the inputs.

The package can be called, as `ragimpute.check(...)` is in the public interface and the stage has the same name.
"""

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from ragimpute.errors import suggest_keywords

if TYPE_CHECKING:
    from ragimpute.check.findings import Finding


@suggest_keywords
def check(
    *,
    reference: str | os.PathLike,
    targets: str | os.PathLike,
    genetic_map: str | os.PathLike | None = None,
    region: str | None = None,
    panel_missing: float = 0.05,
    max_lost_sites: float = 0.1,
    apply_filters: str | None = None,
) -> "list[Finding]":
    """Everything that is, or may be, wrong with a reference, targets and a map: findings, errors first.

    Arguments are those of `ragimpute.impute`. A finding has `level` (error, warning or info), `file`, `code` and
    `message`. Nothing that the files hold raises an exception; InputError for a `region` that cannot be read.
    """
    from ragimpute.check.all_checks import check_inputs
    from ragimpute.vcf.source import Region

    within = None if region is None else Region.parse(region)
    return check_inputs(
        reference,
        targets,
        genetic_map,
        within,
        panel_missing=panel_missing,
        max_lost_sites=max_lost_sites,
        apply_filters=apply_filters,
    )


class _CallablePackage(ModuleType):
    """This package as a function: `ragimpute.check(...)` is `check(...)`."""

    __call__ = staticmethod(check)


sys.modules[__name__].__class__ = _CallablePackage
