"""What `impute` returns: in memory, or in the files that it wrote."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.imputation.result_files import read_records
from ragimpute.panel.store import Sites, join_sites
from ragimpute.vcf.imputed_reader import ImputedVcf, join_imputed, read_imputed, read_sites
from ragimpute.vcf.source import read_header

SITE_COLUMNS = ("chrom", "pos", "id", "ref", "alt")


class ImputationResult:
    """N samples at S sites, in the panel's order.

    Attribute `summary`: what the command prints. Where there are output files, everything else is read from them when
    it is first asked for; dosages have their three decimals either way.
    """

    def __init__(
        self,
        summary: dict[str, Any],
        paths: Sequence[Path] = (),
        in_memory: tuple[Sites, ImputedVcf, pd.DataFrame, pd.DataFrame] | None = None,
    ) -> None:
        """`paths`: the output files; without any, `in_memory` has sites, numbers, and the records of both tables."""
        self.summary = summary
        self._paths = list(paths)
        self._in_memory = in_memory

    def in_memory(self) -> "ImputationResult":
        """The same without its files."""
        summary = {name: value for name, value in self.summary.items() if name != "out"}
        content = (self._sites, self._imputed, self.dropped, self.recoded)
        return ImputationResult(summary, in_memory=content)

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of the samples."""
        if self._in_memory:
            return self._imputed.samples
        header = read_header(_readable(self._paths[0]))
        return header.samples

    @cached_property
    def sites(self) -> pd.DataFrame:
        """A row for each site: chrom, pos, id, ref, alt, typed, and AF, R2 and ER2 as in the VCF's INFO."""
        found = self._imputed
        identities = {name: getattr(self._sites, name) for name in SITE_COLUMNS}
        table = pd.DataFrame(identities)
        frequency = _frequency(found)
        return table.assign(typed=found.typed, AF=frequency, R2=found.r2, ER2=found.er2)

    @property
    def dosages(self) -> np.ndarray:
        """Dosages of ALT [sites, samples] float32 in [0, 2], of haploid samples in [0, 1]; NaN: women on Y."""
        return self._imputed.ds

    @property
    def haplotype_dosages(self) -> np.ndarray:
        """Dosages of ALT on each haplotype, [sites, samples, 2] float32 in [0, 1]; the second is NaN where haploid.

        Raises InputError when the output file was written without HDS.
        """
        found = self._imputed.hds
        if found is None:
            raise InputError(f"{self._paths[0]}: written without FORMAT/HDS; leave `format` out, or add HDS to it")
        return found

    @property
    def typed(self) -> np.ndarray:
        """Sites [sites] bool that are typed; the others are imputed."""
        return self._imputed.typed

    @cached_property
    def dropped(self) -> pd.DataFrame:
        """The records of both files that were not used: chrom, pos, id, ref, alt, reason, file."""
        if self._in_memory:
            return self._in_memory[2]
        return read_records(self._paths, "dropped")

    @cached_property
    def recoded(self) -> pd.DataFrame:
        """The targets' records that were used with swapped or flipped alleles: chrom, pos, id, ref, alt, reason."""
        if self._in_memory:
            return self._in_memory[3]
        return read_records(self._paths, "recoded")

    @cached_property
    def _sites(self) -> Sites:
        if self._in_memory:
            return self._in_memory[0]
        parts = [read_sites(_readable(path)) for path in self._paths]
        return join_sites(parts)

    @cached_property
    def _imputed(self) -> ImputedVcf:
        if self._in_memory:
            return self._in_memory[1]
        first = _readable(self._paths[0])
        if not read_header(first).formats & {"DS", "HDS"}:
            raise InputError(f"{first}: written without dosages; leave `format` out, or add DS or HDS to it")
        parts = [read_imputed(path, read_sites(path)) for path in self._paths]
        return join_imputed(parts)


def _readable(path: Path) -> Path:
    """The path itself. Raises InputError for a .pgen."""
    if path.suffix == ".pgen":
        raise InputError(f"{path}: a .pgen is not read back here; read it with pgenlib, or name the output .vcf.gz")
    return path


def _frequency(found: ImputedVcf) -> np.ndarray:
    """The mean dosage of ALT over the haplotypes that are there, [S] float64.

    Without FORMAT/HDS all samples count as diploid.
    """
    if found.hds is None or not np.isnan(found.hds).any():
        mean_dosage = found.ds.mean(axis=1, dtype=np.float64)
        return mean_dosage / 2
    n_sites = len(found.hds)
    each = found.hds.reshape(n_sites, -1)
    mean = np.nanmean(each, axis=1, dtype=np.float64)
    return np.asarray(mean)
