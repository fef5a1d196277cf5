"""Imputing a fold, and the verbs from segments to VCF."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from ragimpute import artefacts
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.imputation import back_ends
from ragimpute.imputation.network_dosages import network_dosages
from ragimpute.models import pretrained
from ragimpute.models.contract import Segments
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import load_fold
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.targets.mask import write_typed
from ragimpute.training.model_file import load_model
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from tiny_cohort import write_cohort
from training_data import CPU, samples_of, small_network, windows_of

LOSS = json.dumps({"hap": 0.25, "genotype": 0.4, "recon": 0.05, "gamma": 5})
TRAINING = json.dumps({"epochs": 2, "steps_per_epoch": 2, "batch_samples": 8})


@pytest.fixture(scope="module")
def target_fold(tiny_panel, tiny_typed):
    """The last two samples as targets of the others."""
    reference = tiny_panel.of_samples(tiny_panel.samples[:-2])
    observed = tiny_panel.alleles[tiny_typed][:, -4:]
    return load_fold(
        reference, samples_of(reference), {"typed": tiny_typed}, "targets", observed, tiny_panel.samples[-2:]
    )


def test_typed_sites_keep_their_alleles_and_marginals_agree(target_fold):
    imputed = network_dosages(small_network(), windows_of(target_fold), target_fold, CPU)
    assert imputed.hds.shape == (60, 2, 2)
    assert imputed.hds.dtype == np.float32
    typed = target_fold.typed
    assert np.array_equal(imputed.hds[typed].reshape(-1, 4), target_fold.observed)
    assert np.array_equal(imputed.both[typed], target_fold.observed.reshape(-1, 2, 2).all(axis=2))
    low = np.maximum(0, imputed.hds.sum(axis=2) - 1)
    assert (imputed.both >= low - 1e-6).all()
    assert (imputed.both <= imputed.hds.min(axis=2) + 1e-6).all()


def test_probabilities_are_the_softmax_of_the_genotype_head(target_fold):
    model, data = small_network(), windows_of(target_fold)
    imputed = network_dosages(model, data, target_fold, CPU, batch_samples=1)
    batch = data.batch(np.array([0, 1]), 1)
    with torch.no_grad():
        p = model.eval()(batch.inputs).genotype_logits.softmax(-1).numpy()
    polymorphic = target_fold.reference.polymorphic
    chosen = ~target_fold.typed[batch.sites] & polymorphic[batch.sites]
    sites = batch.sites[chosen]
    np.testing.assert_allclose(imputed.hds[sites, :, 0], (p[..., 2] + p[..., 3])[:, chosen].T, atol=1e-6)
    np.testing.assert_allclose(imputed.hds[sites, :, 1], (p[..., 1] + p[..., 3])[:, chosen].T, atol=1e-6)
    np.testing.assert_allclose(imputed.both[sites], p[..., 3][:, chosen].T, atol=1e-6)


def test_monomorphic_sites_get_their_only_allele(tiny_panel, tiny_typed):
    alleles = tiny_panel.alleles[:].copy()
    alleles[[10, 11]] = [[0], [1]]
    panel = type(tiny_panel)(tiny_panel.sites, tiny_panel.samples, alleles, tiny_panel.contigs)
    observed = np.zeros((int(tiny_typed.sum()), 2), dtype=np.uint8)
    fold = load_fold(panel, samples_of(panel), {"typed": tiny_typed}, "targets", observed, ["X"])
    imputed = network_dosages(small_network(), windows_of(fold), fold, CPU)
    assert imputed.hds[10].tolist() == [[0, 0]]
    assert imputed.hds[11].tolist() == [[1, 1]]
    assert imputed.both[[10, 11], 0].tolist() == [0, 1]


@pytest.fixture(scope="module")
def files(tiny_panel, tiny_typed, tmp_path_factory):
    """The artefacts that come before retrieval, for the last two samples as targets."""
    folder = tmp_path_factory.mktemp("study")
    write_cohort(folder, tiny_panel, tiny_typed)
    return folder


def call(*arguments) -> None:
    result = CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_verbs_from_retrieval_to_vcf(files, tiny_panel, tiny_typed):
    study = ("--panel", files / "panel", "--roles", files / "roles.tsv", "--typed", files / "typed.tsv")
    for fold in ("train", "validation"):
        out = files / f"{fold}.safetensors"
        call("retrieve", *study, "--architecture", "bert_rag", "--fold", fold, "--out", out)
    for run in ("first", "second"):
        call(
            *("train", *study, "--segments", files / "train.safetensors"),
            *("--validation-segments", files / "validation.safetensors", "--architecture", "bert_rag"),
            *("--loss-name", "recon_low", "--loss", LOSS, "--training", TRAINING, "--seed", 3, "--device", "cpu"),
            *("--checkpoint", files / f"{run}.checkpoint", "--out", files / run, "--history", files / f"{run}.tsv"),
        )
        assert not (files / f"{run}.checkpoint").exists()
    assert (files / "first").read_bytes() == (files / "second").read_bytes()
    assert (files / "first.tsv").read_bytes() == (files / "second.tsv").read_bytes()
    history = pd.read_csv(files / "first.tsv", sep="\t")
    assert list(history.columns) == ["seed", "step", "epoch", "metric", "value"]
    assert set(history["seed"]) == {3}
    _, metadata = load_model(files / "first")
    assert metadata["loss_name"] == "recon_low"
    assert json.loads(metadata["loss"]) == json.loads(LOSS)

    first = read_genotypes(files / "phased.vcf.gz", tiny_panel.sites)
    exchanged = replace(first, alleles=first.alleles[..., ::-1])
    for name, phasings in (("one", [first]), ("several", [first, exchanged])):
        several_phasings.save_phasings(files / name, files / "phased.vcf.gz", phasings)
    call(
        *("predict", *study, "--phasings", files / "one", "--model", files / "first"),
        *("--device", "cpu", "--out", files / "imputed.vcf.gz"),
    )
    found = read_imputed(files / "imputed.vcf.gz", tiny_panel.sites)
    assert tuple(found.samples) == tiny_panel.samples[-2:]
    expected = tiny_panel.alleles[:, -4:].reshape(-1, 2, 2).sum(axis=2)
    assert np.array_equal(np.asarray(found.ds)[tiny_typed], expected[tiny_typed])

    call(
        *("predict", *study, "--phasings", files / "one", "--model", files / "first", "--calibrate"),
        *("--device", "cpu", "--out", files / "calibrated.vcf.gz"),
    )
    study_of_files = Cohort.load(files / "panel", files / "roles.tsv", files / "typed.tsv")
    fold = study_of_files.fold("targets", files / "phased.vcf.gz")
    imputer = back_ends.load_back_end(files / "first", "cpu", 1, calibrated=True)
    assert imputer.temperature == history.set_index("metric").loc["temperature", "value"] != 1
    expected_hds = imputer.impute(fold, Segments(imputer.retrieve(fold, slice(0, len(fold.typed))))).hds
    calibrated = read_imputed(files / "calibrated.vcf.gz", tiny_panel.sites)
    np.testing.assert_allclose(calibrated.hds, expected_hds, atol=6e-4)  # three digits are written
    assert np.abs(np.asarray(calibrated.ds) - np.asarray(found.ds)).max() > 0.001

    call(
        *("predict", *study, "--phasings", files / "several", "--model", files / "first"),
        *("--device", "cpu", "--out", files / "averaged.vcf.gz"),
    )
    averaged = read_imputed(files / "averaged.vcf.gz", tiny_panel.sites)
    # the same phase, its haplotypes the other way round: only to bert_rag it matters a little which comes first
    np.testing.assert_allclose(averaged.ds, found.ds, atol=0.02)


def test_validation_samples_in_the_targets_state_go_through_training(files, tiny_panel, tiny_typed):
    """Segments and model know the file; another one, or none, is another training."""
    reference = tiny_panel.of_samples(tiny_panel.samples[:-2])
    names = [sample.sample for sample in samples_of(reference) if sample.fold == "validation"]
    alleles = reference.of_samples(names).alleles[tiny_typed].reshape(-1, len(names), 2).astype(np.int8)
    sites = reference.sites.take(np.flatnonzero(tiny_typed))
    files_of = {}
    for name, rows in (("one", slice(0, 3)), ("other", slice(3, 6))):
        phased = alleles.copy()
        phased[rows] = phased[rows, :, ::-1]
        files_of[name] = files / f"{name}.vcf.gz"
        write_genotypes(files_of[name], sites, reference.contigs, names, phased, True)
    study = ("--panel", files / "panel", "--roles", files / "roles.tsv", "--typed", files / "typed.tsv")
    kind = ("--architecture", "bert_rag")
    call("retrieve", *study, *kind, "--fold", "train", "--out", files / "train_once")
    seen = files / "validation_seen"
    call("retrieve", *study, *kind, "--fold", "validation", "--validation", files_of["one"], "--out", seen)

    def train(*validation):
        call(
            *("train", *study, *kind, "--segments", files / "train_once"),
            *("--validation-segments", seen, *validation, "--loss-name", "x", "--loss", LOSS, "--training", TRAINING),
            *("--device", "cpu", "--out", files / "seen", "--history", files / "seen.tsv"),
        )

    train("--validation", files_of["one"])
    digest = hashlib.sha256(files_of["one"].read_bytes()).hexdigest()
    assert load_model(files / "seen")[1]["validation_sha256"] == digest
    for others in ((), ("--validation", files_of["other"])):
        with pytest.raises(InputError, match="made for another validation"):
            train(*others)


def test_pretrained_weights_are_chosen_for_the_chromosome_and_keep_the_trained_temperature(files, tiny_panel):
    """The model holds those that its training set had, which have seen chr20:1-4 Mb; the panel lies there."""
    phased = read_genotypes(files / "phased.vcf.gz", tiny_panel.sites)
    several_phasings.save_phasings(files / "alone", files / "phased.vcf.gz", [phased])
    study = ("--panel", files / "panel", "--roles", files / "roles.tsv", "--typed", files / "typed.tsv")
    unseen = pretrained.FOLDER / "copy_rag_without_chr20.safetensors"
    assert pretrained.choose_weights(tiny_panel.sites.extents(), 44) == unseen
    imputed = {}
    models = {
        "of a row": (pretrained.DEFAULT, "pretrained"),
        "unseen": (unseen, "scratch"),
        "seen": (pretrained.DEFAULT, "x"),
    }
    for name, (weights, kind) in models.items():
        artefact = artefacts.load(weights, pretrained.KIND)
        metadata = {**artefact.metadata, "weights": kind, pretrained.TEMPERATURE: "2"}
        artefacts.save(files / name, pretrained.KIND, artefact.arrays, metadata)
        out = files / f"{name}.vcf.gz"
        call(
            *("predict", *study, "--phasings", files / "alone", "--model", files / name, "--calibrate"),
            *("--device", "cpu", "--out", out),
        )
        imputed[name] = out.read_bytes()
    assert imputed["of a row"] == imputed["unseen"] != imputed["seen"]


def test_segments_of_another_mask_are_refused(files, tiny_panel, tiny_typed):
    other = files / "other_typed.tsv"
    write_typed(other, tiny_panel.sites, ~tiny_typed, np.zeros((60, 0), dtype=bool))
    study = ("--panel", files / "panel", "--roles", files / "roles.tsv")
    for fold in ("train", "validation"):
        call(
            *("retrieve", *study, "--typed", files / "typed.tsv", "--architecture", "bert_rag", "--fold", fold),
            *("--out", files / f"{fold}_again"),
        )
    with pytest.raises(InputError, match="made for another typed"):
        call(
            *("train", *study, "--typed", other),
            *("--segments", files / "train_again", "--validation-segments", files / "validation_again"),
            *("--architecture", "bert_rag", "--loss-name", "x", "--loss", LOSS),
            *("--out", files / "m", "--history", files / "h"),
        )
