"""`ragimpute explain`: whom one target person was imputed from at one site."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragimpute.cli.impute import (
    exclude_option,
    model_option,
    reference_option,
    targets_option,
    threads_option,
)
from ragimpute.cli.options import (
    OUT,
    map_option,
    memory_option,
    n_phasings_option,
    region_option,
    seed_option,
    start_logging,
)
from ragimpute.cli.output import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from ragimpute.explain import Explanation

FIGURES = (".svg", ".png")
SHOWN = 12  # neighbours of each haplotype on the screen; the table has all


def _drawable(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in FIGURES:
        raise click.BadParameter(f"{value}: name it {' or '.join(FIGURES)}")
    return value


@click.command("explain")
@reference_option
@targets_option
@click.option("--sample", required=True, help="The person, one of TARGETS.")
@click.option("--site", required=True, help="CHROM:POS, or CHROM:POS:REF:ALT where several records lie there.")
@map_option
@click.option("--out", type=OUT, help="All retrieved haplotypes, TSV.")
@click.option("--plot", type=OUT, callback=_drawable, help="A figure of them: .svg or .png.")
@region_option
@exclude_option
@model_option
@threads_option
@seed_option
@n_phasings_option
@memory_option
@quiet_option("Do not log progress.")
@json_option
def explain(
    reference: Path,
    targets: Path,
    sample: str,
    site: str,
    map_path: Path | None,
    out: Path | None,
    plot: Path | None,
    region: str | None,
    exclude_samples: Path | None,
    model: Path | None,
    threads: int,
    seed: int,
    n_phasings: int | None,
    memory_mb: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show whom a person's two haplotypes were copied from at one untyped site.

    For each haplotype: the reference haplotypes retrieved at the typed site to the left and at the one to the right,
    the weight that the network gives to each, the allele that they carry at the site, and how far they match the
    person, in centimorgan. Give the options that `ragimpute impute` was given, and its result is the one explained.
    """
    start_logging()
    from ragimpute.artefacts import atomic_path
    from ragimpute.explain import explain as look_up
    from ragimpute.genetic_map import GeneticMap
    from ragimpute.imputation_run import Inputs

    inputs = Inputs(
        reference=reference,
        targets=targets,
        genetic_map=GeneticMap.read(map_path) if map_path else None,
        region=region,
        exclude_samples=exclude_samples,
        model=model,
        device="cpu",
        threads=threads,
        memory_mb=memory_mb,
        seed=seed,
        n_phasings=n_phasings,
    )
    explanation = look_up(inputs, sample, site)
    if as_json:
        neighbours = explanation.neighbours.to_dict(orient="records")
        print_json(
            {"sample": sample, "site": explanation.site, "dosages": explanation.dosages, "neighbours": neighbours}
        )
    else:
        _print(explanation)
    if out is not None:
        with atomic_path(out) as temporary:
            explanation.neighbours.to_csv(temporary, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    if plot is not None:
        from ragimpute.reporting import chart, copying

        chart.save(copying.figure(explanation), plot)


def _print(explanation: "Explanation") -> None:
    from ragimpute.reporting.terminal import print_table

    header = ("neighbour", "retrieved at", "allele", "weight", "cM left", "cM right")
    for hap, rows in explanation.neighbours.groupby("haplotype"):
        carried = float(rows.loc[rows["allele"] == 1, "weight"].sum())
        title = (
            f"{explanation.sample}, haplotype {hap}, {explanation.site}: dosage {explanation.dosages[hap - 1]:.3f}, "
            f"carriers of ALT weigh {carried:.3f}"
        )
        shown = list(rows.head(SHOWN).itertuples())
        cells = [
            (
                f"{row.neighbour} ({row.neighbour_haplotype})",
                f"{row.typed_pos} {'←' if row.flank == 'left' else '→'}",
                str(row.allele),
                *(f"{number:.3f}" for number in (row.weight, row.left_cm, row.right_cm)),
            )
            for row in shown
        ]
        print_table(title, header, cells, bold=[i for i, row in enumerate(shown) if row.allele])
        if len(rows) > SHOWN:
            click.echo(f"{len(rows) - SHOWN} more weigh {rows['weight'].iloc[SHOWN:].sum():.3f} together")
