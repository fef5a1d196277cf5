"""The verbs of the stage training: training-set, train, diagnose-loss."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    architecture_option,
    device_option,
    panel_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
    validation_option,
)
from ragimpute.cli.output import json_option, print_json
from ragimpute.cli.verb import verb

SHOWN = {
    "recon_mean": "mean reconstruction loss",
    "hap_mean": "mean haplotype loss",
    "ratio_of_means": "ratio of the means",
    "mean_of_ratios": "mean of the batches' ratios",
    "share_dominates": "batches with a ratio above 1",
    "share_negligible": "batches with a ratio below .1",
    "grad_cosine": "cosine of their gradients",
    "grad_recon_share": "reconstruction's share of the gradient",
    "focal_share_90": "sites that carry 90 % of the gradient",
    "effective_gradient": "effective gradient",
    "embedding_variance": "variance of `after`",
    "switched_share": "steps after the switch",
}


class JsonMapping(click.ParamType):
    """A JSON object given as text."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        try:
            content = json.loads(value)
        except json.JSONDecodeError as error:
            self.fail(f"not JSON ({error})", param, ctx)
        if not isinstance(content, dict):
            self.fail("not a JSON object", param, ctx)
        return content


@verb("training-set")
@click.option("--panel", "panels", type=FILE, multiple=True, required=True, help="A chromosome's panel; repeat it.")
@roles_option
@click.option("--typed", type=FILE, multiple=True, required=True, help="Its table from `ragimpute mask --out`.")
@click.option(
    "--typed-genotypes", type=FILE, multiple=True, required=True, help="Its targets at the typed sites, from `mask`."
)
@click.option(
    "--segments-mb",
    type=click.FloatRange(0, min_open=True),
    default=1000,
    show_default=True,
    help="Size of the segments of a training.",
)
@seed_option
@click.option("--out-panel", type=OUT, required=True, help="The panel of the training set (safetensors).")
@click.option("--out-roles", type=OUT, required=True, help="The roles in it, TSV.")
@click.option("--out-typed", type=OUT, required=True, help="Its typed sites, TSV.")
@click.option("--out-typed-genotypes", type=OUT, required=True, help="The targets at these, VCF.gz.")
@click.option("--out-map", type=OUT, required=True, help="Its genetic map, PLINK layout.")
@click.option("--out-chromosomes", type=OUT, required=True, help="First and last position of all chromosomes, TSV.")
def training_set_command(
    panels: tuple[Path, ...],
    roles: Path,
    typed: tuple[Path, ...],
    typed_genotypes: tuple[Path, ...],
    segments_mb: float,
    seed: int,
    out_panel: Path,
    out_roles: Path,
    out_typed: Path,
    out_typed_genotypes: Path,
    out_map: Path,
    out_chromosomes: Path,
) -> None:
    """Cut stretches of all chromosomes, and choose samples, to train one network for a genome on.

    The files are those that the steps of training take: retrieve, phase-validation, tune-beagle and train.
    """
    start_logging()
    from ragimpute.training.training_set import ChromosomeInputs, TrainingSetOutputs, make_training_set

    if not len(panels) == len(typed) == len(typed_genotypes):
        raise click.UsageError(
            "give --panel, --typed and --typed-genotypes once for each chromosome, in the same order"
        )
    files = zip(panels, typed, typed_genotypes, strict=True)
    inputs = [ChromosomeInputs(*of_chromosome) for of_chromosome in files]
    outputs = TrainingSetOutputs(out_panel, out_roles, out_typed, out_typed_genotypes, out_map, out_chromosomes)
    make_training_set(inputs, roles, outputs, segments_mb=segments_mb, seed=seed)


@verb("train")
@panel_option
@roles_option
@typed_option
@click.option(
    "--segments", type=FILE, multiple=True, help="Segments of train, random1..; repeat it. Not with pretrained weights."
)
@click.option("--validation-segments", type=FILE, required=True, help="Segments of fold validation.")
@validation_option
@architecture_option
@click.option(
    "--weights",
    type=click.Choice(["scratch", "pretrained", "fine_tuned"]),
    default="scratch",
    show_default=True,
    help="Start from random weights; take the pretrained ones as they are; or train those further.",
)
@click.option(
    "--chromosomes",
    type=FILE,
    help="From `training-set`, for fine_tuned: it starts from pretrained weights that have seen none of these.",
)
@click.option("--loss-name", required=True, help="Name of the loss, for the model's metadata.")
@click.option("--loss", type=JsonMapping(), required=True, help='Weights, as JSON: {"hap": 0.3, "genotype": 0.4, ...}.')
@click.option("--training", type=JsonMapping(), default="{}", help="Training settings, as JSON.")
@seed_option
@device_option
@threads_option
@click.option("--checkpoint", type=OUT, help="Where to save state to resume from; removed at the end.")
@click.option("--out", type=OUT, required=True, help="The model (safetensors).")
@click.option("--history", type=OUT, required=True, help="Losses and scores: TSV of seed step epoch metric value.")
def train_command(
    panel: Path,
    roles: Path,
    typed_path: Path,
    segments: tuple[Path, ...],
    validation_segments: Path,
    validation: Path | None,
    architecture: str,
    weights: str,
    chromosomes: Path | None,
    loss_name: str,
    loss: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    device: str,
    threads: int,
    checkpoint: Path | None,
    out: Path,
    history: Path,
) -> None:
    """Train one network with one loss and one seed, and keep the epoch with the best validation dosage r2.

    A temperature, fitted on the validation samples, is stored with it for `ragimpute predict --calibrate`.

    For one seed all losses start from the same weights and get the same batches. On one machine the result is the same
    to the last bit, whether the training was interrupted or not; another number of threads may change the last digits.

    Several GPUs, or machines: torchrun --nproc-per-node 4 -m ragimpute train ..; each process takes a share of a step's
    samples.
    """
    start_logging()
    from ragimpute.training.request import TrainingFiles, TrainingRequest

    if not segments and weights != "pretrained":
        raise click.UsageError(f"--weights {weights} trains on samples: give their --segments")
    request = TrainingRequest(
        architecture=architecture,
        loss_name=loss_name,
        loss=loss,
        training=training,
        weights=weights,
        seed=seed,
        device=device,
        threads=threads,
    )
    files = TrainingFiles(
        panel=panel,
        roles=roles,
        typed=typed_path,
        segments=segments,
        validation_segments=validation_segments,
        validation=validation,
        model=out,
        history=history,
        checkpoint=checkpoint,
        imputed=chromosomes,
    )
    if weights == "pretrained" and importlib.util.find_spec("torch") is None:
        from ragimpute.training.without_torch import take_pretrained

        take_pretrained(request, files, log=_to_standard_error)
        return
    from ragimpute.training.loop import Interrupted
    from ragimpute.training.train import train_from_files

    try:
        train_from_files(request, files, log=_to_standard_error)
    except Interrupted as stop:
        _to_standard_error(str(stop))
        raise SystemExit(143) from None


@verb("diagnose-loss")
@click.argument("loss_name", metavar="LOSS")
@click.option("--configfile", "configfiles", type=FILE, multiple=True, help="As for `config`. Default: the example.")
@click.option("--mask", "mask_name", help="A mask of the configuration. Default: its first.")
@click.option("--architecture", default="bert_rag", show_default=True, help="bert_rag or copy_rag.")
@click.option("--epochs", type=click.IntRange(1), default=2, show_default=True, help="Epochs to train.")
@click.option("--steps", type=click.IntRange(2), default=15, show_default=True, help="Steps in an epoch.")
@seed_option
@threads_option
@json_option
def diagnose_loss_command(
    loss_name: str,
    configfiles: tuple[Path, ...],
    mask_name: str | None,
    architecture: str,
    epochs: int,
    steps: int,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Train LOSS for a few steps and say whether its reconstruction term disturbs, is saturated, or can stay.

    Reads the panel, finds neighbours and trains in memory; nothing is written. The figures are means over the last
    epoch. Two minutes on two cores on the example.
    """
    start_logging()
    from dataclasses import asdict

    from ragimpute.study.configuration import load_configuration
    from ragimpute.study.workflow_files import workflow_folder
    from ragimpute.training.diagnose import diagnose_loss

    diagnosis = diagnose_loss(
        load_configuration(workflow_folder(), configfiles),
        loss_name,
        mask_name,
        architecture=architecture,
        epochs=epochs,
        steps_per_epoch=steps,
        seed=seed,
        threads=threads,
        log=_to_standard_error,
    )
    measured = diagnosis.measured
    verdict = diagnosis.verdict
    if as_json:
        shown = {name: measured[name] for name in SHOWN}
        print_json({"loss": loss_name, "architecture": architecture, **shown, **asdict(verdict)})
        return
    from ragimpute.reporting.terminal import print_facts

    title = f"{architecture}, {loss_name}, seed {seed}: last of {epochs} epochs of {steps} steps"
    facts = {label: f"{measured[name]:.4g}" for name, label in SHOWN.items()}
    print_facts(title, facts)
    click.echo(f"verdict {verdict.outcome}: {verdict.advice}")


def _to_standard_error(line: str) -> None:
    click.echo(line, err=True)
