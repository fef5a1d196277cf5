"""The linear probe on `after`: against least squares of numpy, and on embeddings whose answer is known."""

import numpy as np
import pytest
import torch

from ragimpute.training import probe
from training_data import CPU, fold_of, small_network, small_trainer, windows_of

LOSS = {"hap": 0.3, "genotype": 0.4}

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(n: int, width: int, seed: int, carried: float) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [n, 2, D] of noise, to which a fixed direction adds `carried` times the allele; alleles [n, 2]."""
    generator = np.random.default_rng(seed)
    alleles = generator.integers(0, 2, (n, 2))
    direction = np.linspace(-1, 2, width)
    return generator.normal(size=(n, 2, width)) + carried * alleles[..., None] * direction, alleles


def test_the_probe_is_least_squares():
    learnt, seen = drawn(300, 5, 1, 0.4), drawn(200, 5, 2, 0.4)
    x = np.column_stack([learnt[0].reshape(-1, 5), np.ones(600)])
    weights, *_ = np.linalg.lstsq(x, learnt[1].reshape(-1), rcond=None)
    found = (seen[0] @ weights[:5] + weights[5]).sum(axis=1)
    expected = np.corrcoef(found, seen[1].sum(axis=1))[0, 1] ** 2
    assert 0.2 < expected < 0.8
    assert probe.probe_r2(learnt, seen) == pytest.approx(expected, rel=1e-4)


def test_embeddings_that_hold_the_allele_give_one_and_noise_gives_nothing():
    generator = np.random.default_rng(3)
    mixing = np.linalg.qr(generator.normal(size=(6, 6))).Q
    folds = []
    for seed in (4, 5):
        noise, alleles = drawn(500, 5, seed, 0.0)
        folds.append((np.concatenate([noise, alleles[..., None]], axis=2) @ mixing + 7, alleles))
    assert probe.probe_r2(*folds) == pytest.approx(1, abs=1e-4)
    assert probe.probe_r2(drawn(500, 6, 6, 0.0), drawn(500, 6, 7, 0.0)) < 0.02


def test_the_phase_of_the_truth_and_the_scale_of_embeddings_do_not_matter():
    learnt, seen = drawn(300, 4, 8, 0.5), drawn(300, 4, 9, 0.5)
    expected = probe.probe_r2(learnt, seen)
    turned = seen[0], seen[1][:, ::-1]
    assert probe.probe_r2(learnt, turned) == pytest.approx(expected)
    scaled = [(1e-4 * embeddings, alleles) for embeddings, alleles in (learnt, seen)]
    assert probe.probe_r2(*scaled) == pytest.approx(expected)


def test_a_collapsed_embedding_says_nothing():
    alleles = np.array([[0, 1], [1, 1], [0, 0]])
    collapsed = np.ones((3, 2, 4)), alleles
    assert probe.probe_r2(collapsed, collapsed) == 0


def test_what_is_gathered_is_after_at_genotypes_scored_in_both_haplotypes(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"))
    model = small_network().train()
    embeddings, alleles = probe.probe_examples(model, data, CPU)
    assert model.training
    model.eval()
    places = []
    for window in range(data.n_windows):  # fewer samples and windows than the probe's limits: all of them
        batch = data.batch(np.arange(data.n_samples), window)
        with torch.no_grad():
            outputs = model(batch.inputs)
        for sample, site in np.argwhere(batch.scored.all(dim=1).numpy()):
            places.append((outputs.after1[sample, site], outputs.after2[sample, site], batch.alleles[sample, :, site]))
    first, second, truth = (torch.stack(column).numpy() for column in zip(*places, strict=True))
    np.testing.assert_allclose(embeddings, np.stack((first, second), axis=1), atol=1e-5)
    np.testing.assert_array_equal(alleles, truth)


def test_the_probe_of_a_training_is_in_its_history_and_of_the_kept_weights(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSS)
    trained = trainer.run()
    with torch.no_grad():  # training may have gone on past the weights that were kept
        trainer.model.haplotype_head.weight.add_(1)
        trainer.model.fusion.scale.add_(3)
    found = probe.probe_trained(trainer, trained)
    assert 0 < found < 1
    assert trained.history.rows[-1] == (12, 3, "probe_r2", found)
    model = small_network()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in trained.weights.items()})
    assert found == probe.probe_r2(
        *(probe.probe_examples(model, data, CPU) for data in (trainer.folds[0], trainer.validation))
    )


def test_without_a_training_fold_there_is_no_probe(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSS, epochs=0, folds=[])
    trained = trainer.run()
    assert np.isnan(probe.probe_trained(trainer, trained))
    assert "probe_r2" not in {row[2] for row in trained.history.rows}
