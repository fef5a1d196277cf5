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


@click.command("retrieve")
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
    from ragimpute.errors import InputError
    from ragimpute.models import architecture as find_architecture
    from ragimpute.models import segments
    from ragimpute.panel.cohort import Cohort
    from ragimpute.retrieval.segments_file import KIND

    found = find_architecture(architecture)
    if size not in found.sizes:
        raise InputError(f"--size {size}: {architecture} has {', '.join(found.sizes)}")
    study = Cohort.load(panel, roles, typed_path)
    if fold_name == "targets":
        raise click.UsageError("--fold targets: `ragimpute predict` finds the neighbours of targets by itself")
    if fold_name == "validation":
        fold, provenance = study.fold(fold_name, validation), study.provenance(validation)
    else:
        fold, provenance = study.fold(fold_name), study.provenance()
    arrays = segments(found, size, fold, threads).arrays()
    metadata = {"architecture": architecture, "size": size, "fold": fold_name, **provenance}
    artefacts.save(out, KIND, arrays, metadata)


@click.command("paint")
@panel_option
@roles_option
@typed_option
@click.option("--targets", type=FILE, required=True, help="Phased typed genotypes of the samples to impute.")
@click.option("--samples", type=click.IntRange(1), default=3, show_default=True, help="How many to paint.")
@click.option("--mask-name", required=True, help="Name in the mask column.")
@threads_option
@click.option("--out", type=OUT, required=True, help="The pieces, TSV.")
def paint_command(
    panel: Path, roles: Path, typed_path: Path, targets: Path, samples: int, mask_name: str, threads: int, out: Path
) -> None:
    """Show a few targets' haplotypes as a mosaic of the reference haplotypes that retrieval finds.

    The samples are spread over the populations that roles.tsv knows. Only the first chromosome is painted; the table
    has no genotypes.
    """
    start_logging()
    from ragimpute.artefacts import atomic_path
    from ragimpute.panel.cohort import Cohort
    from ragimpute.retrieval import painting

    study = Cohort.load(panel, roles, typed_path)
    populations = {sample.sample: sample.population for sample in study.samples}
    fold = study.fold("targets", targets)
    chosen = painting.spread_over_populations({name: populations[name] for name in fold.samples}, samples)
    table = painting.paint_haplotypes(fold, chosen, populations, threads).assign(mask=mask_name)[list(painting.COLUMNS)]
    with atomic_path(out) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
