"""The verb `diagnose-loss`: a short training that says what the terms of a loss do to each other."""

from pathlib import Path
from typing import Any

import click

from ragimpute.cli.options import FILE, seed_option, threads_option
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
def diagnose_loss(
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

    from ragimpute.config import load, suggestion
    from ragimpute.errors import InputError
    from ragimpute.evaluation import tables
    from ragimpute.evaluation.diagnosis import monitor_means, verdict_of

    config = load(Path(__file__).parents[3], configfiles)
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
        measured = monitor_means(tables.read(history, tables.HISTORY_COLUMNS), last_epochs=1)
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
    from ragimpute.cli import panels as verbs
    from ragimpute.cli.training import retrieve, train

    mask, data_seed = config["masks"][mask_name], config["data_seed"]
    settings = config["panels"][mask["panel"]]
    holdout = settings["targets"]["holdout"] if isinstance(settings["targets"], dict) else None
    targets = settings["reference"] if holdout else settings["targets"]
    panel, roles, typed, counts = (folder / name for name in ("panel.safetensors", "roles", "typed", "counts"))
    genetic_map = settings["genetic_map"]
    ctx.invoke(
        verbs.read_panel,
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
    ctx.invoke(verbs.assign_roles, panel=panel, **who, validation_fraction=fraction, seed=data_seed, out=roles)
    sites = mask["sites"] if isinstance(mask["sites"], str) else str(mask["sites"]["fraction"])
    shared: dict[str, Any] = {"panel": panel, "roles": roles}
    ctx.invoke(
        verbs.mask,
        **shared,
        sites=sites,
        targets=Path(targets),
        **settings["alleles"],
        seed=data_seed,
        out=typed,
        targets_out=folder / "t.vcf.gz",
    )
    ctx.invoke(verbs.frequencies, **shared, out=counts)
    shared |= {"typed_path": typed, "architecture": architecture, "threads": threads}
    segments = {fold: folder / fold for fold in ("train", "validation")}
    for fold, path in segments.items():
        ctx.invoke(retrieve, **shared, size=training.get("size", "small"), fold_name=fold, out=path)
    ctx.invoke(
        train,
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
