"""How much is imputed at a time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkSize:
    """How much is imputed at a time. Only `core_cm` has an effect on results, and hardly any."""

    core_cm: float | None = None  # a window's core is no longer than this; None: as the panel has it
    # samples x phasings x typed sites x multiples of the network's neighbours of a batch: about 1 kB each
    batch_genotypes: int = 300_000
    batch_dosages: int = 8_000_000  # samples x phasings x sites that a batch imputes: 12 bytes each
    left_out_alleles: int = 4_000_000  # of a batch for leave-one-out dosages: 8 bytes each
