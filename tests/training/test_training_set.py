"""The training set of a genome: what is cut from the chromosomes, and that the steps of training work on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaic import mosaic_panel
from ragimpute.errors import InputError
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.folds import load_fold
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.roles import read_roles, reference_samples, write_roles
from ragimpute.panel.site_tables import read_extents
from ragimpute.panel.store import Panel
from ragimpute.retrieval.segments_file import retrieve_segments
from ragimpute.targets.mask import read_typed, write_typed
from ragimpute.training import training_set
from ragimpute.training.training_set import (
    BYTES_SITE,
    BYTES_TYPED,
    ChromosomeInputs,
    Contents,
    TrainingSetOutputs,
    choose_stretches,
    limit_folds,
    make_training_set,
)
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import stretched

N_TARGETS = 4


@pytest.fixture
def genome(tmp_path: Path) -> tuple[list[ChromosomeInputs], Path, list[Panel]]:
    """Three chromosomes of 10, 20 and 30 cM, every third site typed; the last samples are the targets."""
    whole = [stretched(mosaic_panel(n_samples=24, n_sites=90, seed=n), str(n), 10.0 * n) for n in (1, 2, 3)]
    inputs = []
    for panel in whole:
        chrom = str(panel.sites.chrom[0])
        typed = np.arange(90) % 3 == 0
        panel.save(tmp_path / f"panel.{chrom}")
        write_typed(tmp_path / f"typed.{chrom}", panel.sites, typed, np.zeros((90, 0), dtype=bool))
        alleles = panel.alleles[typed][:, -2 * N_TARGETS :].reshape(-1, N_TARGETS, 2).astype(np.int8)
        targets = panel.samples[-N_TARGETS:]
        path = tmp_path / f"targets.{chrom}.vcf.gz"
        write_genotypes(path, panel.sites.take(typed), panel.contigs, targets, alleles, False)
        inputs.append(ChromosomeInputs(tmp_path / f"panel.{chrom}", tmp_path / f"typed.{chrom}", path))
    names = whole[0].samples
    roles = pd.DataFrame({"sample": names, "role": "reference", "fold": "train", "population": "NA", "family": "NA"})
    roles.loc[::5, "fold"] = "validation"
    roles.loc[len(names) - N_TARGETS :, ["role", "fold"]] = ["target", "targets"]
    write_roles(roles, tmp_path / "roles.tsv")
    return inputs, tmp_path / "roles.tsv", whole


def outputs(folder: Path) -> TrainingSetOutputs:
    names = ("panel.safetensors", "roles.tsv", "typed.tsv", "targets.vcf.gz", "map.map", "chromosomes.tsv")
    return TrainingSetOutputs(*(folder / "training" / name for name in names))


def test_all_fits_and_is_taken(genome, tmp_path: Path) -> None:
    inputs, roles, whole = genome
    out = outputs(tmp_path)
    make_training_set(inputs, roles, out, segments_mb=100)
    panel = Panel.load(out.panel)
    assert len(panel.sites) == 270
    assert np.array_equal(panel.alleles[:], np.concatenate([one.alleles[:] for one in whole]))
    assert read_typed(out.typed, panel.sites).sum() == 90
    assert read_roles(out.roles).equals(read_roles(roles))
    ends = {str(one.sites.chrom[0]): (int(one.sites.pos[0]), int(one.sites.pos[-1])) for one in whole}
    assert read_extents(out.chromosomes) == ends
    located = GeneticMap.read(out.genetic_map).locate(panel.sites)
    assert np.allclose(located.cm, panel.sites.cm)


def test_stretches_and_samples_are_fewer_and_serve_training(genome, tmp_path: Path, monkeypatch) -> None:
    inputs, roles, _ = genome
    monkeypatch.setattr(training_set, "FEWEST_QUERIES", 3)
    out = outputs(tmp_path)
    of_a_sample = 90 * BYTES_TYPED + 270 * BYTES_SITE
    make_training_set(inputs, roles, out, segments_mb=3 * of_a_sample / 1e6)
    panel = Panel.load(out.panel)
    assert set(panel.sites.chrom.tolist()) == {"1", "2", "3"}
    assert 90 < len(panel.sites) < 180, "about half of all sites, with three samples of each fold"
    limited = read_roles(out.roles)
    assert limited["fold"].value_counts().to_dict() == {"copied": 14, "targets": 4, "train": 3, "validation": 3}
    cohort = Cohort.load(out.panel, out.roles, out.typed)
    fold = cohort.fold("train")
    assert fold.n_samples == 3
    assert set(fold.reference.samples) == set(reference_samples(limited, "train"))
    assert len(fold.reference.samples) == 17
    segments = retrieve_segments(cohort, "train", "copy_rag", "small")
    size = sum(array.nbytes for array in segments.arrays.values())
    assert size < len(panel.sites) * (BYTES_TYPED / 2 + BYTES_SITE) * 3


def test_alleles_and_targets_are_those_of_the_sources(genome, tmp_path: Path, monkeypatch) -> None:
    inputs, roles, whole = genome
    monkeypatch.setattr(training_set, "FEWEST_QUERIES", 3)
    out = outputs(tmp_path)
    make_training_set(inputs, roles, out, segments_mb=0.1, seed=3)
    panel = Panel.load(out.panel)
    source = {key: alleles for one in whole for key, alleles in zip(one.sites.keys(), one.alleles[:], strict=True)}
    for key, alleles in zip(panel.sites.keys(), panel.alleles[:], strict=True):
        assert np.array_equal(alleles, source[key])
    cohort = Cohort.load(out.panel, out.roles, out.typed)
    names = cohort.panel.samples[-N_TARGETS:]
    typed = {"typed": read_typed(out.typed, panel.sites)}
    true = panel.alleles[typed["typed"]][:, -2 * N_TARGETS :]
    assert load_fold(cohort.panel, cohort.samples, typed, "targets", true, names).observed.shape == true.shape


def test_the_seed_moves_the_stretches_and_nothing_else_does() -> None:
    def drawn(seed: int) -> dict[int, tuple[float, float]]:
        return choose_stretches([100.0, 50.0], 0.2, np.random.default_rng(seed))

    assert drawn(1) == drawn(1) != drawn(2)
    for first, last in zip(drawn(1).values(), (20.0, 10.0), strict=True):
        assert first[1] - first[0] == pytest.approx(last)


def test_short_shares_take_fewer_chromosomes() -> None:
    stretches = choose_stretches([10.0] * 22, 0.05, np.random.default_rng(1))
    assert len(stretches) == 5, "11 cM in stretches of at least 2 cM"
    assert sum(last - first for first, last in stretches.values()) == pytest.approx(11.0)


def test_samples_that_are_left_out_stay_in_the_reference(genome) -> None:
    _, roles, _ = genome
    before = read_roles(roles)
    after = limit_folds(before, Contents(1.0, 5, 2))
    assert set(reference_samples(after)) == set(reference_samples(before))
    assert len(reference_samples(after, "validation")) == 2


def test_other_samples_are_an_error(genome, tmp_path: Path) -> None:
    inputs, roles, whole = genome
    other = replace(whole[1], samples=tuple(f"Q{i}" for i in range(24)))
    other.save(inputs[1].panel)
    with pytest.raises(InputError, match=r"panel\.2: its samples are not those of .*panel\.1"):
        make_training_set(inputs, roles, outputs(tmp_path), segments_mb=100)
