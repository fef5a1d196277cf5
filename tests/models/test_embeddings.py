"""What the loss study rests on: `before`, `after`, and the targets of reconstruction in both networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ragimpute.models import architecture, segments
from ragimpute.models.bert_rag.embedding import MASK
from ragimpute.models.bert_rag.network import BertRagInputs
from ragimpute.models.contract import Batch, FoldData
from ragimpute.models.copy_rag.network import CopyRag
from ragimpute.panel.folds import Fold
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import compute
from ragimpute.training.validation import genotype_dosage
from training_data import LOSSES, fold_of, small_network, small_trainer, windows_of

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Case:
    """A network, how a fold becomes its data, where its token embedding lies, and which inputs tell sites apart."""

    build: Callable[[], nn.Module]
    data: Callable[[Fold], FoldData]
    token: Callable[[nn.Module], Tensor]
    site_inputs: tuple[str, ...]


def copy_windows(fold: Fold) -> FoldData:
    copy_rag = architecture("copy_rag")
    return copy_rag.fold_data("small", fold, segments(copy_rag, "small", fold, 1))


def copy_network() -> CopyRag:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return CopyRag(width=8, hidden=8, site_hidden=8)


CASES = {
    "bert_rag": Case(
        small_network, windows_of, lambda model: model.embedding.token.weight, ("position", "frequency", "shares")
    ),
    "copy_rag": Case(
        copy_network, copy_windows, lambda model: model.token.weight, ("site", "log_maf", "log_major", "features")
    ),
}


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def masked(batch: Batch) -> Tensor:
    """Which places [B, 2, L] the network sees no allele of; copy_rag's windows hold nothing else."""
    inputs = batch.inputs
    return inputs.tokens == MASK if isinstance(inputs, BertRagInputs) else torch.ones_like(batch.scored)


def test_before_is_the_same_at_all_masked_sites(case, tiny_panel, tiny_typed):
    data, model = case.data(fold_of(tiny_panel, tiny_typed, "train")), case.build()
    found = []
    for window in range(data.n_windows):
        batch = data.batch(np.arange(6), window)
        outputs = model(batch.inputs)
        places = masked(batch)
        assert places.sum() > 50
        found.append(torch.stack((outputs.before1, outputs.before2), dim=1)[places])
        after = torch.stack((outputs.after1, outputs.after2), dim=1)[places]
        assert after.std(dim=0).min() > 1e-4  # what is constant is not all that there is
    rows = torch.cat(found)
    assert torch.equal(rows, rows[:1].expand_as(rows))
    assert torch.equal(rows[0], case.token(model)[MASK])


def test_every_logit_of_bert_rag_is_a_function_of_after_alone(tiny_panel, tiny_typed):
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "train")).batch(np.arange(6), 0)
    model = small_network().eval()
    outputs = model(batch.inputs)
    decoded = model.decode(outputs.after1, outputs.after2)
    for logits, again in zip((outputs.hap1_logits, outputs.hap2_logits, outputs.genotype_logits), decoded, strict=True):
        assert torch.equal(logits, again)
    assert genotype_dosage(outputs.genotype_logits).std(dim=1).min() > 1e-4


def test_with_after_at_its_mean_over_the_sites_the_dosages_of_bert_rag_are_constant(tiny_panel, tiny_typed):
    """In the whole network: what came to a head on another way than through `after` would still tell sites apart."""
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "train"), mosaics=2).batch(np.arange(6), 0)
    model = small_network().eval()
    model.fusion.register_forward_hook(lambda module, inputs, after: after.mean(dim=2, keepdim=True).expand_as(after))
    outputs = model(batch.inputs)
    constant = (outputs.hap1_logits, outputs.hap2_logits, outputs.genotype_logits)
    for values in (*constant, genotype_dosage(outputs.genotype_logits)[..., None]):
        assert torch.equal(values, values[:, :1].expand_as(values))
    assert outputs.genotype_logits.std(dim=0).max() > 1e-4  # samples still differ


def reconstruction(case: Case, fold: Fold, target: str) -> tuple[Tensor, Tensor]:
    """Gradients of loss D's reconstruction at the token embedding, and at the rows of REF and ALT in the target."""
    batch = case.data(fold).batch(np.arange(6), 0)
    model = case.build().eval()
    truth = model.embed_truth(batch.inputs, batch.alleles)
    spec = LossSpec.from_config({**LOSSES["D"], "recon_target": target})
    terms = compute(spec, model(batch.inputs), batch, truth)
    recon = terms.recon1 + terms.recon2
    whole = torch.autograd.grad(recon, case.token(model), retain_graph=True)[0]
    targets = torch.autograd.grad(recon, truth, allow_unused=True)
    expected = torch.zeros_like(whole)
    for gradient, alleles in zip(targets, batch.alleles.unbind(1), strict=True):
        if gradient is not None:
            expected.index_add_(0, alleles.flatten(), gradient.flatten(0, 1))
    return whole, expected


def test_the_gradient_of_d_goes_through_its_target_unless_that_is_detached(case, tiny_panel, tiny_typed):
    fold = fold_of(tiny_panel, tiny_typed, "train")
    both_sides, through_target = reconstruction(case, fold, "truth")
    one_side, none = reconstruction(case, fold, "truth_detached")
    assert (through_target[:2].abs().sum(dim=1) > 1e-3).all()  # REF and ALT
    assert not none.any()
    torch.testing.assert_close(both_sides - one_side, through_target, rtol=1e-4, atol=1e-6)


def test_the_target_of_d_holds_the_label_and_nothing_of_the_site(case, tiny_panel, tiny_typed):
    batch = case.data(fold_of(tiny_panel, tiny_typed, "train")).batch(np.arange(6), 0)
    model = case.build().eval()
    changes = {name: getattr(batch.inputs, name).flip(-1) + 1 for name in case.site_inputs}
    moved = replace(batch.inputs, **changes)
    target = torch.stack(model.embed_truth(batch.inputs, batch.alleles), dim=1)  # [B, 2, L, D]
    elsewhere = torch.stack(model.embed_truth(moved, batch.alleles), dim=1)
    assert torch.equal(target, elsewhere)
    assert torch.equal(target, case.token(model)[batch.alleles])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["A", "D", "D_detached"])
def test_embeddings_stay_small_over_a_thousand_steps(case, tiny_panel, tiny_typed, loss):
    """Both variances, every 20 steps. A detached target that shares the site embedding with `after` runs away."""
    losses = {**LOSSES, "D_detached": {**LOSSES["D"], "recon_target": "truth_detached"}}
    folds = {name: case.data(fold_of(tiny_panel, tiny_typed, name)) for name in ("train", "validation")}
    trainer = small_trainer(
        tiny_panel,
        tiny_typed,
        losses[loss],
        model=case.build(),
        folds=[folds["train"]],
        validation=folds["validation"],
        epochs=2,
        steps_per_epoch=500,
        learning_rate=8e-3,
        monitor_every=20,
        evaluation_windows=1,
    )
    rows = trainer.run().history.rows
    for metric in ("embedding_variance", "target_variance"):
        values = [value for _, _, name, value in rows if name == metric]
        assert len(values) == 50
        assert max(values) < 10
    seen = [value for _, _, name, value in rows if name == "embedding_variance"]
    assert seen[0] > 1e-6
