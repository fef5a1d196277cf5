"""copy_rag: the fused attention against its definition, leave-one-out, and what the network may not know."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mosaic import mosaic_panel
from ragimpute.imputation.network_dosages import network_dosages
from ragimpute.models import segments as segments_of
from ragimpute.models.copy_rag import inference
from ragimpute.models.copy_rag.architecture import CopyRagArchitecture
from ragimpute.models.copy_rag.attention import copy_attention, copy_attention_torch
from ragimpute.models.copy_rag.keys import copy_keys
from ragimpute.models.copy_rag.network import MASK
from ragimpute.models.copy_rag.site_tables import TOLERANCE, site_tables
from ragimpute.panel.folds import SampleRole, load_fold
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import compute
from training_data import attention_inputs

pytestmark = pytest.mark.usefixtures("one_thread")


def test_fused_attention_and_its_gradient_equal_the_definition():
    floats, rest = attention_inputs()
    results = []
    for attend in (copy_attention, copy_attention_torch):
        for x in floats:
            x.grad = None
        outputs = attend(*floats, *rest)
        generator = torch.Generator().manual_seed(2)
        loss = sum((x.clamp(min=-50) * torch.randn(x.shape, generator=generator)).sum() for x in outputs)
        loss.backward()
        results.append([*(x.detach() for x in outputs), *(x.grad.clone() for x in floats)])
    for fused, direct in zip(*results, strict=True):
        torch.testing.assert_close(fused, direct, rtol=1e-4, atol=2e-5)
    assert (results[0][0][:, 0] < -1000).all(), "a site that nobody carries has an empty log-sum-exp"


def test_fused_keys_and_their_gradient_equal_the_perceptron():
    generator = torch.Generator().manual_seed(3)
    network = torch.nn.Sequential(torch.nn.Linear(7, 12), torch.nn.ReLU(), torch.nn.Linear(12, 8))
    features = torch.randn(5, 4, 6, 7, generator=generator)  # [N, T, K, F]
    upstream = torch.randn(5, 4, 8, 6, generator=generator)
    results = []
    for keys in (copy_keys(features, network), network(features).transpose(2, 3)):
        network.zero_grad()
        (keys * upstream).sum().backward()
        results.append([keys.detach(), *(parameter.grad.clone() for parameter in network.parameters())])
    for fused, direct in zip(*results, strict=True):
        torch.testing.assert_close(fused, direct, rtol=1e-4, atol=1e-5)


def test_attention_by_hand():
    """Two keys a flank, one dimension in use: scores are query * key; one of the four keys carries the allele."""
    query, side = torch.zeros(1, 1, 8), torch.tensor([[[0.0, 1.0]]])
    query[..., 0] = 2.0
    key = torch.zeros(1, 2, 8, 2)  # [N, T, D, K]
    key[0, :, 0] = torch.tensor([[0.0, 1.0], [0.5, -1.0]])
    neighbours = torch.tensor([[[0, 1], [2, 0]]], dtype=torch.int32)
    minor = torch.tensor([[0, 1, 0]], dtype=torch.uint8)
    carried, others, context = copy_attention(query, side, key, torch.tensor([0]), torch.tensor([1]), neighbours, minor)
    scores = np.array([0.0, 2.0, 2.0, -1.0])  # the right flank's get 1 more
    weights = np.exp(scores) / np.exp(scores).sum()
    assert carried.item() == pytest.approx(2.0, abs=1e-5)
    assert others.item() == pytest.approx(np.log(np.exp(scores[[0, 2, 3]]).sum()), abs=1e-5)
    assert context[0, 0, 0].item() == pytest.approx(float((weights * [0.0, 1.0, 0.5, -1.0]).sum()), abs=1e-5)


def study(seed=3, n_samples=40, n_sites=180):
    """Train and validation folds of a mosaic panel, every sixth site typed."""
    panel = mosaic_panel(n_samples, n_sites, n_founders=10, seed=seed)
    typed = np.arange(n_sites) % 6 == 2
    samples = [
        SampleRole(name, "reference", "validation" if i % 4 == 3 else "train") for i, name in enumerate(panel.samples)
    ]
    return panel, [load_fold(panel, samples, {"typed": typed}, name) for name in ("train", "validation")]


def train_and_score(folds, segments, steps=80):
    """Pooled dosage r2 on validation samples after a short training, and that of the left-out frequency alone."""
    architecture = CopyRagArchitecture()
    train, validation = (architecture.fold_data("small", f, s) for f, s in zip(folds, segments, strict=True))
    network = architecture.build("small", 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    generator = np.random.default_rng(1)
    spec = LossSpec.from_config({"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 0})
    for _ in range(steps):
        batch = train.batch(generator.choice(train.n_samples, 16, replace=False), 0)
        optimizer.zero_grad()
        compute(spec, network(batch.inputs), batch, None).total.backward()
        optimizer.step()
    batch = validation.batch(np.arange(validation.n_samples), 0)
    with torch.no_grad():
        p = network(batch.inputs).genotype_logits.softmax(-1)
    scored = batch.scored[:, 0].numpy()
    truth = batch.alleles.sum(1).numpy()[scored]
    count, number = folds[1].left_out_count(np.arange(validation.n_samples), batch.sites)
    results = (p[..., 1] + p[..., 2] + 2 * p[..., 3]).numpy(), (2 * count / number).T
    return [np.corrcoef(dosage[scored], truth)[0, 1] ** 2 for dosage in results]


def test_shuffled_neighbours_score_no_better_than_frequency():
    """With neighbours that tell nothing, whatever the network still knew of held-out samples would be a leak."""
    _, folds = study()
    real = [segments_of(CopyRagArchitecture(), "small", fold, 1) for fold in folds]
    generator = np.random.default_rng(5)
    shuffled = []
    for fold, segments in zip(folds, real, strict=True):
        n_hap = fold.reference.alleles.shape[1]
        found = segments.retrieved.neighbours
        random = generator.integers(n_hap, size=found.shape).astype(found.dtype)
        own = fold.excluded_haplotypes(np.arange(fold.n_samples)).repeat(2, axis=0)  # [N, 2]
        for excluded in own.T:  # a random draw must not hit the sample itself
            random = np.where(random == excluded[:, None, None], (random + 2) % n_hap, random)
        shuffled.append(replace(segments, retrieved=replace(segments.retrieved, neighbours=random)))
    learnt, frequency = train_and_score(folds, real)
    blind, _ = train_and_score(folds, shuffled)
    assert learnt > frequency + 0.1
    assert blind < frequency + 0.01


def test_a_samples_own_untyped_truth_reaches_none_of_their_inputs():
    """Flip all untyped alleles of one train sample: nothing that the network sees of that sample may change."""
    panel, (fold, _) = study()
    flipped = panel.alleles[:].copy()
    sample = fold.samples[0]
    own = 2 * panel.samples.index(sample) + np.arange(2)
    flipped[np.ix_(~fold.typed, own)] ^= 1
    other_panel = replace(panel, alleles=flipped)
    samples = [
        SampleRole(name, "reference", "train" if name in fold.samples else "validation") for name in panel.samples
    ]
    other = load_fold(other_panel, samples, {"typed": fold.typed}, "train")
    architecture = CopyRagArchitecture()
    seen = []
    for one in (fold, other):
        data = architecture.fold_data("small", one, segments_of(architecture, "small", one, 1))
        # which allele is the minor one is judged by the whole fold: compare the sites where both panels agree on it
        seen.append((data, data.batch(np.array([0]), 0)))
    same = np.asarray(seen[0][0].sites.flipped == seen[1][0].sites.flipped)[seen[0][1].sites]
    assert same.mean() > 0.8
    for name in ("features", "neighbours", "left", "right"):
        first, second = (getattr(batch.inputs, name) for _, batch in seen)
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    for name in ("site", "log_maf", "log_major"):
        first, second = (getattr(batch.inputs, name)[:, same] for _, batch in seen)
        torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)
    carried = [batch.inputs.minor[same][:, np.delete(np.arange(2 * len(fold.samples)), [0, 1])] for _, batch in seen]
    assert torch.equal(*carried)
    assert not np.isin(seen[0][1].inputs.neighbours.numpy(), [0, 1]).any(), "own haplotypes are never retrieved"
    assert (seen[0][1].alleles != seen[1][1].alleles).all(), "the truth did change"


def test_named_outputs_are_the_contracts():
    _, (fold, _) = study()
    architecture = CopyRagArchitecture()
    data = architecture.fold_data("small", fold, segments_of(architecture, "small", fold, 1))
    batch = data.batch(np.arange(5), 0)
    network = architecture.build("small", 1)
    outputs = network(batch.inputs)
    length, width = len(batch.sites), architecture.sizes["small"]["width"]
    assert outputs.hap1_logits.shape == outputs.hap2_logits.shape == (5, length, 2)
    assert outputs.genotype_logits.shape == (5, length, 4)
    for embedding in (outputs.before1, outputs.before2, outputs.after1, outputs.after2):
        assert embedding.shape == (5, length, width)
    torch.testing.assert_close(outputs.genotype_logits[..., 1] - outputs.genotype_logits[..., 2],
                               outputs.hap2_logits[..., 1] - outputs.hap1_logits[..., 1])  # fmt: skip
    truth1, _ = network.embed_truth(batch.inputs, batch.alleles)
    difference = truth1 - outputs.before1
    expected = network.token.weight[batch.alleles[:, 0]] - network.token.weight[MASK]
    torch.testing.assert_close(difference, expected)


def test_the_kernel_imputes_as_the_network_does():
    panel, (fold, _) = study()
    samples = [SampleRole(name, "reference", "train") for name in panel.samples[:30]]
    samples += [SampleRole(name, "target", "targets") for name in panel.samples[30:]]
    held_out = panel.of_samples(panel.samples[30:])
    targets = load_fold(
        panel, samples, {"typed": fold.typed}, "targets", held_out.alleles[fold.typed], held_out.samples
    )
    architecture = CopyRagArchitecture()
    network = architecture.build("small", 2)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():  # layers that start at zero would hide their part of the formula
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    arrays = segments_of(architecture, "small", targets, 1)
    direct = network_dosages(network, architecture.fold_data("small", targets, arrays), targets, torch.device("cpu"))
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    for tolerance, most in ((0.0, 1e-5), (TOLERANCE, 0.15)):
        tables = site_tables(weights, targets, arrays.described, 1, tolerance)
        for threads in (1, 2):
            fused = inference.kernel_dosages(weights, targets, arrays, threads, tables=tables)
            np.testing.assert_allclose(fused.hds, direct.hds, atol=most)
            np.testing.assert_allclose(fused.both, direct.both, atol=most)
            assert np.abs(fused.hds - direct.hds).mean() < most / 10
    assert direct.hds[~fold.typed].std() > 0.01


def test_an_inflated_embedding_leaves_loss_and_gradient_finite():
    """What a reconstruction loss can do to the embedding: the scale of the evidence must not overflow."""
    _, (fold, _) = study()
    architecture = CopyRagArchitecture()
    data = architecture.fold_data("small", fold, segments_of(architecture, "small", fold, 1))
    network = architecture.build("small", 1)
    with torch.no_grad():
        network.calibration.bias[0] = 200.0
    batch = data.batch(np.arange(8), 0)
    spec = LossSpec.from_config({"hap": 0.3, "genotype": 0.4, "recon": 0, "gamma": 0})
    total = compute(spec, network(batch.inputs), batch, None).total
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
