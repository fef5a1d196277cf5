"""The step `train` as a function: in memory, and from files with the same result."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models import architecture, pretrained, segments
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.roles import write_roles
from ragimpute.retrieval import candidates
from ragimpute.retrieval.segments_file import KIND, retrieve_segments
from ragimpute.targets.mask import write_typed
from ragimpute.training.fold_segments import FoldSegments
from ragimpute.training.request import TrainingFiles, TrainingRequest, TrainingSamples
from ragimpute.training.train import train_from_files, train_network
from training_data import fold_of, samples_of

REQUEST = TrainingRequest(
    architecture="copy_rag",
    loss_name="mine",
    loss={"hap": 0.3, "genotype": 0.4, "gamma": 0},
    training={"epochs": 1, "steps_per_epoch": 2, "batch_samples": 8},
    seed=2,
    device="cpu",
)


def quiet(line: str) -> None:
    """No log."""


@pytest.fixture(scope="module")
def samples(tiny_panel, tiny_typed) -> TrainingSamples:
    found = architecture("copy_rag")
    folds = [fold_of(tiny_panel, tiny_typed, name) for name in ("train", "validation")]
    train, validation = (FoldSegments(fold, segments(found, "small", fold, 1)) for fold in folds)
    return TrainingSamples(tiny_panel, samples_of(tiny_panel), [train], validation)


@pytest.fixture(scope="module")
def trained(samples):
    return train_network(REQUEST, samples, {"panel_sha256": "abc"}, log=quiet)


def test_a_result_has_weights_history_and_metadata(trained):
    initial = architecture("copy_rag").build("small", 2).state_dict()
    assert trained.weights.keys() == initial.keys()
    assert any(not np.array_equal(array, initial[name].numpy()) for name, array in trained.weights.items())
    metrics = {metric for _, _, metric, _ in trained.history.rows}
    assert {"loss", "val_r2", "temperature", "probe_r2"} <= metrics
    assert trained.metadata["panel_sha256"] == "abc"
    assert trained.metadata["loss_name"] == "mine"
    assert trained.metadata["best_epoch"] == "1"
    assert float(trained.metadata[pretrained.TEMPERATURE]) > 0


def test_files_give_the_same_weights_and_history(trained, tiny_panel, tiny_typed, tmp_path):
    tiny_panel.save(tmp_path / "panel")
    write_roles(pd.DataFrame([asdict(sample) for sample in samples_of(tiny_panel)]), tmp_path / "roles")
    write_typed(tmp_path / "typed", tiny_panel.sites, tiny_typed, np.zeros((len(tiny_typed), 0), dtype=bool))
    cohort = Cohort.load(tmp_path / "panel", tmp_path / "roles", tmp_path / "typed")
    for name in ("train", "validation"):
        made = retrieve_segments(cohort, name, "copy_rag", "small")
        artefacts.save(tmp_path / name, KIND, made.arrays, made.metadata)
    files = TrainingFiles(
        panel=tmp_path / "panel",
        roles=tmp_path / "roles",
        typed=tmp_path / "typed",
        segments=[tmp_path / "train"],
        validation_segments=tmp_path / "validation",
        validation=None,
        model=tmp_path / "model",
        history=tmp_path / "history",
        checkpoint=tmp_path / "checkpoint",
    )
    train_from_files(REQUEST, files, log=quiet)
    model = artefacts.load(tmp_path / "model", pretrained.KIND)
    assert all(np.array_equal(model.arrays[name], array) for name, array in trained.weights.items())
    assert model.metadata["panel_sha256"] == artefacts.file_digest(tmp_path / "panel")
    trained.history.write(tmp_path / "in_memory")
    assert (tmp_path / "history").read_bytes() == (tmp_path / "in_memory").read_bytes()
    assert not (tmp_path / "checkpoint").exists()
    with pytest.raises(InputError, match="made for another architecture 'copy_rag', expected 'bert_rag'"):
        train_from_files(replace(REQUEST, architecture="bert_rag"), files, log=quiet)
    with pytest.raises(InputError, match="expected train or random"):
        train_from_files(REQUEST, replace(files, segments=[tmp_path / "validation"]), log=quiet)


def test_pretrained_weights_are_taken_as_they_are_and_fine_tuned_ones_move(samples):
    as_they_are = train_network(replace(REQUEST, weights="pretrained"), replace(samples, train=[]), {}, log=quiet)
    n_haplotypes = samples.panel.alleles.shape[1]
    path = pretrained.choose_weights(samples.panel.sites.extents(), n_haplotypes)
    weights = artefacts.load(path, pretrained.KIND)
    assert all(np.array_equal(weights.arrays[name], array) for name, array in as_they_are.weights.items())
    assert as_they_are.metadata["pretrained_sha256"] == artefacts.file_digest(path)
    fine_tuned = train_network(replace(REQUEST, weights="fine_tuned"), samples, {}, log=quiet)
    assert any(not np.array_equal(weights.arrays[name], array) for name, array in fine_tuned.weights.items())


def test_weights_are_chosen_for_the_reference_samples_and_all_that_is_imputed(samples, monkeypatch):
    """A panel that is large with its held-out samples and not without them, and a chromosome it was not cut from."""
    roles = [replace(sample, role="reference" if i < 3 else "target") for i, sample in enumerate(samples.samples)]
    fewer = replace(samples, samples=roles)
    assert fewer.n_haplotypes() == 6
    monkeypatch.setattr(candidates, "EXACT", 6)
    assert pretrained.choose_weights({"1": (1, 9)}, fewer.n_haplotypes()) == pretrained.DEFAULT
    assert fewer.extents() == samples.panel.sites.extents()
    request = replace(REQUEST, weights="fine_tuned")
    one_step = replace(request, training={**REQUEST.training, "steps_per_epoch": 1})
    for imputed, name in ({"1": (1, 9)}, "copy_rag"), ({"1": (1, 9), "20": (1, 9_000_000)}, "copy_rag_without_chr20"):
        tuned = train_network(one_step, replace(fewer, imputed=imputed), {}, log=quiet)
        weights = pretrained.FOLDER / f"{name}.safetensors"
        assert tuned.metadata["pretrained_sha256"] == artefacts.file_digest(weights)


def test_what_is_asked_for_is_judged_before_anything_is_read(tmp_path):
    files = TrainingFiles(*[tmp_path / "absent"] * 3, [], *[tmp_path / "absent"] * 4)
    for request, message in (
        (replace(REQUEST, loss={"hap": 1, "genotyp": 1}), "losses.mine.genotyp: unknown key"),
        (replace(REQUEST, training={"epoch": 1}), "unknown key epoch"),
        (replace(REQUEST, architecture="copyrag"), "unknown architecture 'copyrag'"),
    ):
        with pytest.raises(InputError, match=message):
            train_from_files(request, files, log=quiet)
