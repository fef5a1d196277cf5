"""The verbs of the stage training: train, diagnose-loss."""

import json
from pathlib import Path
from typing import Any

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    architecture_option,
    device_option,
    frequencies_option,
    panel_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
    validation_option,
)
from ragimpute.cli.output import json_option, print_json

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


@click.command("train")
@panel_option
@roles_option
@typed_option
@frequencies_option
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
    frequencies: Path,
    segments: tuple[Path, ...],
    validation_segments: Path,
    validation: Path | None,
    architecture: str,
    weights: str,
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

    For one seed all losses start from the same weights and see the same batches. On one machine the result is the same
    to the last bit, whether the training was interrupted or not; another number of threads may change the last digits.

    Several GPUs, or machines: torchrun --nproc-per-node 4 -m ragimpute train ..; each process takes a share of a step's
    samples.
    """
    start_logging()
    from ragimpute import artefacts
    from ragimpute.models import architecture as find_architecture
    from ragimpute.models.pretrained import TEMPERATURE
    from ragimpute.panel.allele_counts import read_frequencies
    from ragimpute.panel.cohort import Cohort
    from ragimpute.study.code_digest import digest, of_other_architectures
    from ragimpute.training import inputs, probe, temperature
    from ragimpute.training.device import choose_device, describe
    from ragimpute.training.loop import Interrupted, Trainer
    from ragimpute.training.losses import LossSpec
    from ragimpute.training.processes import joined_processes
    from ragimpute.training.validation import SiteStrata

    if not segments and weights != "pretrained":
        raise click.UsageError(f"--weights {weights} trains on samples: give their --segments")
    settings = inputs.training_settings(architecture, training)
    if weights != "scratch":
        settings = inputs.from_pretrained(settings, weights)
    spec = LossSpec.from_config(loss, loss_name)
    where = choose_device(device, threads)
    click.echo(describe(where), err=True)
    study = Cohort.load(panel, roles, typed_path)
    counts = read_frequencies(frequencies, study.panel.sites)
    loaded = [inputs.load_segments(path, study, architecture, settings.size, ("train", "random")) for path in segments]
    held_out = inputs.load_segments(
        validation_segments, study, architecture, settings.size, ("validation",), validation
    )
    provenance = {
        "architecture": architecture,
        "size": settings.size,
        "loss_name": loss_name,
        "loss": json.dumps(loss, sort_keys=True),
        "training": json.dumps(training, sort_keys=True),
        "seed": str(seed),
        "weights": weights,
        **study.provenance(validation),
    }
    model = find_architecture(architecture).build(settings.size, seed)
    if weights != "scratch":
        provenance["pretrained_sha256"] = inputs.load_pretrained(model, study)
    folds = [part.metadata["fold"] for part in loaded]
    with joined_processes(where) as processes:
        first = processes.rank == 0
        code = digest("train", "training", of_other_architectures(architecture))
        described = {**provenance, "folds": folds, "device": where.type, "processes": processes.size, "code": code}
        trainer = Trainer(
            model=model,
            spec=spec,
            settings=settings,
            seed=seed,
            folds=[inputs.fold_data(study, study.fold(part.metadata["fold"]), part) for part in loaded],
            validation=inputs.fold_data(study, study.fold("validation", validation), held_out),
            strata=SiteStrata.from_counts(counts["train_ac"].to_numpy(), counts["train_an"].to_numpy()),
            device=where,
            processes=processes,
            checkpoint_path=checkpoint,
            signature=inputs.signature(described, settings),
            log=lambda line: click.echo(line, err=True) if first else None,
        )
        try:
            result = trainer.run()
        except Interrupted as stop:
            click.echo(str(stop), err=True)
            raise SystemExit(143) from None
    if not first:
        return
    metadata = {**provenance, "best_epoch": str(result.best_epoch), "best_val_r2": f"{result.best_value:.9g}"}
    if fitted := temperature.fit_trained(trainer, result):
        metadata[TEMPERATURE] = f"{fitted.temperature:g}"
        click.echo(f"temperature {fitted.temperature:g}: nll {fitted.before:.6f} -> {fitted.after:.6f}", err=True)
    click.echo(f"r2 of a linear probe on `after`: {probe.probe_trained(trainer, result):.4f}", err=True)
    result.history.write(history)
    artefacts.save(out, inputs.MODEL, result.weights, metadata)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)


@click.command("diagnose-loss")
@click.argument("loss_name", metavar="LOSS")
@click.option("--configfile", "configfiles", type=FILE, multiple=True, help="As for `config`. Default: the example.")
@click.option("--mask", "mask_name", help="A mask of the configuration. Default: its first.")
@click.option("--architecture", default="bert_rag", show_default=True, help="bert_rag or copy_rag.")
@click.option("--epochs", type=click.IntRange(1), default=2, show_default=True, help="Epochs to train.")
@click.option("--steps", type=click.IntRange(2), default=15, show_default=True, help="Steps in an epoch.")
@seed_option
@threads_option
@json_option
@click.pass_context
def diagnose_loss_command(
    ctx: click.Context,
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
    """Train LOSS for a moment and say whether its reconstruction term disturbs, is saturated, or can stay.

    Reads the panel, finds neighbours and trains in a temporary folder; nothing is left behind. The figures are means
    over the last epoch. Two minutes on two cores on the example.
    """
    import tempfile
    from dataclasses import asdict

    from ragimpute import tables
    from ragimpute.errors import InputError
    from ragimpute.evaluation import result_tables
    from ragimpute.evaluation.loss_diagnosis import monitor_means, verdict_of
    from ragimpute.study.configuration import load_configuration, suggestion

    config = load_configuration(Path(__file__).parents[3], configfiles)
    for what, name, known in (("loss", loss_name, config["losses"]), ("mask", mask_name, config["masks"])):
        if name is not None and name not in known:
            raise InputError(f"no {what} {name!r} in the configuration{suggestion(name, list(known))}")
    training = {key: value for key, value in config["training"].get(architecture, {}).items() if value is not None}
    training |= {"epochs": epochs, "steps_per_epoch": steps, "monitor_every": 1, "evaluation_windows": 1}
    with tempfile.TemporaryDirectory() as folder:
        history = _train(
            ctx, config, mask_name or next(iter(config["masks"])), architecture, loss_name, training, seed, threads,
            Path(folder),
        )  # fmt: skip
        measured = monitor_means(tables.read_table(history, result_tables.HISTORY_COLUMNS), last_epochs=1)
    verdict = verdict_of(measured)
    if as_json:
        shown = {name: measured[name] for name in SHOWN}
        print_json({"loss": loss_name, "architecture": architecture, **shown, **asdict(verdict)})
        return
    from ragimpute.reporting.terminal import print_facts

    title = f"{architecture}, {loss_name}, seed {seed}: last of {epochs} epochs of {steps} steps"
    print_facts(title, {label: f"{measured[name]:.4g}" for name, label in SHOWN.items()})
    click.echo(f"verdict {verdict.outcome}: {verdict.advice}")


def _train(
    ctx: click.Context,
    config: dict,
    mask_name: str,
    architecture: str,
    loss_name: str,
    training: dict,
    seed: int,
    threads: int,
    folder: Path,
) -> Path:
    """The verbs of the workflow, one after the other, from the configuration's files to a history in `folder`."""
    from ragimpute.cli import panel as panel_verbs
    from ragimpute.cli import retrieval as retrieval_verbs
    from ragimpute.cli import targets as targets_verbs

    mask, data_seed = config["masks"][mask_name], config["data_seed"]
    settings = config["panels"][mask["panel"]]
    holdout = settings["targets"]["holdout"] if isinstance(settings["targets"], dict) else None
    targets = settings["reference"] if holdout else settings["targets"]
    panel, roles, typed, counts = (folder / name for name in ("panel.safetensors", "roles", "typed", "counts"))
    genetic_map = settings["genetic_map"]
    ctx.invoke(
        panel_verbs.read_panel_command,
        reference=Path(settings["reference"]),
        map_path=Path(genetic_map) if genetic_map else None,
        region=settings["region"],
        out=panel,
        dropped=folder / "dropped",
    )
    who: dict[str, Any] = (
        {"holdout": str(holdout)} if holdout else {"targets": Path(targets), "max_targets": settings["max_targets"]}
    )
    who["samples"] = Path(settings["samples"]) if settings["samples"] else None
    fraction = config["training"]["validation_fraction"]
    ctx.invoke(
        panel_verbs.assign_roles_command, panel=panel, **who, validation_fraction=fraction, seed=data_seed, out=roles
    )
    sites = mask["sites"] if isinstance(mask["sites"], str) else str(mask["sites"]["fraction"])
    shared: dict[str, Any] = {"panel": panel, "roles": roles}
    ctx.invoke(
        targets_verbs.mask_command,
        **shared,
        sites=sites,
        targets=Path(targets),
        **settings["alleles"],
        seed=data_seed,
        out=typed,
        typed_genotypes=folder / "t.vcf.gz",
    )
    ctx.invoke(panel_verbs.frequencies_command, **shared, out=counts)
    shared |= {"typed_path": typed, "architecture": architecture, "threads": threads}
    segments = {fold: folder / fold for fold in ("train", "validation")}
    for fold, path in segments.items():
        ctx.invoke(
            retrieval_verbs.retrieve_command, **shared, size=training.get("size", "small"), fold_name=fold, out=path
        )
    ctx.invoke(
        train_command,
        **shared,
        frequencies=counts,
        segments=(segments["train"],),
        validation_segments=segments["validation"],
        loss_name=loss_name,
        loss=config["losses"][loss_name],
        training=training,
        seed=seed,
        device=config["device"],
        out=folder / "model.safetensors",
        history=folder / "history.tsv",
    )
    return folder / "history.tsv"
