"""Imputing one stretch of a genome: its panel, phasings and windows, one after the other, each kept when it is done."""

import copy
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute import __version__
from ragimpute.check.findings import Finding, refuse_errors
from ragimpute.errors import InputError, NoTypedSites, NoUsableSite, UnusableChromosome
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.external import require_program
from ragimpute.imputation import discordant, uncalled
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.inputs import (
    UNTYPED_STRETCH,
    ImputationInputs,
    MatchedFiles,
    MatchedInputs,
    PreparedImputation,
    match_targets,
    panel_of,
    phase_targets,
    read_matched,
)
from ragimpute.imputation.pieces import Pieces, file_state
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.sample_quality import QualityTally, save_sums
from ragimpute.imputation.site_choice import UNTYPED_CHROMOSOME
from ragimpute.imputation.site_ids import with_ids_by_template
from ragimpute.imputation.stretches import Stretch
from ragimpute.imputation.work_size import WorkSize
from ragimpute.panel.dropped_records import DROPPED_COLUMNS, unused_sites
from ragimpute.panel.windows import Window
from ragimpute.progress import share_of_work
from ragimpute.tables import join_tables, write_table
from ragimpute.targets.plink_files import find_fileset
from ragimpute.targets.several_phasings import load_phasings, save_phasings
from ragimpute.vcf.final_file import longest_position
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.writer import printed_r2, write_piece

logger = logging.getLogger(__name__)

R2_LIMITS = (0.3, 0.8)  # of the sites that are counted in a summary
N_COUNTS = 3 + len(R2_LIMITS)  # that are kept of each window
UNCALLED = dict.fromkeys(uncalled.COLUMNS, str)
DISCORDANT = dict.fromkeys(discordant.COLUMNS, str)
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
    min_r2: float | None = None  # imputed sites whose R2 is lower are not written
    sites_only: bool = False  # write records without genotypes
    sample_quality: Path | None = None  # table of how well each sample is imputed
    index: str | None = None  # of the output, csi or tbi; None: tbi where it can be
    # for `check`: everything is read that is read before phasing, shown to this function, and no more is done
    reader: Callable[[ReadStretch], None] | None = None

    @property
    def written_fields(self) -> tuple[str, ...]:
        """The FORMAT fields that records have."""
        return () if self.sites_only else self.fields

    def decides(self) -> dict[str, Any]:
        """All that decides on the result, for `Pieces`."""
        inputs = asdict(replace(self.inputs, reference=Path(), targets=Path(), genetic_map=None))
        about_runs = (
            "reference",
            "targets",
            "genetic_map",
            "threads",
            "memory_mb",
            "exclude_samples",
            "model",
            "sex",
            "keep_samples",
        )
        options = {name: value for name, value in inputs.items() if name not in about_runs}
        decides: dict[str, Any] = {"version": __version__, "options": options, "fields": list(self.fields)}
        decides |= {"min_r2": self.min_r2, "sites_only": self.sites_only}
        decides["sample_quality"] = self.sample_quality is not None
        decides |= {"keep_unmatched": self.keep_unmatched, "core_cm": self.work.core_cm, "out": self.out}
        decides["reference"] = {files.name: file_state(files.reference) for files in self.files}
        decides["targets"] = {files.name: _targets_state(files.targets) for files in self.files}
        decides["map"] = {files.name: file_state(files.genetic_map) for files in self.files if files.genetic_map}
        for files in self.files:
            of_pars = {f"{files.name}_{part}": file_state(path) for part, path in files.par_maps.items()}
            decides["map"] |= of_pars
        named = {name: getattr(self.inputs, name) for name in ("exclude_samples", "model", "sex", "keep_samples")}
        decides["other_files"] = {name: file_state(path) for name, path in named.items() if path is not None}
        return decides


class StretchRun:
    """One stretch: its panel, phasings and windows are pieces, each made once."""

    def __init__(
        self, request: GenomeRequest, stretch: Stretch, pieces: Pieces, targets_copy: Path | None, is_alone: bool
    ) -> None:
        """`is_alone`: nothing else is imputed, so that it is an error when no site is typed."""
        self.request, self.stretch, self.pieces = request, stretch, pieces
        self.targets_copy = targets_copy or stretch.files.targets_copy
        self.name, self.is_alone = stretch.name, is_alone
        files = stretch.files
        self.inputs = replace(
            request.inputs, reference=files.reference, targets=files.targets, genetic_map=files.genetic_map
        )

    def run(self) -> dict[str, Any]:
        """Impute what is missing; what was found, the last piece of the stretch.

        Of a request that is only read, the files are read, as they would be for imputing, and nothing is imputed: what
        was found has `findings` then. Raises NoUsableSite and UnusableChromosome where nothing can be imputed.
        """
        found = self.pieces.load_json(f"{self.name}.json")
        if found is not None:
            return found
        start = time.perf_counter()
        prepared = self.pieces.path(f"{self.name}.panel.safetensors")
        chosen = self.stretch.chosen
        with self._unusable_alone():
            panel, unread = panel_of(self.inputs, prepared, chosen)
        try:
            with self._unusable_alone():
                if self.request.reader is not None:
                    matched_files = read_matched(self.inputs, panel, unread, self.targets_copy, chosen)
                    found = self._read(matched_files, self.request.reader)
                    prepared.unlink(missing_ok=True)
                    return found
                matched = match_targets(self.inputs, panel, unread, self.targets_copy, chosen)
        except NoTypedSites as error:
            if self.is_alone:
                raise
            logger.warning("%s%s", f"{self.name}: " if self.stretch.is_of_sex_chromosome else "", error)
            reason = UNTYPED_STRETCH if self.stretch.is_of_sex_chromosome else UNTYPED_CHROMOSOME
            not_imputed = unused_sites(panel.sites, reason)
            listed = [self._within(table).assign(file="reference") for table in (unread, not_imputed)]
            if error.dropped is not None:
                listed.append(self._within(error.dropped).assign(file="targets"))
            found = nothing_imputed(self.pieces, self.name, listed)
            found |= {"reference_samples": len(panel.samples), "contigs": list(panel.contigs)}
        else:
            found = self._impute(matched)
        found["seconds"] = round(time.perf_counter() - start, 1)
        self.pieces.save_json(f"{self.name}.json", found)
        prepared.unlink(missing_ok=True)
        return found

    def _read(self, matched: MatchedFiles, reader: Callable[[ReadStretch], None]) -> dict[str, Any]:
        """What is found of a stretch that is only read. Raises InputError where imputing it would fail."""
        refuse_errors(matched.findings)
        if not matched.typed.complete:
            require_program("beagle")
        reader(ReadStretch(self.name, self.inputs, self.stretch.chosen, matched))
        return {
            **_NOTHING,
            "windows": 1,  # there would be some
            "sample_names": list(matched.typed.samples),
            "findings": [*matched.findings, *self._sex_finding(matched)],
        }

    def _sex_finding(self, matched: MatchedFiles) -> list[Finding]:
        """How many of the targets are men and women, as their genotypes on X tell."""
        rule = self.stretch.chosen.rule
        if rule is None or rule.chromosome != "X":
            return []
        n_samples = len(matched.typed.samples)
        ploidy = matched.typed.ploidy
        n_men = 0 if ploidy is None else int((ploidy == 1).sum())
        numbers = {"men": n_men, "women": n_samples - n_men}
        message = f"by their genotypes on X, or --sex: {n_men} men, {n_samples - n_men} women"
        return [Finding("info", str(self.inputs.targets), "sex", message, numbers)]

    @contextmanager
    def _unusable_alone(self) -> Iterator[None]:
        """What is wrong with the files of X, Y or MT concerns that chromosome alone: UnusableChromosome."""
        try:
            yield
        except (NoTypedSites, NoUsableSite):
            raise
        except InputError as error:
            if self.stretch.is_of_sex_chromosome:
                raise UnusableChromosome(str(error)) from None
            raise

    def _impute(self, matched: MatchedInputs) -> dict[str, Any]:
        phasings = self._phasings(matched, "phasings")
        discordant_sites = [pd.DataFrame(columns=list(DISCORDANT))]
        if self.inputs.drop_discordant:
            found = discordant.find(matched.panel, phasings[0], self.inputs.threads)
            if len(found):
                discordant_sites.append(found)
                typed = discordant.without_sites(matched.typed, matched.panel, found)
                matched = replace(matched, typed=typed)
                phasings = self._phasings(matched, "concordant")
        ready = matched.phased(phasings)
        engine = Engine(
            ready.panel, ready.phasings, ready.imputer, self.request.work, self.inputs.threads, self.pieces.folder
        )
        plan = [window for part in ready.wanted for window in engine.windows(part)]
        counts = []
        window_chroms = []
        suspects: list[discordant.Flagged] = []
        with share_of_work(f"imputing {self.name}") as progress:
            for number, (window, asked) in enumerate(plan):
                of_window = self._window(engine, window, asked, f"{self.name}.{number:05d}")
                counts.append(of_window["R2"])
                window_chroms.append(of_window["chrom"])
                suspects += of_window["inverted"]
                progress((number + 1) / len(plan))
        discordant_sites.append(discordant.table_of(ready.panel, ready.typed, suspects, used=True))
        write_table(join_tables(discordant_sites, DISCORDANT), self.pieces.path(f"{self.name}.discordant.tsv"))
        dropped = self._write_tables(ready, engine)
        used = self._within(ready.typed.used.table)
        if len(self.request.files) > 1:  # another reference may have a part of the chromosome
            write_table(used, self.pieces.path(f"{self.name}.used.tsv"))
        return {
            **_facts(ready),
            "used": {"reference": len(ready.sites), "targets": len(used)},
            "target_chroms": _target_chroms([*dropped, used.assign(file="targets")]),
            "windows": len(plan),
            "window_chroms": window_chroms,
            "chroms": list(dict.fromkeys(ready.sites.chrom.tolist())),
            "last_position": longest_position(ready.sites, ready.panel.contigs),
            "contigs": list(ready.panel.contigs),
            "sample_names": list(ready.typed.samples),
            "sexes": self._sexes(ready),
            "R2": [sum(column) for column in zip(*counts, strict=True)],
        }

    def _phasings(self, matched: MatchedInputs, kind: str) -> list:
        """The targets' phasings: made once, as nothing else may depend on a run that was stopped."""
        path = self.pieces.path(f"{self.name}.{kind}.safetensors")
        if not path.exists():
            save_phasings(path, None, phase_targets(self.inputs, matched, self.stretch.chosen))
        typed = np.zeros(len(matched.panel.sites), dtype=bool)
        typed[matched.typed.index] = True
        return load_phasings(path, matched.typed.samples, typed)

    def _window(self, engine: Engine, window: Window, asked: slice, name: str) -> dict[str, Any]:
        """Write the records `asked` for of a window unless they are there.

        Returns what is said of their R2, and suspect sites.
        """
        path = self.pieces.path(f"{name}.records")
        found = self.pieces.load_json(f"{name}.json")
        if found is not None and path.exists():
            return found
        suspects: list[discordant.Flagged] = []
        parts = _flagging(engine.impute(window, asked), asked.start, suspects)
        quality = self._quality(engine, asked)
        if quality is not None:
            parts = quality.counted(parts)
        sites = engine.reference.sites.take(asked)
        chrom = str(sites.chrom[0])
        if self.inputs.set_ids is not None:
            sites = with_ids_by_template(sites, self.inputs.set_ids)
        r2 = write_piece(
            path,
            sites,
            engine.targets[0].samples,
            parts,
            fields=self.request.written_fields,
            threads=self.inputs.threads,
            min_r2=self.request.min_r2,
        )
        if quality is not None:
            save_sums(self.pieces, name, quality.sums)
        is_imputed = np.ones(len(sites), dtype=bool)
        is_imputed[engine.targets[0].index_within(asked) - asked.start] = False
        found = {"R2": _r2_counts(r2[is_imputed], self.request.min_r2), "inverted": suspects, "chrom": chrom}
        self.pieces.save_json(f"{name}.json", found)
        return found

    def _quality(self, engine: Engine, asked: slice) -> QualityTally | None:
        """What adds up how well each sample is imputed in a window; None where nobody asks."""
        if self.request.sample_quality is None:
            return None
        alleles = engine.reference.alleles.between(asked.start, asked.stop)
        number = np.full(asked.stop - asked.start, engine.reference.n_haplotypes)
        return QualityTally(ReferenceCounts(alleles.counts(), number), len(engine.targets[0].samples))

    def _sexes(self, ready: PreparedImputation) -> list[str] | None:
        """The sex codes of the samples, 1 or 2, as their ploidy on X tells them; None elsewhere."""
        rule = self.stretch.chosen.rule
        if rule is None or rule.chromosome != "X":
            return None
        ploidy = ready.typed.ploidy
        return ["2"] * len(ready.typed.samples) if ploidy is None else [str(number) for number in ploidy]

    def _write_tables(self, ready: PreparedImputation, engine: Engine) -> list[pd.DataFrame]:
        """Keep the tables of the stretch; those of its dropped records, LISTED."""
        typed = ready.typed
        by_frequency = uncalled.listed_uncalled(self.inputs.targets, typed.samples, engine.uncalled)
        of_targets = self._within(typed.dropped).assign(file="targets")
        dropped = [ready.unused.assign(file="reference"), of_targets]
        recoded = [self._within(table) for table in (typed.recoded, typed.set_missing)]
        write_stretch_tables(self.pieces, self.name, dropped, recoded, by_frequency)
        return dropped

    def _within(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table of records that lie in the regions of the run."""
        return Regions.parse(self.inputs.regions).within(table)


_NOTHING: dict[str, Any] = {
    "typed_sites": 0,
    "imputed_sites": 0,
    "used": {"reference": 0, "targets": 0},  # records of the two files
    "target_chroms": [],  # on which records of the targets were read
    "reference_samples": 0,
    "weights": "",
    "windows": 0,
    "window_chroms": [],
    "chroms": [],
    "last_position": 0,
    "contigs": [],
    "sample_names": [],
    "sexes": None,
    "R2": [0.0] * N_COUNTS,
    "seconds": 0.0,
}


def write_stretch_tables(
    pieces: Pieces,
    name: str,
    dropped: Sequence[pd.DataFrame],
    recoded: Sequence[pd.DataFrame] = (),
    by_frequency: pd.DataFrame | None = None,
) -> None:
    """Keep the tables of the stretch `name`: `dropped` have the columns LISTED."""
    uncalled_rows = [] if by_frequency is None else [by_frequency]
    write_table(join_tables(uncalled_rows, UNCALLED), pieces.path(f"{name}.uncalled.tsv"))
    if not pieces.path(f"{name}.discordant.tsv").exists():
        write_table(join_tables([], DISCORDANT), pieces.path(f"{name}.discordant.tsv"))
    write_table(join_tables(dropped, LISTED), pieces.path(f"{name}.dropped.tsv"))
    write_table(join_tables(recoded, RECODED), pieces.path(f"{name}.recoded.tsv"))


def nothing_imputed(pieces: Pieces, name: str, dropped: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """What is found of a stretch that is left out; `dropped`, with the columns LISTED, are its records."""
    write_stretch_tables(pieces, name, dropped)
    write_table(pd.DataFrame(columns=DROPPED_COLUMNS[:-1]), pieces.path(f"{name}.used.tsv"))
    return {**copy.deepcopy(_NOTHING), "target_chroms": _target_chroms(dropped)}


def _target_chroms(tables: Sequence[pd.DataFrame]) -> list[str]:
    """The chromosomes of the targets' records in tables with the columns chrom and file."""
    found = [table.loc[table["file"] == "targets", "chrom"].tolist() for table in tables if len(table)]
    return list(dict.fromkeys(chain.from_iterable(found)))


def _targets_state(path: Path) -> list[dict[str, Any]]:
    """The states of a file of targets, and of those that belong to it."""
    fileset = find_fileset(path)
    paths = (path,) if fileset is None else fileset.paths
    return [file_state(one) for one in paths]


def _r2_counts(r2: np.ndarray, min_r2: float | None) -> list[float]:
    """N_COUNTS numbers of imputed sites with these R2.

    How many there are, the sum of their R2, how many are at or above each limit, and how many are not written.
    """
    above = [int((r2 >= limit).sum()) for limit in R2_LIMITS]
    n_left_out = 0 if min_r2 is None else sum(printed_r2(value) < min_r2 for value in r2.tolist())
    return [len(r2), float(r2.sum()), *above, n_left_out]


def _flagging(parts: Iterator[Imputed], first: int, suspects: list[discordant.Flagged]) -> Iterator[Imputed]:
    """The parts as they are. Typed sites that look inverted are added to `suspects`.

    `first`: the number of the parts' first site among the panel's.
    """
    for part in parts:
        if part.inverted is not None and part.er2 is not None:
            site = np.arange(first, first + len(part.typed))
            suspects += discordant.flagged(site, part.inverted, part.er2)
        first += len(part.typed)
        yield part


def _facts(ready: PreparedImputation) -> dict[str, Any]:
    return {
        "typed_sites": ready.n_typed,
        "imputed_sites": len(ready.sites) - ready.n_typed,
        "reference_samples": len(ready.panel.samples),
        "weights": ready.model.name,
    }
