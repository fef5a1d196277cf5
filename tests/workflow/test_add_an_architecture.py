"""docs/add_an_architecture.md does what it says: its network is trained, imputes and keeps the contract."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ragimpute.imputation.network_dosages import network_dosages
from ragimpute.models import segments
from ragimpute.models.bert_rag.embedding import MASK
from training_data import CPU, LOSSES, fold_of, small_trainer

PAGE = (Path(__file__).parents[2] / "docs" / "add_an_architecture.md").read_text(encoding="utf-8")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def vote_rag():
    """The page's architecture, its two modules imported as if they lay in ragimpute.models.vote_rag."""
    network, architecture, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    package = "ragimpute.models.vote_rag"
    with pytest.MonkeyPatch.context() as patch:
        for name, code in ((package, ""), (f"{package}.network", network), (f"{package}.architecture", architecture)):
            module = ModuleType(name)
            patch.setitem(sys.modules, name, module)
            exec(code, vars(module))
        yield vars(module)["VoteRagArchitecture"]()


def data_of(vote_rag, fold):
    return vote_rag.fold_data("small", fold, segments(vote_rag, "small", fold, 1))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_page_network_trains_under_each_loss(vote_rag, tiny_panel, tiny_typed, loss):
    folds = [data_of(vote_rag, fold_of(tiny_panel, tiny_typed, name)) for name in ("train", "validation")]
    options = {"model": vote_rag.build("small", 1), "folds": folds[:1], "validation": folds[1]}
    trained = small_trainer(tiny_panel, tiny_typed, LOSSES[loss], learning_rate=3e-2, **options).run()
    losses = [value for _, _, metric, value in trained.history.rows if metric == "loss"]
    assert len(losses) == 12
    initial = vote_rag.build("small", 1).state_dict()
    assert any(not np.array_equal(array, initial[name].numpy()) for name, array in trained.weights.items())


def test_the_page_network_keeps_the_contract(vote_rag, tiny_panel, tiny_typed):
    batch = data_of(vote_rag, fold_of(tiny_panel, tiny_typed, "train")).batch(np.arange(5), 0)
    model = vote_rag.build("small", 1)
    outputs = model(batch.inputs)
    length = len(batch.sites)
    assert outputs.genotype_logits.shape == (5, length, 4)
    assert outputs.before1.shape == outputs.after2.shape == (5, length, 8)
    masked = outputs.before1[batch.inputs.tokens[:, 0] == MASK]
    assert torch.equal(masked, masked[:1].expand_as(masked))
    assert torch.equal(outputs.hap1_logits, model.head(outputs.after1))
    truth1, truth2 = model.embed_truth(batch.inputs, batch.alleles)
    assert torch.equal(truth1, model.token.weight[batch.alleles[:, 0]])
    assert torch.equal(truth2, model.token.weight[batch.alleles[:, 1]])


def test_the_page_network_imputes(vote_rag, tiny_panel, tiny_typed):
    fold = fold_of(tiny_panel, tiny_typed, "validation")  # nobody of it is in its reference: one frequency for all
    imputed = network_dosages(vote_rag.build("small", 1), data_of(vote_rag, fold), fold, CPU)
    assert imputed.hds.shape == (60, fold.n_samples, 2)
    np.testing.assert_array_equal(imputed.hds[tiny_typed].reshape(-1, 2 * fold.n_samples), fold.observed)
