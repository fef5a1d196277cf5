"""One leave-out for everything."""

from dataclasses import replace

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.models.copy_rag.site_inputs import more_neighbours
from ragimpute.panel.folds import SampleRole, exclusions, load_fold, typed_per_cm


@pytest.fixture(scope="module")
def samples(tiny_panel):
    return [
        SampleRole(name, "reference", "validation" if i % 4 == 3 else "train")
        for i, name in enumerate(tiny_panel.samples)
    ]


def test_train_samples_are_left_out_of_their_own_counts(tiny_panel, tiny_typed, samples):
    fold = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "train")
    count, number = fold.left_out_count(np.array([2, 0]), np.arange(60))
    others = [i for i in range(len(fold.reference.samples)) if i != 2]
    rest = fold.reference.of_samples([fold.reference.samples[i] for i in others]).alleles[:]
    assert np.array_equal(count[:, 0], rest.sum(axis=1))
    assert number.tolist() == [rest.shape[1]] * 2
    assert fold.excluded_haplotypes(np.array([2])).tolist() == [[4, 5]]


def test_a_singleton_is_not_scored_in_its_carrier(tiny_panel, tiny_typed, samples):
    alleles = tiny_panel.alleles
    assert alleles[0].sum() == 1
    assert alleles[0, 3] == 1  # sample 1 carries it
    fold = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "train")
    scored = fold.scored(np.arange(fold.n_samples), np.arange(60))
    assert not scored[1, 0]
    assert scored[[0, *range(2, fold.n_samples)], 0].all()
    assert not scored[:, tiny_typed].any()


def test_validation_samples_are_in_no_reference_and_see_only_train(tiny_panel, tiny_typed, samples):
    fold = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "validation")
    assert not set(fold.samples) & set(fold.reference.samples)
    assert (fold.excluded == -1).all()
    count, number = fold.left_out_count(np.array([0]), slice(0, 60))
    assert np.array_equal(count[:, 0], fold.reference.alleles[:].sum(axis=1))
    assert number[0] == 2 * len(fold.reference.samples)


def test_validation_samples_may_be_seen_in_another_phase_than_their_truth(tiny_panel, tiny_typed, samples):
    known = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "validation")
    swapped = known.observed.reshape(-1, known.n_samples, 2).copy()
    swapped[::2] = swapped[::2, :, ::-1]
    other = swapped.reshape(known.observed.shape)
    assert not np.array_equal(other, known.observed)
    fold = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "validation", other)
    assert np.array_equal(fold.observed, other)
    assert np.array_equal(fold.truth, known.truth)
    with pytest.raises(InputError, match="phase-validation"):
        load_fold(tiny_panel, samples, {"typed": tiny_typed}, "validation", 1 - other)


def test_targets_use_all_reference_samples_and_their_typed_alleles_only(tiny_panel, tiny_typed, samples):
    observed = np.ones((int(tiny_typed.sum()), 4), dtype=np.uint8)
    fold = load_fold(tiny_panel, samples, {"typed": tiny_typed}, "targets", observed, ["X", "Y"])
    assert fold.truth is None
    assert fold.reference.samples == tiny_panel.samples
    with pytest.raises(InputError, match="phased typed genotypes of the target samples"):
        load_fold(tiny_panel, samples, {"typed": tiny_typed}, "targets")


def test_random_masks_have_their_own_column(tiny_panel, tiny_typed, samples):
    masks = {"typed": tiny_typed, "random1": ~tiny_typed}
    assert np.array_equal(load_fold(tiny_panel, samples, masks, "random1").typed, ~tiny_typed)
    with pytest.raises(InputError, match="random2"):
        load_fold(tiny_panel, samples, masks, "random2")
    with pytest.raises(InputError, match="unknown fold"):
        load_fold(tiny_panel, samples, masks, "training")


def test_relatives_are_left_out_with_the_sample_itself_first():
    reference = [SampleRole("a", "reference", "train", family="F"), SampleRole("b", "reference", "train")]
    reference.append(SampleRole("c", "reference", "train", family="F"))
    queries = [reference[2], reference[1], SampleRole("t", "target", "targets", family="F")]
    assert exclusions(queries, reference).tolist() == [[2, 0], [1, -1], [0, 2]]


def test_sparse_arrays_get_more_neighbours_when_samples_are_imputed(tiny_panel, samples):
    """60 sites over .3 cM, in two chromosomes: typed sites per cM are those of both together, and of the whole file."""
    cm = np.r_[np.linspace(0, 0.1, 30), np.linspace(7, 7.2, 30)]
    chrom = np.array(["20"] * 30 + ["21"] * 30)
    panel = replace(tiny_panel, sites=replace(tiny_panel.sites, chrom=chrom, cm=cm))
    for typed in (np.arange(60) % 2 == 0, np.arange(60) < 31, np.ones(60, bool)):
        assert typed_per_cm(panel.sites, typed) == pytest.approx(typed.sum() / 0.3)
        fold = load_fold(panel, samples, {"typed": typed}, "train")
        assert more_neighbours(fold) == 1
        assert more_neighbours(replace(fold, truth=None)) == 2
        assert more_neighbours(replace(fold, truth=None, density=300.0)) == 1
