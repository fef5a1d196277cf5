"""The extra terms of losses: one function for each, registered by its name.

A configuration gives a term its weight under `losses.NAME.terms` (docs/add_a_loss.md). The names are needed where a
configuration is checked, without torch. So a term imports what needs torch inside its function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ragimpute.models.contract import Batch, ImputationOutputs
    from ragimpute.training.loss_settings import LossSpec

    ExtraTerm = Callable[[LossSpec, ImputationOutputs, Batch], Tensor]

EXTRA_TERMS: dict[str, ExtraTerm] = {}


def extra_term(name: str) -> Callable[[ExtraTerm], ExtraTerm]:
    """Register a term that a configuration switches on by giving its weight under `terms.name`."""

    def register(term: ExtraTerm) -> ExtraTerm:
        EXTRA_TERMS[name] = term
        return term

    return register


@extra_term("contrastive")
def contrastive(spec: LossSpec, outputs: ImputationOutputs, batch: Batch) -> Tensor:
    """InfoNCE between the two haplotypes of each sample, at the loss's temperature."""
    from ragimpute.training.losses import info_nce

    return info_nce(outputs.after1, outputs.after2, batch.scored, spec.temperature)
