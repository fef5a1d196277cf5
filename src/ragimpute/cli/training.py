"""Verbs that retrieve neighbours, train a network and impute with it."""

import json
from pathlib import Path
from typing import Any

import click

from ragimpute.cli.options import (
    FILE,
    OUT,
    panel_option,
    roles_option,
    seed_option,
    start_logging,
    threads_option,
    typed_option,
)

architecture_option = click.option("--architecture", required=True, help="bert_rag or copy_rag.")
frequencies_option = click.option("--frequencies", type=FILE, required=True, help="Allele counts (TSV).")
phasings_option = click.option(
    "--phasings", "phasings_path", type=FILE, help="Further phasings of the targets, from `ragimpute phase`."
)
validation_option = click.option(
    "--validation",
    type=FILE,
    help="Genotypes of the validation samples, from `ragimpute phase-validation`. Default: in the panel's phase.",
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)


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
def retrieve(
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
    from ragimpute.training.session import SEGMENTS, Study

    found = find_architecture(architecture)
    if size not in found.sizes:
        raise InputError(f"--size {size}: {architecture} has {', '.join(found.sizes)}")
    study = Study.load(panel, roles, typed_path)
    if fold_name == "targets":
        raise click.UsageError("--fold targets: `ragimpute predict` finds the neighbours of targets by itself")
    if fold_name == "validation":
        fold, provenance = study.fold(fold_name, validation), study.provenance(validation)
    else:
        fold, provenance = study.fold(fold_name), study.provenance()
    arrays = segments(found, size, fold, threads)
    metadata = {"architecture": architecture, "size": size, "fold": fold_name, **provenance}
    artefacts.save(out, SEGMENTS, arrays, metadata)


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
def train(
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
    people.
    """
    start_logging()
    from ragimpute import artefacts
    from ragimpute.code_digest import digest, of_other_architectures
    from ragimpute.frequencies import read_frequencies
    from ragimpute.losses import LossSpec
    from ragimpute.models import architecture as find_architecture
    from ragimpute.pretrained import TEMPERATURE
    from ragimpute.training import probe, session, temperature
    from ragimpute.training.device import choose_device, describe
    from ragimpute.training.loop import Interrupted, Trainer
    from ragimpute.training.processes import joined
    from ragimpute.training.validation import SiteStrata

    if not segments and weights != "pretrained":
        raise click.UsageError(f"--weights {weights} trains on people: give their --segments")
    settings = session.training_settings(architecture, training)
    if weights != "scratch":
        settings = session.from_pretrained(settings, weights)
    spec = LossSpec.from_config(loss, loss_name)
    where = choose_device(device, threads)
    click.echo(describe(where), err=True)
    study = session.Study.load(panel, roles, typed_path)
    counts = read_frequencies(frequencies, study.panel.sites)
    loaded = [session.load_segments(path, study, architecture, settings.size, ("train", "random")) for path in segments]
    held_out = session.load_segments(
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
        provenance["pretrained_sha256"] = session.load_pretrained(model, study)
    folds = [part.metadata["fold"] for part in loaded]
    with joined(where) as processes:
        first = processes.rank == 0
        code = digest("train", "training", of_other_architectures(architecture))
        described = {**provenance, "folds": folds, "device": where.type, "processes": processes.size, "code": code}
        trainer = Trainer(
            model=model,
            spec=spec,
            settings=settings,
            seed=seed,
            folds=[session.fold_data(study, study.fold(part.metadata["fold"]), part) for part in loaded],
            validation=session.fold_data(study, study.fold("validation", validation), held_out),
            strata=SiteStrata.from_counts(counts["train_ac"].to_numpy(), counts["train_an"].to_numpy()),
            device=where,
            processes=processes,
            checkpoint_path=checkpoint,
            signature=session.signature(described, settings),
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
    artefacts.save(out, session.MODEL, result.weights, metadata)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)


@click.command("predict")
@panel_option
@roles_option
@typed_option
@click.option("--targets", type=FILE, required=True, help="Phased typed genotypes of the samples to impute.")
@phasings_option
@click.option("--model", "model_path", type=FILE, required=True, help="A model written by train.")
@click.option("--calibrate", is_flag=True, help="Divide the genotype logits by the temperature that train stored.")
@device_option
@threads_option
@click.option("--out", type=OUT, required=True, help="VCF.gz (or BCF) with index: GT DS HDS GP at all panel sites.")
def predict(
    panel: Path,
    roles: Path,
    typed_path: Path,
    targets: Path,
    phasings_path: Path | None,
    model_path: Path,
    calibrate: bool,
    device: str,
    threads: int,
    out: Path,
) -> None:
    """Impute the targets with a trained network, as `ragimpute impute` does.

    Typed genotypes are kept; those that phasing filled in get their left-out dosage. A site with one allele in the
    whole reference gets that allele.
    """
    start_logging()
    from ragimpute import imputers, phasings
    from ragimpute.imputation_run import write_imputation
    from ragimpute.mask import read_phased
    from ragimpute.panel import Panel
    from ragimpute.roles import read_roles, reference_people, target_people

    imputer = imputers.load(model_path, device, threads, calibrate)
    click.echo(imputer.describe(), err=True)
    everybody, table = Panel.load(panel), read_roles(roles)
    first = read_phased(targets, everybody.sites, target_people(table), typed_path)
    several = [first] if phasings_path is None else phasings.load(phasings_path, targets, first)
    reference = everybody.people(reference_people(table))
    write_imputation(out, reference, several, imputer, threads=threads)


@click.command("paint")
@panel_option
@roles_option
@typed_option
@click.option("--targets", type=FILE, required=True, help="Phased typed genotypes of the people to impute.")
@click.option("--people", type=click.IntRange(1), default=3, show_default=True, help="How many to paint.")
@click.option("--mask-name", required=True, help="Name in the mask column.")
@threads_option
@click.option("--out", type=OUT, required=True, help="The pieces, TSV.")
def paint(
    panel: Path, roles: Path, typed_path: Path, targets: Path, people: int, mask_name: str, threads: int, out: Path
) -> None:
    """Show a few targets' haplotypes as a mosaic of the reference haplotypes that retrieval finds.

    The people are spread over the populations that roles.tsv knows. Only the first chromosome is painted; the table
    has no genotypes.
    """
    start_logging()
    from ragimpute import painting
    from ragimpute.artefacts import atomic_path
    from ragimpute.training.session import Study

    study = Study.load(panel, roles, typed_path)
    populations = {person.sample: person.population for person in study.people}
    fold = study.fold("targets", targets)
    chosen = painting.spread({name: populations[name] for name in fold.samples}, people)
    table = painting.paint(fold, chosen, populations, threads).assign(mask=mask_name)[list(painting.COLUMNS)]
    with atomic_path(out) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
