"""The step `impute`: from a panel and targets in files to imputed genotypes, in files or as arrays."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError, suggest_keywords
from ragimpute.imputation.chromosome_files import ChromosomeFiles, chromosome_files, refuse_other_files
from ragimpute.imputation.genome import impute_genome
from ragimpute.imputation.inputs import FilePath, ImputationInputs
from ragimpute.imputation.pgen_output import fields_for
from ragimpute.imputation.regions import Regions
from ragimpute.imputation.result import ImputationResult
from ragimpute.imputation.result_files import files_beside
from ragimpute.imputation.stretch_run import GenomeRequest
from ragimpute.imputation.target_choice import kept_targets
from ragimpute.imputation.work_size import WorkSize
from ragimpute.output_places import Named, check_outputs
from ragimpute.panel.chromosome_names import MARK, plain_name
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.targets.lost_sites import MAX_LOST
from ragimpute.targets.plink_files import find_fileset
from ragimpute.vcf.final_file import check_request
from ragimpute.vcf.format_kernel import FIELDS

OUTPUTS = (".vcf.gz", ".bcf", ".pgen")


@suggest_keywords
def impute(
    *,
    reference: FilePath | Sequence[FilePath],
    targets: FilePath,
    genetic_map: FilePath | None = None,
    out: FilePath | None = None,
    chromosomes: str | None = None,
    region: str | Sequence[str] | None = None,
    threads: int = 2,
    seed: int = 1,
    n_phasings: int | None = None,
    format: str | Sequence[str] = FIELDS,
    keep_unmatched: bool = False,
    model: FilePath | None = None,
    keep_samples: FilePath | None = None,
    exclude_samples: FilePath | None = None,
    min_r2: float | None = None,
    sites_only: bool = False,
    sample_quality: FilePath | None = None,
    sex: FilePath | None = None,
    build: str | int | None = None,
    device: str = "auto",
    memory_mb: int = 4000,
    core_cm: float | None = None,
    max_missing: float | None = None,
    panel_missing: float = MOST_MISSING,
    max_lost_sites: float = MAX_LOST,
    apply_filters: str | None = None,
    set_ids: str | None = None,
    drop_discordant: bool = False,
    restart: bool = False,
    index: str | None = None,
) -> ImputationResult:
    """Impute samples from a reference panel with a trained network, as the command `ragimpute impute` does.

    Arguments:
        reference: phased panel: VCF, BCF, or the file of `ragimpute read-panel`; {chrom} in the name stands for a
            chromosome's name; or several files.
        targets: VCF, BCF, PLINK .bed or .pgen of the samples to impute, phased or not: one file, or one of each
            chromosome by {chrom}.
        genetic_map: PLINK, SHAPEIT or HapMap layout, one file or by {chrom}; None: 1 cM per Mb, or the positions of a
            prepared panel.
        out: imputed VCF.gz or BCF to write, with index, or PLINK 2's .pgen, with .pvar and .psam; and OUT.dropped.tsv
            and OUT.recoded.tsv; with {chrom} one of each chromosome; None: nothing is written, and the result is in
            memory.
        chromosomes: with {chrom}, which to impute, such as '1-22'; None: all whose reference exists.
        region: 'CHROM' or 'CHROM:START-END' (1-based, inclusive), one or several; None: all that the files cover.
        threads: how many to compute with. Results do not depend on it.
        seed: of Beagle's phasing.
        n_phasings: how often unphased targets are phased; None: 4 below 300 typed sites per cM, else 1.
        format: FORMAT fields to write, of GT, DS, HDS, GP; text with commas or a sequence.
        keep_unmatched: also write target records at positions that the panel lacks. Needs `out`.
        model: a model of `ragimpute train`; None or 'pretrained': the weights that come with the package.
        keep_samples: file of targets that are imputed, one name a line; None: all.
        exclude_samples: file of reference samples to leave out, one name a line.
        min_r2: imputed sites whose R2 is lower are not written; typed ones always are.
        sites_only: write records without genotypes.
        sample_quality: where to write a table of how well each sample is imputed, by chromosome.
        sex: table of samples and their sex (1 or M, 2 or F), or a .fam or .psam: of targets and reference samples whose
            genotypes on X do not tell it. None: men are told by their haploid genotypes.
        build: of the genome, 37 or 38, which tells the pseudoautosomal regions of X; None: by the length of contig X.
        device: auto, cpu or cuda.
        memory_mb: limit of Beagle's memory.
        core_cm: length of the windows in which a chromosome is imputed, in cM; results hardly depend on it. None: as
            the panel has them.
        max_missing: targets that lack more than this share of their genotypes on a chromosome are left out; None: none.
        panel_missing: records of the panel with at most this share of missing genotypes are filled in by the panel.
        max_lost_sites: a larger share of typed sites, at which the panel's records are incomplete or unphased, is an
            error.
        apply_filters: values of FILTER, such as 'PASS,.': records of both files without one of them are left out.
        set_ids: template of the IDs that are written, such as 'CHROM:POS:REF:ALT'; after '+' only for sites without an
            ID. None: the panel's IDs, and the targets' where it has none.
        drop_discordant: leave typed sites out whose genotypes look inverted; they are listed in OUT.discordant.tsv.
        index: csi or tbi, the index of the output; None: tbi, or csi of a BCF or a contig of 512 Mb or more.
        restart: begin anew where an unfinished run of the same `out` has left pieces.

    Raises InputError when a file or an option is unusable, nothing is typed, or Beagle is needed and missing, and
    TypeError for an unknown option.
    """
    files, inputs = files_and_inputs(
        reference,
        targets,
        genetic_map,
        chromosomes,
        region=region,
        keep_samples=keep_samples,
        exclude_samples=exclude_samples,
        model=model,
        sex=sex,
        build=build,
        device=device,
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=n_phasings,
        max_missing=max_missing,
        panel_missing=panel_missing,
        max_lost_sites=max_lost_sites,
        apply_filters=apply_filters,
        set_ids=set_ids,
        drop_discordant=drop_discordant,
    )
    words = format.split(",") if isinstance(format, str) else format
    refuse_other_files(files)
    stripped = [word.strip() for word in words]
    fields = tuple(word for word in stripped if word)
    work = WorkSize(core_cm=core_cm)
    fields = fields_for(str(out), fields)
    request = GenomeRequest(
        files,
        inputs,
        str(out),
        fields,
        keep_unmatched,
        work,
        min_r2,
        sites_only,
        sample_quality=None if sample_quality is None else Path(sample_quality),
        index=index,
    )
    _check_output(request, str(out))
    if out is None:
        if keep_unmatched:
            raise InputError("keep_unmatched writes records of the targets: name a file with out=")
        return _impute_in_memory(request)
    return _impute_to_files(request, restart)


def files_and_inputs(
    reference: FilePath | Sequence[FilePath],
    targets: FilePath,
    genetic_map: FilePath | None,
    chromosomes: str | None,
    *,
    region: str | Sequence[str] | None = None,
    build: str | int | None = None,
    model: FilePath | None = None,
    **others: Any,
) -> tuple[list[ChromosomeFiles], ImputationInputs]:
    """The files of each chromosome, and the options, from the arguments of `impute`. Raises InputError as it does."""
    references = [reference] if isinstance(reference, FilePath) else reference
    names = [str(path) for path in references]
    map_name = None if genetic_map is None else str(genetic_map)
    files = chromosome_files(names, str(targets), map_name, chromosomes)
    files = _of_regions(files, names, region, chromosomes)
    inputs = ImputationInputs.of_paths(
        reference=files[0].reference,
        targets=files[0].targets,
        genetic_map=files[0].genetic_map,
        region=region,
        build=None if build is None else str(build),
        model=model,
        **others,
    )
    return files, inputs


def _of_regions(
    files: list[ChromosomeFiles],
    references: Sequence[str],
    region: str | Sequence[str] | None,
    chromosomes: str | None,
) -> list[ChromosomeFiles]:
    """With {chrom} and regions, but no list of chromosomes, the files of the regions. Raises InputError without one."""
    if region is None or chromosomes is not None or MARK not in references[0]:
        return files
    texts = [region] if isinstance(region, str) else region
    wanted = {plain_name(chrom) for chrom in Regions.parse(texts).chromosomes}
    found = [of_one for of_one in files if plain_name(of_one.name) in wanted]
    if not found:
        listed = ", ".join(sorted(wanted))
        raise InputError(f"--reference {references[0]}: no file of the regions' chromosomes ({listed})")
    return found


def _check_output(request: GenomeRequest, out: str) -> None:
    """Raise InputError where options about the output contradict each other."""
    if request.min_r2 is not None and not 0 <= request.min_r2 <= 1:
        raise InputError(f"--min-r2 {request.min_r2:g}: R2 lies between 0 and 1")
    if request.sites_only and (request.keep_unmatched or out.endswith(".pgen")):
        raise InputError("--sites-only: neither a .pgen nor --keep-unmatched goes without genotypes")


def _impute_to_files(request: GenomeRequest, restart: bool) -> ImputationResult:
    """Write the VCF or BCF, or one of each chromosome, and the tables beside it."""
    out = request.out
    names = [out.replace(MARK, files.name) for files in request.files] if MARK in out else [out]
    paths = [Path(name) for name in names]
    for path in paths:
        check_request(path, request.fields, request.index, OUTPUTS)
    _refuse_places(request, paths)
    for files in request.files:
        kept_targets(request.inputs.keep_samples, files.targets)
    summary = impute_genome(request, restart)
    return ImputationResult(summary, paths)


def _refuse_places(request: GenomeRequest, paths: Sequence[Path]) -> None:
    """Raise InputError where a file to write has no folder, or is one that the imputation reads."""
    inputs: list[Named] = []
    for files in request.files:
        fileset = find_fileset(files.targets)
        of_targets = (files.targets,) if fileset is None else fileset.paths
        inputs += [("--reference", files.reference), *(("--targets", path) for path in of_targets)]
        maps = [files.genetic_map, *files.par_maps.values()]
        inputs += [("--map", path) for path in maps if path is not None]
    of_all = request.inputs
    others = {"--model": of_all.model, "--exclude-samples": of_all.exclude_samples, "--sex": of_all.sex}
    others["--keep-samples"] = of_all.keep_samples
    inputs += [(name, path) for name, path in others.items() if path is not None]
    outputs = [named for path in paths for named in files_beside(path).items()]
    if request.sample_quality is not None:
        outputs.append(("--sample-quality", request.sample_quality))
    check_outputs(outputs, inputs)


def _impute_in_memory(request: GenomeRequest) -> ImputationResult:
    """Impute to temporary files, and keep what they hold."""
    with temporary_folder("ragimpute-") as folder:
        out = str(folder / "imputed.vcf.gz")
        to_files = replace(request, out=out, fields=FIELDS)
        result = _impute_to_files(to_files, restart=False)
        return result.in_memory()
