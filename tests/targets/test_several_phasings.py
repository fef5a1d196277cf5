"""Several phasings of the same samples: the average over them, its haplotypes, and the file that holds them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.imputation import back_ends
from ragimpute.imputation.engine import Engine, imputed_parts
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.copy_rag import inference
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.folds import Fold
from ragimpute.panel.store import Panel, Sites
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.vcf.imputed import Imputed

CM = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 10.0, 11.0])
TYPED = np.array([True, False, False, True, False, True, False])
FIRST = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.int8)  # [T, 2] of one sample, heterozygous at 0, 3 and 10 cM
OTHER = np.array([[0, 1], [0, 1], [1, 0]], dtype=np.int8)  # exchanged from the second heterozygote on


def targets_of(alleles: np.ndarray) -> TargetGenotypes:
    """Samples with `alleles` [M, N, 2] at the typed sites."""
    names = tuple(f"T{i}" for i in range(alleles.shape[1]))
    return TargetGenotypes(names, np.flatnonzero(TYPED), alleles, np.ones(alleles.shape[:2], bool), pd.DataFrame())


@pytest.fixture
def reference() -> Panel:
    n = len(CM)
    sites = Sites(np.full(n, "1"), np.arange(n) + 1, np.full(n, "."), np.full(n, "A"), np.full(n, "C"), CM)
    alleles = np.random.default_rng(1).integers(0, 2, (n, 40), dtype=np.uint8)
    return Panel(sites, tuple(f"R{i}" for i in range(20)), alleles, ())


def fold_of(reference: Panel, *alleles: np.ndarray) -> Fold:
    """The single window of samples with these phasings."""
    engine = Engine(
        reference, [targets_of(phasing) for phasing in alleles], back_ends.load_back_end(DEFAULT, "cpu", 1), WorkSize()
    )
    [(window, _)] = engine.windows()
    return engine.fold(window)


def test_the_nearer_heterozygote_says_which_haplotype_is_which(reference: Panel) -> None:
    fold = fold_of(reference, FIRST[:, None], OTHER[:, None])
    sites, typed_sites = fold.reference.sites, fold.typed_sites
    swapped = several_phasings.exchanged(sites, typed_sites, FIRST[:, None], OTHER[:, None])
    assert swapped[:, 0].tolist() == [False, False, True, True, True, True, True]  # 1 cM is nearer to 0, 2 cM to 3
    assert not several_phasings.exchanged(sites, typed_sites, FIRST[:, None], FIRST[:, None]).any()
    homozygous = np.ones_like(FIRST)[:, None]
    assert not several_phasings.exchanged(sites, typed_sites, FIRST[:, None], homozygous).any()


def test_the_average_has_the_haplotypes_of_the_first_phasing(reference: Panel) -> None:
    fold = fold_of(reference, FIRST[:, None], OTHER[:, None])
    hds = np.zeros((len(CM), 2, 2), dtype=np.float32)  # [S, P, 2] of one sample
    in_order = OTHER[:, ::-1]  # as the fold has it: like the first phasing at two of three heterozygotes
    hds[TYPED, 0], hds[TYPED, 1] = FIRST, in_order
    hds[1], hds[2] = [[0.2, 0.4], [0.8, 0.4]], [[0.9, 0.1], [0.7, 0.3]]
    both = hds[..., 0] * hds[..., 1]
    mean = several_phasings.mean_of_fold(Imputed(fold.samples, hds, both, TYPED), fold, np.arange(2))
    assert mean.samples == ("T0",)
    np.testing.assert_array_equal(mean.hds[TYPED, 0], FIRST)
    np.testing.assert_allclose(mean.hds[1, 0], [0.3, 0.6])  # the second's exchanged
    np.testing.assert_allclose(mean.hds[2, 0], [0.8, 0.2])  # as they are
    np.testing.assert_allclose(mean.both[[1, 2], 0], [(0.08 + 0.32) / 2, (0.09 + 0.21) / 2])


def test_a_mean_has_no_estimate_of_its_own_and_a_single_phasing_stays_as_it_is(reference: Panel) -> None:
    """Each phasing is imputed once, in order; a tool's estimate belongs to the phasing that it was given."""
    typed_sites, asked = np.flatnonzero(TYPED), []

    def of_phasing(number: int) -> tuple[Imputed, np.ndarray]:
        asked.append(number)
        hds = np.full((len(CM), 1, 2), [0.2, 0.4], dtype=np.float32)
        hds[TYPED] = (FIRST, OTHER)[number][:, None]
        imputed = Imputed(("T0",), hds, hds.prod(axis=2), TYPED, r2=np.full(len(CM), 0.9, dtype=np.float32))
        return imputed, np.arange(1)

    several = [FIRST[:, None], OTHER[:, None]]
    single = several_phasings.mean(reference.sites, typed_sites, several[:1], of_phasing)
    np.testing.assert_array_equal(single.r2, np.full(len(CM), 0.9, dtype=np.float32))
    mean = several_phasings.mean(reference.sites, typed_sites, several, of_phasing)
    assert asked == [0, 0, 1]
    assert mean.r2 is None
    np.testing.assert_allclose(mean.hds[[1, 2], 0], [[0.2, 0.4], [0.3, 0.3]])  # as they are; the second's exchanged
    np.testing.assert_allclose(mean.both[[1, 2], 0], 0.08)
    np.testing.assert_array_equal(mean.hds[TYPED, 0], FIRST)


def test_a_sample_does_not_change_when_the_haplotypes_are_named_the_other_way_round(reference: Panel) -> None:
    samples = np.stack([FIRST, OTHER, np.array([[1, 1], [0, 1], [0, 0]], dtype=np.int8)], axis=1)
    imputer = back_ends.load_back_end(DEFAULT, "cpu", 1)
    once, twice = (
        next(imputed_parts(reference, [targets_of(samples[..., ::step]) for step in steps], imputer))
        for steps in ((1,), (1, -1, 1))
    )
    assert once.samples == twice.samples
    np.testing.assert_allclose(twice.hds, once.hds, atol=1e-6)
    np.testing.assert_allclose(twice.both, once.both, atol=1e-6)


def test_some_samples_keep_all_their_phasings(reference: Panel) -> None:
    first, other = np.stack([FIRST, OTHER, FIRST], axis=1), np.stack([OTHER, FIRST, FIRST], axis=1)
    part = several_phasings.first_phasings(fold_of(reference, first, other), 1, 3)
    assert part.samples == ("T1", "T2", "T1", "T2")
    exchanged = FIRST[:, ::-1]  # the nearest to OTHER
    np.testing.assert_array_equal(part.observed, np.concatenate([OTHER, FIRST, exchanged, FIRST], axis=1))
    assert part.excluded.shape == (4, 1)


def test_what_is_the_same_in_several_phasings_is_imputed_once(
    reference: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with the haplotypes named the other way round. The result is that of imputing every phasing."""
    first = np.stack([FIRST, OTHER, FIRST], axis=1)
    second = np.stack([FIRST[:, ::-1], FIRST, OTHER], axis=1)
    fold = fold_of(reference, first, second, first)
    distinct, which = several_phasings.distinct_samples(fold)
    assert which.tolist() == [0, 1, 2, 2, 3, 4, 2, 1, 2]  # samples of the first phasing are kept, equal or not
    np.testing.assert_array_equal(distinct.of_samples(which).observed, fold.observed)
    assert several_phasings.distinct_samples(fold_of(reference, first))[1].tolist() == [0, 1, 2]
    imputer = back_ends.load_back_end(DEFAULT, "cpu", 1)
    phasings = [targets_of(alleles) for alleles in (first, second, first)]
    [once] = imputed_parts(reference, phasings, imputer)
    monkeypatch.setattr(several_phasings, "distinct_samples", lambda fold: (fold, np.arange(fold.n_samples)))
    [each] = imputed_parts(reference, phasings, imputer)
    np.testing.assert_array_equal(once.hds, each.hds)
    np.testing.assert_array_equal(once.both, each.both)


def test_what_is_the_same_around_a_site_is_computed_once(tiny_panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the haplotypes are the other way round there: the second phasing has switches, one in each half."""
    reference = tiny_panel.of_samples(tiny_panel.samples[:-3])
    index = np.arange(0, len(tiny_panel.sites), 3)
    first = tiny_panel.of_samples(tiny_panel.samples[-3:]).alleles[index].reshape(len(index), 3, 2).astype(np.int8)
    second = first.copy()
    second[len(index) // 4 : 3 * len(index) // 4] = second[len(index) // 4 : 3 * len(index) // 4, :, ::-1]
    everything = np.ones(first.shape[:2], dtype=bool)
    phasings = [
        TargetGenotypes(("A", "B", "C"), index, alleles, everything, pd.DataFrame()) for alleles in (first, second)
    ]
    imputer = back_ends.load_back_end(DEFAULT, "cpu", 1)
    asked = []
    same_as = inference._earlier_phasings
    monkeypatch.setattr(inference, "_earlier_phasings", lambda fold: asked.append(same_as(fold)) or asked[-1])
    once = list(imputed_parts(reference, phasings, imputer))
    assert asked[0].tolist() == [[-1], [-1], [-1], [0], [1], [2]]
    monkeypatch.setattr(inference, "_earlier_phasings", lambda fold: np.empty((fold.n_samples, 0), np.int64))
    each = list(imputed_parts(reference, phasings, imputer))
    for one, other in zip(once, each, strict=True):
        np.testing.assert_allclose(one.hds, other.hds, atol=1e-6)
        np.testing.assert_allclose(one.both, other.both, atol=1e-6)


def test_one_phasing_where_sites_are_dense_or_samples_came_phased(reference: Panel) -> None:
    phased = targets_of(FIRST[:, None])
    unphased = replace(phased, phased=np.zeros_like(phased.phased))
    [chrom] = reference.sites.chromosomes()
    assert several_phasings.phasings_worth_it(reference.sites, phased) == {chrom: 1}
    assert several_phasings.phasings_worth_it(reference.sites, unphased) == {chrom: several_phasings.WHERE_SPARSE}
    dense = replace(reference.sites, cm=CM / 10_000)
    assert several_phasings.phasings_worth_it(dense, unphased) == {chrom: 1}


def test_the_file_holds_all_phasings_with_samples_and_sites(tmp_path: Path) -> None:
    """Nothing else has to be read: no VCF, and not the first phasing from elsewhere."""
    vcf, path = tmp_path / "phased.vcf.gz", tmp_path / "phasings"
    vcf.write_bytes(b"one")
    missing = np.array([[False], [True], [False]])
    several = [replace(targets_of(alleles[:, None]), filled=missing) for alleles in (FIRST, OTHER)]
    for some in (several, several[:1]):
        several_phasings.save_phasings(path, vcf, some)
        found = several_phasings.load_phasings(path, ("T0",), TYPED)
        assert [x.alleles.tolist() for x in found] == [x.alleles.tolist() for x in some]
        assert all(x.complete and x.samples == ("T0",) for x in found)
        assert found[0].index.tolist() == np.flatnonzero(TYPED).tolist()
        assert found[0].given[1].tolist() == [[-1, -1]]
    with pytest.raises(InputError, match=r"phasings: its 1 samples are not the 1 targets"):
        several_phasings.load_phasings(path, ("X",), TYPED)
    with pytest.raises(InputError, match=r"phasings: its 3 sites are not those that are marked as typed, 4"):
        several_phasings.load_phasings(path, ("T0",), ~TYPED)


def test_a_file_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    arrays = {"alleles": OTHER[None, :, None], "filled": np.zeros((3, 1), dtype=np.uint8)}
    artefacts.save(tmp_path / "phasings", several_phasings.KIND, arrays, {})
    with pytest.raises(InputError, match="written by an earlier version"):
        several_phasings.load_phasings(tmp_path / "phasings", ("T0",), TYPED)
