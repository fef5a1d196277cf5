"""copy_rag: the fused attention against its definition, leave-one-out, and what the network may not know."""

import numpy as np
import pytest
import torch

from ragimpute.models.copy_attention import copy_attention, copy_attention_torch


def attention_inputs(n=3, length=30, typed=8, width=5, k=6, n_hap=40):
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.randn(*shape, generator=generator).requires_grad_()

    left = torch.sort(torch.randint(0, typed - 1, (length,), generator=generator))[0]
    neighbours = torch.randint(0, n_hap, (n, typed, k), generator=generator, dtype=torch.int32)
    minor = (torch.rand(length, n_hap, generator=generator) < torch.rand(length, 1, generator=generator) * 0.2).byte()
    minor[0] = 0  # nobody carries
    floats = random(n, length, width), random(n, length, 2), random(n, typed, width, k)
    return floats, (left, left + 1, neighbours, minor)


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


def test_attention_by_hand():
    """Two keys a flank, width 1: scores are query * key; one of the four keys carries the allele."""
    query, side = torch.tensor([[[2.0]]]), torch.tensor([[[0.0, 1.0]]])
    key = torch.tensor([[[[0.0, 1.0]], [[0.5, -1.0]]]])  # [N=1, T=2, D=1, K=2]
    neighbours = torch.tensor([[[0, 1], [2, 0]]], dtype=torch.int32)
    minor = torch.tensor([[0, 1, 0]], dtype=torch.uint8)
    carried, others, context = copy_attention(query, side, key, torch.tensor([0]), torch.tensor([1]), neighbours, minor)
    scores = np.array([0.0, 2.0, 2.0, -1.0])  # the right flank's get 1 more
    weights = np.exp(scores) / np.exp(scores).sum()
    assert carried.item() == pytest.approx(2.0, abs=1e-5)
    assert others.item() == pytest.approx(np.log(np.exp(scores[[0, 2, 3]]).sum()), abs=1e-5)
    assert context.item() == pytest.approx(float((weights * [0.0, 1.0, 0.5, -1.0]).sum()), abs=1e-5)
