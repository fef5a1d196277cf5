"""Imputing a genome: one chromosome after the other, joined to one output or one of each chromosome."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from ragimpute.check.findings import Finding
from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError, NoUsableSite, UnusableChromosome
from ragimpute.imputation import messages, pgen_output, result_files, unmatched
from ragimpute.imputation.chromosome_files import ChromosomeFiles
from ragimpute.imputation.header_lines import header_lines
from ragimpute.imputation.not_imputed import NO_SITE, UNUSABLE, sites_there, targets_there
from ragimpute.imputation.pieces import Pieces
from ragimpute.imputation.plink_targets import families_of, unplaced_targets, with_targets_as_vcf
from ragimpute.imputation.read_only import ReadStretch
from ragimpute.imputation.record_counts import ListedRecords, accounts, records_elsewhere, settle_parts
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.sample_quality import joined_quality
from ragimpute.imputation.stretch_run import (
    DISCORDANT,
    LISTED,
    R2_LIMITS,
    RECODED,
    UNCALLED,
    GenomeRequest,
    StretchRun,
    nothing_imputed,
)
from ragimpute.imputation.stretches import (
    Chromosome,
    chromosomes_in,
    of_references,
    refuse_overlaps,
    regions_of_panels,
    samples_of,
)
from ragimpute.imputation.target_choice import with_chosen_samples
from ragimpute.panel.chromosome_names import MARK
from ragimpute.panel.sex_chromosomes import kind_of
from ragimpute.panel.sexes import Sex, read_sexes
from ragimpute.tables import Columns, join_tables, read_table, write_table
from ragimpute.vcf.indexed import has_index, indexed_copy
from ragimpute.vcf.source import Region, read_header
from ragimpute.vcf.writer import imputed_header, join_pieces

logger = logging.getLogger(__name__)

TARGETS_COPY = "targets.bcf"
NOT_IMPUTED = "chromosome"  # code of a finding
SEX_CODES: dict[Sex, str] = {"M": "1", "F": "2"}
UNKNOWN_SEX = "NA"


@dataclass(frozen=True)
class _Done:
    """What was found of one chromosome."""

    chromosome: Chromosome
    found: Mapping[str, dict[str, Any]]  # of each of its stretches, by the name of its pieces, in order
    problem: str = ""  # why nothing of it is imputed


def impute_genome(request: GenomeRequest, restart: bool = False) -> dict[str, Any]:
    """Impute all chromosomes, write the output and the tables beside it, and sum up what was done.

    A run that was stopped goes on where it was, by the same request; `restart` begins anew. Results are the same bytes.
    X, Y or MT that cannot be imputed are left out, with a warning, unless nothing else is imputed.
    Raises InputError when a file is unusable, nothing is typed, or an unfinished run of another request lies there.
    """
    refuse_overlaps(request.files)
    request = _with_names_of_panels(request)
    pieces = Pieces(request.out, request.decides(), restart)
    with pieces.kept_if_costly():
        return _impute_to_pieces(request, pieces)


def _impute_to_pieces(request: GenomeRequest, pieces: Pieces) -> dict[str, Any]:
    """Impute all chromosomes, and join the pieces to the output."""
    request, sexes, left_out = _with_samples(request, pieces)
    first = request.files[0]
    names = request.inputs.target_samples or read_header(first.readable_targets).samples
    messages.warn_of_few_samples(first.targets, len(names))
    done = _each_chromosome(request, pieces, sexes)
    listed = [_join(request, pieces, group, sexes, left_out) for group in _groups(request, done)]
    if request.sample_quality is not None:
        stretches = [pair for one in done for pair in one.found.items()]
        write_table(joined_quality(pieces, stretches), request.sample_quality)
    for one in done:
        if one.problem:
            logger.warning("chromosome %s is not imputed: %s", one.chromosome.title, one.problem)
    elsewhere = {} if request.inputs.regions else _elsewhere(done, pieces)
    pieces.remove()
    every_stretch = [found for one in done for found in one.found.values()]
    return _summary(request, done, accounts(every_stretch, listed, elsewhere), sum(one.n_recoded for one in listed))


def read_genome(request: GenomeRequest, reader: Callable[[ReadStretch], None]) -> list[Finding]:
    """Read all that `impute_genome` would read before it phases, and tell what is to be said of it.

    `reader` is shown each stretch that would be imputed, while its panel is there.
    Raises InputError where `impute_genome` would, but for what happens when it phases, imputes and writes.
    """
    refuse_overlaps(request.files)
    only_read = replace(_with_names_of_panels(request), reader=reader)
    with temporary_folder("ragimpute-") as folder:
        pieces = Pieces(str(folder / "out"), {}, restart=False)
        only_read, sexes, _ = _with_samples(only_read, pieces)
        done = _each_chromosome(only_read, pieces, sexes)
    said = [finding for one in done for found in one.found.values() for finding in found.get("findings", [])]
    for one in done:
        if one.problem:
            path = str(one.chromosome.files.reference)
            message = f"chromosome {one.chromosome.title} is not imputed: {one.problem}"
            said.append(Finding("warning", path, NOT_IMPUTED, message))
    return said


def _with_names_of_panels(request: GenomeRequest) -> GenomeRequest:
    """The request with regions of the panels' chromosomes. Raises InputError where one has two names in a panel."""
    regions = regions_of_panels(request.files, request.inputs.regions)
    return replace(request, inputs=replace(request.inputs, regions=regions))


def _with_samples(request: GenomeRequest, pieces: Pieces) -> tuple[GenomeRequest, dict[str, Sex], pd.DataFrame]:
    """The request with readable targets and the samples to impute, their sexes, and those left out: UNCALLED."""
    given = {} if request.inputs.sex is None else read_sexes(request.inputs.sex)
    request, of_files = with_targets_as_vcf(request, pieces)
    if request.inputs.sex is not None:
        known = [samples_of(path) for one in request.files for path in (one.readable_targets, one.reference)]
        messages.warn_of_strangers(request.inputs.sex, given, known)
    request, left_out = with_chosen_samples(request)
    return request, of_files | given, left_out


def _each_chromosome(request: GenomeRequest, pieces: Pieces, sexes: Mapping[str, Sex]) -> list[_Done]:
    """Impute, or only read, the chromosomes in turn. Raises InputError where nothing can be imputed, or not joined."""
    regions = Regions.parse(request.inputs.regions)
    chromosomes = [chromosome for files in request.files for chromosome in chromosomes_in(files, regions)]
    if len(request.files) > 1:
        chromosomes = of_references(chromosomes)
    copy = _targets_copy(chromosomes, pieces)
    done = []
    for number, chromosome in enumerate(chromosomes, start=1):
        if len(chromosomes) > 1:
            logger.info("chromosome %s (%d of %d)", chromosome.title, number, len(chromosomes))
        one = _impute_chromosome(request, chromosome, pieces, copy, sexes, is_alone=len(chromosomes) == 1)
        done.append(one)
    problems = [one.problem for one in done if one.problem]
    if len(problems) == len(done):
        raise InputError(problems[0])
    if not any(found["windows"] for one in done for found in one.found.values()):
        raise InputError(f"{request.files[0].targets}: no site of any chromosome is typed; is it of the same build?")
    for group in _groups(request, done):
        _samples_of(request, group)
    return done


def _groups(request: GenomeRequest, done: Sequence[_Done]) -> list[list[_Done]]:
    """The chromosomes that are joined to one file: all, or with {chrom} in `out` those of each reference."""
    if MARK not in request.out:
        return [list(done)]
    return [[one for one in done if one.chromosome.files is files] for files in request.files]


def _samples_of(request: GenomeRequest, done: Sequence[_Done]) -> list[str]:
    """The samples of the chromosomes that are joined. Raises InputError where they are not the same."""
    typed = [found for one in done for found in one.found.values() if found["windows"]]
    samples = typed[0]["sample_names"] if typed else []
    for found in typed:
        if found["sample_names"] != samples:
            raise InputError(f"{request.out}: the chromosomes' targets have other samples; write a file for each")
    return samples


def _targets_copy(chromosomes: Sequence[Chromosome], pieces: Pieces) -> Path | None:
    """An indexed copy of targets that would be read through several times; None where none is needed."""
    targets = chromosomes[0].files.readable_targets
    is_read_once = len(chromosomes) == 1 and chromosomes[0].kind != "X"
    if is_read_once or {one.files.readable_targets for one in chromosomes} != {targets} or has_index(targets):
        return None
    copy = pieces.path(TARGETS_COPY)
    is_there = copy.exists() or indexed_copy(targets, copy)
    return copy if is_there else None


def _impute_chromosome(
    request: GenomeRequest,
    chromosome: Chromosome,
    pieces: Pieces,
    targets_copy: Path | None,
    sexes: Mapping[str, Sex],
    is_alone: bool,
) -> _Done:
    """Impute the stretches of a chromosome. X, Y or MT is left out where it is not usable, unless it `is_alone`.

    So is the chromosome of one of several regions, where there is nothing of it.
    """
    try:
        found = _impute_stretches(request, chromosome, pieces, targets_copy, sexes, is_alone)
        return _Done(chromosome, found)
    except (UnusableChromosome, NoUsableSite) as error:
        if is_alone or (chromosome.kind is None and not chromosome.only):
            raise
        problem = str(error)
    regions = Regions.parse(request.inputs.regions)
    sites = regions.within(sites_there(chromosome)).assign(file="reference")
    chrom = chromosome.contig or chromosome.only
    ours = targets_there(targets_copy or chromosome.files.readable_targets, Region(chrom), UNUSABLE, regions)
    name = chromosome.name
    nothing = nothing_imputed(pieces, name, [sites, ours])
    return _Done(chromosome, {name: nothing}, problem)


def _impute_stretches(
    request: GenomeRequest,
    chromosome: Chromosome,
    pieces: Pieces,
    targets_copy: Path | None,
    sexes: Mapping[str, Sex],
    is_alone: bool,
) -> dict[str, dict[str, Any]]:
    """What is found of each stretch of a chromosome. A stretch without usable sites is passed over beside others."""
    regions = Regions.parse(request.inputs.regions)
    stretches = chromosome.stretches(sexes, request.inputs.build, regions)
    stretch_is_alone = is_alone and len(stretches) == 1
    found = {}
    without_sites = []
    for stretch in stretches:
        name = stretch.name
        try:
            run = StretchRun(request, stretch, pieces, targets_copy, stretch_is_alone)
            found[name] = run.run()
        except NoUsableSite as error:
            without_sites.append(error)
            dropped = [] if error.dropped is None else [regions.within(error.dropped).assign(file="reference")]
            if stretch.chosen.region is not None:
                targets = targets_copy or stretch.files.readable_targets
                dropped.append(targets_there(targets, stretch.chosen.region, NO_SITE, regions))
            found[name] = nothing_imputed(pieces, name, dropped)
    if len(without_sites) == len(stretches):
        raise without_sites[0]
    return found


def _join(
    request: GenomeRequest,
    pieces: Pieces,
    done: Sequence[_Done],
    sexes: Mapping[str, Sex],
    left_out: pd.DataFrame,
) -> ListedRecords:
    """Join the pieces of some chromosomes to one output. Returns what the tables beside it list."""
    files = done[0].chromosome.files
    out = Path(request.out.replace(MARK, files.name))
    stretches = {name: found for one in done for name, found in one.found.items()}
    typed = [found for found in stretches.values() if found["windows"]]
    samples = _samples_of(request, done)
    of_group = _distinct_files(done)
    about = header_lines(request, of_group, sorted({found["weights"] for found in typed}))
    header = _header(stretches.values(), typed, samples, request.written_fields, about)
    chroms = _distinct(found["chroms"] for found in typed)
    written = []
    for name, found in stretches.items():
        for number in range(found["windows"]):
            written.append(pieces.path(f"{name}.{number:05d}.records"))
    longest = max((found["last_position"] for found in typed), default=0)
    dropped, n_used = settle_parts(pieces, [(one.chromosome.files.readable_targets, one.found) for one in done])
    if not request.inputs.regions:
        dropped = join_tables([dropped, unplaced_targets(request, of_group)], LISTED)
    recoded = _joined_tables(pieces, stretches, "recoded", RECODED)

    def write(path: Path) -> None:
        join_pieces(path, longest, header, written, request.index)

    kept = unmatched.can_be_kept(dropped, chroms) & request.keep_unmatched
    is_pgen = out.suffix == pgen_output.SUFFIX
    vcf = pieces.path(f"{files.name}.joined.vcf.gz") if is_pgen else out
    if kept.any():
        of_targets = dict.fromkeys(one.readable_targets for one in of_group)
        source = unmatched.Source(list(of_targets), request.inputs.target_samples, request.inputs.apply_filters)
        unmatched.write_with(vcf, source, dropped[kept], write)
        dropped = dropped[~kept]
    else:
        write(vcf)
    result_files.write_records(out, "dropped", dropped)
    result_files.write_records(out, "recoded", recoded)
    result_files.write_records(out, "discordant", _joined_tables(pieces, stretches, "discordant", DISCORDANT))
    by_frequency = _joined_tables(pieces, stretches, "uncalled", UNCALLED)
    result_files.write_records(out, "uncalled", join_tables([left_out, by_frequency], UNCALLED))
    told = next((found["sexes"] for found in typed if found["sexes"]), None)
    given = [_sex_code(sexes.get(name)) for name in samples]
    psam = result_files.psam_table(samples, families_of(request), told or given)
    if is_pgen:
        of_x = next((one.chromosome for one in done if one.chromosome.kind == "X" and not one.problem), None)
        build = of_x and of_x.build(request.inputs.build)
        how = pgen_output.PgenWriting(
            psam,
            build.name if build else None,
            pieces.path(".pgen"),
            request.inputs.threads,
            request.inputs.memory_mb,
        )
        pgen_output.write_pgen(vcf, out, how)
    elif any(kind_of(chrom) == "X" for chrom in chroms) and not request.sites_only:
        result_files.write_psam(out, psam)
    return ListedRecords(dropped, len(recoded), n_used + int(kept.sum()))


def _elsewhere(done: Sequence[_Done], pieces: Pieces) -> dict[str, int]:
    """The records of the targets on chromosomes that the reference has none of: chromosome -> how many."""
    read: dict[Path, set[str]] = {}
    for one in done:
        of_one = [chrom for found in one.found.values() for chrom in found["target_chroms"]]
        read.setdefault(one.chromosome.files.readable_targets, set()).update(of_one)
    copy = pieces.path(TARGETS_COPY)
    if copy.exists():  # of the only file
        [chroms] = read.values()
        read = {copy: chroms}
    return records_elsewhere(read)


def _header(
    stretches: Iterable[Mapping[str, Any]],
    typed: Sequence[Mapping[str, Any]],
    samples: Sequence[str],
    fields: Sequence[str],
    about: Sequence[str],
) -> bytes:
    """The header of the joined file of `stretches`, of which `typed` have records; `about` are lines about the run."""
    weights = sorted({found["weights"] for found in typed})
    listed = ", ".join(weights)
    source = f"ragimpute impute, weights {listed}"
    contigs = _distinct(found["contigs"] for found in stretches)
    chroms = _distinct(found["chroms"] for found in typed)
    return imputed_header(chroms, contigs, samples, source, fields, about)


def _distinct_files(done: Sequence[_Done]) -> list[ChromosomeFiles]:
    """The files of some chromosomes, each once: several may be of the same files."""
    every_one = {id(one.chromosome.files): one.chromosome.files for one in done}
    return list(every_one.values())


def _distinct(lists: Iterable[Iterable[str]]) -> list[str]:
    """All texts of several lists, each once, in the order of their first occurrence."""
    every_text = chain.from_iterable(lists)
    return list(dict.fromkeys(every_text))


def _joined_tables(pieces: Pieces, stretches: Iterable[str], kind: str, columns: Columns) -> pd.DataFrame:
    """The tables `kind`, dropped or recoded, of the stretches of these names, as one."""
    paths = [pieces.path(f"{name}.{kind}.tsv") for name in stretches]
    tables = [read_table(path, columns) for path in paths]
    return join_tables(tables, columns)


def _sex_code(sex: Sex | None) -> str:
    return UNKNOWN_SEX if sex is None else SEX_CODES[sex]


def _summary(
    request: GenomeRequest, chromosomes: Sequence[_Done], records: dict[str, dict[str, Any]], n_recoded: int
) -> dict[str, Any]:
    """What was read and imputed, over all chromosomes and by chromosome."""
    rows = []
    for one in chromosomes:
        stretches = list(one.found.values())
        facts = _sums(stretches, request.min_r2)
        seconds = sum(found["seconds"] for found in stretches)
        row = {"chromosome": one.chromosome.title, **facts, "seconds": round(seconds, 1)}
        rows.append(row)
    done = [found for one in chromosomes for found in one.found.values()]
    facts = _sums(done, request.min_r2)
    names = [found["sample_names"] for found in done if found["sample_names"]]
    weights = {found["weights"] for found in done if found["weights"]}
    problems = {one.chromosome.title: one.problem for one in chromosomes if one.problem}
    summary: dict[str, Any] = {"out": request.out}
    summary["samples"] = len(names[0]) if names else 0
    summary["reference_samples"] = max(found["reference_samples"] for found in done)
    summary["typed_sites"] = facts.pop("typed_sites")
    summary["imputed_sites"] = facts.pop("imputed_sites")
    summary["unused_records"] = sum(sum(of_file["listed"].values()) for of_file in records.values())
    summary["recoded_records"] = n_recoded
    summary["weights"] = ", ".join(sorted(weights))
    summary |= facts
    summary["records"] = records
    if problems:
        summary["not_imputed"] = problems
    summary["chromosomes"] = rows
    return summary


def _sums(stretches: Sequence[dict[str, Any]], min_r2: float | None) -> dict[str, Any]:
    """The counts of sites over some stretches, and what is said of their R2."""
    of_r2 = [found["R2"] for found in stretches]
    number, total, *above, n_left_out = (sum(column) for column in zip(*of_r2, strict=True))
    facts: dict[str, Any] = {}
    facts["typed_sites"] = sum(found["typed_sites"] for found in stretches)
    facts["imputed_sites"] = sum(found["imputed_sites"] for found in stretches)
    facts["mean_R2"] = total / number if number else float("nan")
    for limit, count in zip(R2_LIMITS, above, strict=True):
        facts[f"R2_above_{limit:g}"] = int(count)
    if min_r2 is not None:
        facts[f"left_out_below_{min_r2:g}"] = int(n_left_out)
    return facts
