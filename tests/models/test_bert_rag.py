"""bert_rag: its windows, its named outputs, and what it may not see."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ragimpute.errors import InputError
from ragimpute.models import architecture
from ragimpute.models.bert_rag.embedding import MASK, PAD
from ragimpute.models.bert_rag.fold_data import UNKNOWN, BertRagData, window_bounds
from ragimpute.models.bert_rag.network import BertRag
from ragimpute.panel.folds import load_fold
from ragimpute.panel.store import Panel
from ragimpute.retrieval.fold_neighbours import NEIGHBOURS, FoldNeighbours, retrieve_neighbours
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import compute
from training_data import WINDOW, fold_of, small_network, windows_of


def test_windows_cover_every_site_once_and_keep_chromosomes_apart():
    bounds = window_bounds(np.array(["1"] * 7 + ["2"] * 4), 3)
    assert bounds.tolist() == [[0, 3], [3, 6], [6, 7], [7, 10], [10, 11]]


def test_named_outputs_and_their_shapes(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"))
    outputs = small_network()(data.batch(np.arange(5), 0).inputs)
    assert outputs.hap1_logits.shape == outputs.hap2_logits.shape == (5, WINDOW, 2)
    assert outputs.genotype_logits.shape == (5, WINDOW, 4)
    for embedding in (outputs.before1, outputs.before2, outputs.after1, outputs.after2):
        assert embedding.shape == (5, WINDOW, 16)


def test_tokens_show_typed_alleles_and_nothing_else(tiny_panel, tiny_typed):
    fold = fold_of(tiny_panel, tiny_typed, "train")
    batch = windows_of(fold).batch(np.array([3, 0]), 1)
    tokens, sites = batch.inputs.tokens.numpy(), batch.sites
    typed = tiny_typed[sites]
    assert (tokens[:, :, ~typed] == MASK).all()
    assert np.array_equal(tokens[0, :, typed], fold.truth[sites[typed]][:, [6, 7]])
    assert np.array_equal(batch.alleles[1, 1].numpy(), fold.truth[sites, 1])


def test_padding_is_marked_and_changes_nothing(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"))
    batch = data.batch(np.arange(4), 2)  # 10 real sites of 25
    real = batch.sites >= 0
    assert real.sum() == 10
    assert not batch.scored[:, :, ~real].any()
    assert (batch.inputs.tokens[:, :, ~real] == PAD).all()
    model = small_network().eval()
    assert (batch.inputs.mosaics[..., ~real] == PAD).all()
    assert (batch.inputs.shares[:, :, ~real] == UNKNOWN).all()
    cut = replace(batch.inputs.each(lambda tensor: tensor[..., :10]), shares=batch.inputs.shares[:, :, :10])
    torch.testing.assert_close(model(batch.inputs).genotype_logits[:, :10], model(cut).genotype_logits)


def test_retrieval_never_returns_the_samples_own_haplotypes(tiny_panel, tiny_typed):
    fold = fold_of(tiny_panel, tiny_typed, "train")
    neighbours = retrieve_neighbours(fold, 5, threads=1).neighbours
    own = np.arange(2 * fold.n_samples) // 2
    assert (neighbours // 2 != own[:, None, None]).all()


def test_a_samples_own_untyped_truth_reaches_none_of_their_inputs(tiny_panel, tiny_typed):
    """Flipped truth in the panel itself: frequency, tokens, mosaics, shares and `scored` must not move for them."""
    alleles = tiny_panel.alleles[:].copy()
    alleles[np.ix_(~tiny_typed, [4, 5])] ^= 1  # sample 2
    changed = replace(tiny_panel, alleles=alleles)
    for window in range(3):
        first, second = (
            windows_of(fold_of(panel, tiny_typed, "train"), mosaics=2).batch(np.array([2]), window)
            for panel in (tiny_panel, changed)
        )
        assert asdict(first.inputs).keys() == {"tokens", "mosaics", "shares", "position", "frequency", "padding"}
        assert not torch.equal(first.alleles, second.alleles)
        assert torch.equal(first.scored, second.scored)
        for name, tensor in asdict(first.inputs).items():
            assert torch.equal(tensor, getattr(second.inputs, name)), name
        # what they carry there is seen by others, so that the comparison above could have failed
        others = [windows_of(fold_of(panel, tiny_typed, "train")).batch(np.arange(3, 9), window).inputs
                  for panel in (tiny_panel, changed)]  # fmt: skip
        for name in ("shares", "frequency"):
            assert not torch.equal(getattr(others[0], name), getattr(others[1], name))


def test_frequency_is_left_out_and_singletons_are_not_scored_in_their_carrier(tiny_panel, tiny_typed):
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "train")).batch(np.array([0, 1]), 0)
    assert batch.inputs.frequency[1, 0] == 0
    assert batch.scored[:, :, 0].tolist() == [[True, True], [False, False]]


def test_more_mosaics_are_pooled_by_attention(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"), mosaics=3)
    batch = data.batch(np.arange(4), 0)
    model = small_network().eval()
    outputs = model(batch.inputs)
    assert batch.inputs.mosaics.shape == (4, 2, 3, WINDOW)
    order = replace(batch.inputs, mosaics=batch.inputs.mosaics.flip(2))
    torch.testing.assert_close(model(order).genotype_logits, outputs.genotype_logits)  # a set, not a list
    one = replace(batch.inputs, mosaics=batch.inputs.mosaics[:, :, :1])
    assert not torch.allclose(model(one).genotype_logits, outputs.genotype_logits)


def test_truth_embedding_equals_before_where_the_allele_is_typed(tiny_panel, tiny_typed):
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "train")).batch(np.arange(4), 0)
    model = small_network().eval()
    outputs = model(batch.inputs)
    truth1, truth2 = model.embed_truth(batch.inputs, batch.alleles)
    typed = torch.from_numpy(tiny_typed[batch.sites])
    torch.testing.assert_close(truth1[:, typed], outputs.before1[:, typed])
    torch.testing.assert_close(truth2[:, typed], outputs.before2[:, typed])
    assert not torch.allclose(truth1[:, ~typed], outputs.before1[:, ~typed])


@pytest.mark.parametrize("name", ["mosaics", "shares"])
def test_what_is_retrieved_moves_the_result(tiny_panel, tiny_typed, name):
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "train")).batch(np.arange(4), 0)
    model = small_network().eval()
    flipped = replace(batch.inputs, **{name: 1 - getattr(batch.inputs, name)})
    assert not torch.allclose(model(flipped).hap1_logits, model(batch.inputs).hap1_logits)
    assert torch.equal(model(flipped).before1, model(batch.inputs).before1)


def test_sizes_are_those_of_the_design_and_seeds_decide_the_weights():
    bert_rag = architecture("bert_rag")
    model = bert_rag.build("small", 3)
    assert isinstance(model, BertRag)
    assert model.embedding.token.weight.shape == (4, 32)
    assert len(model.encoder.layers) == 2
    full = {"width": 192, "blocks": 8, "heads": 6, "window": 1030, "neighbours": NEIGHBOURS, "mosaics": 4}
    assert bert_rag.sizes["full"] == full
    again, other = bert_rag.build("small", 3), bert_rag.build("small", 4)
    assert torch.equal(model.haplotype_head.weight, again.haplotype_head.weight)
    assert not torch.equal(model.haplotype_head.weight, other.haplotype_head.weight)
    assert model.fusion.scale.item() == pytest.approx(0.1)


def test_segments_of_other_samples_are_refused(tiny_panel, tiny_typed):
    fold = fold_of(tiny_panel, tiny_typed, "train")
    found = retrieve_neighbours(fold, 2, threads=1)
    for part in (np.s_[:-2], np.s_[:, :-1]):  # fewer haplotypes, or typed sites
        other = FoldNeighbours(found.neighbours[part], found.features[part])
        with pytest.raises(InputError, match="run retrieve again"):
            BertRagData(fold, other, WINDOW, 1)
    with pytest.raises(InputError, match="2 neighbours were retrieved, 3 are needed"):
        BertRagData(fold, found, WINDOW, 3)


def test_a_panel_without_other_samples_is_refused(tiny_panel: Panel, tiny_typed):
    alone = load_fold(tiny_panel, [*_sample(tiny_panel, 1)], {"typed": tiny_typed}, "train")
    with pytest.raises(InputError, match="too small"):
        windows_of(alone)


def _sample(panel: Panel, n: int):
    from ragimpute.panel.folds import SampleRole

    return [SampleRole(name, "reference", "train") for name in panel.samples[:n]]


def test_encoding_distinct_sequences_once_changes_nothing(tiny_panel, tiny_typed):
    batch = windows_of(fold_of(tiny_panel, tiny_typed, "validation")).batch(np.arange(6), 0)
    model = small_network(dropout=0.0)
    with torch.no_grad():
        whole, distinct = model.train()(batch.inputs), model.eval()(batch.inputs)
    for name in ("hap1_logits", "genotype_logits", "before2", "after2"):
        torch.testing.assert_close(getattr(distinct, name), getattr(whole, name))


def test_a_compiled_encoder_gives_the_same_and_lets_monitors_look_inside(tiny_panel, tiny_typed):
    data = windows_of(fold_of(tiny_panel, tiny_typed, "train"))
    batch = data.batch(np.arange(4), 0)
    found = []
    for compiled in (False, True):
        model = small_network(dropout=0.0).train()
        if compiled:
            model.compile(backend="aot_eager")  # as a GPU's, without a C compiler
        outputs = model(batch.inputs)
        loss = compute(LossSpec.from_config({"hap": 0.3, "genotype": 0.4, "recon": 0.1}), outputs, batch).total
        found.append((loss, *torch.autograd.grad(loss, outputs.after1, retain_graph=True), list(model.state_dict())))
        loss.backward()
        assert model.encoder.layers[0].linear1.weight.grad is not None
    for plain, fast in zip(found[0][:2], found[1][:2], strict=True):
        torch.testing.assert_close(fast, plain)
    assert found[0][2] == found[1][2]
