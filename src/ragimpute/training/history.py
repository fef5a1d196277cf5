"""The history of one training: a long table with columns seed, step, epoch, metric, value."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ragimpute.models.contract import Batch
from ragimpute.tables import write_table

COLUMNS = ("seed", "step", "epoch", "metric", "value")


@dataclass
class History:
    """Rows (step, epoch, metric, value) in the order of their making."""

    seed: int
    rows: list[tuple[int, int, str, float]] = field(default_factory=list)

    def add(self, step: int, epoch: int, metrics: dict[str, float]) -> None:
        """Append one row per metric."""
        for metric, value in metrics.items():
            row = (step, epoch, metric, float(value))
            self.rows.append(row)

    def table(self) -> pd.DataFrame:
        """The rows as a table of COLUMNS."""
        rows = [(self.seed, *row) for row in self.rows]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def write(self, path: str | os.PathLike) -> None:
        """Write the table as TSV; the same rows give the same bytes."""
        table = self.table()
        texts = [_number(value) for value in table["value"]]
        as_text = table.assign(value=texts)
        write_table(as_text, path)


def _number(value: float) -> str:
    """Nine significant digits; whole numbers (hashes, flags) in full."""
    is_whole = value.is_integer() and abs(value) < 2**53
    return str(int(value)) if is_whole else f"{value:.9g}"


def short(digest: bytes) -> int:
    """The first 48 bits of a digest: a whole number that a float64 column holds exactly."""
    return int.from_bytes(digest[:6], "big")


def weights_digest(weights: Mapping[str, np.ndarray]) -> bytes:
    """SHA-256 of a network's parameters and persistent buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, values in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.digest()


def chain_batch(digest: bytes, batch: Batch, samples: np.ndarray) -> bytes:
    """Fold a batch (its samples, sites, truth and scored places) into the running `digest` of all batches so far."""
    chained = hashlib.sha256(digest)
    for array in (samples, batch.sites, batch.alleles.numpy(), batch.scored.numpy()):
        chained.update(np.ascontiguousarray(array).tobytes())
    return chained.digest()
