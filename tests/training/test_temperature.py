"""One temperature for each network: fitted on validation samples, and applied to the logits by both imputers."""

import numpy as np
import pytest
import torch

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.imputation import back_ends
from ragimpute.imputation.network_dosages import network_dosages
from ragimpute.models import architecture, segments
from ragimpute.models.copy_rag.site_tables import site_tables
from ragimpute.models.pretrained import DEFAULT, KIND
from ragimpute.panel.folds import load_fold
from ragimpute.training import temperature
from ragimpute.training.temperature import LEAST, MOST, fit, negative_log_likelihood
from training_data import CPU, fold_of, samples_of, small_network, small_trainer, windows_of

LOSS = {"hap": 0.3, "genotype": 0.4, "gamma": 0}


def drawn(n: int = 20_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits [n, 4] and ALT counts [n] that are drawn from them: their own temperature is 1."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (n, 4))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = (generator.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return logits, np.array([0, 1, 1, 2])[classes]


def test_the_likelihood_by_hand():
    """Softmax of (0, ln 2, ln 3, ln 4) is .1 .2 .3 .4: the heterozygous genotype has .5; at T = 1/2 weights square."""
    logits = np.log(np.array([[1.0, 2.0, 3.0, 4.0]])).repeat(3, axis=0)
    counts = np.array([0, 1, 2])
    assert negative_log_likelihood(logits, counts, 1.0) == pytest.approx(-np.log([0.1, 0.5, 0.4]).mean())
    assert negative_log_likelihood(logits, counts, 0.5) == pytest.approx(-np.log(np.array([1, 13, 16]) / 30).mean())


def test_the_temperature_by_hand():
    """Three of four genotypes are the one with logit 4, one the one with 0: the best p is 3/4, so T = 4 / ln 3."""
    logits = np.tile([4.0, -1e9, -1e9, 0.0], (4, 1))
    found = fit(logits, np.array([0, 0, 0, 2]))
    assert found.temperature == pytest.approx(4 / np.log(3), rel=1e-5)
    assert found.before == pytest.approx(np.log(1 + np.exp(4)) - 3)
    assert found.after == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0])
def test_a_factor_of_the_logits_is_found(factor: float):
    logits, counts = drawn()
    own = fit(logits, counts).temperature
    assert own == pytest.approx(1, abs=0.05)
    assert fit(factor * logits, counts).temperature == pytest.approx(factor * own, rel=1e-4)


def test_no_temperature_of_a_fine_grid_is_better():
    logits, counts = drawn(500, seed=2)
    found = fit(2.5 * logits, counts)
    tried = [negative_log_likelihood(2.5 * logits, counts, t) for t in np.geomspace(LEAST, MOST, 2000)]
    assert found.after <= min(tried) + 1e-9
    assert found.after < found.before


def test_the_phase_of_a_heterozygous_genotype_does_not_count():
    logits, counts = drawn(500)
    assert fit(logits[:, [0, 2, 1, 3]], counts) == fit(logits, counts)


def test_what_is_always_right_or_never_gets_a_bound():
    logits = np.tile([0.5, 0.0, 0.0, 0.0], (10, 1))
    assert fit(logits, np.zeros(10, int)).temperature == pytest.approx(LEAST, rel=1e-3)
    assert fit(logits, np.full(10, 2)).temperature == pytest.approx(MOST, rel=1e-3)


def test_a_training_fits_the_kept_weights_on_its_validation_samples(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSS)
    trained = trainer.run()
    found = temperature.fit_trained(trainer, trained)
    rows = [(step, metric, value) for step, _, metric, value in trained.history.rows[-3:]]
    assert rows == [(12, "temperature", found.temperature), (12, "val_nll", found.before),
                    (12, "val_nll_calibrated", found.after)]  # fmt: skip
    model = small_network()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in trained.weights.items()})
    data, logits, counts = trainer.validation, [], []
    for window in range(data.n_windows):
        batch = data.batch(np.arange(data.n_samples), window)
        scored = batch.scored.all(dim=1)
        with torch.no_grad():
            logits.append(model.eval()(batch.inputs).genotype_logits[scored].numpy())
        counts.append(batch.alleles.sum(dim=1)[scored].numpy())
    expected = fit(np.concatenate(logits), np.concatenate(counts))
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-4)
    assert found.before == pytest.approx(expected.before, rel=1e-5)


def test_fitting_moves_neither_the_training_nor_its_randomness(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSS)
    trained = trainer.run()
    state, training = torch.get_rng_state(), trainer.model.training
    temperature.fit_trained(trainer, trained)
    assert torch.equal(torch.get_rng_state(), state)
    assert trainer.model.training == training


def test_nothing_scored_gives_no_temperature(tiny_panel, tiny_typed):
    trainer = small_trainer(tiny_panel, tiny_typed, LOSS)
    trained = trainer.run()
    trainer.validation = windows_of(fold_of(tiny_panel, np.ones_like(tiny_typed), "validation"))
    n_rows = len(trained.history.rows)
    assert temperature.fit_trained(trainer, trained) is None
    assert len(trained.history.rows) == n_rows


@pytest.fixture(scope="module")
def targets(tiny_panel, tiny_typed):
    """The last four samples as targets of the others."""
    reference = tiny_panel.of_samples(tiny_panel.samples[:-4])
    observed = tiny_panel.alleles[tiny_typed][:, -8:]
    names = tiny_panel.samples[-4:]
    return load_fold(reference, samples_of(reference), {"typed": tiny_typed}, "targets", observed, names)


def test_dosages_are_of_the_logits_divided(targets):
    """At an untyped site p is the softmax of logits / T, computed here; at T = 1 the result has the same bytes."""
    model, data = small_network(), windows_of(targets)
    raw, as_it_was = (
        network_dosages(model, data, targets, CPU, temperature=1.0),
        network_dosages(model, data, targets, CPU),
    )
    assert raw.hds.tobytes() == as_it_was.hds.tobytes()
    calibrated = network_dosages(model, data, targets, CPU, temperature=2.5)
    batch = data.batch(np.arange(4), 0)
    with torch.no_grad():
        logits = model.eval()(batch.inputs).genotype_logits
    counts = targets.reference.alleles[:].sum(axis=1)
    varied = (counts > 0) & (counts < targets.reference.alleles.shape[1]) & ~targets.typed
    chosen = varied[batch.sites] & (batch.sites < data.batch(np.arange(4), 1).sites.min())  # of this window alone
    sites = batch.sites[chosen]
    assert len(sites) > 3
    for found, logits_of in ((raw, logits), (calibrated, logits / 2.5)):
        expected = logits_of.softmax(-1).numpy()[:, chosen].transpose(1, 0, 2)
        assert found.both[sites].tobytes() == np.ascontiguousarray(expected[..., 3]).tobytes()
    assert np.abs(calibrated.hds[sites] - raw.hds[sites]).max() > 0.01
    assert np.array_equal(calibrated.hds[targets.typed], raw.hds[targets.typed])


@pytest.fixture
def model_file(tmp_path):
    """The pretrained weights with a temperature."""
    artefact = artefacts.load(DEFAULT, KIND)
    artefacts.save(tmp_path / "model", KIND, artefact.arrays, {**artefact.metadata, "temperature": "1.75"})
    return tmp_path / "model"


def test_the_kernel_calibrates_as_the_network_does(targets, model_file):
    copy_rag = architecture("copy_rag")
    arrays = segments(copy_rag, "small", targets, 1)
    kernel = back_ends.load_back_end(model_file, "cpu", 1, calibrated=True)
    assert isinstance(kernel, back_ends.KernelBackEnd)
    network = copy_rag.build("small", 0)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in kernel.weights.items()})
    exact = site_tables(kernel.weights, targets, arrays.described, 1, tolerance=0.0)
    found = kernel.impute(targets, arrays, exact)
    direct = back_ends.TorchBackEnd(copy_rag, "small", network, CPU, 1, kernel.temperature).impute(targets, arrays)
    np.testing.assert_allclose(found.hds, direct.hds, atol=1e-5)
    np.testing.assert_allclose(found.both, direct.both, atol=1e-5)
    raw = back_ends.load_back_end(model_file, "cpu", 1).impute(targets, arrays, exact)
    assert np.abs(found.hds - raw.hds).max() > 0.01


def test_a_file_without_temperature_says_so(model_file):
    assert back_ends.load_back_end(model_file, "cpu", 1).temperature == 1
    with pytest.raises(InputError, match=f"{DEFAULT.name}: holds no temperature"):
        back_ends.load_back_end(DEFAULT, "cpu", 1, calibrated=True)
