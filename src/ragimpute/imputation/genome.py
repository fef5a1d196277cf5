"""Imputing a genome: one chromosome after the other, one window after the other, each finished piece kept."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute import __version__
from ragimpute.errors import InputError, NoTypedSites
from ragimpute.imputation import result_files, unmatched
from ragimpute.imputation.chromosome_files import MARK, ChromosomeFiles
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.inputs import (
    UNTYPED_CHROMOSOME,
    ImputationInputs,
    MatchedInputs,
    PreparedImputation,
    match_targets,
    panel_of,
    phase_targets,
)
from ragimpute.imputation.pieces import Pieces, file_state
from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.from_vcf import DROPPED_COLUMNS, unused_sites
from ragimpute.panel.store import Panel
from ragimpute.panel.windows import Window
from ragimpute.progress import share_of_work
from ragimpute.tables import join_tables, read_table, write_table
from ragimpute.targets.alleles import NOT_IN_REFERENCE
from ragimpute.targets.several_phasings import load_phasings, save_phasings
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.indexed import has_index, indexed_copy
from ragimpute.vcf.quantise import minimac_r2, quantise
from ragimpute.vcf.writer import imputed_header, join_pieces, longest_position, write_piece

logger = logging.getLogger(__name__)

R2_LIMITS = (0.3, 0.8)  # of the sites that are counted in a summary
LISTED = dict.fromkeys([*DROPPED_COLUMNS, "file"], str)
RECODED = dict.fromkeys(DROPPED_COLUMNS, str)


@dataclass(frozen=True)
class GenomeRequest:
    """What is imputed, and where to. `inputs` holds the options; its files are replaced by those of each chromosome."""

    files: Sequence[ChromosomeFiles]
    inputs: ImputationInputs
    out: str  # with {chrom}: a file for each chromosome
    fields: tuple[str, ...]
    keep_unmatched: bool
    work: WorkSize

    def decides(self) -> dict[str, Any]:
        """All that decides on the result, for `Pieces`."""
        paths = {file.name: file for file in self.files}
        inputs = asdict(replace(self.inputs, reference=Path(), targets=Path(), genetic_map=None))
        about_runs = ("reference", "targets", "genetic_map", "threads", "memory_mb", "exclude_samples", "model")
        options = {name: value for name, value in inputs.items() if name not in about_runs}
        named = [self.inputs.exclude_samples, self.inputs.model]
        return {
            "version": __version__,
            "options": options,
            "fields": list(self.fields),
            "keep_unmatched": self.keep_unmatched,
            "core_cm": self.work.core_cm,
            "out": self.out,
            "reference": {name: file_state(file.reference) for name, file in paths.items()},
            "targets": {name: file_state(file.targets) for name, file in paths.items()},
            "map": {name: file_state(file.genetic_map) for name, file in paths.items() if file.genetic_map},
            "other_files": [file_state(path) for path in named if path is not None],
        }


def impute_genome(request: GenomeRequest, restart: bool = False) -> dict[str, Any]:
    """Impute all chromosomes, write the output and the tables beside it, and sum up what was done.

    A run that was stopped goes on where it was, by the same request; `restart` begins anew. Results are the same bytes.
    Raises InputError when a file is unusable, nothing is typed, or an unfinished run of another request lies there.
    """
    pieces = Pieces(request.out, request.decides(), restart)
    copy = _targets_copy(request.files, pieces)
    done = []
    for number, files in enumerate(request.files, start=1):
        if len(request.files) > 1:
            logger.info("chromosome %s (%d of %d)", files.name, number, len(request.files))
        found = pieces.load_json(f"{files.name}.json")
        if found is None:
            found = _ChromosomeRun(request, files, pieces, copy).run()
        done.append(found)
    if not any(found["typed_sites"] for found in done):
        raise InputError(f"{request.files[0].targets}: no site of any chromosome is typed; is it of the same build?")
    groups = [([files], [found]) for files, found in zip(request.files, done, strict=True)]
    if MARK not in request.out:
        groups = [(list(request.files), done)]
    listed = [_join(request, pieces, *group) for group in groups]
    pieces.remove()
    return _summary(request, done, *(sum(numbers) for numbers in zip(*listed, strict=True)))


def _targets_copy(files: Sequence[ChromosomeFiles], pieces: Pieces) -> Path | None:
    """An indexed copy of targets that would be read through for each chromosome; None where none is needed."""
    targets = files[0].targets
    if len(files) == 1 or {file.targets for file in files} != {targets} or has_index(targets):
        return None
    copy = pieces.path("targets.bcf")
    return copy if copy.exists() or indexed_copy(targets, copy) else None


class _ChromosomeRun:
    """One chromosome: its panel, phasings and windows are pieces, each made once."""

    def __init__(
        self, request: GenomeRequest, files: ChromosomeFiles, pieces: Pieces, targets_copy: Path | None
    ) -> None:
        self.request, self.files, self.pieces, self.targets_copy = request, files, pieces, targets_copy
        self.inputs = replace(
            request.inputs, reference=files.reference, targets=files.targets, genetic_map=files.genetic_map
        )

    def run(self) -> dict[str, Any]:
        """Impute what is missing; what was found, the last piece of the chromosome."""
        start = time.perf_counter()
        prepared = self.pieces.path(f"{self.files.name}.panel.safetensors")
        panel, unread = panel_of(self.inputs, prepared)
        try:
            matched = match_targets(self.inputs, panel, unread, self.targets_copy)
        except NoTypedSites as error:
            if len(self.request.files) == 1:
                raise
            logger.warning("%s", error)
            found = self._nothing_typed(panel, unread)
        else:
            found = self._impute(matched)
        found["seconds"] = round(time.perf_counter() - start, 1)
        self.pieces.save_json(f"{self.files.name}.json", found)
        prepared.unlink(missing_ok=True)
        return found

    def _impute(self, matched: MatchedInputs) -> dict[str, Any]:
        ready = matched.phased(self._phasings(matched))
        engine = Engine(
            ready.panel, ready.phasings, ready.imputer, self.request.work, self.inputs.threads, self.pieces.folder
        )
        plan = engine.windows(ready.wanted)
        counts = []
        with share_of_work(f"imputing {self.files.name}") as progress:
            for number, window in enumerate(plan):
                counts.append(self._window(engine, window, f"{self.files.name}.{number:05d}"))
                progress((number + 1) / len(plan))
        self._write_tables(ready)
        return {
            **_facts(ready),
            "windows": len(plan),
            "chroms": list(dict.fromkeys(ready.sites.chrom.tolist())),
            "last_position": longest_position(ready.sites, ready.panel.contigs),
            "contigs": list(ready.panel.contigs),
            "sample_names": list(ready.typed.samples),
            "R2": [sum(column) for column in zip(*counts, strict=True)],
        }

    def _phasings(self, matched: MatchedInputs) -> list:
        """The targets' phasings: made once, as nothing else may depend on a run that was stopped."""
        path = self.pieces.path(f"{self.files.name}.phasings.safetensors")
        if not path.exists():
            save_phasings(path, None, phase_targets(self.inputs, matched))
        typed = np.zeros(len(matched.panel.sites), dtype=bool)
        typed[matched.typed.index] = True
        return load_phasings(path, matched.typed.samples, typed)

    def _window(self, engine: Engine, window: Window, name: str) -> list[float]:
        """Write the records of a window unless they are there. Returns what is said of their R2."""
        path = self.pieces.path(f"{name}.records")
        counts = self.pieces.load_json(f"{name}.json")
        if counts is not None and path.exists():
            return counts
        tally = _R2Tally()
        sites = engine.reference.sites.take(slice(window.first, window.last))
        write_piece(
            path,
            sites,
            engine.targets[0].samples,
            tally.counted(engine.impute(window)),
            fields=self.request.fields,
            threads=self.inputs.threads,
        )
        self.pieces.save_json(f"{name}.json", tally.counts)
        return tally.counts

    def _write_tables(self, ready: PreparedImputation) -> None:
        dropped = [ready.unused.assign(file="reference"), ready.typed.dropped.assign(file="targets")]
        write_table(join_tables(dropped, LISTED), self.pieces.path(f"{self.files.name}.dropped.tsv"))
        write_table(join_tables([ready.typed.recoded], RECODED), self.pieces.path(f"{self.files.name}.recoded.tsv"))

    def _nothing_typed(self, panel: Panel, unread: pd.DataFrame) -> dict[str, Any]:
        """A chromosome that is left out: all its sites are listed."""
        listed = [
            unread.assign(file="reference"),
            unused_sites(panel.sites, UNTYPED_CHROMOSOME).assign(file="reference"),
        ]
        write_table(join_tables(listed, LISTED), self.pieces.path(f"{self.files.name}.dropped.tsv"))
        write_table(join_tables([], RECODED), self.pieces.path(f"{self.files.name}.recoded.tsv"))
        return {
            "typed_sites": 0,
            "imputed_sites": 0,
            "reference_samples": len(panel.samples),
            "weights": "",
            "windows": 0,
            "chroms": [],
            "last_position": 0,
            "contigs": list(panel.contigs),
            "sample_names": [],
            "R2": [0.0] * (2 + len(R2_LIMITS)),
        }


class _R2Tally:
    """Counts imputed sites by their R2 on the way to the file."""

    def __init__(self) -> None:
        self.counts = [0.0] * (2 + len(R2_LIMITS))  # imputed sites, sum of R2, and sites at or above each limit

    def counted(self, parts: Iterator[Imputed]) -> Iterator[Imputed]:
        """The parts as they are."""
        for part in parts:
            numbers = quantise(part.hds[~part.typed], part.both[~part.typed])
            r2 = minimac_r2(numbers.a, numbers.b)
            found = [len(r2), float(r2.sum()), *(int((r2 >= limit).sum()) for limit in R2_LIMITS)]
            self.counts = [have + more for have, more in zip(self.counts, found, strict=True)]
            yield part


def _facts(ready: PreparedImputation) -> dict[str, Any]:
    return {
        "typed_sites": ready.n_typed,
        "imputed_sites": len(ready.sites) - ready.n_typed,
        "reference_samples": len(ready.panel.samples),
        "weights": ready.model.name,
    }


def _join(
    request: GenomeRequest,
    pieces: Pieces,
    files: Sequence[ChromosomeFiles],
    done: Sequence[dict[str, Any]],
) -> tuple[int, int]:
    """Join the pieces of some chromosomes to one output. Returns how many records the tables beside it list."""
    out = Path(request.out.replace(MARK, files[0].name))
    typed = [found for found in done if found["typed_sites"]]
    samples = typed[0]["sample_names"] if typed else []
    for found in typed:
        if found["sample_names"] != samples:
            raise InputError(f"{request.out}: the chromosomes' targets have other samples; write a file for each")
    weights = sorted({found["weights"] for found in typed})
    source = f"ragimpute impute, weights {', '.join(weights)}"
    contigs = list(dict.fromkeys(line for found in done for line in found["contigs"]))
    chroms = [chrom for found in typed for chrom in found["chroms"]]
    header = imputed_header(chroms, contigs, samples, source, request.fields)
    records = [
        pieces.path(f"{file.name}.{number:05d}.records")
        for file, found in zip(files, done, strict=True)
        for number in range(found["windows"])
    ]
    longest = max(found["last_position"] for found in done)
    dropped = join_tables([read_table(pieces.path(f"{file.name}.dropped.tsv"), LISTED) for file in files], LISTED)
    recoded = join_tables([read_table(pieces.path(f"{file.name}.recoded.tsv"), RECODED) for file in files], RECODED)

    def write(path: Path) -> None:
        join_pieces(path, longest, header, records)

    lacking = (dropped["file"] == "targets") & (dropped["reason"] == NOT_IN_REFERENCE) & dropped["chrom"].isin(chroms)
    if request.keep_unmatched and lacking.any():
        unmatched.write_with(out, files[0].targets, dropped[lacking], write)
        dropped = dropped[~lacking]
    else:
        write(out)
    result_files.write_records(out, "dropped", dropped)
    result_files.write_records(out, "recoded", recoded)
    return len(dropped), len(recoded)


def _summary(request: GenomeRequest, done: Sequence[dict[str, Any]], n_dropped: int, n_recoded: int) -> dict[str, Any]:
    """What was read and imputed, over all chromosomes and by chromosome."""
    rows = []
    for files, found in zip(request.files, done, strict=True):
        number, total, *above = found["R2"]
        rows.append(
            {
                "chromosome": files.name,
                "typed_sites": found["typed_sites"],
                "imputed_sites": found["imputed_sites"],
                "mean_R2": total / number if number else float("nan"),
                **{f"R2_above_{limit:g}": int(count) for limit, count in zip(R2_LIMITS, above, strict=True)},
                "seconds": found["seconds"],
            }
        )
    number, total, *above = (sum(column) for column in zip(*(found["R2"] for found in done), strict=True))
    names = [found["sample_names"] for found in done if found["sample_names"]]
    return {
        "out": request.out,
        "samples": len(names[0]) if names else 0,
        "reference_samples": max(found["reference_samples"] for found in done),
        "typed_sites": sum(found["typed_sites"] for found in done),
        "imputed_sites": sum(found["imputed_sites"] for found in done),
        "unused_records": n_dropped,
        "recoded_records": n_recoded,
        "weights": ", ".join(sorted({found["weights"] for found in done if found["weights"]})),
        "mean_R2": total / number if number else float("nan"),
        **{f"R2_above_{limit:g}": int(count) for limit, count in zip(R2_LIMITS, above, strict=True)},
        "chromosomes": rows,
    }
