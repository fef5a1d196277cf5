"""The verbs of the stage retrieval: retrieve, paint."""

from pathlib import Path

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    architecture_option,
    panel_option,
    roles_option,
    start_logging,
    threads_option,
    typed_option,
    validation_option,
)
from ragimpute.cli.verb import verb


@verb("retrieve")
@panel_option
@roles_option
@typed_option
@validation_option
@architecture_option
@click.option("--size", default="small", show_default=True, help="The architecture's size: small or full.")
@click.option("--fold", "fold_name", required=True, help="train, random1.. or validation.")
@threads_option
@click.option("--out", type=OUT, required=True, help="The segments (safetensors).")
def retrieve_command(
    panel: Path,
    roles: Path,
    typed_path: Path,
    validation: Path | None,
    architecture: str,
    size: str,
    fold_name: str,
    threads: int,
    out: Path,
) -> None:
    """Find the reference haplotypes that each sample of a training or validation fold matches best at the typed sites.

    They come from the training fold; a sample's own haplotypes and those of declared relatives are never among them.
    """
    start_logging()
    from ragimpute import artefacts
    from ragimpute.panel.cohort import Cohort
    from ragimpute.retrieval.segments_file import KIND, retrieve_segments

    if fold_name == "targets":
        raise click.UsageError("--fold targets: `ragimpute predict` finds the neighbours of targets by itself")
    cohort = Cohort.load(panel, roles, typed_path)
    segments = retrieve_segments(cohort, fold_name, architecture, size, validation=validation, threads=threads)
    artefacts.save(out, KIND, segments.arrays, segments.metadata)


@verb("paint")
@panel_option
@roles_option
@typed_option
@click.option(
    "--phased", type=FILE, required=True, help="Phased typed genotypes of the targets, from `ragimpute phase`."
)
@click.option("--samples", type=click.IntRange(1), default=3, show_default=True, help="How many to paint.")
@click.option("--mask-name", required=True, help="Name in the mask column.")
@threads_option
@click.option("--out", type=OUT, required=True, help="The pieces, TSV.")
def paint_command(
    panel: Path, roles: Path, typed_path: Path, phased: Path, samples: int, mask_name: str, threads: int, out: Path
) -> None:
    """Write a few targets' haplotypes as a mosaic of the reference haplotypes that retrieval finds.

    The samples are spread over the populations that roles.tsv knows. Only the first chromosome is painted; the table
    has no genotypes.
    """
    start_logging()
    from ragimpute.panel.cohort import Cohort
    from ragimpute.retrieval.painting import paint_targets
    from ragimpute.tables import write_table

    cohort = Cohort.load(panel, roles, typed_path)
    table = paint_targets(cohort, phased, samples, mask_name, threads)
    write_table(table, out)
