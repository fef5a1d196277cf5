"""The contract of architectures: segments as arrays of a file, inputs as a whole, and networks of a seed."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ragimpute.errors import InputError
from ragimpute.models import ARCHITECTURES, architecture
from ragimpute.models.contract import NetworkInputs, Segments, SiteDescription
from ragimpute.retrieval.fold_neighbours import FoldNeighbours


def test_segments_come_back_from_the_arrays_of_their_file():
    retrieved = FoldNeighbours(np.arange(8).reshape(2, 2, 2), np.ones((2, 2, 2, 7), np.float16))
    carriers = np.ones((4, 5), np.float32)
    for sites, names in (
        (SiteDescription(), ["neighbours", "features"]),
        (SiteDescription(carriers), ["neighbours", "features", "carriers"]),
        (SiteDescription(carriers, carriers[:, :, None]), ["neighbours", "features", "carriers", "left_out"]),
    ):
        segments = Segments(retrieved, sites)
        assert list(segments.arrays()) == names
        again = Segments.from_arrays(segments.arrays())
        assert all(again.arrays()[name] is array for name, array in segments.arrays().items())
    with pytest.raises(InputError, match="no array features"):
        Segments.from_arrays({"neighbours": retrieved.neighbours})


@dataclass(frozen=True)
class TwoInputs(NetworkInputs):
    first: Tensor
    second: Tensor


def test_inputs_are_changed_as_a_whole():
    inputs = TwoInputs(torch.zeros(2), torch.ones(3))
    doubled = inputs.each(lambda tensor: 2 * tensor + 1)
    assert isinstance(doubled, TwoInputs)
    assert doubled.first.tolist() == [1, 1]
    assert doubled.second.tolist() == [3, 3, 3]
    moved = inputs.to(torch.device("meta"))
    assert {moved.first.device.type, moved.second.device.type} == {"meta"}
    assert replace(inputs, first=inputs.second).first is inputs.second


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_of_a_seed_leaves_the_random_state_as_it_was(name):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = architecture(name).build("small", 3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)  # another state of the program
    again, other = (architecture(name).build("small", seed).state_dict() for seed in (3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
