"""The step `impute`: from a panel and targets in files to imputed genotypes, in a file or as arrays."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError, suggest_keywords
from ragimpute.imputation import messages, result_files, unmatched
from ragimpute.imputation.inputs import FilePath, ImputationInputs, PreparedImputation, prepare_imputation
from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.store import Sites
from ragimpute.targets.alleles import NOT_IN_REFERENCE
from ragimpute.vcf.format_kernel import FIELDS
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import ImputedVcf, read_imputed
from ragimpute.vcf.quantise import UNIT, minimac_r2, quantise
from ragimpute.vcf.source import read_header
from ragimpute.vcf.writer import check_request

SITE_COLUMNS = ("chrom", "pos", "id", "ref", "alt")


class ImputationResult:
    """What `impute` returns: N samples at S sites, in the panel's order.

    Attributes: `summary`, what the command prints; `dropped`, the records of both files that were not used, with a
    reason; `recoded`, the targets' records that were used with swapped or flipped alleles. Where there is an output
    file, arrays are read from it when they are first asked for; they have its three decimals either way.
    """

    def __init__(
        self,
        sites: Sites,
        samples: tuple[str, ...],
        summary: dict[str, str | int],
        dropped: pd.DataFrame,
        recoded: pd.DataFrame,
        source: "Path | ImputedVcf",
    ) -> None:
        self.samples = samples
        self.summary = summary
        self.dropped = dropped
        self.recoded = recoded
        self._panel_sites = sites
        self._source = source

    @cached_property
    def sites(self) -> pd.DataFrame:
        """A row for each site: chrom, pos, id, ref, alt, typed, and AF, R2 and ER2 as in the VCF's INFO."""
        table = pd.DataFrame({name: getattr(self._panel_sites, name) for name in SITE_COLUMNS})
        found = self._found
        frequency = found.ds.mean(axis=1, dtype=np.float64) / 2
        return table.assign(typed=found.typed, AF=frequency, R2=found.r2, ER2=found.er2)

    @property
    def dosages(self) -> np.ndarray:
        """Dosages of ALT [sites, samples] float32 in [0, 2]."""
        return self._found.ds

    @property
    def haplotype_dosages(self) -> np.ndarray:
        """Dosages of ALT on each haplotype, [sites, samples, 2] float32 in [0, 1].

        Raises InputError when the output file was written without HDS.
        """
        found = self._found.hds
        if found is None:
            raise InputError(f"{self._source}: written without FORMAT/HDS; leave `format` out, or add HDS to it")
        return found

    @property
    def typed(self) -> np.ndarray:
        """Sites [sites] bool that are typed; the others are imputed."""
        return self._found.typed

    @cached_property
    def _found(self) -> ImputedVcf:
        if isinstance(self._source, Path):
            if not read_header(self._source).formats & {"DS", "HDS"}:
                raise InputError(f"{self._source}: written without dosages; leave `format` out, or add DS or HDS to it")
            return read_imputed(self._source, self._panel_sites, self.samples)
        return self._source


@suggest_keywords
def impute(
    *,
    reference: FilePath,
    targets: FilePath,
    genetic_map: FilePath | None = None,
    out: FilePath | None = None,
    region: str | None = None,
    threads: int = 2,
    seed: int = 1,
    n_phasings: int | None = None,
    format: str | Sequence[str] = FIELDS,
    keep_unmatched: bool = False,
    model: FilePath | None = None,
    exclude_samples: FilePath | None = None,
    device: str = "auto",
    memory_mb: int = 4000,
    core_cm: float | None = None,
) -> ImputationResult:
    """Impute samples from a reference panel with a trained network, as the command `ragimpute impute` does.

    Arguments:
        reference: phased panel: VCF, BCF, or the file of `ragimpute read-panel`.
        targets: VCF or BCF of the samples to impute, phased or not.
        genetic_map: PLINK, SHAPEIT or HapMap layout; None: 1 cM per Mb, or the positions of a prepared panel.
        out: imputed VCF.gz or BCF to write, with index, and OUT.dropped.tsv and OUT.recoded.tsv; None: nothing is
            written, and the result is in memory.
        region: 'CHROM' or 'CHROM:START-END' (1-based, inclusive); None: all that the files cover.
        threads: how many to compute with. Results do not depend on it.
        seed: of Beagle's phasing.
        n_phasings: how often unphased targets are phased; None: 4 below 300 typed sites per cM, else 1.
        format: FORMAT fields to write, of GT, DS, HDS, GP; text with commas or a sequence.
        keep_unmatched: also write target records at positions that the panel lacks. Needs `out`.
        model: a model of `ragimpute train`; None or 'pretrained': the weights that come with the package.
        exclude_samples: file of reference samples to leave out, one name a line.
        device: auto, cpu or cuda.
        memory_mb: limit of Beagle's memory.
        core_cm: length of the windows in which a chromosome is imputed, in cM; results hardly depend on it. None: as
            the panel has them.

    Raises InputError when a file or an option is unusable, nothing is typed, or Beagle is needed and missing, and
    TypeError for an unknown option.
    """
    inputs = ImputationInputs.of_paths(
        reference=reference,
        targets=targets,
        genetic_map=genetic_map,
        region=region,
        exclude_samples=exclude_samples,
        model=model,
        device=device,
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=n_phasings,
    )
    work = WorkSize(core_cm=core_cm)
    if out is None:
        if keep_unmatched:
            raise InputError("keep_unmatched writes records of the targets: name a file with out=")
        return _impute_in_memory(inputs, work)
    words = format.split(",") if isinstance(format, str) else format
    fields = tuple(word.strip() for word in words if word.strip())
    return _impute_to_file(inputs, Path(out), fields, keep_unmatched, work)


def _impute_to_file(
    inputs: ImputationInputs, out: Path, fields: tuple[str, ...], keep_unmatched: bool, work: WorkSize
) -> ImputationResult:
    """Write the VCF or BCF and the tables beside it."""
    check_request(out, fields)
    ready = prepare_imputation(inputs)
    messages.warn_of_few_samples(inputs.targets, len(ready.typed.samples))
    source = f"ragimpute impute, weights {ready.model.name}"

    def write(path: Path) -> None:
        result_files.write_imputation(
            path, ready.panel, ready.phasings, ready.imputer, ready.wanted, source, fields, inputs.threads, work
        )

    unused = ready.typed.dropped
    lacking = unused["reason"].eq(NOT_IN_REFERENCE) & unused["chrom"].isin(ready.sites.chrom)
    if keep_unmatched and lacking.any():
        unmatched.write_with(out, inputs.targets, unused[lacking], write)
        unused = unused[~lacking]
    else:
        write(out)
    dropped = _dropped(ready, unused)
    result_files.write_records(out, "dropped", dropped)
    result_files.write_records(out, "recoded", ready.typed.recoded)
    summary = {"out": str(out), **_summary(ready, len(dropped))}
    return ImputationResult(ready.sites, ready.typed.samples, summary, dropped, ready.typed.recoded, out)


def _impute_in_memory(inputs: ImputationInputs, work: WorkSize) -> ImputationResult:
    """Impute without writing anything."""
    from ragimpute.imputation.engine import imputed_parts
    from ragimpute.progress import share_of_work

    ready = prepare_imputation(inputs)
    messages.warn_of_few_samples(inputs.targets, len(ready.typed.samples))
    with share_of_work("imputing") as progress:
        parts = imputed_parts(
            ready.panel, ready.phasings, ready.imputer, ready.wanted, work, inputs.threads, on_progress=progress
        )
        found = _as_printed(ready.typed.samples, parts, len(ready.sites))
    dropped = _dropped(ready, ready.typed.dropped)
    summary = _summary(ready, len(dropped))
    return ImputationResult(ready.sites, ready.typed.samples, summary, dropped, ready.typed.recoded, found)


def _as_printed(samples: tuple[str, ...], parts: Iterable[Imputed], n_sites: int) -> ImputedVcf:
    """The parts put together, with the numbers that a VCF of them has."""
    n_samples = len(samples)
    hds = np.empty((n_sites, n_samples, 2), dtype=np.float32)
    both = np.empty((n_sites, n_samples), dtype=np.float32)
    r2 = np.empty(n_sites, dtype=np.float32)
    er2 = np.empty(n_sites, dtype=np.float32)
    typed = np.empty(n_sites, dtype=bool)
    start = 0
    for part in parts:
        here = slice(start, start + len(part.typed))
        numbers = quantise(part.hds, part.both)
        hds[here, :, 0] = numbers.a
        hds[here, :, 1] = numbers.b
        both[here] = numbers.both
        r2[here] = minimac_r2(numbers.a, numbers.b)
        er2[here] = np.nan if part.er2 is None else part.er2
        typed[here] = part.typed
        start = here.stop
    hds /= np.float32(UNIT)
    both /= np.float32(UNIT)
    return ImputedVcf(samples, hds.sum(axis=2), hds, both, r2, er2, typed)


def _dropped(ready: PreparedImputation, of_targets: pd.DataFrame) -> pd.DataFrame:
    """The records of both files that were not used, with a column `file`: reference or targets."""
    tables = (ready.unused.assign(file="reference"), of_targets.assign(file="targets"))
    return pd.concat(tables, ignore_index=True)


def _summary(ready: PreparedImputation, n_unused: int) -> dict[str, str | int]:
    """What was read and imputed, in numbers."""
    return {
        "samples": len(ready.typed.samples),
        "reference_samples": len(ready.panel.samples),
        "typed_sites": ready.n_typed,
        "imputed_sites": len(ready.sites) - ready.n_typed,
        "unused_records": n_unused,
        "recoded_records": len(ready.typed.recoded),
        "weights": ready.model.name,
    }
