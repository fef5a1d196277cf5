"""The verbs of the stage imputation: impute, explain, predict."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragimpute.cli.options import (
    FILE,
    GENOTYPES,
    OUT,
    build_option,
    chromosomes_option,
    device_option,
    exclude_option,
    map_of_chromosomes_option,
    map_option,
    memory_option,
    n_phasings_option,
    panel_option,
    phasings_option,
    plot_option,
    reading_options,
    references_option,
    region_option,
    regions_option,
    roles_option,
    seed_option,
    sex_option,
    start_logging,
    threads_option,
    two_threads_option,
    typed_option,
)
from ragimpute.cli.output import json_option, print_json, quiet_option
from ragimpute.cli.verb import verb
from ragimpute.nouns import with_noun
from ragimpute.quick_start import announce_compiling, load_numba

if TYPE_CHECKING:
    from ragimpute.imputation.explanation import Explanation

ALL_FIELDS = "GT,DS,HDS,GP"
PRETRAINED = "pretrained"


def _model(ctx: click.Context, param: click.Parameter, value: str) -> Path | None:
    """The file of the network, None for the pretrained one."""
    return None if value == PRETRAINED else FILE.convert(value, param, ctx)


class PartOfWindows(click.ParamType):
    """N-of-M, as Snakemake numbers what it scatters, as the pair N, M."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        number, _, total = str(value).partition("-of-")
        if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
            self.fail(f"{value!r} is not N-of-M, N from 1 to M", param, ctx)
        return int(number), int(total)


reference_option = click.option(
    "--reference", type=GENOTYPES, required=True, help="Phased panel: VCF, BCF, or the file of `read-panel`."
)
targets_option = click.option(
    "--targets", type=GENOTYPES, required=True, help="VCF, BCF, PLINK .bed or .pgen of the samples to impute."
)
model_option = click.option(
    "--model",
    default=PRETRAINED,
    show_default=True,
    callback=_model,
    help="`pretrained`, or a model written by `train`.",
)
NESTED = ("chromosomes", "records")  # parts of a summary that are shown otherwise
SHOWN = 12  # neighbours of each haplotype on the screen; the table has all


@verb("impute")
@references_option
@click.option(
    "--targets", required=True, metavar="FILE", help="VCF, BCF, PLINK .bed or .pgen of the samples to impute."
)
@click.option("--out", required=True, metavar="FILE", help="Imputed .vcf.gz, .bcf or .pgen; {chrom}: one of each.")
@map_of_chromosomes_option
@chromosomes_option
@regions_option
@two_threads_option
@seed_option
@n_phasings_option
@click.option("--format", "fields", default=ALL_FIELDS, show_default=True, help="FORMAT fields to write.")
@click.option("--index", type=click.Choice(["csi", "tbi"]), help="Of the output. Default: tbi where it can be.")
@click.option("--keep-unmatched", is_flag=True, help="Also write target records at positions that the panel lacks.")
@model_option
@click.option("--keep-samples", type=FILE, help="Targets to impute: one name on each line. Default: all.")
@exclude_option
@click.option("--min-r2", type=click.FloatRange(0, 1), help="Leave out imputed sites whose R2 is lower.")
@click.option("--sites-only", is_flag=True, help="Write records without genotypes.")
@click.option(
    "--sample-quality",
    type=OUT,
    help="Write a TSV of how well each sample is imputed, by chromosome: expected r2, left-out r2, missingness.",
)
@sex_option
@build_option
@device_option
@memory_option
@reading_options
@click.option("--restart", is_flag=True, help="Begin anew where an unfinished run has left OUT.parts.")
@quiet_option("Print warnings and errors only.")
@json_option
def impute_command(
    references: tuple[str, ...],
    targets: str,
    out: str,
    map_path: str | None,
    chromosomes: str | None,
    regions: tuple[str, ...] | None,
    threads: int,
    seed: int,
    n_phasings: int | None,
    fields: str,
    index: str | None,
    keep_unmatched: bool,
    model: Path | None,
    keep_samples: Path | None,
    exclude_samples: Path | None,
    min_r2: float | None,
    sites_only: bool,
    sample_quality: Path | None,
    sex: Path | None,
    build: str | None,
    device: str,
    memory_mb: int,
    restart: bool,
    quiet: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Impute samples from a reference panel with a trained network. Nothing is trained and nothing configured.

    Every record of TARGETS that is in the panel is used and kept; single-nucleotide ones whose alleles are swapped or
    read from the other strand are recoded to the panel's. Phased genotypes are taken as they are; unphased ones are
    phased by Beagle first. On X, beyond its pseudoautosomal regions, men are haploid. Beside OUT, .dropped.tsv lists
    the records of both files that were not used, with the reason, .recoded.tsv the recoded ones, .uncalled.tsv samples
    without genotypes on a chromosome, and .discordant.tsv typed sites whose genotypes look inverted.
    """
    start_logging()
    load_numba()
    announce_compiling()
    from ragimpute.imputation.impute import impute

    result = impute(
        reference=references,
        targets=targets,
        genetic_map=map_path,
        out=out,
        chromosomes=chromosomes,
        region=regions,
        threads=threads,
        seed=seed,
        n_phasings=n_phasings,
        format=fields,
        index=index,
        keep_unmatched=keep_unmatched,
        model=model,
        keep_samples=keep_samples,
        exclude_samples=exclude_samples,
        min_r2=min_r2,
        sites_only=sites_only,
        sample_quality=sample_quality,
        sex=sex,
        build=build,
        device=device,
        memory_mb=memory_mb,
        restart=restart,
        **reading,
    )
    if as_json:
        print_json(result.summary)
    elif not quiet:
        _print_summary(result.summary)


def _print_summary(summary: dict[str, Any]) -> None:
    """The numbers of a run and, if there are several, of each chromosome."""
    from ragimpute.reporting.terminal import print_facts, print_table

    rows = summary["chromosomes"]
    facts = {name.replace("_", " "): _shown(fact) for name, fact in summary.items() if name not in NESTED}
    for file, counted in summary["records"].items():
        facts[f"records of the {file}"] = f"{counted['records']}, {counted['used']} of them used"
    out = Path(summary["out"])
    print_facts(out.name, facts)
    if len(rows) > 1:
        header = [name.replace("_", " ") for name in rows[0]]
        cells = [[_shown(value) for value in row.values()] for row in rows]
        print_table("by chromosome", header, cells)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)


@verb("explain")
@reference_option
@targets_option
@click.option("--sample", required=True, help="The sample, one of TARGETS.")
@click.option(
    "--site",
    "sites",
    multiple=True,
    required=True,
    help="CHROM:POS, CHROM:POS:REF:ALT where several records lie there, or an ID such as rs123; repeat it for several.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder where the panel and the phased targets are kept: a further site then takes a second or two.",
)
@map_option
@click.option("--out", type=OUT, help="All retrieved haplotypes, TSV.")
@plot_option("A figure of them: .svg or .png.")
@region_option
@exclude_option
@model_option
@sex_option
@build_option
@two_threads_option
@seed_option
@n_phasings_option
@memory_option
@quiet_option("Do not log progress.")
@json_option
def explain_command(
    reference: Path,
    targets: Path,
    sample: str,
    sites: tuple[str, ...],
    cache: Path | None,
    map_path: Path | None,
    out: Path | None,
    plot: Path | None,
    region: str | None,
    exclude_samples: Path | None,
    model: Path | None,
    sex: Path | None,
    build: str | None,
    threads: int,
    seed: int,
    n_phasings: int | None,
    memory_mb: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show which haplotypes of the panel a sample's haplotypes were copied from at untyped sites.

    For each haplotype: the reference haplotypes retrieved at the typed site to the left and at the one to the right,
    the weight that the network gives to each, the allele that they carry at the site, and how far they match the
    sample, in centimorgan. Give the options that `ragimpute impute` was given, and its result is the one explained.
    """
    start_logging()
    import pandas as pd

    from ragimpute.imputation.explanation import explain_genotypes
    from ragimpute.imputation.inputs import ImputationInputs
    from ragimpute.tables import write_table

    inputs = ImputationInputs(
        reference=reference,
        targets=targets,
        genetic_map=map_path,
        regions=() if region is None else (region,),
        exclude_samples=exclude_samples,
        sex=sex,
        build=build,
        model=model,
        device="cpu",
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=n_phasings,
    )
    explanations = explain_genotypes(inputs, sample, sites, cache)
    if as_json:
        found = [_as_json(explanation) for explanation in explanations]
        print_json(found[0] if len(found) == 1 else found)
    else:
        for explanation in explanations:
            _print(explanation)
    if out is not None:
        tables = [explanation.neighbours for explanation in explanations]
        write_table(pd.concat(tables, ignore_index=True), out)
    if plot is not None:
        from ragimpute.reporting import chart, copying_figure

        figure = copying_figure.copying_figure(explanations)
        chart.save_figure(figure, plot)


def _as_json(explanation: "Explanation") -> dict[str, Any]:
    """One site, with all neighbours."""
    facts = {"sample": explanation.sample, "site": explanation.site, "cm": explanation.cm}
    neighbours = explanation.neighbours.to_dict(orient="records")
    return {**facts, "dosages": explanation.dosages, "neighbours": neighbours}


def _print(explanation: "Explanation") -> None:
    from ragimpute.reporting.terminal import print_table

    header = ("neighbour", "retrieved at", "allele", "weight", "cM left", "cM right", "bp left", "bp right")
    for hap, rows in explanation.neighbours.groupby("haplotype"):
        of_carriers = rows.loc[rows["allele"] == 1, "weight"].sum()
        dosage = explanation.dosages[hap - 1]
        title = (
            f"{explanation.sample}, haplotype {hap}, {explanation.site}: dosage {dosage:.3f}, "
            f"carriers of ALT weigh {of_carriers:.3f}"
        )
        first_rows = rows.head(SHOWN)
        shown = list(first_rows.itertuples())
        cells = [_cells(row) for row in shown]
        carriers = [i for i, row in enumerate(shown) if row.allele]
        print_table(title, header, cells, bold=carriers)
        if len(rows) > SHOWN:
            others = rows.iloc[SHOWN:]
            weight = others["weight"].sum()
            click.echo(f"{len(others)} more weigh {weight:.3f} together")


def _cells(row: Any) -> tuple[str, ...]:
    """A row of `Explanation.neighbours` as the text of its columns on the screen."""
    arrow = "←" if row.flank == "left" else "→"
    numbers = [f"{number:.3f}" for number in (row.weight, row.left_cm, row.right_cm)]
    numbers += [f"{row.left_bp:,}", f"{row.right_bp:,}"]
    return f"{row.neighbour} ({row.neighbour_haplotype})", f"{row.typed_pos} {arrow}", str(row.allele), *numbers


@verb("compile")
def compile_command() -> None:
    """Compile ahead what the first `impute` would compile, so that it starts at once. It takes about a minute."""
    from ragimpute.imputation.compile_ahead import compile_ahead

    logging.getLogger("ragimpute").setLevel(logging.ERROR)  # warnings about made-up files help nobody
    compile_ahead()


@verb("merge-batches")
@click.option("--batch", "batches", type=GENOTYPES, multiple=True, required=True, help="An imputed file; repeat it.")
@click.option("--out", type=OUT, required=True, help="VCF.gz (or BCF) of all samples, with index.")
def merge_batches_command(batches: tuple[Path, ...], out: Path) -> None:
    """Merge files that `ragimpute impute` wrote of batches of samples, from one panel, to one file of all samples.

    AF and R2 are those of all samples: INFO AN, HDSSUM and HDSSQ of the batches are added up. ER2 is left out.
    """
    from ragimpute.vcf.merge_batches import merge_batches

    number = merge_batches(batches, out)
    click.echo(f"{out}: {with_noun(number, 'record')} of {with_noun(len(batches), 'batch', 'batches')}")


@verb("predict")
@panel_option
@roles_option
@typed_option
@phasings_option
@click.option("--model", "model_path", type=FILE, required=True, help="A model written by train.")
@click.option("--calibrate", is_flag=True, help="Divide the genotype logits by the temperature that train stored.")
@click.option(
    "--part",
    type=PartOfWindows(),
    metavar="N-of-M",
    help="Impute the Nth of M shares of the panel's windows; --out gets their records, for gather-windows.",
)
@device_option
@threads_option
@click.option("--out", type=OUT, required=True, help="VCF.gz (or BCF) with index: GT DS HDS GP at all panel sites.")
def predict_command(
    panel: Path,
    roles: Path,
    typed_path: Path,
    phasings_path: Path,
    model_path: Path,
    calibrate: bool,
    part: tuple[int, int] | None,
    device: str,
    threads: int,
    out: Path,
) -> None:
    """Impute the targets with a trained network, as `ragimpute impute` does.

    What is imputed from each phasing of --phasings is averaged. Typed genotypes are kept; those that phasing filled in
    get their left-out dosage. A site with one allele in the whole reference gets that allele.
    """
    start_logging()
    from ragimpute.imputation.predict import predict_targets

    predict_targets(
        panel,
        roles,
        typed_path,
        phasings_path,
        model_path,
        out,
        part=part,
        calibrated=calibrate,
        device=device,
        threads=threads,
    )


@verb("gather-windows")
@panel_option
@roles_option
@click.option(
    "--records", type=FILE, multiple=True, required=True, help="Of `predict --part`: all parts, from 1-of-M to M-of-M."
)
@click.option("--out", type=OUT, required=True, help="VCF.gz (or BCF) with index, as predict writes it without --part.")
def gather_windows_command(panel: Path, roles: Path, records: tuple[Path, ...], out: Path) -> None:
    """Join the records of all parts of a panel's windows to the file that one `predict` would have written."""
    start_logging()
    from ragimpute.imputation.predict import gather_windows

    gather_windows(panel, roles, records, out)
